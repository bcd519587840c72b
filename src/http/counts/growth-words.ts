import type { Grown } from '../../core/petitions/pictures.js';
import type { Catalogue } from '../../mail/catalogue.js';
import { say } from '../../mail/words.js';
import { DAY_MS } from '../../time.js';
import { shortened } from '../charts.js';

/* What the picture of a petition's growth says, in the language of its reader. */

/** The goals that the description tells of: the highest that were reached. */
const MOST_TOLD = 8;

export type GrowthWords = {
  locale: string;
  dir: 'ltr' | 'rtl';
  title: (petition: string) => string;
  /** `isOpen`: it can be signed, so that nothing is a beginning. */
  count: (total: number, isOpen: boolean) => string;
  goal: (value: number) => string;
  number: (value: number) => string;
  /** What stands under the ends of the line, which is so long. */
  moment: (at: number, spanMs: number) => string;
  /** The picture in words. */
  described: (grown: Grown, facts: { isOpen: boolean; goal: number | null }) => string;
};

export function growthWords({ locale, dir, picture, embed }: Catalogue): GrowthWords {
  // Digits that every font has. English is read everywhere: the day before the month.
  const tag = locale === 'en' ? 'en-GB' : locale;
  const latn = { numberingSystem: 'latn' };
  const numbers = new Intl.NumberFormat(tag, latn);
  const plurals = new Intl.PluralRules(tag);
  const utc = { ...latn, timeZone: 'UTC' };
  const day = new Intl.DateTimeFormat(tag, { ...utc, dateStyle: 'long' });
  const number = (value: number) => numbers.format(value);
  const count = (total: number, isOpen: boolean) =>
    total <= 0 && isOpen
      ? say(picture.first)
      : say(picture.signatures, { number: number(total), plural: plurals.select(total) });
  const goal = (value: number) => say(picture.goal, { number: number(value) });
  return {
    locale,
    dir,
    title: (petition) => say(picture.growth, { petition }),
    count,
    goal,
    number,
    moment: (at, spanMs) => new Intl.DateTimeFormat(tag, { ...utc, ...partsOf(spanMs) }).format(at),
    described({ counts, points, milestones, thresholds }, { isOpen, goal: next }) {
      const [first, last] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
      const total = points.at(-1)?.total ?? 0;
      const parts = [
        ...(counts.paper > 0 ? [say(embed.on_paper, { count: number(counts.paper) })] : []),
        ...(counts.offsets > 0 ? [say(embed.from_elsewhere, { count: number(counts.offsets) })] : []),
      ];
      const others = parts.length === 0 ? '' : `, ${say(embed.including, { parts: listOf(tag, parts) })}`;
      const reached = milestones
        .slice(-MOST_TOLD)
        .map(
          ({ value, reachedAt }) =>
            `${say(picture.goal_reached, { number: number(value) })}: ${day.format(reachedAt)}.`,
        );
      const kept = thresholds.flatMap(({ value, promise, reachedAt }) =>
        reachedAt === null
          ? []
          : [
              `${say(embed.threshold_reached, { goal: number(value) })} ${shortened(promise, 90)} (${day.format(reachedAt)}).`,
            ],
      );
      const said = `${day.formatRange(first, last)}: ${count(total, isOpen)}${others}.`;
      return [said, ...reached, ...kept, ...(next === null ? [] : [`${goal(next)}.`])].join(' ');
    },
  };
}

const listOf = (tag: string, parts: string[]): string => new Intl.ListFormat(tag).format(parts);

/** As much of a date as says where in so long a time it is. */
function partsOf(spanMs: number): Intl.DateTimeFormatOptions {
  if (spanMs < 3 * DAY_MS) return { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  if (spanMs < 300 * DAY_MS) return { day: 'numeric', month: 'short' };
  return { month: 'short', year: 'numeric' };
}
