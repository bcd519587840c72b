import { createHash } from 'node:crypto';
import type { PICTURE_THEMES } from '../../../schema/api/counts/history-picture.js';
import { darkPageShade } from '../../core/organization/colors.js';
import type { GrowthPoint } from '../../core/counts/growth.js';
import type { Grown } from '../../core/petitions/pictures.js';
import { roundUp, shortened, xml } from '../charts.js';
import type { GrowthWords } from './growth-words.js';

/*
 * How a petition has grown, as a picture. It holds two layouts of the same shape, and shows the one that fits its width,
 * so that words have the same size on a phone and on a desk. Both use one path, which is most of its bytes.
 */

type Theme = (typeof PICTURE_THEMES)[number];

export type GrowthContent = {
  title: string;
  /** The colour of the organization; null: none. */
  color: string | null;
  isOpen: boolean;
  /** The next goal; null: there is none, or the petition has ended. */
  goal: number | null;
  grown: Grown;
  /** Undefined: that of the page or system of the reader. */
  theme: Theme | undefined;
};

type Layout = {
  name: 'wide' | 'narrow';
  width: number;
  height: number;
  edge: number;
  rows: { title: number; count: number; dates: number };
  plot: { top: number; bottom: number };
  /** The size of small words, and the letters that fit into a line of the title. */
  small: number;
  letters: number;
};

const WIDE: Layout = {
  name: 'wide',
  width: 640,
  height: 360,
  edge: 28,
  rows: { title: 40, count: 82, dates: 342 },
  plot: { top: 122, bottom: 316 },
  small: 15,
  letters: 62,
};
const NARROW: Layout = {
  name: 'narrow',
  width: 320,
  height: 180,
  edge: 14,
  rows: { title: 21, count: 46, dates: 172 },
  plot: { top: 68, bottom: 154 },
  small: 12,
  letters: 40,
};

const SHADES = {
  light: { back: '#fff', text: '#1b2027', small: '#566170', grid: '#dfe3e8', base: '#9aa4b1' },
  dark: { back: '#14181e', text: '#eef1f5', small: '#a9b4c1', grid: '#2f3742', base: '#67727f' },
} as const;
const USUAL = '#0b57d0';

function styleOf({ color, theme }: Pick<GrowthContent, 'color' | 'theme'>): string {
  const shades = (name: Theme) => {
    const { back, text, small, grid, base } = SHADES[name];
    const line = name === 'light' ? (color ?? USUAL) : darkPageShade(color ?? USUAL);
    return `.back{fill:${back}}text{fill:${text};stroke:${back}}.small{fill:${small}}.grid{stroke:${grid}}.base{stroke:${base}}.line,.goal{stroke:${line}}.area{fill:${line}}.mark{fill:${line};stroke:${back}}`;
  };
  const own = theme
    ? `svg{color-scheme:${theme}}${shades(theme)}`
    : `svg{color-scheme:light dark}${shades('light')}@media(prefers-color-scheme:dark){${shades('dark')}}`;
  return `svg{max-width:100%;height:auto;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}text{unicode-bidi:plaintext;stroke-width:4px;stroke-linejoin:round;paint-order:stroke}.title{font-weight:600}.count{font-weight:700;font-variant-numeric:tabular-nums}.wide .title{font-size:17px}.wide .count{font-size:32px}.wide .small{font-size:15px}.narrow .title{font-size:12px}.narrow .count{font-size:19px}.narrow .small{font-size:12px}.line{fill:none;stroke-width:2.5px;stroke-linejoin:round;stroke-linecap:round;vector-effect:non-scaling-stroke}.area{opacity:.14}.goal{stroke-dasharray:5 5;stroke-width:1.5px}.mark{stroke-width:2px}.narrow{display:none}@media(max-width:520px){.wide{display:none}.narrow{display:inline}}${own}`;
}

/** The points in a square of a thousand, which each layout stretches over its plot. */
const SQUARE = 1000;

type Scale = {
  begin: number;
  span: number;
  most: number;
  x: (at: number) => number;
  y: (total: number) => number;
};

function scaleOf(points: readonly GrowthPoint[], goal: number | null, isMirrored: boolean): Scale {
  const [begin, end] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
  const highest = Math.max(1, ...points.map(({ total }) => total));
  const span = Math.max(1, end - begin);
  const most = roundUp(goal === null ? highest : Math.max(highest, goal));
  return {
    begin,
    span,
    most,
    x(at) {
      const share = Math.min(1, Math.max(0, (at - begin) / span));
      return Math.round(SQUARE * (isMirrored ? 1 - share : share));
    },
    y: (total) => Math.round(SQUARE * (1 - Math.max(0, total) / most)),
  };
}

/** A goal that is far away would leave the line flat. */
const isNear = (goal: number, total: number): boolean => goal <= 2 * total;

function pathOf(points: readonly GrowthPoint[], { x, y }: Scale): string {
  let [left, top] = [0, 0];
  const steps = points.map(({ at, total }, i) => {
    const [dx, dy] = [x(at) - left, y(total) - top];
    [left, top] = [left + dx, top + dy];
    return `${i === 0 ? 'M' : 'l'}${dx} ${dy}`.replace(' -', '-');
  });
  return steps.join('');
}

/** The total at an instant, on the line. */
function totalAt(points: readonly GrowthPoint[], at: number): number {
  const next = points.findIndex((point) => point.at >= at);
  if (next <= 0) return points.at(next)?.total ?? 0;
  const [a, b] = [points[next - 1], points[next]];
  if (!a || !b) return 0;
  return a.total + ((b.total - a.total) * (at - a.at)) / Math.max(1, b.at - a.at);
}

/** The picture, and the hash of its style for a policy that allows no other. */
export function drawGrowth(content: GrowthContent, words: GrowthWords): { svg: string; styleHash: string } {
  const { title, grown, isOpen, goal } = content;
  const { points } = grown;
  const total = points.at(-1)?.total ?? 0;
  const shownGoal = goal !== null && isNear(goal, total) ? goal : null;
  const scale = scaleOf(points, shownGoal, words.dir === 'rtl');
  const path = pathOf(points, scale);
  const style = styleOf(content);
  const facts = { content, words, scale, total, shownGoal };
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360" viewBox="0 0 640 360" role="img" aria-labelledby="title desc" xml:lang="${xml(words.locale)}" direction="${words.dir}"><title id="title">${xml(words.title(title))}</title><desc id="desc">${xml(words.described(grown, { isOpen, goal }))}</desc><style>${style}</style><defs><path id="line" class="line" d="${path}"/><path id="area" class="area" d="${path}V${SQUARE}H${scale.x(scale.begin)}Z"/></defs><rect class="back" width="100%" height="100%"/>${[WIDE, NARROW].map((layout) => drawLayout(layout, facts)).join('')}</svg>`;
  return { svg, styleHash: createHash('sha256').update(style).digest('base64') };
}

type Facts = {
  content: GrowthContent;
  words: GrowthWords;
  scale: Scale;
  total: number;
  shownGoal: number | null;
};

function drawLayout(layout: Layout, facts: Facts): string {
  const { name, width, height, edge, rows, plot, letters } = layout;
  const { content, words, scale, total, shownGoal } = facts;
  const [start, end] = words.dir === 'rtl' ? [width - edge, edge] : [edge, width - edge];
  const wide = width - 2 * edge;
  const placed = `transform="translate(${edge} ${plot.top})scale(${wide / SQUARE} ${(plot.bottom - plot.top) / SQUARE})"`;
  const count = words.count(total, content.isOpen);
  const goal = content.goal !== null && shownGoal === null ? words.goal(content.goal) : '';
  const fits = count.length * 1.6 + goal.length < letters;
  const { begin, span } = scale;
  const levels = levelsOf(layout, facts);
  const across: [number, number] = [edge, edge + wide];
  const dates = [begin, begin + span].map((at) => words.moment(at, span));
  return `<svg class="${name}" width="100%" height="100%" viewBox="0 0 ${width} ${height}">${text(start, rows.title, shortened(content.title, letters), 'title')}${text(start, rows.count, count, 'count')}${text(end, rows.count, fits ? goal : '', 'small', 'end')}${drawLevels(levels, across, start)}<use href="#area" ${placed}/><use href="#line" ${placed}/>${line('base', across, plot.bottom)}${drawMarks(layout, facts, levels, start)}${text(start, rows.dates, dates[0] ?? '', 'small')}${text(end, rows.dates, dates[1] === dates[0] ? '' : (dates[1] ?? ''), 'small', 'end')}</svg>`;
}

const heightOf = ({ plot }: Layout, { y }: Scale, value: number): number =>
  round(plot.top + ((plot.bottom - plot.top) * y(value)) / SQUARE);

/** More would be a chain of pearls. */
const MOST_MARKS = 20;

type Level = { at: number; said: string; of: 'grid' | 'goal' };

/** The lines to read heights by, and the next goal. */
function levelsOf(layout: Layout, { words, scale, shownGoal, total }: Facts): Level[] {
  const goal: Level[] =
    shownGoal === null
      ? []
      : [{ at: heightOf(layout, scale, shownGoal), said: words.goal(shownGoal), of: 'goal' }];
  const values = total <= 0 ? [] : [scale.most, scale.most / 2].filter(Number.isInteger);
  const grid = values
    .map((value): Level => ({ at: heightOf(layout, scale, value), said: words.number(value), of: 'grid' }))
    .filter(({ at }) => goal.every((one) => Math.abs(one.at - at) > layout.small + 6));
  return [...grid, ...goal];
}

const drawLevels = (levels: readonly Level[], across: [number, number], start: number): string =>
  levels.map(({ at, said, of }) => line(of, across, at) + text(start, at - 5, said, 'small')).join('');

/** A word: where its line stands, its middle, and how much room it takes. */
type Box = { x: number; y: number; wide: number };

const boxOf = ({ small }: Layout, said: string, x: number, y: number): Box => ({
  x,
  y,
  wide: said.length * small * 0.62 + 8,
});

/** The numbers that were reached, where they were. Those that would stand in others have no words. */
function drawMarks(layout: Layout, facts: Facts, levels: readonly Level[], start: number): string {
  const { edge, width, plot, small } = layout;
  const { words, scale } = facts;
  const isRtl = words.dir === 'rtl';
  const places = reachedIn(facts.content.grown).map(({ value, at }) => ({
    x: round(edge + ((width - 2 * edge) * scale.x(at)) / SQUARE),
    y: heightOf(layout, scale, totalAt(facts.content.grown.points, at)),
    said: words.number(value),
  }));
  const taken = levels.map(({ said, at }) => {
    const box = boxOf(layout, said, start, at - 5);
    return { ...box, x: start + ((isRtl ? -1 : 1) * box.wide) / 2 };
  });
  const labels = places.map(({ x, y, said }) => {
    const { wide } = boxOf(layout, said, x, y);
    // Above the line and before it, where nothing else is. At the edge there is no room.
    const box = { x: round(x + ((isRtl ? 1 : -1) * wide) / 2), y: round(y - 8), wide };
    const isInside = isRtl ? x + wide <= width - edge : x - wide >= edge;
    const isFree =
      isInside &&
      box.y - small > plot.top &&
      levels.every(({ at, of }) => of === 'grid' || at < box.y - small || at > box.y) &&
      taken.every(
        (one) => Math.abs(one.x - box.x) > (one.wide + wide) / 2 || Math.abs(one.y - box.y) > small,
      ) &&
      places.every(
        (one) => one.y > box.y + 5 || one.y < box.y - small || Math.abs(one.x - box.x) > wide / 2 + 3,
      );
    if (!isFree) return '';
    taken.push(box);
    return text(box.x, box.y, said, 'small', 'middle');
  });
  const circles = places.map(({ x, y }) => `<circle cx="${x}" cy="${y}" r="${small / 3}"/>`);
  return `${labels.join('')}<g class="mark">${circles.join('')}</g>`;
}

/** Of goals and thresholds that were reached the highest, from the top, each number once. */
function reachedIn({ milestones, thresholds }: Grown): { value: number; at: number }[] {
  const reached = new Map<number, number>();
  for (const { value, reachedAt } of [...milestones, ...thresholds]) {
    if (reachedAt) reached.set(value, Math.min(reached.get(value) ?? Infinity, reachedAt.getTime()));
  }
  return [...reached]
    .map(([value, at]) => ({ value, at }))
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST_MARKS);
}

const round = (n: number): number => Math.round(n * 10) / 10;

const line = (of: string, [from, to]: [number, number], y: number): string =>
  `<line class="${of}" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/>`;

const text = (x: number, y: number, said: string, of: string, anchor?: 'end' | 'middle'): string =>
  said === ''
    ? ''
    : `<text class="${of}" x="${x}" y="${y}"${anchor ? ` text-anchor="${anchor}"` : ''}>${xml(said)}</text>`;
