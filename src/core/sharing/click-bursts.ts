/*
 * Detects link checkers that pretend to be browsers, from the recent GETs and HEADs of one share link. Such checkers
 * send a GET and about three HEADs within seconds, sometimes each from another address of their cloud. The result
 * depends only on the times of the requests, not on when `settle` is called.
 */

/** A GET is a machine's if a HEAD came from the same network within this time before or after. */
export const AROUND_MS = 10_000;
/** HEADs within this time form a group; a group may belong to a GET that is at most this far away. */
export const TOGETHER_MS = 2000;
/** A group holds at most three HEADs; a fourth one starts the group of another checker. */
const GROUP = 3;
const LEAST_OF_GROUP = 2;
/** This many different browsers of one network within this time are one machine. */
export const AGENTS = 3;
export const AGENTS_MS = 3000;
/** GETs that cannot count are recorded too, at most one in this time, so that HEADs can be matched with them. */
const MARK_MS = 1000;
/** The most groups per link. More is an attack; then HEADs from other networks are ignored. */
const MOST_GROUPS = 100;

export type Visit = { at: number; network: string; counts: boolean; machine: boolean; claimed: boolean };
type Probe = { at: number; explained: boolean };
type Group = { first: number; last: number; probes: Probe[] };
type Place = {
  network: string;
  visitedAt: number;
  probedAt: number;
  markedAt: number;
  visits: Visit[];
  probes: Probe[];
  /** The latest browsers, at most AGENTS of them. */
  agents: Map<string, { at: number; visit: Visit | undefined }>;
};

export class Bursts {
  readonly #places = new Map<string, Place>();
  #visits: Visit[] = [];
  #groups: Group[] = [];

  /** How many entries are remembered. */
  get size(): number {
    return this.#places.size + this.#visits.length;
  }

  /** A GET by an apparent person. `first`: this browser's first one, which may count; then it is returned. */
  visit(at: number, network: string, agent: string, first: boolean): Visit | undefined {
    const place = this.#placeOf(network);
    this.#explain(place, at);
    let visit: Visit | undefined;
    if (first) {
      visit = { at, network, counts: true, machine: at - place.probedAt <= AROUND_MS, claimed: false };
      place.visits.push(visit);
      this.#visits.push(visit);
    } else {
      this.#mark(place, at);
    }
    noteAgent(place, at, agent, visit);
    return visit;
  }

  /** A GET by a declared machine. */
  machine(at: number, network: string): void {
    const place = this.#placeOf(network);
    this.#explain(place, at);
    this.#mark(place, at);
  }

  /** A HEAD. `declared`: by a declared machine, whose HEADs say nothing about the GETs of others. */
  probe(at: number, network: string, declared: boolean): void {
    const place = this.#placeOf(network);
    place.probedAt = at;
    for (const visit of place.visits) if (at - visit.at <= AROUND_MS) visit.machine = true;
    place.visits = [];
    if (declared) return;
    const probe = { at, explained: at - place.visitedAt <= AROUND_MS };
    if (this.#group(probe) && !probe.explained) place.probes.push(probe);
  }

  /** Returns the visits about which nothing more can be learnt after `now`, each once. */
  settle(now: number): Visit[] {
    // A group is judged only when all GETs around it, and all requests from its own addresses, must be known.
    const isOver = ({ last }: Group) => now - last > TOGETHER_MS + AROUND_MS;
    for (const group of this.#groups) if (isOver(group)) this.#claim(group);
    this.#groups = this.#groups.filter((group) => !isOver(group));
    const isRipe = ({ at }: Visit) =>
      now - at > AROUND_MS && !this.#groups.some((group) => distance(at, group) <= TOGETHER_MS);
    const ripe = this.#visits.filter(isRipe);
    if (ripe.length > 0) this.#visits = this.#visits.filter((visit) => !isRipe(visit));
    this.#forget(now);
    return ripe;
  }

  #placeOf(network: string): Place {
    let place = this.#places.get(network);
    if (!place) {
      const [visitedAt, probedAt, markedAt] = [-Infinity, -Infinity, -Infinity];
      place = { network, visitedAt, probedAt, markedAt, visits: [], probes: [], agents: new Map() };
      this.#places.set(network, place);
    }
    return place;
  }

  /** HEADs with a GET from the same network belong to it: they say nothing about GETs from elsewhere. */
  #explain(place: Place, at: number): void {
    place.visitedAt = at;
    for (const probe of place.probes) if (at - probe.at <= AROUND_MS) probe.explained = true;
    place.probes = [];
  }

  #mark(place: Place, at: number): void {
    if (at - place.markedAt < MARK_MS) return;
    place.markedAt = at;
    this.#visits.push({ at, network: place.network, counts: false, machine: true, claimed: false });
  }

  #group(probe: Probe): boolean {
    const open = this.#groups.at(-1);
    if (open && open.probes.length < GROUP && probe.at - open.first <= TOGETHER_MS) {
      open.probes.push(probe);
      open.last = probe.at;
      return true;
    }
    if (this.#groups.length >= MOST_GROUPS) return false;
    this.#groups.push({ first: probe.at, last: probe.at, probes: [probe] });
    return true;
  }

  /** A group of HEADs from other networks marks only the GET that is nearest to its first HEAD. */
  #claim({ probes }: Group): void {
    const strangers = probes.filter(({ explained }) => !explained);
    const [first, last] = [strangers[0]?.at ?? 0, strangers.at(-1)?.at ?? 0];
    if (strangers.length < LEAST_OF_GROUP) return;
    let nearest: Visit | undefined;
    for (const visit of this.#visits) {
      if (visit.claimed || distance(visit.at, { first, last }) > TOGETHER_MS) continue;
      if (!nearest || Math.abs(visit.at - first) < Math.abs(nearest.at - first)) nearest = visit;
    }
    if (nearest) nearest.claimed = nearest.machine = true;
  }

  #forget(now: number): void {
    const recent = ({ at }: { at: number }) => now - at <= AROUND_MS;
    for (const [network, place] of this.#places) {
      if (!recent({ at: Math.max(place.visitedAt, place.probedAt) })) this.#places.delete(network);
      else if (place.visits.length > 0) place.visits = place.visits.filter(recent);
      if (place.probes.length > 0) place.probes = place.probes.filter(recent);
    }
  }
}

const distance = (at: number, { first, last }: Pick<Group, 'first' | 'last'>): number =>
  Math.max(0, first - at, at - last);

function noteAgent({ agents }: Place, at: number, agent: string, visit: Visit | undefined): void {
  const known = agents.get(agent);
  agents.delete(agent);
  agents.set(agent, { at, visit: visit ?? known?.visit });
  const together = [...agents.values()].filter((one) => at - one.at <= AGENTS_MS);
  if (together.length >= AGENTS) {
    for (const one of together) if (one.visit) one.visit.machine = true;
  }
  if (agents.size > AGENTS) agents.delete(agents.keys().next().value ?? '');
}
