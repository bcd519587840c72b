import { Bursts } from './click-bursts.js';
import { Sweeps } from './click-sweeps.js';
import { HOUR_MS } from '../../time.js';

/*
 * Decides which requests of links were people, from what src/http/sharing/previewers.ts knows of User-Agents,
 * click-bursts.ts of bursts, and click-sweeps.ts of mails whose links are all opened. It has no clock and no I/O: the same requests at the same times
 * give the same sums, no matter how often they are settled. Only sums come out.
 */

export type LinkRequest = {
  link: number;
  /** The mail that the link is in, with others; absent: it stands alone. */
  mail?: number | undefined;
  /**
   * `visit`: a GET that may be a person's; `machine`: one that cannot be; `probe`: a HEAD; `declared_probe`: a HEAD by
   * a program that identifies itself as a machine.
   */
  kind: 'visit' | 'machine' | 'probe' | 'declared_probe';
  /** The sender's network and program, as names that mean nothing elsewhere. */
  network: string;
  agent: string;
};

/** `machines`: GETs that were not people. HEADs, and the same browser again, are only in `requests`. */
export type LinkSum = { link: number; hour: number; requests: number; clicks: number; machines: number };

/** How much is remembered at most. Beyond that, requests are still counted, but none as a person's. */
export type ClickLimits = { held: number; browsers: number; networks: number; sums: number };

export const CLICK_LIMITS: ClickLimits = {
  held: 50_000,
  browsers: 250_000,
  networks: 250_000,
  sums: 100_000,
};

/** How long the same browser on the same link is the same person. */
export const REPEATED_CLICK_MS = 30 * 60_000;
/** How many people one network may count as per hour, through one link. */
export const PEOPLE_AN_HOUR = 30;
/** No click stays undecided for longer. */
const LONGEST_HELD_MS = 30_000;

export class Clicks {
  readonly #links = new Map<number, Bursts>();
  /** When each browser was first seen, oldest first. */
  readonly #browsers = new Map<string, number>();
  /** How many people each network was within an hour, oldest first. */
  readonly #networks = new Map<string, { hour: number; people: number }>();
  readonly #sums = new Map<string, LinkSum>();
  readonly #sweeps = new Sweeps();
  /** Requests that are undecided. */
  #held = 0;

  constructor(private readonly limits: ClickLimits = CLICK_LIMITS) {}

  /** The number of entries in memory. */
  get size(): number {
    return this.#held + this.#browsers.size + this.#networks.size + this.#sums.size + this.#sweeps.size;
  }

  /** Counts a request. `at` is in milliseconds, and must never decrease. */
  note(request: LinkRequest, at: number): void {
    const sum = this.#sumOf(request.link, at);
    if (!sum) return;
    sum.requests += 1;
    if (request.kind === 'machine') sum.machines += 1;
    if (this.#held >= this.limits.held) return;
    let bursts = this.#links.get(request.link);
    if (!bursts) {
      bursts = new Bursts();
      this.#links.set(request.link, bursts);
    }
    const before = bursts.size;
    this.#judge(bursts, request, at);
    this.#held += bursts.size - before;
  }

  /** Returns and clears the sums that have become final; with Infinity, of all requests. */
  settle(now: number): LinkSum[] {
    this.#held = 0;
    for (const [link, bursts] of this.#links) {
      for (const { at, network, counts, machine } of bursts.settle(now)) {
        const sum = counts && this.#sumOf(link, at);
        if (!sum) continue;
        sum[machine || !this.#isAdmitted(link, network, at) ? 'machines' : 'clicks'] += 1;
      }
      if (bursts.size === 0) this.#links.delete(link);
      this.#held += bursts.size;
    }
    this.#forget(now);
    const certain = [...this.#sums.values()];
    this.#sums.clear();
    return certain;
  }

  #sumOf(link: number, at: number): LinkSum | undefined {
    const hour = Math.floor(at / HOUR_MS);
    const id = `${link} ${hour}`;
    let sum = this.#sums.get(id);
    if (!sum && this.#sums.size < this.limits.sums) {
      sum = { link, hour, requests: 0, clicks: 0, machines: 0 };
      this.#sums.set(id, sum);
    }
    return sum;
  }

  #judge(bursts: Bursts, request: LinkRequest, at: number): void {
    const { link, mail, kind, network, agent } = request;
    if (kind === 'visit') {
      const visit = bursts.visit(at, network, agent, this.#isFirst(request, at));
      if (mail !== undefined) this.#sweeps.note(`${mail} ${network} ${agent}`, link, at, visit);
    } else if (kind === 'machine') bursts.machine(at, network);
    else bursts.probe(at, network, kind === 'declared_probe');
  }

  #isFirst({ link, network, agent }: LinkRequest, at: number): boolean {
    const id = `${link} ${network} ${agent}`;
    const since = this.#browsers.get(id);
    const { browsers: most } = this.limits;
    if (since === undefined ? this.#browsers.size >= most : at - since < REPEATED_CLICK_MS) return false;
    // Re-inserting keeps the map ordered by time, so that forgetting can stop at the first recent entry.
    this.#browsers.delete(id);
    this.#browsers.set(id, at);
    return true;
  }

  #isAdmitted(link: number, network: string, at: number): boolean {
    const id = `${link} ${network}`;
    const hour = Math.floor(at / HOUR_MS);
    const known = this.#networks.get(id);
    if (known?.hour === hour) return (known.people += 1) <= PEOPLE_AN_HOUR;
    if (!known && this.#networks.size >= this.limits.networks) return false;
    this.#networks.delete(id);
    this.#networks.set(id, { hour, people: 1 });
    return true;
  }

  #forget(now: number): void {
    this.#sweeps.forget(now);
    for (const [id, since] of this.#browsers) {
      if (now - since < REPEATED_CLICK_MS) break;
      this.#browsers.delete(id);
    }
    for (const [id, { hour }] of this.#networks) {
      if (now - (hour + 1) * HOUR_MS < LONGEST_HELD_MS) break;
      this.#networks.delete(id);
    }
  }
}
