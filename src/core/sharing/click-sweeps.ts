import { AROUND_MS, type Visit } from './click-bursts.js';

/*
 * Detects scanners of mail that pretend to be browsers and send no HEAD: they open the links of one mail one after the
 * other, which people do not.
 */

/** One browser that opens this many links of one mail within AROUND_MS is a machine. */
export const SWEPT_LINKS = 3;
/** And so is one that opens two of them at once. */
export const AT_ONCE_MS = 1000;
/** The latest openings that are remembered of one browser. */
const MOST_OPENED = 20;

type Opened = { at: number; link: number; visit: Visit | undefined };

export class Sweeps {
  /** By mail, network and program; the one that was last seen longest ago is first. */
  readonly #browsers = new Map<string, Opened[]>();

  /** How many entries are remembered. */
  get size(): number {
    return this.#browsers.size;
  }

  /** `visit`: what may count as a person's; it is marked, and those before it, where they turn out to be a machine's. */
  note(browser: string, link: number, at: number, visit: Visit | undefined): void {
    const before = (this.#browsers.get(browser) ?? []).filter((one) => at - one.at <= AROUND_MS);
    const opened = [...before, { at, link, visit }].slice(-MOST_OPENED);
    this.#browsers.delete(browser);
    this.#browsers.set(browser, opened);
    if (!isSweep(opened, at)) return;
    for (const one of opened) if (one.visit) one.visit.machine = true;
  }

  forget(now: number): void {
    for (const [browser, opened] of this.#browsers) {
      if (now - (opened.at(-1)?.at ?? 0) <= AROUND_MS) break;
      this.#browsers.delete(browser);
    }
  }
}

function isSweep(opened: readonly Opened[], at: number): boolean {
  const links = (some: readonly Opened[]) => new Set(some.map(({ link }) => link)).size;
  return links(opened) >= SWEPT_LINKS || links(opened.filter((one) => at - one.at <= AT_ONCE_MS)) > 1;
}
