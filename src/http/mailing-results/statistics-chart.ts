import type { MailingStatistics, VariantStatistics } from '../../core/mailing-results/statistics.js';
import { successesOf } from '../../core/mailing-results/statistics.js';
import { labelOf, roundUp, SERIES, stepsOf, type Steps } from './chart-series.js';

/*
 * The statistics of a mailing as a picture. It holds two layouts, and shows the one that fits its width, so that words
 * have the same size on a phone and on a desk. Series have a panel each, since their numbers differ by magnitudes.
 */

type Layout = {
  name: 'wide' | 'narrow';
  width: number;
  edge: number;
  /** Columns of the key figures, and the height of their rows. */
  columns: number;
  row: number;
  plot: { x: number; width: number; y: number; panel: number };
  wordings: { x: number; y: number; width: number };
  ticks: number;
  /** Letters that fit into a heading. */
  letters: number;
};

const STYLE = `
svg{color-scheme:light dark;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
text{fill:#1b2027;font-size:13px;unicode-bidi:plaintext}
.back{fill:#fff}.grid{stroke:#e2e6eb;stroke-width:1}.base{stroke:#9aa4b1;stroke-width:1}
.small{fill:#566170;font-size:12px}.title{font-size:20px;font-weight:650}.number{font-size:22px;font-weight:650;font-variant-numeric:tabular-nums}
.strong{font-weight:600}.track{fill:#eef1f4}.range{stroke:#1b2027;stroke-width:2;stroke-linecap:round}
.s0{fill:#76839a}.s1{fill:#2b6cd4}.s2{fill:#0d8459}
.narrow{display:none}.narrow .title{font-size:16px}
@media (max-width:640px){.wide{display:none}.narrow{display:inline}}
@media (prefers-color-scheme:dark){
text{fill:#eef1f5}.back{fill:#14181e}.grid{stroke:#2a313b}.base{stroke:#67727f}
.small{fill:#a9b4c1}.track{fill:#222932}.range{stroke:#eef1f5}
.s0{fill:#8f9db3}.s1{fill:#74a8f7}.s2{fill:#43c08f}}`;

/** A picture without addresses and without anything about one person. */
export function drawStatistics(statistics: MailingStatistics): string {
  const wordings = statistics.variants.length > 1 ? statistics.variants : [];
  const narrow = narrowLayout(wordings.length);
  const bottom = wordings.length > 0 ? 46 + wordings.length * ROW : 0;
  const height = narrow.wordings.y + bottom + 24;
  const layouts = [wideLayout(wordings.length, height), narrow];
  const steps = stepsOf(statistics);
  const { name } = statistics.mailing;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${xml(name)}</title><desc id="desc">${xml(described(statistics))}</desc>
<style>${STYLE}</style><rect class="back" width="100%" height="100%"/>
${layouts.map((layout) => drawLayout(layout, height, statistics, steps, wordings)).join('\n')}
</svg>`;
}

const ROW = 62;

const wideLayout = (wordings: number, height: number): Layout => ({
  name: 'wide',
  width: 1200,
  edge: 32,
  columns: 6,
  row: 66,
  plot: {
    x: 32,
    width: wordings > 0 ? 740 : 1136,
    y: 188,
    panel: Math.min(200, (height - 188 - 52) / SERIES.length),
  },
  wordings: { x: 828, y: 188, width: 340 },
  ticks: 6,
  letters: 90,
});

const narrowLayout = (wordings: number): Layout => ({
  name: 'narrow',
  width: 375,
  edge: 16,
  columns: 3,
  row: 68,
  plot: { x: 16, width: 343, y: 234, panel: 108 },
  wordings: { x: 16, y: 234 + 3 * 108 + (wordings > 0 ? 52 : 28), width: 343 },
  ticks: 3,
  letters: 32,
});

function drawLayout(
  layout: Layout,
  height: number,
  statistics: MailingStatistics,
  steps: Steps | undefined,
  wordings: readonly VariantStatistics[],
): string {
  const { name, width, edge, letters } = layout;
  return `<svg class="${name}" width="100%" height="${height}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMin meet">
<text class="title" x="${edge}" y="42">${xml(short(statistics.mailing.name, letters))}</text>
<text class="small" x="${edge}" y="64">${xml(subtitle(statistics))}</text>
${drawNumbers(layout, statistics)}
${steps ? drawPanels(layout, steps) : text(edge, layout.plot.y + 30, 'Nothing has been sent yet.')}
${wordings.length > 0 ? drawWordings(layout, statistics, wordings) : ''}
</svg>`;
}

const numbers = new Intl.NumberFormat('en');
const format = (n: number): string => numbers.format(n);
const percent = (share: number): string =>
  `${Number((share * 100).toFixed(share > 0 && share < 0.1 ? 2 : 1))} %`;

const audienceOf = ({ states }: MailingStatistics): number =>
  Object.values(states).reduce((total, n) => total + n, 0);

function subtitle(statistics: MailingStatistics): string {
  const audience = audienceOf(statistics);
  const { state, sent } = { state: statistics.mailing.state, sent: statistics.states.sent };
  return `${STATE_WORDS[state] ?? state} · ${format(sent)} of ${format(audience)} sent`;
}

const STATE_WORDS: Partial<Record<string, string>> = {
  draft: 'Draft',
  scheduled: 'Scheduled',
  building: 'Being prepared',
  running: 'Being sent',
  paused: 'Paused',
  deciding: 'Waiting for the winner',
  done: 'Done',
  cancelled: 'Cancelled',
  missed: 'Missed',
};

/** The picture in words. */
function described(statistics: MailingStatistics): string {
  const { figures: f, variants } = statistics;
  const wordings =
    variants.length < 2
      ? []
      : variants.map(
          ({ name, figures, chance }) =>
            `${name}: ${percent(rateOf(statistics, figures))}, ${percent(chance ?? 0)} likely the best`,
        );
  return [
    subtitle(statistics),
    `${format(f.clicks)} clicks of people`,
    `${format(f.confirmed)} confirmed signatures`,
    `${format(f.unsubscribed)} unsubscribed, ${format(f.bounced)} bounced, ${format(f.complained)} complained`,
    ...wordings,
  ].join('. ');
}

function drawNumbers({ columns, row, edge, width }: Layout, { figures: f }: MailingStatistics): string {
  const shown: [label: string, value: number, mark: string][] = [
    ['Sent', f.sent, 's0'],
    ['Clicks', f.clicks, 's1'],
    ['Confirmed', f.confirmed, 's2'],
    ['Unsubscribed', f.unsubscribed, ''],
    ['Bounced', f.bounced, ''],
    ['Complained', f.complained, ''],
  ];
  const column = (width - 2 * edge) / columns;
  return shown
    .map(([label, value, mark], k) => {
      const [x, y] = [edge + (k % columns) * column, 104 + Math.floor(k / columns) * row];
      const share = k === 0 || f.sent === 0 ? '' : percent(value / f.sent);
      const dot = mark === '' ? '' : `<circle class="${mark}" cx="${x + 5}" cy="${y + 15}" r="5"/>`;
      return `<text class="number" x="${x}" y="${y}">${format(value)}</text>${dot}${text(
        x + (mark === '' ? 0 : 15),
        y + 19,
        label,
        'small',
      )}${text(x, y + 36, share, 'small')}`;
    })
    .join('\n');
}

function drawPanels({ plot, ticks }: Layout, { starts, hours, values }: Steps): string {
  const bottom = plot.y + SERIES.length * plot.panel;
  const step = plot.width / starts.length;
  const panels = values.map((series, k) => {
    const most = roundUp(Math.max(...series));
    const [top, base] = [plot.y + k * plot.panel + 34, plot.y + (k + 1) * plot.panel - 8];
    const columns = series.map((value, at) => {
      if (value === 0) return '';
      const tall = Math.max(1.5, ((base - top) * value) / most);
      const wide = Math.min(step * 0.82, 40);
      const x = plot.x + at * step + (step - wide) / 2;
      const said = `${labelOf(starts[at] ?? 0, hours)}: ${format(value)}`;
      return `<rect class="s${k}" x="${x.toFixed(1)}" y="${(base - tall).toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}" rx="1.5"><title>${said}</title></rect>`;
    });
    return `<circle class="s${k}" cx="${plot.x + 5}" cy="${top - 20}" r="5"/>
${text(plot.x + 15, top - 16, SERIES[k]?.label ?? '', 'strong')}
${text(plot.x + plot.width, top - 6, format(most), 'small', 'end')}
<line class="grid" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${top}" y2="${top}"/>
<line class="grid" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${(top + base) / 2}" y2="${(top + base) / 2}"/>
${columns.join('')}
<line class="base" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${base}" y2="${base}"/>`;
  });
  const every = Math.ceil(starts.length / ticks);
  const labels = starts.flatMap((start, at) =>
    at % every === 0 ? text(plot.x + at * step, bottom + 12, labelOf(start, hours), 'small') : [],
  );
  const zone = text(plot.x + plot.width, bottom + 30, unitOf(hours), 'small', 'end');
  return `${panels.join('\n')}\n${labels.join('')}${zone}`;
}

const unitOf = (hours: number): string => {
  if (hours === 1) return 'by the hour, UTC';
  return hours % 24 === 0 && hours > 24
    ? `by ${hours / 24} days, UTC`
    : hours === 24
      ? 'by the day, UTC'
      : `by ${hours} hours, UTC`;
};

const rateOf = ({ mailing }: MailingStatistics, figures: VariantStatistics['figures']): number =>
  figures.sent === 0 ? 0 : successesOf(mailing, figures) / figures.sent;

function drawWordings(
  { wordings: { x, y, width }, name: layout }: Layout,
  statistics: MailingStatistics,
  variants: readonly VariantStatistics[],
): string {
  const metric = statistics.mailing.metric === 'clicks' ? 'Clicks' : 'Confirmed signatures';
  const mark = statistics.mailing.metric === 'clicks' ? 's1' : 's2';
  const rates = variants.map(({ figures }) => {
    const rate = Math.min(1, rateOf(statistics, figures));
    return { rate, ...interval(rate, figures.sent) };
  });
  const most = Math.max(
    0.001,
    ...rates.map(({ high, rate }) => Math.max(rate, Math.min(high, 4 * rate)) * 1.04),
  );
  const lines = variants.map((variant, k) => {
    const { rate, low, high } = rates[k] ?? { rate: 0, low: 0, high: 0 };
    const top = y + 40 + k * ROW;
    const at = (share: number) => x + Math.min(1, share / most) * width;
    const chance =
      variant.chance === null ? '' : `${percent(Math.round(variant.chance * 1000) / 1000)} likely the best`;
    const name = `${short(variant.name, layout === 'wide' ? 26 : 20)}${variant.isWinner ? ' ★' : ''}`;
    return `${text(x, top, name, 'strong')}
${text(x + width, top, percent(rate), 'strong', 'end')}
<rect class="track" x="${x}" y="${top + 8}" width="${width}" height="14" rx="3"/>
<rect class="${mark}" x="${x}" y="${top + 8}" width="${Math.max(0, at(rate) - x).toFixed(1)}" height="14" rx="3"/>
<line class="range" x1="${at(low).toFixed(1)}" x2="${at(high).toFixed(1)}" y1="${top + 15}" y2="${top + 15}"/>
${text(x, top + 38, `${format(variant.figures.sent)} sent`, 'small')}${text(x + width, top + 38, chance, 'small', 'end')}`;
  });
  return `${text(x, y + 14, `${metric} for each mail`, 'small')}\n${lines.join('\n')}`;
}

/** Where a rate lies with 95 %, by Wilson. */
function interval(rate: number, of: number): { low: number; high: number } {
  if (of === 0) return { low: 0, high: 0 };
  const z = 1.96;
  const middle = rate + (z * z) / (2 * of);
  const half = z * Math.sqrt((rate * (1 - rate)) / of + (z * z) / (4 * of * of));
  const whole = 1 + (z * z) / of;
  return { low: Math.max(0, (middle - half) / whole), high: Math.min(1, (middle + half) / whole) };
}

const text = (x: number, y: number, said: string, of = '', anchor?: 'end'): string =>
  said === ''
    ? ''
    : `<text${of === '' ? '' : ` class="${of}"`} x="${x}" y="${y}"${anchor ? ' text-anchor="end"' : ''}>${xml(said)}</text>`;

/** Whole letters, as they are seen. */
function short(name: string, letters: number): string {
  const all = [...new Intl.Segmenter().segment(name)].map(({ segment }) => segment);
  return all.length <= letters ? name : `${all.slice(0, letters - 1).join('')}…`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Without the control characters that XML cannot hold. */
const xml = (said: string): string =>
  said
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
