import { Bursts } from './click-bursts.js';

/*
 * Which requests of share links were people. It has no clock and touches nothing: the same requests at the same times
 * give the same figures, however often they are settled. Nothing but sums comes out.
 */

export type LinkRequest = {
  link: number;
  /**
   * `visit`: a GET that may be a person; `machine`: one that cannot be; `probe`: a HEAD; `declared_probe`: a HEAD by
   * what says who it is.
   */
  kind: 'visit' | 'machine' | 'probe' | 'declared_probe';
  /** Where it came from and with which program, under names that mean nothing outside. */
  network: string;
  agent: string;
};

export type LinkSum = { link: number; hour: number; requests: number; clicks: number };

/** How much is remembered at most: beyond that requests are counted, and nobody is taken for a person. */
export type ClickLimits = { held: number; browsers: number; networks: number; sums: number };

export const CLICK_LIMITS: ClickLimits = {
  held: 50_000,
  browsers: 250_000,
  networks: 250_000,
  sums: 100_000,
};

/** The same browser on the same link is the same person for so long. */
export const REPEAT_MS = 30 * 60_000;
/** People that one network may be in an hour, through one link. */
export const PEOPLE_AN_HOUR = 30;
const HOUR_MS = 3_600_000;
/** No click is held back for longer. */
const LONGEST_HELD_MS = 30_000;

export type Clicks = {
  /** Takes in a request. */
  note(request: LinkRequest, at: number): void;
  /** What has become certain since the last time; with Infinity, what is held back as well. */
  settle(now: number): LinkSum[];
  /** How many things are remembered. */
  size(): number;
};

export function createClicks(limits: ClickLimits = CLICK_LIMITS): Clicks {
  const links = new Map<number, Bursts>();
  /** When each browser was first seen, the oldest first. */
  const browsers = new Map<string, number>();
  /** How many people each network was in an hour, the oldest first. */
  const networks = new Map<string, { hour: number; people: number }>();
  const sums = new Map<string, LinkSum>();
  let held = 0;

  function sumOf(link: number, at: number): LinkSum | undefined {
    const hour = Math.floor(at / HOUR_MS);
    const id = `${link} ${hour}`;
    let sum = sums.get(id);
    if (!sum && sums.size < limits.sums) {
      sum = { link, hour, requests: 0, clicks: 0 };
      sums.set(id, sum);
    }
    return sum;
  }

  function isFirst({ link, network, agent }: LinkRequest, at: number): boolean {
    const id = `${link} ${network} ${agent}`;
    const since = browsers.get(id);
    if (since === undefined ? browsers.size >= limits.browsers : at - since < REPEAT_MS) return false;
    // The order of the map is that of the times: the oldest are forgotten from its beginning.
    browsers.delete(id);
    browsers.set(id, at);
    return true;
  }

  function isAdmitted(link: number, network: string, at: number): boolean {
    const id = `${link} ${network}`;
    const hour = Math.floor(at / HOUR_MS);
    const known = networks.get(id);
    if (known?.hour === hour) return (known.people += 1) <= PEOPLE_AN_HOUR;
    if (!known && networks.size >= limits.networks) return false;
    networks.delete(id);
    networks.set(id, { hour, people: 1 });
    return true;
  }

  function judge(bursts: Bursts, request: LinkRequest, at: number): void {
    const { kind, network, agent } = request;
    if (kind === 'visit') bursts.visit(at, network, agent, isFirst(request, at));
    else if (kind === 'machine') bursts.machine(at, network);
    else bursts.probe(at, network, kind === 'declared_probe');
  }

  function forget(now: number): void {
    for (const [id, since] of browsers) {
      if (now - since < REPEAT_MS) break;
      browsers.delete(id);
    }
    for (const [id, { hour }] of networks) {
      if (now - (hour + 1) * HOUR_MS < LONGEST_HELD_MS) break;
      networks.delete(id);
    }
  }

  return {
    note(request, at) {
      const sum = sumOf(request.link, at);
      if (!sum) return;
      sum.requests += 1;
      if (held >= limits.held) return;
      let bursts = links.get(request.link);
      if (!bursts) {
        bursts = new Bursts();
        links.set(request.link, bursts);
      }
      const before = bursts.size;
      judge(bursts, request, at);
      held += bursts.size - before;
    },

    settle(now) {
      held = 0;
      for (const [link, bursts] of links) {
        for (const { at, network, counts, machine } of bursts.settle(now)) {
          if (!counts || machine || !isAdmitted(link, network, at)) continue;
          const sum = sumOf(link, at);
          if (sum) sum.clicks += 1;
        }
        if (bursts.size === 0) links.delete(link);
        held += bursts.size;
      }
      forget(now);
      const certain = [...sums.values()];
      sums.clear();
      return certain;
    },

    size: () => held + browsers.size + networks.size + sums.size,
  };
}
