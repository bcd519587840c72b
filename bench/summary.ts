/** From samples to medians, ratios and a table. */
import type { Kind } from './types.js';

/** One contender in one round. Figures from /proc are missing where there is none. */
export type Sample = {
  rate: number;
  p50?: number;
  p99?: number;
  /** CPU microseconds of the server for each request. */
  cpu?: number;
  /** Cores that the load generator (`load`) and all other processes (`others`) kept busy. */
  load?: number;
  others?: number;
  rss?: number;
  peak?: number;
};

export type Line = Sample & {
  kind: Kind;
  name: string;
  connections: number;
  /** By round: the rate, and whether other processes left the machine undisturbed. */
  rates: number[];
  calm: boolean[];
  /** How many samples were disturbed, and whether these were left out. */
  disturbed: number;
  discarded: boolean;
};

/** Other processes may keep this much of a core busy before a sample counts as disturbed. */
const MAX_OTHERS = 0.15;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians over the undisturbed samples; over all samples if fewer than half are undisturbed. */
export function summarize(
  { kind, connections }: Pick<Line, 'kind' | 'connections'>,
  name: string,
  samples: Sample[],
): Line {
  const calm = samples.filter(({ others = 0 }) => others <= MAX_OTHERS);
  const discarded = calm.length * 2 >= samples.length;
  const used = discarded ? calm : samples;
  const keys = ['p50', 'p99', 'cpu', 'load', 'others', 'rss', 'peak'] as const;
  const medians = keys.flatMap((key) => {
    const values = used.map((sample) => sample[key]).filter((value) => value !== undefined);
    return values.length > 0 ? [[key, median(values)] as const] : [];
  });
  return {
    kind,
    name,
    connections,
    rate: median(used.map(({ rate }) => rate)),
    ...Object.fromEntries(medians),
    rates: samples.map(({ rate }) => Math.round(rate)),
    calm: samples.map((sample) => calm.includes(sample)),
    disturbed: samples.length - calm.length,
    discarded,
  };
}

const COLUMNS: [string, (line: Line) => string][] = [
  ['', ({ kind, name }) => `${kind}: ${name}`],
  ['sockets', ({ connections }) => String(connections)],
  ['requests/s', ({ rate }) => Math.round(rate).toLocaleString('en')],
  ['p50 ms', ({ p50 }) => fixed(p50, 2)],
  ['p99 ms', ({ p99 }) => fixed(p99, 2)],
  ['CPU µs', ({ cpu }) => fixed(cpu, 1)],
  ['RSS MB', ({ rss }) => fixed(rss, 0)],
  ['peak MB', ({ peak }) => fixed(peak, 0)],
  ['load CPU', ({ load }) => percent(load)],
  ['others', ({ others }) => percent(others)],
  [
    'disturbed',
    ({ disturbed, discarded }) => (disturbed === 0 ? '' : `${disturbed}${discarded ? '' : ', kept'}`),
  ],
];

const fixed = (value: number | undefined, digits: number) =>
  value === undefined ? '' : value.toFixed(digits);
const percent = (value: number | undefined) => (value === undefined ? '' : `${Math.round(value * 100)} %`);

export function printTable(lines: Line[]): void {
  const rows = [COLUMNS.map(([head]) => head), ...lines.map((line) => COLUMNS.map(([, cell]) => cell(line)))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    );
  }
}

export type Mark = {
  connections: number;
  name: string;
  ratio: number;
  /** The same ratio by CPU time, which a busy machine distorts less. It does not include waiting for the disk. */
  cpuRatio: number | null;
  wanted: number | null;
};

/** The `--slow-sync` for which there are other marks. */
const SLOW_SYNC_MS = 2;

/** The ratios of the server to its limits, with the wanted values for 100 connections. */
const MARKS: { kind: Kind; limit: string; short: string; wanted: number | null; slow?: number }[] = [
  { kind: 'sign', limit: 'L1', short: 'sign ÷ L1, bare node:http that stores nothing', wanted: null },
  { kind: 'sign', limit: 'raw', short: 'sign ÷ raw better-sqlite3 without HTTP', wanted: null },
  {
    kind: 'sign',
    limit: 'L3',
    short: 'sign ÷ L3, bare node:http with a hand-written group commit',
    wanted: 0.8,
  },
  {
    kind: 'sign',
    limit: 'naive',
    short: 'sign ÷ naive, one durable transaction for each request',
    wanted: 6,
    slow: 25,
  },
  ...(['read', 'counts', 'list'] as const).flatMap((kind) => [
    {
      kind,
      limit: 'bare',
      short: `${kind} ÷ bare node:http that sends a buffer`,
      wanted: kind === 'read' ? 0.85 : null,
    },
    { kind, limit: 'naive', short: `${kind} ÷ naive, asked of the database each time`, wanted: null },
  ]),
  { kind: 'redirect', limit: 'bare', short: 'redirect ÷ bare node:http that sends a 302', wanted: null },
];

/** The median of the ratios of each round: conditions that contenders of a round share cancel out. */
export function ratioOf(ours: Line, theirs: Line): number {
  const all = ours.rates.map((rate, round) => ({
    ratio: rate / theirs.rates[round]!,
    calm: ours.calm[round] === true && theirs.calm[round] === true,
  }));
  const calm = all.filter((one) => one.calm);
  return median((calm.length * 2 >= all.length ? calm : all).map(({ ratio }) => ratio));
}

/** `slowSync`: milliseconds by which each sync was delayed. */
export const marksOf = (lines: Line[], connections: number, slowSync = 0): Mark[] =>
  MARKS.flatMap(({ kind, limit, short, wanted, slow = null }) => {
    const mark = slowSync === 0 ? wanted : slowSync === SLOW_SYNC_MS ? slow : null;
    const those = lines.filter((line) => line.kind === kind && line.connections === connections);
    const ours = those.find(({ name }) => name === 'ours');
    const theirs = those.find(({ name }) => name.startsWith(limit));
    if (!ours || !theirs) return [];
    return [
      {
        connections,
        name: short,
        ratio: ratioOf(ours, theirs),
        cpuRatio: theirs.cpu !== undefined && ours.cpu !== undefined ? theirs.cpu / ours.cpu : null,
        wanted: connections === 100 ? mark : null,
      },
    ];
  });

export function printMarks(marks: Mark[]): void {
  for (const { connections, name, ratio, cpuRatio, wanted } of marks) {
    const byCpu = cpuRatio === null ? '' : `, ${cpuRatio.toFixed(2)} by CPU time`;
    const verdict =
      wanted === null ? '' : ratio >= wanted ? ` (mark ${wanted}: met)` : ` (mark ${wanted}: MISSED)`;
    console.log(`${ratio.toFixed(2).padStart(6)}  ${name}, ${connections} sockets${byCpu}${verdict}`);
  }
}
