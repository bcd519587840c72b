/** A rate limit: at most `requests` within `seconds`, for one client, network or key. */
export type Policy = {
  readonly name: string;
  /** Its entry in the RateLimit-Policy header. */
  readonly header: string;
  readonly requests: number;
  readonly seconds: number;
  /** Whether callers beyond it may continue with a proof of work. */
  readonly soft: boolean;
};

/** A counter: what a request counts against under one policy. */
export type Bucket = { readonly policy: Policy; readonly key: string };

/** The requests left under a policy (negative when this one is too many), and the seconds until a new window begins. */
export type Left = { policy: Policy; left: number; seconds: number };

/** Where requests are counted. It never throws: when the counts cannot be reached, no request is refused for that. */
export type LimitStore = {
  /**
   * Counts a request against its buckets, in order, up to the first that is exceeded, and returns the one with the
   * fewest requests left. Synchronous where no network is involved, since every request passes here.
   */
  take(buckets: readonly Bucket[]): Left | Promise<Left>;
  /**
   * Counts a request against all of its buckets, or against none if it is one too many for one of them: then it returns
   * undefined. Absent where counting needs the network.
   */
  takeIfLeft?(buckets: readonly Bucket[]): Left | undefined;
  /**
   * Counts requests that were answered somewhere else. Returns for how many seconds that must not go on, because a bucket
   * is in its last tenth, or beyond; 0: it may. Absent where counting needs the network.
   */
  add?(buckets: readonly Bucket[], requests: number): number;
  /** Returns what `take` would return, without counting. */
  look(buckets: readonly Bucket[]): Left | Promise<Left>;
  /** For the metrics; undefined where requests are counted in this process alone. */
  state(): SharedState | undefined;
  close(): void;
};

export type SharedState = {
  /** Whether all processes count together right now. */
  shared: boolean;
  /** How often counting together has failed. */
  outages: number;
  /** Requests that this process counted alone during outages. */
  alone: number;
};

export const leftOf = (policy: Policy, used: number, ms: number): Left => ({
  policy,
  left: policy.requests - used,
  seconds: Math.ceil(ms / 1000),
});
