import { HOUR_MS, MINUTE_MS } from '../../time.js';

/*
 * Token buckets as plain values: what has become of one by an instant, and what a batch or its replies do to it. Times come
 * from outside, so the same calls at the same times give the same result.
 */

export type Bucket = {
  scope: string;
  /** Mails an hour. */
  rate: number;
  /** Thousandths of a mail. */
  tokens: number;
  at: Date;
  notBefore: Date | null;
  successes: number;
  setbacks: number;
  windowMails: number;
  /** Of these, temporarily refused. */
  windowSlow: number;
  windowAt: Date | null;
};

/** The rate of whom nothing slows down, in mails an hour: more than a server can send. */
export const NO_LIMIT = 36_000_000;
/** However often a provider refuses, a mail a minute is tried. */
export const SLOWEST = 60;
/** What may be sent at once after a silence: the mails of so much time, and two at least. */
const BURST_MS = 10_000;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 30 * MINUTE_MS;
/** A clock that runs ahead by more than this is not waited for. */
const CLOCKS_DIFFER_MS = MINUTE_MS;

const burstOf = (rate: number): number => Math.max(2000, Math.floor((rate * BURST_MS) / 3600));

export const newBucket = (scope: string, rate: number, at: Date): Bucket => ({
  scope,
  rate,
  tokens: burstOf(rate),
  at,
  notBefore: null,
  successes: 0,
  setbacks: 0,
  windowMails: 0,
  windowSlow: 0,
  windowAt: null,
});

/** With the tokens that have come since; what is less than a thousandth of a mail goes on counting. */
export function refilled(bucket: Bucket, now: Date): Bucket {
  const { rate } = bucket;
  const passed = now.getTime() - bucket.at.getTime();
  if (passed < -CLOCKS_DIFFER_MS) return { ...bucket, at: now };
  const come = Math.floor((Math.max(0, passed) * rate) / 3600);
  const most = burstOf(rate);
  if (bucket.tokens + come >= most) return { ...bucket, tokens: most, at: passed > 0 ? now : bucket.at };
  const used = Math.ceil((come * 3600) / rate);
  return { ...bucket, tokens: bucket.tokens + come, at: new Date(bucket.at.getTime() + used) };
}

/** How many mails a refilled bucket allows now. */
export const allowed = (bucket: Bucket, now: Date): number =>
  isPaused(bucket, now) ? 0 : Math.floor(bucket.tokens / 1000);

export function taken(bucket: Bucket, mails: number, now: Date): Bucket {
  const isOver = bucket.windowAt === null || now.getTime() - bucket.windowAt.getTime() > MINUTE_MS;
  return {
    ...bucket,
    tokens: bucket.tokens - mails * 1000,
    windowAt: isOver ? now : bucket.windowAt,
    windowMails: (isOver ? 0 : bucket.windowMails) + mails,
    windowSlow: isOver ? 0 : bucket.windowSlow,
  };
}

/** The opposite of `taken`, for mails that were not sent. What is more than a burst goes at the next refill. */
export const returned = (bucket: Bucket, mails: number): Bucket => ({
  ...bucket,
  tokens: bucket.tokens + mails * 1000,
  windowMails: Math.max(0, bucket.windowMails - mails),
});

/** A provider is slowed down if it puts off so large a share of the mails of a minute. */
const TROUBLE = 0.1;

/**
 * Counts temporary refusals, of so many replies that are recorded together. These are often a few, so what matters is the share
 * of all mails since the window began. During a pause nothing is counted: see `slowed`.
 */
export function putOff(
  bucket: Bucket,
  slow: number,
  replies: number,
  now: Date,
): { bucket: Bucket; isTrouble: boolean } {
  if (slow === 0 || isPaused(bucket, now)) return { bucket, isTrouble: false };
  const windowSlow = bucket.windowSlow + slow;
  const isTrouble = windowSlow > TROUBLE * Math.max(bucket.windowMails, replies);
  return { bucket: { ...bucket, windowSlow }, isTrouble };
}

const isPaused = ({ notBefore }: Bucket, now: Date): boolean => notBefore !== null && notBefore > now;

/** How fast it really goes, in mails an hour; undefined: not known. */
function pace({ windowAt, windowMails }: Bucket, now: Date): number | undefined {
  if (windowAt === null || windowMails === 0) return undefined;
  return (windowMails * HOUR_MS) / Math.max(1000, now.getTime() - windowAt.getTime());
}

/**
 * After a temporary refusal: half as fast as it went, and a pause, which doubles while nothing gets through. Refusals that
 * arrive during the pause belong to the same batch, and change nothing.
 */
export function slowed(bucket: Bucket, now: Date): Bucket {
  if (isPaused(bucket, now)) return bucket;
  const real = pace(bucket, now) ?? (bucket.rate < NO_LIMIT ? bucket.rate : 4 * SLOWEST);
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(bucket.setbacks, 10));
  return {
    ...bucket,
    rate: Math.max(SLOWEST, Math.floor(Math.min(bucket.rate, real) / 2)),
    tokens: 0,
    at: now,
    notBefore: new Date(now.getTime() + pause),
    successes: 0,
    setbacks: bucket.setbacks + 1,
    windowMails: 0,
    windowSlow: 0,
    windowAt: null,
  };
}

/** After mails that were taken: a quarter faster once a minute's worth of them got through, up to the limit. */
export function climbed(bucket: Bucket, successes: number, limit: number): Bucket {
  if (bucket.rate >= limit) return bucket;
  const sum = bucket.successes + successes;
  if (sum < Math.max(10, bucket.rate / 60)) return { ...bucket, successes: sum };
  return {
    ...bucket,
    rate: Math.min(limit, Math.ceil(bucket.rate * 1.25)),
    successes: 0,
    setbacks: 0,
  };
}

/**
 * Divides what may be sent among those who want it, each up to what it wants: the smallest first, so that nobody waits
 * behind the largest.
 */
export function divided(total: number, wants: ReadonlyMap<string, number>): Map<string, number> {
  const shares = new Map<string, number>();
  let left = total;
  let others = wants.size;
  for (const [name, want] of [...wants].sort(([a, n], [b, m]) => n - m || (a < b ? -1 : 1))) {
    // Rounded up, so that a few tokens do not go to waste among many.
    const share = Math.max(0, Math.min(want, Math.ceil(left / others)));
    shares.set(name, share);
    left -= share;
    others -= 1;
  }
  return shares;
}
