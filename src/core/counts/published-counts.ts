import type { Reader } from '../../store/store.js';
import { readCounts, totalOf } from './counts.js';

const MAX_AGE_MS = 1000;

export type PublishedCounts = {
  /** A petition's total, at most a second old. Read it before the request takes effect. */
  total(on: Reader, petitionKey: number): Promise<number>;
};

/**
 * The count in answers to callers without a secret key. It must never include the effect of the request itself: the
 * difference would show whether the address had signed before.
 */
export function createPublishedCounts(now: () => Date): PublishedCounts {
  const published = new Map<number, { total: number; at: number }>();
  return {
    async total(on, petitionKey) {
      const known = published.get(petitionKey);
      const at = now().getTime();
      if (known && at - known.at < MAX_AGE_MS) return known.total;
      const total = totalOf(await readCounts(on, petitionKey));
      published.set(petitionKey, { total, at });
      return total;
    },
  };
}
