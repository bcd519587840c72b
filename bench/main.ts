/** `npm run bench`: our server against the limits of what it is made of. README.md says how and why. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { keepAnswer, startLimit, startOurs, startStore, worker, type Contender } from './contenders.js';
import { memoryOf } from './meter.js';
import { printMarks, printTable, ratio, summarize, type Line, type Sample } from './summary.js';
import type { Order, RawOrder, RawReport, Report } from './types.js';

const HELP = `npm run bench -- [options]
  --rounds <n>         rounds, each with every contender (5)
  --seconds <n>        measured seconds of each contender in each round (3)
  --connections <list> sockets of the load generator, as 1,100,1000 (100)
  --only sign|read     one half
  --json               one JSON object as the last line`;

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
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}
const ROUNDS = Number(flags.rounds);
const SECONDS = Number(flags.seconds);
const CONNECTIONS = flags.connections.split(',').map(Number);
if (![ROUNDS, SECONDS, ...CONNECTIONS].every((n) => n > 0) || ![undefined, 'sign', 'read'].includes(flags.only)) {
  console.error(HELP);
  process.exit(2);
}

/** Every run begins with a moment that is not measured; the first one of a server is longer, until its code is hot. */
const WARMUP = 0.5;
const FIRST_WARMUP = 2;

type Run = { contender: Contender; kind: 'sign' | 'read'; path: string };

const folder = mkdtempSync(join(tmpdir(), 'undersigned-bench-'));
const running: { stop(): Promise<void> }[] = [];
const keep = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
  const started = await starting;
  running.push(started);
  return started;
};
const stopAll = async () => {
  for (const started of running.splice(0)) await started.stop();
};

/** The numbers of the signers go on over all runs. */
let signers = 0;
/** Signatures that each server has acknowledged, to be held against its rows. */
const acknowledged = new Map<Contender, number>();

try {
  await main();
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  console.log('Building …');
  execFileSync('npm', ['run', '-s', 'build'], { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' });

  // Everybody begins with the database that a first start leaves.
  const first = await startOurs(join(folder, 'ours'));
  const template = join(folder, 'template.db');
  await first.stop();
  copyFileSync(first.file ?? '', template);

  const ours = await keep(startOurs(join(folder, 'ours')));
  const base = `http://127.0.0.1:${ours.port}/v1/petitions`;
  const listed = (await (await fetch(base)).json()) as { data: { slug: string }[] };
  const read = `/v1/petitions/${listed.data[0]?.slug}`;
  const sign = `${read}/signatures`;
  const load = await keep(worker<Order, Report>('load.ts'));

  const lines: Line[] = [];
  for (const connections of CONNECTIONS) {
    if (flags.only !== 'read') lines.push(...(await signRounds(connections)));
    if (flags.only !== 'sign') lines.push(...(await readRounds(connections)));
  }
  const rows = await verifyRows();

  console.log(`\n${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${ROUNDS} rounds of ${SECONDS} s`);
  printTable(lines);
  for (const { name, found } of rows) console.log(`${name}: ${found} signatures acknowledged, ${found} rows`);
  const marks = CONNECTIONS.flatMap((connections) => ratiosOf(lines, connections));
  printMarks(marks);
  if (flags.json) {
    console.log(JSON.stringify({ node: process.versions.node, cpus: cpus().length, rounds: ROUNDS, seconds: SECONDS, lines, marks, rows }));
  }

  async function signRounds(connections: number): Promise<Line[]> {
    const l1 = await startLimit('L1 bare node:http', 'l1-bare-http', folder, 'x'.repeat(190));
    const l3 = await startStore('L3 http + group commit', 'l3-group-commit', folder, template);
    const b0 = await startStore('B0 naive Fastify', 'b0-naive', folder, template);
    const file = join(folder, 'raw-sqlite.db');
    copyFileSync(template, file);
    const raw = await worker<RawOrder, RawReport>('limits/raw-sqlite.ts', file);
    const own = [l1, l3, b0, raw];
    running.push(...own);
    const runs = [ours, l3, l1, b0].map((contender): Run => ({ contender, kind: 'sign', path: sign }));
    const lines = await rounds(runs, connections, async () => {
      const order = { seconds: SECONDS / 2, batch: connections, first: signers };
      const report = await raw.ask(order);
      signers += report.stored;
      return { name: 'raw better-sqlite3', sample: rawSample(report) };
    });
    await verifyLimits([l3, b0]);
    for (const one of own) await one.stop();
    return lines;
  }

  async function readRounds(connections: number): Promise<Line[]> {
    const answer = await keepAnswer(`http://127.0.0.1:${ours.port}${read}`, folder);
    const buffer = await keep(startLimit('bare node:http, a buffer', 'buffer', folder, answer));
    const lines = await rounds(
      [ours, buffer].map((contender): Run => ({ contender, kind: 'read', path: read })),
      connections,
    );
    await buffer.stop();
    return lines;
  }

  /** Interleaved: every contender once in a round, so that whatever slows the machine meets all of them. */
  async function rounds(
    runs: Run[],
    connections: number,
    besides?: () => Promise<{ name: string; sample: Sample }>,
  ): Promise<Line[]> {
    const kind = runs[0]?.kind ?? 'sign';
    const samples = new Map<string, Sample[]>();
    const add = (name: string, sample: Sample) => samples.set(name, [...(samples.get(name) ?? []), sample]);
    for (let round = 1; round <= ROUNDS; round += 1) {
      console.log(`${kind}, ${connections} connections: round ${round} of ${ROUNDS}`);
      for (const run of runs) add(run.contender.name, await measure(run, connections, round === 1));
      if (besides) {
        const { name, sample } = await besides();
        add(name, sample);
      }
    }
    return [...samples].map(([name, some]) => summarize({ kind, name, connections }, some));
  }

  async function measure({ contender, kind, path }: Run, connections: number, isFirst: boolean): Promise<Sample> {
    const { pid, port, name } = contender;
    const warmup = isFirst ? FIRST_WARMUP : WARMUP;
    const report = await load.ask({ port, pid, kind, path, connections, seconds: SECONDS, warmup, first: signers });
    const good = report.statuses[kind === 'sign' ? 202 : 200] ?? 0;
    // One wrong answer spoils the whole figure: fast refusals are no performance.
    if (good !== report.sent) throw new Error(`${name} answered ${report.sent} requests with ${JSON.stringify(report.statuses)}`);
    if (kind === 'sign') {
      signers += report.sent;
      acknowledged.set(contender, (acknowledged.get(contender) ?? 0) + good);
    }
    const { answers, elapsed, p50, p99, serverCpu, loadCpu, otherCpu, metered } = report;
    return {
      rate: answers / elapsed,
      p50,
      p99,
      ...(metered ? { cpu: (serverCpu / answers) * 1e6, load: loadCpu / elapsed, others: otherCpu / elapsed } : {}),
      ...memoryOf(pid),
    };
  }

  function rawSample({ stored, elapsed, serverCpu, otherCpu, metered }: RawReport): Sample {
    return { rate: stored / elapsed, ...(metered ? { cpu: (serverCpu / stored) * 1e6, others: otherCpu / elapsed } : {}) };
  }

  async function verifyRows() {
    const found = acknowledged.has(ours) ? [{ name: ours.name, found: countRows(ours) }] : [];
    return [...limitRows, ...found];
  }
}
