/** The package ships this class, but not its type. */
declare module '@fastify/rate-limit/store/LocalStore.js' {
  export default class LocalStore {
    constructor(continueExceeding: boolean, exponentialBackoff: boolean, cache: number);
    /** Counts synchronously. `ttl`: milliseconds until the window ends. */
    incr(
      key: string,
      told: (error: Error | null, counted: { current: number; ttl: number }) => void,
      timeWindowMs: number,
      max: number,
    ): void;
    /** Tells the same, and counts nothing; 0 and 0 when there is no window. */
    read(
      key: string,
      told: (error: Error | null, counted: { current: number; ttl: number }) => void,
      timeWindowMs: number,
    ): void;
  }
}
