import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrateStore, openStore } from '../../src/store/open.js';
import type { Store } from '../../src/store/store.js';
import { newId } from '../../src/new-id.js';
import { recipientsOf, runningMailing, stateOf, sumsOf } from '../../test/support/mailing-world.js';
import { LETTER } from './letter.js';
import { startOurs, type Ours } from './ours.js';
import type { SinkAsk, SinkSaid } from './sink.js';

/* Sending a mailing, beside the same mails without a database. See bench/README.md. */

const { values: asked } = parseArgs({
  options: {
    mails: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '20' },
    delays: { type: 'string', default: '0,20' },
    kills: { type: 'string', default: '0' },
    processes: { type: 'string', default: '1' },
    only: { type: 'string', default: 'P0,P1,P2,ours' },
    postgres: { type: 'string', default: '' },
    profile: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
  },
});
const [mails, rounds, connections, kills, processes] = [
  asked.mails,
  asked.rounds,
  asked.connections,
  asked.kills,
  asked.processes,
].map(Number) as [number, number, number, number, number];

const folder = mkdtempSync(join(tmpdir(), 'undersigned-mailing-'));
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

async function startSink() {
  const child: ChildProcess = fork(file('sink.ts'), [asked.port], { execArgv: ['--import', 'tsx'] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async (question: SinkAsk): Promise<SinkSaid> => {
    child.send(question);
    return ((await once(child, 'message')) as [SinkSaid])[0];
  };
  const counts = async () =>
    (await ask({ ask: 'count' })) as { count: number; firstAt: number; lastAt: number };
  return {
    port,
    counts,
    reset: (delay: number) => ask({ ask: 'reset', delay }),
    records: async () => ((await ask({ ask: 'records' })) as { records: [string, string][] }).records,
    stop: () => child.disconnect(),
  };
}
type Sink = Awaited<ReturnType<typeof startSink>>;

const open = (url: string): Promise<Store> =>
  openStore(url, {
    now: () => new Date(),
    maxWaiting: 5000,
    poolSize: 4,
    statementTimeoutMs: 60_000,
    allowUnsafeDurability: false,
    onFatal: (error) => {
      throw error;
    },
  });

/** A database with one running mailing to `n` people, made once and copied. */
async function world(n: number): Promise<{ url: string; mailingKey: number }> {
  let url = `file:${join(folder, `${n}.db`)}`;
  if (asked.postgres) {
    const name = `bench_mailing_${process.pid}_${Date.now()}`;
    const client = new pg.Client({ connectionString: asked.postgres });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    url = Object.assign(new URL(asked.postgres), { pathname: `/${name}` }).href;
  }
  await migrateStore(url);
  const store = await open(url);
  const now = new Date();
  const organizations = store.tables.organizations;
  const [organization] = await store.transact(({ db }) =>
    db
      .insert(organizations)
      .values({
        publicId: newId('org'),
        slug: 'meadows',
        name: 'Meadows',
        version: 1,
        createdAt: now,
        updatedAt: now,
      })
      .returning({ key: organizations.key }),
  );
  const people = Array.from({ length: n }, (_, i) => ({
    email: `p${i}@d${i % 50}.example`,
    name: `Zoë${i}`,
  }));
  const { mailingKey } = await runningMailing(store, organization?.key ?? 0, people, { frozen: LETTER });
  await store.close();
  return { url, mailingKey };
}

const templates = new Map<number, { url: string; mailingKey: number }>();
let copies = 0;
async function freshWorld(n: number): Promise<{ url: string; mailingKey: number }> {
  if (asked.postgres) return world(n);
  const template = templates.get(n) ?? (await world(n));
  templates.set(n, template);
  copies += 1;
  const copy = join(folder, `copy-${copies}.db`);
  copyFileSync(template.url.slice('file:'.length), copy);
  return { ...template, url: `file:${copy}` };
}

const environment = (url: string, sink: Sink, n: number) => ({
  DATABASE_URL: url,
  SMTP_URL: `smtp://127.0.0.1:${sink.port}?ignoreTLS=true`,
  MAIL_FROM: 'petitions@meadows.example',
  MAIL_BOUNCE_ADDRESS: 'bounces@meadows.example',
  MAILING_CONNECTIONS: String(connections),
  MAILING_JOURNAL: join(folder, `journal-${n}.log`),
  POSTGRES_ALLOW_UNSAFE: 'false',
});

/** Waits for all mails. Returns mails in a second, from the first MAIL to the last reply. */
async function rateOf(sink: Sink, n: number): Promise<number> {
  for (;;) {
    const { count, firstAt, lastAt } = await sink.counts();
    if (count >= n) return (n * 1000) / (lastAt - firstAt);
    await sleep(100);
  }
}

async function rival(kind: string, sink: Sink): Promise<number> {
  const args = [kind, sink.port, mails, connections].map(String);
  const child = spawn(process.execPath, ['--import', 'tsx', file('rival.ts'), ...args], { stdio: 'inherit' });
  const rate = await rateOf(sink, mails);
  if (child.exitCode === null) await once(child, 'exit');
  return rate;
}

async function ours(sink: Sink, n: number): Promise<{ rate: number; rssMb: number }> {
  const { url, mailingKey } = await freshWorld(n);
  const env = environment(url, sink, copies);
  const profile = asked.profile ? ['--cpu-prof', `--cpu-prof-dir=${asked.profile}`] : [];
  const running: Ours[] = [];
  for (let i = 0; i < processes; i += 1) running.push(await startOurs(env, profile));
  const rate = await rateOf(sink, n);
  const store = await open(url);
  while ((await stateOf(store, mailingKey)).state !== 'done') await sleep(50);
  const sums = await sumsOf(store, mailingKey);
  await store.close();
  if (sums['sent'] !== n) throw new Error(`not all are sent: ${JSON.stringify(sums)}`);
  const rssMb = Math.max(...running.map((one) => one.rssMb()));
  for (const one of running) await one.stop();
  return { rate, rssMb };
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function compare(sink: Sink, delay: number): Promise<void> {
  const kinds = asked.only.split(',');
  const rates = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
  let most = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      await sink.reset(delay);
      if (kind === 'ours') {
        const { rate, rssMb } = await ours(sink, mails);
        rates.get(kind)?.push(rate);
        most = Math.max(most, rssMb);
      } else rates.get(kind)?.push(await rival(kind, sink));
    }
  }
  const of = new Map([...rates].map(([kind, list]) => [kind, median(list)]));
  const shown = [...of].map(([kind, rate]) => `${kind} ${rate.toFixed(0)}/s`).join(', ');
  const ratio = (kind: string) => ((of.get('ours') ?? NaN) / (of.get(kind) ?? NaN)).toFixed(2);
  console.log(`${mails} mails, ${connections} connections, ${delay} ms: ${shown}`);
  console.log(`  ours ÷ P2 ${ratio('P2')}  ours ÷ P1 ${ratio('P1')}  RSS ${most.toFixed(0)} MB`);
}

/** Kills the process in the middle, again and again. */
async function murder(sink: Sink): Promise<void> {
  await sink.reset(2);
  const { url, mailingKey } = await freshWorld(mails);
  const store = await open(url);
  const env = environment(url, sink, copies);
  let looks = 0;
  let running = await startOurs(env);
  for (let kill = 0; kill < kills; kill += 1) {
    const { count: before } = await sink.counts();
    const until = before + 1 + Math.floor((Math.random() * mails) / (2 * kills));
    while ((await sink.counts()).count < until) {
      await sumsOf(store, mailingKey);
      looks += 1;
      await sleep(5);
    }
    await running.kill();
    running = await startOurs(env);
  }
  for (; (await stateOf(store, mailingKey)).state !== 'done'; looks += 1) {
    await sumsOf(store, mailingKey);
    await sleep(200);
  }
  await running.stop();
  const records = await sink.records();
  const got = new Set(records.map(([, to]) => to));
  const people = await recipientsOf(store, mailingKey);
  const missing = people.filter(({ email }) => !got.has(email));
  const unreported = missing.filter(({ state }) => state !== 'uncertain');
  const uncertain = people.filter(({ state }) => state === 'uncertain').length;
  console.log(
    `${kills} kills, ${mails} mails: ${records.length - got.size} doubles, ${missing.length} missing, of which ${unreported.length} are not uncertain; ${uncertain} uncertain; sums balanced ${looks} times`,
  );
  console.log(`  ${JSON.stringify(await sumsOf(store, mailingKey))}`);
  await store.close();
}

const sink = await startSink();
try {
  if (kills > 0) await murder(sink);
  else for (const delay of asked.delays.split(',').map(Number)) await compare(sink, delay);
} finally {
  sink.stop();
  rmSync(folder, { recursive: true, force: true });
}
