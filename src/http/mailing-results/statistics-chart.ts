import type { MailingStatistics, VariantStatistics } from '../../core/mailing-results/statistics.js';
import { successesOf } from '../../core/mailing-results/statistics.js';
import { roundUp, shortened, xml } from '../charts.js';
import { stepsOf, type Steps } from './chart-series.js';
import { SERIES, unitOf, type ChartWords } from './chart-words.js';

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
export function drawStatistics(statistics: MailingStatistics, words: ChartWords): string {
  const wordings = statistics.variants.length > 1 ? statistics.variants : [];
  const narrow = narrowLayout(wordings.length);
  const bottom = wordings.length > 0 ? 46 + wordings.length * ROW : 0;
  const height = narrow.wordings.y + bottom + 24;
  const layouts = [wideLayout(wordings.length, height), narrow];
  const steps = stepsOf(statistics);
  const { name } = statistics.mailing;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="${height}" role="img" aria-labelledby="title desc" xml:lang="${xml(words.locale)}" direction="${words.dir}">
<title id="title">${xml(name)}</title><desc id="desc">${xml(described(statistics, words))}</desc>
<style>${STYLE}</style><rect class="back" width="100%" height="100%"/>
${layouts.map((layout) => drawLayout(layout, height, { statistics, words, steps, wordings })).join('\n')}
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

type Shown = {
  statistics: MailingStatistics;
  words: ChartWords;
  steps: Steps | undefined;
  wordings: readonly VariantStatistics[];
};

function drawLayout(layout: Layout, height: number, { statistics, words, steps, wordings }: Shown): string {
  const { name, width, edge, letters } = layout;
  const drawn = `<text class="title" x="${edge}" y="42">${xml(shortened(statistics.mailing.name, letters))}</text>
<text class="small" x="${edge}" y="64">${xml(subtitle(statistics, words))}</text>
${drawNumbers(layout, statistics, words)}
${steps ? drawPanels(layout, steps, words) : text(edge, layout.plot.y + 30, words.say('nothing'))}
${wordings.length > 0 ? drawWordings(layout, statistics, wordings, words) : ''}`;
  return `<svg class="${name}" width="100%" height="${height}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMin meet">
${words.dir === 'rtl' ? mirrored(drawn, width) : drawn}
</svg>`;
}

/** From right to left: every place on the other side. Words begin where they are placed in both. */
const mirrored = (drawn: string, width: number): string =>
  drawn
    .replace(
      /(<rect [^>]*?\bx=")([\d.]+)("[^>]*? width=")([\d.]+)"/g,
      (_, before: string, x: string, between: string, wide: string) =>
        `${before}${round(width - Number(x) - Number(wide))}${between}${wide}"`,
    )
    .replace(
      /(<(?:text|circle|line) [^>]*?\bc?x1?=")([\d.]+)(")/g,
      (_, before: string, x: string, after: string) => `${before}${round(width - Number(x))}${after}`,
    )
    .replace(/( x2=")([\d.]+)"/g, (_, before: string, x: string) => `${before}${round(width - Number(x))}"`);

const round = (n: number): number => Math.round(n * 10) / 10;

const audienceOf = ({ states }: Pick<MailingStatistics, 'states'>): number =>
  Object.values(states).reduce((total, n) => total + n, 0);

function subtitle({ mailing, states }: MailingStatistics, { say, number }: ChartWords): string {
  const said = { number: number(states.sent), audience: number(audienceOf({ states })) };
  return `${say(`state_${mailing.state}`)} · ${say('sent_of', said)}`;
}

/** The picture in words. */
function described(statistics: MailingStatistics, words: ChartWords): string {
  const { figures, variants } = statistics;
  const wordings =
    variants.length < 2
      ? []
      : variants.map(
          ({ name, figures: some, chance }) =>
            `${name}: ${words.percent(rateOf(statistics, some))}, ${words.say('best', { number: words.percent(chance ?? 0) })}`,
        );
  const shown = (['clicks', 'confirmed', 'unsubscribed', 'bounced', 'complained'] as const).map(
    (figure) => `${words.say(figure)}: ${words.number(figures[figure])}`,
  );
  return [subtitle(statistics, words), ...shown, ...wordings].join('. ');
}

function drawNumbers(
  { columns, row, edge, width }: Layout,
  { figures: f }: MailingStatistics,
  { say, number, percent }: ChartWords,
): string {
  const shown: [label: string, value: number, mark: string][] = [
    [say('sent'), f.sent, 's0'],
    [say('clicks'), f.clicks, 's1'],
    [say('confirmed_short'), f.confirmed, 's2'],
    [say('unsubscribed'), f.unsubscribed, ''],
    [say('bounced'), f.bounced, ''],
    [say('complained'), f.complained, ''],
  ];
  const column = (width - 2 * edge) / columns;
  return shown
    .map(([label, value, mark], k) => {
      const [x, y] = [edge + (k % columns) * column, 104 + Math.floor(k / columns) * row];
      const share = k === 0 || f.sent === 0 ? '' : percent(value / f.sent);
      const dot = mark === '' ? '' : `<circle class="${mark}" cx="${x + 5}" cy="${y + 15}" r="5"/>`;
      return `<text class="number" x="${x}" y="${y}">${number(value)}</text>${dot}${text(
        x + (mark === '' ? 0 : 15),
        y + 19,
        label,
        'small',
      )}${text(x, y + 36, share, 'small')}`;
    })
    .join('\n');
}

function drawPanels({ plot, ticks }: Layout, { starts, hours, values }: Steps, words: ChartWords): string {
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
      const said = xml(`${words.moment(starts[at] ?? 0, hours)}: ${words.number(value)}`);
      return `<rect class="s${k}" x="${x.toFixed(1)}" y="${(base - tall).toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}" rx="1.5"><title>${said}</title></rect>`;
    });
    return `<circle class="s${k}" cx="${plot.x + 5}" cy="${top - 20}" r="5"/>
${text(plot.x + 15, top - 16, words.say(SERIES[k] ?? 'sent'), 'strong')}
${text(plot.x + plot.width, top - 6, words.number(most), 'small', 'end')}
<line class="grid" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${top}" y2="${top}"/>
<line class="grid" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${(top + base) / 2}" y2="${(top + base) / 2}"/>
${columns.join('')}
<line class="base" x1="${plot.x}" x2="${plot.x + plot.width}" y1="${base}" y2="${base}"/>`;
  });
  const every = Math.ceil(starts.length / ticks);
  const labels = starts.flatMap((start, at) =>
    at % every === 0 ? text(plot.x + at * step, bottom + 12, words.moment(start, hours), 'small') : [],
  );
  const zone = text(plot.x + plot.width, bottom + 30, unitOf(hours, words), 'small', 'end');
  return `${panels.join('\n')}\n${labels.join('')}${zone}`;
}

const rateOf = ({ mailing }: MailingStatistics, figures: VariantStatistics['figures']): number =>
  figures.sent === 0 ? 0 : successesOf(mailing, figures) / figures.sent;

function drawWordings(
  { wordings: { x, y, width }, name: layout }: Layout,
  statistics: MailingStatistics,
  variants: readonly VariantStatistics[],
  { say, number, percent }: ChartWords,
): string {
  const figure = say(statistics.mailing.metric === 'clicks' ? 'clicks' : 'confirmed');
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
      variant.chance === null
        ? ''
        : say('best', { number: percent(Math.round(variant.chance * 1000) / 1000) });
    const name = `${shortened(variant.name, layout === 'wide' ? 26 : 20)}${variant.isWinner ? ' ★' : ''}`;
    return `${text(x, top, name, 'strong')}
${text(x + width, top, percent(rate), 'strong', 'end')}
<rect class="track" x="${x}" y="${top + 8}" width="${width}" height="14" rx="3"/>
<rect class="${mark}" x="${x}" y="${top + 8}" width="${Math.max(0, at(rate) - x).toFixed(1)}" height="14" rx="3"/>
<line class="range" x1="${at(low).toFixed(1)}" x2="${at(high).toFixed(1)}" y1="${top + 15}" y2="${top + 15}"/>
${text(x, top + 38, `${say('sent')}: ${number(variant.figures.sent)}`, 'small')}${text(x + width, top + 38, chance, 'small', 'end')}`;
  });
  return `${text(x, y + 14, say('for_each', { figure }), 'small')}\n${lines.join('\n')}`;
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
