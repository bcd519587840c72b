/** `npm run bench:failover`: see bench/postgres-failover. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createChecks } from '../checks.js';
import { start } from '../contenders.js';
import { command, PROGRAM, publishPetition } from '../petition.js';
import { build, openStage } from '../stage.js';
import { query, startPair, type Pair } from './pair.js';
import { startSigning, type Signing } from './signers.js';

const HELP = `bench/postgres-failover [options]
  --seconds <n>         of signing before the primary is killed, and after (5)
  --clients <n>         that sign (50)
  --takeover <ms>       from the death of the primary to the order to promote (500)
  --lag <ms>            how long the line from primary to standby is (0; with --asynchronous 1000)
  --asynchronous        acknowledge without waiting for the standby: the audit must find what that loses
  --built               use dist as it is`;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '50' },
    takeover: { type: 'string', default: '500' },
    lag: { type: 'string' },
    asynchronous: { type: 'boolean', default: false },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const { asynchronous } = flags;
const [seconds, clients, takeover, lag] = [
  flags.seconds,
  flags.clients,
  flags.takeover,
  flags.lag ?? (asynchronous ? '1000' : '0'),
].map(Number) as [number, number, number, number];
if (flags.help || ![seconds, clients].every((n) => n > 0) || ![takeover, lag].every((n) => n >= 0)) {
  console.log(HELP);
  process.exit(flags.help ? 0 : 2);
}

const API_PROCESSES = 2;
/** How long to check that no commit is acknowledged without the standby's confirmation. */
const ALONE_MS = 1500;
/** A failover that takes longer than that has failed. */
const RETURN_MS = 60_000;

const { folder, keep, stop, run } = openStage();
const ledger = join(folder, 'acknowledged');
const checks = createChecks();
await run(failover);
process.exitCode = checks.print() ? 0 : 1;

async function failover() {
  if (!flags.built) build();
  const pair = await keep(startPair(!asynchronous, lag));
  const env = {
    PORT: '0',
    DATABASE_URL: pair.url,
    ROOT_KEY: Buffer.alloc(32, 1).toString('base64'),
    RATE_LIMIT: 'false',
    MAIL_WORKER: 'false',
  };
  const urls: string[] = [];
  for (let n = 0; n < API_PROCESSES; n += 1) {
    const cwd = join(folder, `api-${n}`);
    mkdirSync(cwd);
    const api = await keep(start(`API process ${n + 1}`, [PROGRAM, 'serve'], { cwd, env }));
    urls.push(`http://127.0.0.1:${api.port}`);
  }
  const { path, id } = await publishPetition(urls[0] ?? '', env, folder, 'none');
  console.log(
    `${asynchronous ? 'Asynchronous' : 'Synchronous'} replication over a line of ${lag} ms, ${API_PROCESSES} API processes, ${clients} clients\n`,
  );
  if (!asynchronous) await aloneItWaits(pair, urls[0] ?? '', path);

  const signing = await keep(startSigning(urls, path, clients, ledger));
  await sleep(seconds * 1000);
  const killed = performance.now();
  const before = signing.acknowledged.length;
  await pair.primary.kill();
  await sleep(takeover);
  const ordered = performance.now();
  await pair.promote();
  const promoted = performance.now();
  await acknowledgedAfter(signing, promoted);
  await sleep(seconds * 1000);
  await stop(signing);

  const { acknowledged, answers, sent } = signing;
  const first = acknowledged.find((at) => at > ordered) ?? Infinity;
  const last = acknowledged.findLast((at) => at < ordered) ?? NaN;
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  console.log(`acknowledged before the primary was killed  ${before}
acknowledged after                          ${acknowledged.length - before}
from its death to the order to promote      ${ms(ordered - killed)}
from the order until the standby was it     ${ms(promoted - ordered)}
no signature could be acknowledged for      ${ms(first - last)}
sent ${sent}; answers: ${Object.entries(answers)
    .map(([answer, times]) => `${answer} × ${times}`)
    .join(', ')}\n`);
  const strange = Object.keys(answers).filter((answer) => !['202', '503', 'lost'].includes(answer));
  checks.add('all answers were 202, 503 or a lost connection', strange.length === 0, strange.join());
  await audit(pair.standby.url, id, sent, env);
}

/** Checks that commits wait for the standby: otherwise the test would show nothing. */
async function aloneItWaits(pair: Pair, url: string, path: string) {
  await pair.standby.down();
  const signing = startSigning([url], path, 1, join(folder, 'alone'));
  await sleep(ALONE_MS);
  checks.add(
    'without its standby the primary acknowledges nothing',
    signing.acknowledged.length === 0,
    `${signing.acknowledged.length} were acknowledged in ${ALONE_MS} ms`,
  );
  await pair.standby.up();
  await pair.joined();
  await signing.stop();
  checks.add('and does so when the standby is back', signing.acknowledged.length > 0);
}

async function acknowledgedAfter({ acknowledged }: Signing, instant: number) {
  while ((acknowledged.at(-1) ?? 0) < instant) {
    if (performance.now() - instant > RETURN_MS) {
      throw new Error('no signature was acknowledged after the failover');
    }
    await sleep(20);
  }
}

/** Compares what the clients have recorded with the new primary. */
async function audit(url: string, petition: string, sent: number, env: NodeJS.ProcessEnv) {
  const promised = readFileSync(ledger, 'utf8').split('\n').filter(Boolean);
  const rows = await query<{ email: string; number: string }>(
    url,
    'select supporters.delivery as email, count(*) as number from signatures join supporters on supporters.key = signatures.supporter_key group by 1',
  );
  const found = new Map(rows.map(({ email, number }) => [email, Number(number)]));
  const lost = promised.filter((email) => !found.has(email)).length;
  const doubled = rows.filter(({ number }) => Number(number) > 1).length;
  checks.add(
    'every acknowledged signature is there',
    lost === 0,
    `${lost} of ${promised.length} were lost${asynchronous ? ', as asynchronous replication may' : ''}`,
  );
  checks.add('exactly once', doubled === 0, `${doubled} are there more than once`);
  checks.add(
    'nothing is there that was not sent',
    rows.length <= sent + 1,
    `${rows.length} rows, ${sent} sent`,
  );
  const recounted = await command(env, folder, 'recount').catch(() => 'it differs');
  checks.add('every counter equals its rows (undersigned recount)', /^Every counter equals/.test(recounted));
  const [{ confirmed, rows: signed } = { confirmed: '', rows: '' }] = await query<{
    confirmed: string;
    rows: string;
  }>(
    url,
    `select (select sum(confirmed) from petition_counts) as confirmed, (select count(*) from signatures where status = 'confirmed') as rows`,
  );
  checks.add(
    `the count is ${signed}, as are the rows of ${petition}`,
    confirmed === signed,
    `it is ${confirmed}`,
  );
}
