/** `npm run bench`: compares the server with the limits of its components. See README.md. */
import { copyFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawSockets } from './chart.js';
import {
  keepAnswer,
  slowSyncs,
  startLimit,
  startOurs,
  startStore,
  worker,
  type Contender,
} from './contenders.js';
import { addShareLink, followWhileSigning, keepRedirect, verifyRequests } from './redirects.js';
import { createRunner, sampleOf, type Besides, type Plan } from './rounds.js';
import { build, openStage } from './stage.js';
import { marksOf, printMarks, printTable, type Line } from './summary.js';
import {
  KINDS,
  type Kind,
  type Order,
  type RawOrder,
  type RawReadOrder,
  type RawReport,
  type Report,
} from './types.js';
import { workloadsOf } from './workloads.js';

const HELP = `npm run bench -- [options]
  --rounds <n>          rounds, each with every contender (5)
  --seconds <n>         measured seconds of each contender in each round (3)
  --connections <list>  sockets of the load generator, such as 1,100,1000 (100)
  --only <list>         of sign,read,counts,list,redirect (all)
  --slow-sync <ms>      each sync takes so much longer, by strace (Linux); signing alone
  --chart <file>        draws throughput against sockets as SVG; needs several numbers of them
  --json                one JSON object as the last line`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '100' },
    only: { type: 'string', default: KINDS.join(',') },
    'slow-sync': { type: 'string', default: '0' },
    chart: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(flags.rounds), Number(flags.seconds)];
const slow = Number(flags['slow-sync']);
const sockets = flags.connections.split(',').map(Number);
const only: Kind[] = slow > 0 ? ['sign'] : (flags.only.split(',') as Kind[]);
const wrong =
  ![rounds, seconds, ...sockets].every((n) => n > 0) ||
  !(slow >= 0) ||
  !only.every((kind) => KINDS.includes(kind));
if (flags.help || wrong) {
  console.log(HELP);
  process.exit(wrong ? 2 : 0);
}

const { folder, keep, stop, run } = openStage();
await run(bench);

async function bench() {
  build();

  // All contenders begin with the database of a first start.
  const first = await keep(startOurs(join(folder, 'ours')));
  await stop(first);
  const template = join(folder, 'template.db');
  copyFileSync(first.file ?? '', template);
  const link = addShareLink(first.file ?? '');

  const under = slow > 0 ? slowSyncs(slow) : undefined;
  const ours = await keep(startOurs(join(folder, 'ours'), [], {}, under));
  const load = await keep(worker<Order, Report>('load.ts'));
  const runner = createRunner(load);
  const slug = await demoSlug(ours);
  const path = `/v1/petitions/${slug}`;
  const paths = { read: path, counts: `${path}/counts`, list: `${path}/signatures` };

  const lines: Line[] = [];
  const verified: { name: string; connections: number; rows: number }[] = [];
  for (const connections of sockets) {
    const plan = { connections, rounds, seconds };
    if (only.includes('sign')) lines.push(...(await sign({ ...plan, kind: 'sign', path: paths.list })));
    for (const kind of ['read', 'counts', 'list'] as const) {
      if (only.includes(kind)) lines.push(...(await read({ ...plan, kind, path: paths[kind] }, kind)));
    }
    if (only.includes('redirect')) {
      lines.push(...(await redirect({ ...plan, kind: 'redirect', path: link }, paths.list)));
    }
  }
  const marks = sockets.flatMap((connections) => marksOf(lines, connections, slow));

  console.log(
    `\n${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${rounds} rounds of ${seconds} s\n`,
  );
  printTable(lines);
  console.log();
  for (const { name, rows } of verified) {
    console.log(`${name}: ${rows} signatures acknowledged, as many rows and counted`);
  }
  console.log();
  printMarks(marks);
  if (lines.some(({ others }) => others === undefined)) {
    console.log('There is no /proc here: no CPU, memory or disturbance is known.');
  }
  if (flags.chart !== undefined && sockets.length > 1) drawSockets(flags.chart, lines);
  if (flags.json) {
    console.log(
      JSON.stringify({
        node: process.versions.node,
        cpus: cpus().length,
        rounds,
        seconds,
        workloads: workloadsOf(lines, sockets),
        lines,
        marks,
        verified,
      }),
    );
  }

  async function sign(plan: Plan): Promise<Line[]> {
    const { connections } = plan;
    const here = join(folder, String(connections));
    const l1 = await keep(startLimit('L1 bare node:http', 'l1-bare-http', here));
    const l3 = await keep(startStore('L3 group commit by hand', 'l3-group-commit', here, template, under));
    const b0 = await keep(startStore('naive, one transaction each', 'b0-naive', here, template, under));
    const { raw, besides } = await startRaw(here, plan);
    // The raw worker cannot run under strace, so it is left out with --slow-sync.
    const found = await runner.run(plan, [ours, l3, l1, b0], slow > 0 ? undefined : besides);
    for (const one of [ours, l3, b0]) {
      verified.push({ name: one.name, connections, rows: runner.verify(one) });
    }
    await stop(l1, l3, b0, raw);
    return found;
  }

  async function read(plan: Plan, kind: RawReadOrder['kind']): Promise<Line[]> {
    const answer = await keepAnswer(`http://127.0.0.1:${ours.port}${plan.path}`, folder);
    const buffer = await keep(startLimit('bare node:http', 'buffer', folder, [answer]));
    const file = ours.file ?? '';
    const naive = await keep(startLimit('naive, asked each time', 'naive-reads', folder, [file]));
    const raw = await keep(worker<RawReadOrder, RawReport>('limits/raw-reads.ts', file));
    const found = await runner.run(plan, [ours, buffer, naive], {
      name: 'raw better-sqlite3',
      measure: async () => ({
        used: 0,
        sample: sampleOf(await raw.ask({ seconds: seconds / 2, kind, slug })),
      }),
    });
    await stop(buffer, naive, raw);
    return found;
  }

  /** Measures following a share link, alone and while other sockets sign. */
  async function redirect(plan: Plan, signing: string): Promise<Line[]> {
    const answer = await keepRedirect(ours, plan.path, folder);
    const bare = await keep(startLimit('bare node:http', 'redirect', folder, [answer]));
    const found = await runner.run(plan, [ours, bare]);
    await stop(bare);
    const other = await keep(worker<Order, Report>('load.ts'));
    const both = await followWhileSigning(runner, ours, other, plan, signing);
    await stop(other);
    // Plus one request by keepRedirect for each number of sockets.
    await verifyRequests(ours, runner.followed(ours) + sockets.indexOf(plan.connections) + 1);
    runner.verify(ours);
    return [...found, ...both];
  }

  async function startRaw(here: string, { connections, seconds }: Plan) {
    const file = join(here, 'raw.db');
    copyFileSync(template, file);
    const raw = await keep(worker<RawOrder, RawReport>('limits/raw-sqlite.ts', file));
    const besides: Besides = {
      name: 'raw better-sqlite3',
      async measure(first) {
        const report = await raw.ask({ seconds: seconds / 2, batch: connections, first });
        return { used: report.done, sample: sampleOf(report) };
      },
    };
    return { raw, besides };
  }
}

async function demoSlug({ port }: Contender): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/petitions`);
  const { data } = (await response.json()) as { data: { slug: string }[] };
  if (!data[0]) throw new Error('there is no demo petition');
  return data[0].slug;
}
