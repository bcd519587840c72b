/** Draws lines over a logarithmic axis as SVG: throughput against sockets, or against rows. */
import { writeFileSync } from 'node:fs';
import type { Line } from './summary.js';
import { KINDS } from './types.js';

export type Series = { name: string; points: { x: number; y: number }[] };
export type Chart = { title: string; x: string; y: string; series: Series[] };

const [WIDTH, HEIGHT] = [760, 420];
const AREA = { left: 80, top: 50, right: WIDTH - 190, bottom: HEIGHT - 55 };
/** Distinguishable for colour-blind people too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

export function drawChart(file: string, { title, x, y, series }: Chart): void {
  const points = series.flatMap((one) => one.points);
  const toX = scale(Math.log10, ends(points.map((point) => point.x)), [AREA.left, AREA.right]);
  const top = ceiling(Math.max(1, ...points.map((point) => point.y)));
  const toY = scale((value) => value, [0, top], [AREA.bottom, AREA.top]);
  const ticks = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(AREA.left, 26, title, 'font-size="15" font-weight="bold"'),
    ...Array.from({ length: 5 }, (_, i) => (top * i) / 4).flatMap((value) => [
      `<path d="M${AREA.left} ${toY(value)}H${AREA.right}" stroke="#ddd"/>`,
      text(AREA.left - 8, toY(value) + 4, short(value), 'text-anchor="end"'),
    ]),
    ...ticks.map((value) => text(toX(value), AREA.bottom + 20, short(value), 'text-anchor="middle"')),
    text((AREA.left + AREA.right) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
    text(
      18,
      (AREA.top + AREA.bottom) / 2,
      y,
      `text-anchor="middle" transform="rotate(-90 18 ${(AREA.top + AREA.bottom) / 2})"`,
    ),
    ...series.flatMap((one, i) => line(one, i, toX, toY)),
    '</svg>',
  ];
  writeFileSync(file, `${parts.join('\n')}\n`);
}

function line({ name, points }: Series, index: number, toX: Scale, toY: Scale): string[] {
  const colour = COLOURS[index % COLOURS.length];
  const places = points.map((point) => `${toX(point.x)} ${toY(point.y)}`);
  const level = AREA.top + 10 + index * 20;
  return [
    `<path d="M${places.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(
      (place) => `<circle cx="${place.split(' ')[0]}" cy="${place.split(' ')[1]}" r="3.5" fill="${colour}"/>`,
    ),
    `<path d="M${AREA.right + 20} ${level}h18" stroke="${colour}" stroke-width="2"/>`,
    text(AREA.right + 44, level + 4, name),
  ];
}

/** From a value to a coordinate. */
type Scale = (value: number) => number;
type Range = readonly [from: number, to: number];

const ends = (values: number[]): Range => [Math.min(...values), Math.max(...values)];

function scale(by: (value: number) => number, [from, to]: Range, [first, last]: Range): Scale {
  const [low, high] = [by(from), by(to)];
  const span = high === low ? 1 : high - low;
  return (value) => Math.round(first + ((by(value) - low) / span) * (last - first));
}

/** The next round number above. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 10_000 ? `${value / 1e3} k` : value.toLocaleString('en');
}

const escape = (words: string) => words.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const text = (x: number, y: number, words: string, more = '') =>
  `<text x="${x}" y="${y}" ${more}>${escape(words)}</text>`;

/** The server's throughput, and the limits of signing, against the number of sockets. */
export function drawSockets(file: string, lines: Line[]): void {
  const named = (kind: Line['kind'], contender: RegExp, name: string): Series => ({
    name,
    points: lines
      .filter((one) => one.kind === kind && contender.test(one.name))
      .map(({ connections, rate }) => ({ x: connections, y: Math.round(rate) })),
  });
  const series = [
    ...KINDS.map((kind) => named(kind, /^ours$/, kind)),
    named('sign', /^L3/, 'sign by hand (L3)'),
    named('sign', /^naive/, 'sign, naive'),
  ].filter(({ points }) => points.length > 1);
  drawChart(file, {
    title: 'Throughput against concurrency',
    x: 'sockets, one request at a time on each',
    y: 'requests a second',
    series,
  });
}

type Decade = { rows: number; sign_rps: number; read_rps: number };

/** The server's throughput against the number of signatures in the database. */
export function drawGrowth(file: string, growth: readonly Decade[]): void {
  const series = (name: string, rate: (decade: Decade) => number) => ({
    name,
    points: growth.map((decade) => ({ x: decade.rows, y: Math.round(rate(decade)) })),
  });
  drawChart(file, {
    title: 'Throughput against rows',
    x: 'signatures in the database',
    y: 'requests a second, 100 sockets',
    series: [series('read', ({ read_rps }) => read_rps), series('sign', ({ sign_rps }) => sign_rps)],
  });
}
