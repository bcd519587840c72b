import fc from 'fast-check';
import t from 'tap';
import { NO_COUNTS } from '../../../src/core/counts/counts.js';
import { drawGrowth, type GrowthContent } from '../../../src/http/counts/growth-chart.js';
import { growthWords } from '../../../src/http/counts/growth-words.js';
import { loadLocales } from '../../../src/mail/load-locales.js';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 28, 14, 30);
const locales = loadLocales();

type Point = GrowthContent['grown']['points'][number];

const contentOf = (
  points: Point[],
  more: Partial<GrowthContent> = {},
  goals: number[] = [],
): GrowthContent => ({
  title: 'Keep the Old Mill Meadows a meadow',
  color: '#0b6b50',
  isOpen: true,
  goal: null,
  theme: undefined,
  grown: {
    counts: NO_COUNTS,
    points,
    milestones: goals.map((value) => ({
      value,
      reachedAt: new Date(points.find(({ total }) => total >= value)?.at ?? NOW),
    })),
    thresholds: [],
  },
  ...more,
});

/** As many points as there can be, up and down by odd numbers, which make the longest path. */
const longest = Array.from({ length: 120 }, (_, i): Point => ({
  at: NOW - 3650 * DAY + Math.round((i * 3650 * DAY) / 119),
  total: i === 0 ? 0 : i * 7_654_321 + (i % 2) * 5_432_100,
}));

t.test('at its longest it has less than 10 kB, in every language', (t) => {
  const goals = Array.from({ length: 50 }, (_, i) => (i + 1) * 12_345_678);
  const thresholds = Array.from({ length: 10 }, (_, i) => ({
    value: (i + 1) * 23_456_789,
    promise: 'يردّ المجلس '.repeat(25),
    reachedAt: new Date(NOW - i * DAY),
  }));
  const content = contentOf(longest, { title: 'أبقوا المروج '.repeat(15), goal: 1_900_000_000 }, goals);
  const grown = { ...content.grown, thresholds, counts: { ...NO_COUNTS, paper: 123_456, offsets: 654_321 } };
  for (const tag of locales.tags) {
    const { svg } = drawGrowth({ ...content, grown }, growthWords(locales.pick(tag)));
    t.ok(Buffer.byteLength(svg) < 10_000, `${tag}: ${Buffer.byteLength(svg)} bytes`);
  }
  t.end();
});

t.test('no two words stand in each other, and all are inside', (t) => {
  const point = fc.record({ gap: fc.integer({ min: 1, max: 50 }), more: fc.integer({ min: 0, max: 4000 }) });
  const cases = fc.record({
    steps: fc.array(point, { minLength: 1, maxLength: 100 }),
    goals: fc.uniqueArray(fc.integer({ min: 1, max: 100_000 }), { maxLength: 50 }),
    goal: fc.option(fc.integer({ min: 1, max: 500_000 })),
    tag: fc.constantFrom('en', 'de', 'ar'),
  });
  fc.assert(
    fc.property(cases, ({ steps, goals, goal, tag }) => {
      const points: Point[] = [{ at: 0, total: 0 }];
      for (const { gap, more } of steps) {
        const { at, total } = points.at(-1) ?? { at: 0, total: 0 };
        points.push({ at: at + gap * DAY, total: total + more });
      }
      const last = points.at(-1)?.total ?? 0;
      const reached = goals.filter((one) => one <= last).sort((a, b) => a - b);
      const shown = contentOf(points, { goal: goal !== null && goal > last ? goal : null }, reached);
      const { svg } = drawGrowth(shown, growthWords(locales.pick(tag)));
      for (const [name, width, height, small] of [
        ['wide', 640, 360, 15],
        ['narrow', 320, 180, 12],
      ] as const) {
        const layout = new RegExp(`<svg class="${name}".*?</svg>`, 's').exec(svg)?.[0] ?? '';
        const places = [
          ...layout.matchAll(/<text class="small" x="([\d.-]+)" y="([\d.-]+)"( text-anchor="middle")?>/g),
        ];
        for (const [, x, y] of places) {
          t.ok(Number(x) >= 0 && Number(x) <= width && Number(y) > 0 && Number(y) < height, `${x}, ${y}`);
        }
        const marks = places
          .filter(([, , , anchor]) => anchor)
          .map(([, x, y]) => [Number(x), Number(y)] as const);
        for (const [i, [x, y]] of marks.entries()) {
          const isFree = marks
            .slice(i + 1)
            .every(([u, v]) => Math.abs(u - x) > small || Math.abs(v - y) > small);
          t.ok(isFree, `${name}, ${tag}: ${x}, ${y}`);
        }
        t.equal(layout.match(/<circle/g)?.length ?? 0, Math.min(20, reached.length), 'each is marked');
      }
      t.notMatch(svg, /NaN|Infinity|undefined/);
    }),
    { numRuns: 100 },
  );
  t.end();
});
