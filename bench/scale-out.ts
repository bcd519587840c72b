/** `npm run bench:scale`: one, two and three API processes on one database. See docs/scaling.md. */
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPgbouncer } from '../scripts/pgbouncer.js';
import { startRedis } from '../scripts/redis.js';
import { createChecks } from './checks.js';
import { start, worker, type Contender } from './contenders.js';
import { startProxy, type Proxy } from './haproxy.js';
import { startMailSink } from './mail-sink.js';
import { startMeter } from './meter.js';
import { PROGRAM, publishPetition } from './petition.js';
import * as verify from './scale-checks.js';
import { build, openStage, startDurablePostgres } from './stage.js';
import type { Order, Report } from './types.js';

const HELP = `npm run bench:scale -- [options]
  --processes <list>    how many API processes (1,2,3)
  --seconds <n>         measured seconds for each (5)
  --connections <n>     sockets that sign (64)
  --pgbouncer           with a pgbouncer between that pools transactions
  --built               use dist as it is`;

const { values: flags } = parseArgs({
  options: {
    processes: { type: 'string', default: '1,2,3' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    pgbouncer: { type: 'boolean', default: false },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const processes = flags.processes.split(',').map(Number);
const [seconds, connections] = [Number(flags.seconds), Number(flags.connections)];
if (flags.help || ![...processes, seconds, connections].every((n) => n > 0)) {
  console.log(HELP);
  process.exit(flags.help ? 0 : 2);
}

const WARMUP = 1;
const MAIL_SECONDS = 1;

const { folder, keep, stop, run } = openStage();
const checks = createChecks();
await run(scaleOut);
process.exitCode = checks.print() ? 0 : 1;

async function scaleOut() {
  if (!flags.built) build();
  const postgres = await keep(startDurablePostgres());
  const pgbouncer = flags.pgbouncer
    ? await keep(there(await startPgbouncer(postgres.url), 'pgbouncer'))
    : undefined;
  const redis = await keep(there(await startRedis(), 'redis-server'));
  const mail = await keep(startMailSink());
  const load = await keep(worker<Order, Report>('load.ts'));
  const high = '999999999/60';
  const env = {
    PORT: '0',
    ...(pgbouncer
      ? {
          DATABASE_URL: pgbouncer.through(postgres.url),
          DATABASE_DIRECT_URL: postgres.url,
          POSTGRES_POOLER: 'transaction',
        }
      : { DATABASE_URL: postgres.url }),
    REDIS_URL: redis.url,
    ROOT_KEY: Buffer.alloc(32, 1).toString('base64'),
    TRUST_PROXY: '127.0.0.1',
    SMTP_URL: mail.url,
    MAIL_DOMAIN_RATE: high,
    RATE_LIMIT_CLIENT: high,
    RATE_LIMIT_SIGN_BURST: high,
    RATE_LIMIT_SIGN_SUSTAINED: '999999999/3600',
    RATE_LIMIT_SIGN_MOST: '999999999/3600',
    RATE_LIMIT_CONFIRM: `${verify.CONFIRMATIONS}/60`,
    CHALLENGE_ABOVE: high,
  };
  const apis: Contender[] = [];
  const urls = () => apis.map(({ port }) => `http://127.0.0.1:${port}`);
  const context = { checks, database: postgres.url, urls };
  let proxy: Proxy | undefined;
  let signers = 0;

  async function sign(path: string, measured: number): Promise<Report> {
    const order = { kind: 'sign', path: `${path}/signatures`, connections, first: signers } as const;
    const port = proxy?.port ?? 0;
    const report = await load.ask({ ...order, port, pid: process.pid, seconds: measured, warmup: WARMUP });
    signers += report.sent;
    return report;
  }

  console.log(`\n${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}`);
  console.log(
    `${connections} sockets sign one petition through HAProxy for ${seconds} s${pgbouncer ? ', with pgbouncer before PostgreSQL' : ''}\n`,
  );
  for (const wanted of processes) {
    while (apis.length < wanted) {
      const cwd = join(folder, `api-${apis.length + 1}`);
      mkdirSync(cwd);
      const name = `API process ${apis.length + 1}`;
      apis.push(await keep(start(name, [PROGRAM, 'serve'], { cwd, env })));
    }
    if (proxy) await stop(proxy);
    const ports = apis.slice(0, wanted).map(({ port }) => port);
    proxy = await keep(there(await startProxy(folder, ports), 'haproxy'));
    const { path } = await publishPetition(urls()[0] ?? '', env, folder, 'none');
    const meters = [...apis.slice(0, wanted), proxy].map(({ pid }) => startMeter(pid));
    const pooling = pgbouncer && startMeter(pgbouncer.pid());
    const report = await sign(path, seconds);
    const used = meters.map((meter) => meter.stop().serverCpu);
    const share = (cpu: number) => `${((100 * cpu) / (seconds + WARMUP)).toFixed(0)} %`;
    console.log(
      `${wanted} ${wanted === 1 ? 'process  ' : 'processes'} ${(report.answers / report.elapsed).toFixed(0).padStart(7)} signatures/s, p50 ${report.p50.toFixed(1)} ms, p99 ${report.p99.toFixed(1)} ms; CPU of each ${used.slice(0, -1).map(share).join(', ')}, HAProxy ${share(used.at(-1) ?? 0)}, load generator ${share(report.loadCpu)}${pooling ? `, pgbouncer ${share(pooling.stop().serverCpu)}` : ''}`,
    );
    await verify.counted(context, path, report);
  }
  console.log();

  const publish = (confirmation: 'none' | 'email') =>
    publishPetition(urls()[0] ?? '', env, folder, confirmation);
  await verify.countedOnce(context, await publish('none'));
  await verify.heardElsewhere(context, await publish('none'));
  const mailed = await publish('email');
  await verify.mailedOnce(context, mail, await sign(mailed.path, MAIL_SECONDS));
  await verify.limited(context, proxy?.port ?? 0, redis);
  await verify.recounted(context, env, folder);
}

function there<Started>(started: Started | undefined, what: string): Started {
  if (!started) throw new Error(`there is no ${what}: install it (Debian: apt-get install ${what})`);
  return started;
}
