import { RecentMap } from '../../core/recent-map.js';
import { leftOf, type Bucket, type Left, type LimitStore, type Policy } from './limit-store.js';

/**
 * At least this many clients are remembered under each policy, and at most twice as many. Least recently seen go first.
 */
const CLIENTS = 100_000;

/** What is left of a limit when requests have to be counted one by one. */
const LAST_PART = 0.1;

/** The number of requests of a client since its window began. */
type Window = { used: number; endsAt: number };

/**
 * Counts requests in this process. A window begins with a client's first request, and ends after the policy's seconds.
 */
export class LocalLimits implements LimitStore {
  readonly #windows = new Map<Policy, RecentMap<Window, string>>();

  take(buckets: readonly Bucket[]): Left {
    return tightest(buckets, (bucket, now) => {
      const window = this.#open(bucket, now) ?? this.#begin(bucket, now);
      window.used += 1;
      return leftOf(bucket.policy, window.used, window.endsAt - now);
    });
  }

  takeIfLeft(buckets: readonly Bucket[]): Left | undefined {
    const now = Date.now();
    const windows = buckets.map((bucket) => this.#open(bucket, now) ?? this.#begin(bucket, now));
    if (windows.some(({ used }, i) => used >= (buckets[i] as Bucket).policy.requests)) return undefined;
    let tightest: Left | undefined;
    for (const [i, window] of windows.entries()) {
      window.used += 1;
      const left = leftOf((buckets[i] as Bucket).policy, window.used, window.endsAt - now);
      if (!tightest || left.left < tightest.left) tightest = left;
    }
    return tightest;
  }

  add(buckets: readonly Bucket[], requests: number): number {
    const now = Date.now();
    let seconds = 0;
    for (const bucket of buckets) {
      const window = this.#open(bucket, now) ?? this.#begin(bucket, now);
      window.used += requests;
      const { left, seconds: rest } = leftOf(bucket.policy, window.used, window.endsAt - now);
      if (left <= bucket.policy.requests * LAST_PART) seconds = Math.max(seconds, rest);
    }
    return seconds;
  }

  look(buckets: readonly Bucket[]): Left {
    return tightest(buckets, (bucket, now) => {
      const { used, endsAt } = this.#open(bucket, now) ?? newWindow(bucket, now);
      return leftOf(bucket.policy, used + 1, endsAt - now);
    });
  }

  state(): undefined {
    return undefined;
  }

  close(): void {
    this.#windows.clear();
  }

  #open({ policy, key }: Bucket, now: number): Window | undefined {
    const window = this.#windows.get(policy)?.get(key);
    return window && window.endsAt > now ? window : undefined;
  }

  #begin(bucket: Bucket, now: number): Window {
    const { policy, key } = bucket;
    let windows = this.#windows.get(policy);
    if (!windows) this.#windows.set(policy, (windows = new RecentMap(CLIENTS)));
    const window = newWindow(bucket, now);
    windows.set(key, window);
    return window;
  }
}

const newWindow = ({ policy }: Bucket, now: number): Window => ({
  used: 0,
  endsAt: now + policy.seconds * 1000,
});

/** The bucket with the fewest requests left, evaluated in order up to the first that is exceeded. */
function tightest(buckets: readonly Bucket[], leftIn: (bucket: Bucket, now: number) => Left): Left {
  const now = Date.now();
  let tightest: Left | undefined;
  for (const bucket of buckets) {
    const left = leftIn(bucket, now);
    if (!tightest || left.left < tightest.left) tightest = left;
    if (left.left < 0) break;
  }
  return tightest as Left;
}
