/**
 * `npm run bench:mailing:trial`: a whole campaign mail through a mail server that fails in every phase, to a server that is
 * killed meanwhile; then its record is held against the API, person by person. See bench/README.md.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { freePort } from '../../scripts/free-port.js';
import { createChecks } from '../checks.js';
import { openStage } from '../stage.js';
import {
  FAULTS,
  type SinkAsk,
  type SinkCount,
  type SinkRecord,
  type SinkSaid,
  type SinkSetup,
} from './sink-faults.js';
import { audit } from './trial-audit.js';
import { plan, runCourse, watch, type Course, type Sink } from './trial-course.js';
import { lookAtMails } from './trial-mails.js';
import { trialServer } from './trial-server.js';
import { prepare, WEBHOOK_SECRET } from './trial-world.js';

const HELP = `npm run bench:mailing:trial -- [options]
  --mails <n>      to so many people (10000)
  --kills <n>      how often the server is killed (5)
  --percent <n>    how often each fault of a recipient happens (2)
  --put-off <n>    how often a recipient is refused for now, at most (2)
  --seed <n>       what the faults are drawn from (1)
  --minutes <n>    how long it may take at most (60)
  --postgres <url> on this server, in a database of its own that is left there; otherwise SQLite
  --keep <folder>  writes the mails that were looked at and the log there
  --break double   the mail server records one mail twice; forget: not at all. To see that it is found`;

const { values: flags } = parseArgs({
  options: {
    mails: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '5' },
    percent: { type: 'string', default: '2' },
    'put-off': { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    postgres: { type: 'string', default: '' },
    keep: { type: 'string', default: '' },
    break: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
const [mails, kills, percent, seed, minutes] = [
  flags.mails,
  flags.kills,
  flags.percent,
  flags.seed,
  flags.minutes,
].map(Number) as [number, number, number, number, number];
if (flags.help || !(mails >= 200) || !(kills >= 0) || !(minutes > 0)) {
  console.log(`${HELP}\nAt least 200 people.`);
  process.exit(flags.help ? 0 : 2);
}

/** Numbers below 1, the same for the same seed. */
function seeded(): () => number {
  let n = 0;
  return () =>
    createHash('sha256')
      .update(`course ${seed} ${(n += 1)}`)
      .digest()
      .readUInt32BE() /
    2 ** 32;
}

async function startSink(setup: SinkSetup): Promise<Sink & { port: number; stop: () => Promise<void> }> {
  const file = fileURLToPath(new URL('bad-sink.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(setup)], { execArgv: ['--import', 'tsx'] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  // One question at a time: each has one answer.
  let queue: Promise<unknown> = Promise.resolve();
  const ask = (question: SinkAsk): Promise<SinkSaid> => {
    const answer = queue.then(async () => {
      const heard = once(child, 'message');
      child.send(question);
      return ((await heard) as [SinkSaid])[0];
    });
    queue = answer.catch(() => undefined);
    return answer;
  };
  return {
    port,
    ask,
    count: async () => (await ask({ ask: 'count' })) as SinkCount,
    stop: async () => void child.disconnect(),
  };
}

async function database(folder: string): Promise<string> {
  if (flags.postgres === '') return `file:${join(folder, 'undersigned.db')}`;
  const name = `mailing_trial_${process.pid}_${Date.now()}`;
  const client = new pg.Client({ connectionString: flags.postgres });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return Object.assign(new URL(flags.postgres), { pathname: `/${name}` }).href;
}

function keep(record: SinkRecord, log: string): void {
  if (flags.keep === '') return;
  mkdirSync(flags.keep, { recursive: true });
  for (const [i, { raw }] of record.samples.entries()) {
    writeFileSync(join(flags.keep, `${String(i).padStart(2, '0')}.eml`), raw, 'latin1');
  }
  writeFileSync(join(flags.keep, 'server.log'), log);
}

const since = (from: number) => `${((performance.now() - from) / 1000).toFixed(0)} s`;

const checks = createChecks();
const stage = openStage();
await stage.run(async () => {
  const mostTemporary = Number(flags['put-off']);
  const setup = {
    seed,
    percent,
    mostTemporary,
    mails,
    samples: 30,
    port: 0,
    wrong: flags.break as SinkSetup['wrong'],
  };
  const sink = await stage.keep(startSink(setup));
  const server = trialServer(stage.folder, await freePort(), {
    DATABASE_URL: await database(stage.folder),
    POSTGRES_ALLOW_UNSAFE: 'true',
    ROOT_KEY: Buffer.alloc(32, 1).toString('base64'),
    DEMO: 'false',
    RATE_LIMIT: 'false',
    PUBLIC_URL: 'https://petitions.example',
    SMTP_URL: `smtp://127.0.0.1:${sink.port}?ignoreTLS=true`,
    MAIL_FROM: 'campaigns@meadows.example',
    MAIL_BOUNCE_ADDRESS: 'bounces@meadows.example',
    MAIL_WEBHOOK_SECRET: WEBHOOK_SECRET,
    MAILING_CONNECTIONS: '8',
  });
  await server.start();
  await stage.keep({ stop: () => server.end('SIGKILL') });
  const from = performance.now();
  const organiser = await prepare(server, mails);
  for (const line of organiser.said) console.log(line);
  console.log(`started after ${since(from)}`);

  const sending = performance.now();
  const watched = watch(organiser, sink);
  const random = seeded();
  const happened: string[] = [];
  const tell = (what: string) => {
    happened.push(what);
    console.log(`  ${since(sending)}: ${what}`);
  };
  const course: Course = { happened, tell, wrong: [], left: new Map() };
  const parts = { server, organiser, sink, course, random };
  const isDone = await runCourse(parts, plan(kills, random), minutes * 60_000).finally(watched.stop);
  const record = (await sink.ask({ ask: 'record' })) as SinkRecord;
  checks.add(`it was done after ${since(sending)}`, isDone, JSON.stringify(watched.last?.states));
  const missing = FAULTS.filter((fault) => !record.faults[fault]);
  const faults = Object.entries(record.faults).map(([fault, n]) => `${fault} ${n}`);
  checks.add(
    `the mail server failed: ${faults.join(', ')}`,
    mails < 3000 || missing.length === 0,
    missing.join(),
  );
  keep(record, server.log());
  await audit(checks, { organiser, course, watched, record });
  await lookAtMails(checks, server, organiser, record);
});
process.exit(checks.print() ? 0 : 1);
