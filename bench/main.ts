/** `npm run bench`: our server against the limits of what it is made of. README.md says how and why. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepAnswer, startLimit, startOurs, startStore, worker, type Contender } from './contenders.js';
import { addShareLink, followWhileSigning, keepRedirect, verifyRequests } from './redirects.js';
import { createRunner, type Besides, type Plan } from './rounds.js';
import { marksOf, printMarks, printTable, type Line } from './summary.js';
import type { Order, RawOrder, RawReport, Report } from './types.js';

const HELP = `npm run bench -- [options]
  --rounds <n>          rounds, each with every contender (5)
  --seconds <n>         measured seconds of each contender in each round (3)
  --connections <list>  sockets of the load generator, such as 1,100,1000 (100)
  --only sign|read|redirect  one of them
  --json                one JSON object as the last line`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '100' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(flags.rounds), Number(flags.seconds)];
const sockets = flags.connections.split(',').map(Number);
const wrong =
  ![rounds, seconds, ...sockets].every((n) => n > 0) ||
  ![undefined, 'sign', 'read', 'redirect'].includes(flags.only);
if (flags.help || wrong) {
  console.log(HELP);
  process.exit(wrong ? 2 : 0);
}

const folder = mkdtempSync(join(tmpdir(), 'undersigned-bench-'));
const running = new Set<{ stop(): Promise<void> }>();
async function keep<Started extends { stop(): Promise<void> }>(starting: Promise<Started>): Promise<Started> {
  const started = await starting;
  running.add(started);
  return started;
}
async function stop(some: Iterable<{ stop(): Promise<void> }>) {
  for (const one of [...some]) {
    running.delete(one);
    await one.stop();
  }
}
process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)));
async function cleanUp() {
  await stop(running);
  rmSync(folder, { recursive: true, force: true });
}

try {
  await bench();
} finally {
  await cleanUp();
}

async function bench() {
  console.log('Building …');
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: 'inherit' });

  // Everybody begins with the database that a first start leaves.
  const first = await keep(startOurs(join(folder, 'ours')));
  await stop([first]);
  const template = join(folder, 'template.db');
  copyFileSync(first.file ?? '', template);
  const link = addShareLink(first.file ?? '');

  const ours = await keep(startOurs(join(folder, 'ours')));
  const load = await keep(worker<Order, Report>('load.ts'));
  const runner = createRunner(load);
  const path = await demoPath(ours);

  const lines: Line[] = [];
  const verified: { name: string; connections: number; rows: number }[] = [];
  for (const connections of sockets) {
    if ([undefined, 'sign'].includes(flags.only)) {
      lines.push(...(await sign({ kind: 'sign', path: `${path}/signatures`, connections, rounds, seconds })));
    }
    if ([undefined, 'read'].includes(flags.only)) {
      lines.push(...(await read({ kind: 'read', path, connections, rounds, seconds })));
    }
    if ([undefined, 'redirect'].includes(flags.only)) {
      lines.push(...(await redirect({ kind: 'redirect', path: link, connections, rounds, seconds }, path)));
    }
  }
  const marks = sockets.flatMap((connections) => marksOf(lines, connections));

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
  if (flags.json) {
    console.log(
      JSON.stringify({
        node: process.versions.node,
        cpus: cpus().length,
        rounds,
        seconds,
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
    const l3 = await keep(startStore('L3 group commit by hand', 'l3-group-commit', here, template));
    const b0 = await keep(startStore('B0 one transaction each', 'b0-naive', here, template));
    const { raw, besides } = await startRaw(here, plan);
    const found = await runner.run(plan, [ours, l3, l1, b0], besides);
    for (const one of [ours, l3, b0]) {
      verified.push({ name: one.name, connections, rows: runner.verify(one) });
    }
    await stop([l1, l3, b0, raw]);
    return found;
  }

  async function read(plan: Plan): Promise<Line[]> {
    const answer = await keepAnswer(`http://127.0.0.1:${ours.port}${plan.path}`, folder);
    const buffer = await keep(startLimit('bare node:http', 'buffer', folder, answer));
    const found = await runner.run(plan, [ours, buffer]);
    await stop([buffer]);
    return found;
  }

  /** Following a share link, alone and while others sign: and what they lose by it. */
  async function redirect(plan: Plan, petition: string): Promise<Line[]> {
    const answer = await keepRedirect(ours, plan.path, folder);
    const bare = await keep(startLimit('bare node:http', 'redirect', folder, answer));
    const found = await runner.run(plan, [ours, bare]);
    await stop([bare]);
    const other = await keep(worker<Order, Report>('load.ts'));
    const both = await followWhileSigning(runner, ours, other, plan, `${petition}/signatures`);
    await stop([other]);
    // The one who kept the answer is one more.
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
        const { stored, elapsed, serverCpu, otherCpu, metered } = report;
        const usage = metered ? { cpu: (serverCpu / stored) * 1e6, others: otherCpu / elapsed } : {};
        return { stored, sample: { rate: stored / elapsed, ...usage } };
      },
    };
    return { raw, besides };
  }
}

async function demoPath({ port }: Contender): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/petitions`);
  const { data } = (await response.json()) as { data: { slug: string }[] };
  if (!data[0]) throw new Error('there is no demo petition');
  return `/v1/petitions/${data[0].slug}`;
}
