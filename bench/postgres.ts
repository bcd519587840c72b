/** `npm run bench:postgres`: signing on PostgreSQL, gathered and one by one, with one process and with several. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startLimit, startOurs, worker, type Contender } from './contenders.js';
import { withAndWithout } from './postgres-standby.js';
import { createRunner, type Plan } from './rounds.js';
import { build, openStage, startDurablePostgres } from './stage.js';
import { median } from './summary.js';
import type { Order, Report } from './types.js';

const HELP = `npm run bench:postgres -- [options]
  --rounds <n>       rounds, each with every contender (5)
  --seconds <n>      measured seconds of each contender in each round (3)
  --connections <n>  sockets that sign (100)
  --processes <n,n>  how many of our processes sign together (1,2,3)
  --only <part>      compare, processes, or standby (reading with and without one)`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '100' },
    processes: { type: 'string', default: '1,2,3' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [rounds, seconds, connections] = [flags.rounds, flags.seconds, flags.connections].map(Number) as [
  number,
  number,
  number,
];
const LOOK_MS = 20;
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}

const { folder, keep, run } = openStage();
await run(bench);

async function bench() {
  build();
  const server = await keep(startDurablePostgres());
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await keep({ stop: () => admin.end() });
  const database = async (name: string, template = 'template1') => {
    await admin.query(`create database ${name} template ${template}`);
    return Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  };

  // All contenders begin with the database of a first start.
  const template = await database('first');
  const first = await startOurs(join(folder, 'first'), [], { DATABASE_URL: template });
  const response = await fetch(`http://127.0.0.1:${first.port}/v1/petitions`);
  const { data } = (await response.json()) as { data: { slug: string }[] };
  const path = `/v1/petitions/${data[0]?.slug}/signatures`;
  await first.stop();

  console.log(
    `${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${connections} sockets, ${rounds} rounds of ${seconds} s`,
  );
  const plan: Plan = { kind: 'sign', path, connections, rounds, seconds };
  const isWanted = (part: string) => flags.only === undefined || flags.only === part;
  if (isWanted('compare')) await compare(plan, (name) => database(name, 'first'));
  if (isWanted('processes')) await severalProcesses(plan, admin, (name) => database(name, 'first'));
  if (isWanted('standby')) await withAndWithout({ folder, plan, url: await database('read', 'first'), keep });
}

/** One process against the naive endpoint, and against itself without gathering. */
async function compare(plan: Plan, database: (name: string) => Promise<string>) {
  const runner = createRunner(await keep(worker<Order, Report>('load.ts')));
  const urls = new Map<Contender, string>();
  const add = async (url: string, starting: Promise<Contender>) => urls.set(await keep(starting), url);
  const [ours, ungathered, naive] = [
    await database('ours'),
    await database('ungathered'),
    await database('naive'),
  ];
  await add(ours, startOurs(join(folder, 'ours'), [], { DATABASE_URL: ours }));
  await add(ungathered, startLimit('ours, one by one', 'postgres-ungathered', folder, [ungathered]));
  await add(naive, startLimit('naive', 'postgres-naive', folder, [naive]));
  const lines = await runner.run(plan, [...urls.keys()]);
  for (const [contender, url] of urls) await verify(contender.name, url, runner.acknowledged(contender));

  console.log();
  for (const { name, rate, rates, p50, p99, cpu } of lines) {
    const figures = `p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms, ${cpu?.toFixed(0)} µs of CPU without PostgreSQL's`;
    console.log(
      `${name.padEnd(18)} ${Math.round(rate).toString().padStart(6)}/s  ${figures}  (${rates.join(', ')})`,
    );
  }
  const [mine, ...others] = lines;
  for (const { name, rates } of others) {
    // The median of the ratios of each round: conditions that contenders of a round share cancel out.
    const ratio = median(rates.map((rate, round) => (mine?.rates[round] ?? 0) / rate));
    console.log(`ours ÷ ${name}: ${ratio.toFixed(2)}`);
  }
}

/** Several processes on one database that sign the same petition: checks whether they wait for its counter. */
async function severalProcesses(plan: Plan, admin: pg.Client, database: (name: string) => Promise<string>) {
  const url = await database('hot');
  const most = Math.max(...flags.processes.split(',').map(Number));
  let acknowledged = 0;
  let signers = 1_000_000_000;
  console.log();
  for (const processes of flags.processes.split(',').map(Number)) {
    const servers: Contender[] = [];
    for (let i = 0; i < processes; i += 1) {
      const folderOf = join(folder, `process-${processes}-${i}`);
      servers.push(await keep(startOurs(folderOf, [], { DATABASE_URL: url })));
    }
    const loads = await Promise.all(servers.map(() => keep(worker<Order, Report>('load.ts'))));
    const rates: number[] = [];
    const waits = watchLocks(admin);
    for (let round = 0; round < plan.rounds; round += 1) {
      const reports = await Promise.all(
        servers.map(({ pid, port }, i) => {
          signers += 10_000_000;
          const sockets = Math.floor(plan.connections / processes);
          const warmup = round === 0 ? 2 : 0.5;
          return loads[i]!.ask({ ...plan, pid, port, warmup, first: signers, connections: sockets });
        }),
      );
      for (const { sent, statuses } of reports) {
        if (statuses['202'] !== sent) throw new Error(`sent ${sent}, answered ${JSON.stringify(statuses)}`);
        acknowledged += sent;
      }
      rates.push(Math.round(reports.reduce((sum, { answers, elapsed }) => sum + answers / elapsed, 0)));
    }
    const { seen, looks } = await waits.stop();
    for (const one of [...servers, ...loads]) await one.stop();
    const said = `${seen} of ${looks} looks found a connection that waits for a row`;
    console.log(`${processes} of ${most} processes: ${median(rates)}/s, ${said}  (${rates.join(', ')})`);
  }
  await verify('several processes', url, acknowledged);
}

/** Repeatedly looks for connections that wait for each other's row locks. */
function watchLocks(admin: pg.Client) {
  let [seen, looks, over] = [0, 0, false];
  const looking = (async () => {
    while (!over) {
      const { rows } = await admin.query<{ waits: boolean }>(
        `select count(*) > 0 as waits from pg_stat_activity where wait_event_type = 'Lock' and datname = 'hot'`,
      );
      looks += 1;
      if (rows[0]?.waits) seen += 1;
      await sleep(LOOK_MS);
    }
  })();
  return {
    async stop() {
      over = true;
      await looking;
      return { seen, looks };
    },
  };
}

/** Compares rows and counters with what was acknowledged. Throws if they differ. */
async function verify(name: string, url: string, acknowledged: number) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ signatures: string; counted: string }>(
    `select (select count(*) from signatures where status = 'confirmed') as signatures,
       (select sum(confirmed) from petition_counts) as counted`,
  );
  await client.end();
  const { signatures, counted } = rows[0] ?? {};
  if (Number(signatures) !== acknowledged || Number(counted) !== acknowledged) {
    throw new Error(`${name}: ${acknowledged} acknowledged, ${signatures} rows, a counter of ${counted}`);
  }
  console.log(`${name}: ${acknowledged} signatures acknowledged, as many rows and counted`);
}
