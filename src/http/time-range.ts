import { invalidQuery } from './answers.js';
import { DAY_MS } from '../time.js';

export type TimeRange = { from: Date; before: Date };

/** The span of statistics in milliseconds: the default (`usual`), and the longest allowed (`most`). */
export const DEFAULT_RANGES = {
  hour: { usual: 7 * DAY_MS, most: 366 * DAY_MS },
  day: { usual: 365 * DAY_MS, most: 20 * 366 * DAY_MS },
  /** For sums, whose size does not grow with the span. */
  all: { usual: 20 * 366 * DAY_MS, most: 20 * 366 * DAY_MS },
};

/** The first and the last full hour of RFC 3339: rounding must not leave the years 1 to 9999. */
const FIRST = new Date('0001-01-01T00:00:00Z');
const LAST = new Date('9999-12-31T23:00:00Z');
const within = (instant: Date) => (instant < FIRST ? FIRST : instant > LAST ? LAST : instant);

/** The range of time that a query asks for. Throws `invalid_query`. */
export function timeRangeOf(
  query: { from?: string; before?: string },
  { usual, most }: { usual: number; most: number },
  now: Date,
): TimeRange {
  // Including the current millisecond.
  const before = within(query.before === undefined ? new Date(now.getTime() + 1) : new Date(query.before));
  const from = within(query.from === undefined ? new Date(before.getTime() - usual) : new Date(query.from));
  const span = before.getTime() - from.getTime();
  if (span < 0 || span > most) {
    throw invalidQuery('/from', 'range', `It must be before \`before\`, by at most ${most / DAY_MS} days.`);
  }
  return { from, before };
}
