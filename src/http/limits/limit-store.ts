/** So many requests of one client, key or the like within so many seconds. */
export type Policy = {
  readonly name: string;
  /** As RateLimit-Policy says it. */
  readonly header: string;
  readonly requests: number;
  readonly seconds: number;
  /** Who is beyond it may go on, with a proof of work. */
  readonly soft: boolean;
};

/** Whom a request counts against, under each of its policies. */
export type Bucket = { readonly policy: Policy; readonly key: string };

/** How many requests are left, below zero when this one is too many, and in how many seconds a new window begins. */
export type Left = { policy: Policy; left: number; seconds: number };

/** Where requests are counted. It never throws: a count that is out of reach is no reason to refuse anybody. */
export type LimitStore = {
  /**
   * Counts a request against its buckets, in their order, up to the first that is exceeded. Tells the tightest of them:
   * at once where no network is in between, since that is on the way of every request.
   */
  take(buckets: readonly Bucket[]): Left | Promise<Left>;
  /** Tells what `take` would tell, and counts nothing. */
  look(buckets: readonly Bucket[]): Left | Promise<Left>;
  /** What operators want to know; undefined where there is nothing but this process. */
  state(): SharedState | undefined;
  close(): void;
};

export type SharedState = {
  /** Whether all processes count together right now. */
  shared: boolean;
  /** How often that has ended. */
  outages: number;
  /** Requests that this process has counted on its own meanwhile. */
  alone: number;
};

export const leftOf = (policy: Policy, used: number, ms: number): Left => ({
  policy,
  left: policy.requests - used,
  seconds: Math.ceil(ms / 1000),
});
