import type { MailingStatistics } from '../../core/mailing-results/statistics.js';
import { SERIES } from './chart-words.js';

/* The figures of a chart over time: hours in steps that fit. */

/** Hours in one step. */
const STEPS = [1, 2, 3, 6, 12, 24, 48, 168, 336];
const LONGEST = 720;
const MOST_STEPS = 56;

export type Steps = {
  /** When each begins, in hours since 1970. */
  starts: number[];
  hours: number;
  /** The numbers of each series, in its steps. */
  values: number[][];
};

/** From the first hour in which anything of a series happened to the last; undefined: nothing has. */
export function stepsOf({ hours }: MailingStatistics): Steps | undefined {
  const busy = hours.filter(({ figures }) => SERIES.some((figure) => figures[figure] > 0));
  const [first, last] = [busy[0]?.hour, busy.at(-1)?.hour];
  if (first === undefined || last === undefined) return undefined;
  const step = STEPS.find((one) => (last - first + 1) / one <= MOST_STEPS - 1) ?? LONGEST;
  const begin = first - (first % step);
  // A mailing of one hour is a column, not a wall.
  const count = Math.max(6, Math.floor((last - begin) / step) + 1);
  const starts = Array.from({ length: count }, (_, k) => begin + k * step);
  const values = SERIES.map((figure) => {
    const sums = starts.map(() => 0);
    for (const { hour, figures } of busy) {
      const k = Math.floor((hour - begin) / step);
      sums[k] = (sums[k] ?? 0) + figures[figure];
    }
    return sums;
  });
  return { starts, hours: step, values };
}
