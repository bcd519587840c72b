import { RecentMap } from '../recent-map.js';

/** How long a petition stays under pressure after the last attempt above the rate. */
const STAYS_MS = 10 * 60_000;
const PETITIONS = 1000;

export type Rate = { requests: number; seconds: number };

/** A sliding window of two fixed ones: the share of the older one that still counts shrinks as the newer one fills. */
type Flow = { window: number; now: number; before: number; until: number };

/** Which petitions are signed so fast that machines must be involved. Kept in this process's memory only. */
export class Pressure {
  readonly #flows = new RecentMap<Flow>(PETITIONS);

  constructor(private readonly above: Rate) {}

  /** Counts an attempt; returns whether the petition is under pressure. */
  note(petitionKey: number, at: number): boolean {
    const { requests, seconds } = this.above;
    const ms = seconds * 1000;
    const window = Math.floor(at / ms);
    const flow = this.#flowOf(petitionKey, window);
    if (flow.window !== window) {
      flow.before = flow.window === window - 1 ? flow.now : 0;
      flow.now = 0;
      flow.window = window;
    }
    flow.now += 1;
    const left = 1 - (at - window * ms) / ms;
    if (flow.now + flow.before * left > requests) flow.until = at + STAYS_MS;
    return flow.until > at;
  }

  #flowOf(petitionKey: number, window: number): Flow {
    const known = this.#flows.get(petitionKey);
    if (known) return known;
    const flow = { window, now: 0, before: 0, until: 0 };
    this.#flows.set(petitionKey, flow);
    return flow;
  }

  isOn(petitionKey: number, at: number): boolean {
    const flow = this.#flows.get(petitionKey);
    return flow !== undefined && flow.until > at;
  }
}
