/** Reading with and without a standby, in turns, alone and while others sign: for postgres.ts. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startOurs, worker, type Contender } from './contenders.js';
import { startFamilyMeter } from './meter.js';
import type { Plan } from './rounds.js';
import { startDurablePostgres, type openStage } from './stage.js';
import { median } from './summary.js';
import type { Order, Report } from './types.js';

const SIGNERS = 20;
const WARMUP = 1;
const WAYS = ['without', 'with'] as const;
const PATHS = { read: '', counts: '/counts', list: '/signatures' } as const;
type Site = { folder: string; plan: Plan; url: string; keep: ReturnType<typeof openStage>['keep'] };

/** `url`: a database with the petition of the plan. */
export async function withAndWithout({ folder, plan, url, keep }: Site): Promise<void> {
  const { hostname, port, username } = new URL(url);
  const follows = { primary_conninfo: `host=${hostname} port=${port} user=${username}` };
  const standby = await keep(startDurablePostgres(follows, url));
  const readUrl = Object.assign(new URL(url), { host: new URL(standby.url).host }).href;
  const open = (name: string, more = {}) =>
    keep(startOurs(join(folder, name), [], { DATABASE_URL: url, ...more }));
  const servers = { without: await open('alone'), with: await open('both', { DATABASE_READ_URL: readUrl }) };
  const [readers, signers] = [
    await keep(worker<Order, Report>('load.ts')),
    await keep(worker<Order, Report>('load.ts')),
  ];
  const backends = [await backendOf(url, keep), await backendOf(readUrl, keep)];
  let signed = 0;

  /** Reads a second, p99, signatures a second; CPU of the primary, the standby and the server for each read in µs. */
  async function measure({ pid, port }: Contender, kind: keyof typeof PATHS, isSigned: boolean) {
    const order = { ...plan, pid, port, warmup: WARMUP };
    const path = plan.path.replace(/\/signatures$/, PATHS[kind]);
    const signing = { ...order, connections: SIGNERS, first: signed };
    const [read, sign, cpu] = await Promise.all([
      readers.ask({ ...order, kind, path, first: 0 }),
      isSigned ? signers.ask(signing) : undefined,
      sleep(WARMUP * 1000).then(async () => {
        const meters = backends.map(startFamilyMeter);
        await sleep(plan.seconds * 1000);
        return meters.map((meter) => meter.stop());
      }),
    ]);
    signed += sign?.sent ?? 0;
    if (read.statuses[200] !== read.sent || sign?.statuses[202] !== sign?.sent) {
      throw new Error(`answered ${JSON.stringify([read.statuses, sign?.statuses])}`);
    }
    const each = [...cpu, read.serverCpu].map((seconds) => (seconds / read.answers) * 1e6);
    return [read.answers / read.elapsed, read.p99, sign ? sign.answers / sign.elapsed : 0, ...each];
  }

  console.log('\n            reads/s   p99 ms  signed/s  CPU µs for each read: primary, standby, server');
  for (const isSigned of [false, true]) {
    for (const kind of ['read', 'counts', 'list'] as const) {
      const found: Record<(typeof WAYS)[number], number[][]> = { without: [], with: [] };
      for (let round = 0; round < plan.rounds; round += 1) {
        for (const way of WAYS) found[way].push(await measure(servers[way], kind, isSigned));
      }
      for (const way of WAYS) {
        const figures = found[way][0]?.map((_, i) => median(found[way].map((one) => one[i] ?? NaN))) ?? [];
        const text = figures.map((figure) => figure.toFixed(figure < 100 ? 1 : 0).padStart(9));
        console.log(`${kind.padEnd(7)}${way.padEnd(8)}${text.join('')}`);
      }
    }
  }
  const metrics = await fetch(`http://127.0.0.1:${servers.with.port}/metrics`);
  console.log((await metrics.text()).match(/^replica_\w+ .*$/gm)?.join(', '));
}

/** A process of the server, which stays as long as the benchmark. */
async function backendOf(url: string, keep: Site['keep']): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await keep({ stop: () => client.end() });
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? NaN;
}
