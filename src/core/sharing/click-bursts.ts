/*
 * The GETs and HEADs of one share link in the last seconds, and which of the GETs were machines that call themselves
 * browsers. Checkers of links send a GET and about three HEADs within seconds, sometimes each from another address of
 * their cloud. Everything follows from the times of the requests alone, whenever `settle` is called.
 */

/** A HEAD from the same network, so long before or after, gives a GET away. */
export const AROUND_MS = 10_000;
/** HEADs that come within this belong together, and to a GET that is no farther from them. */
export const TOGETHER_MS = 2000;
/** A fourth HEAD begins the group of another checker. */
const GROUP = 3;
const LEAST_OF_GROUP = 2;
/** So many different browsers of one network within so long are one machine. */
export const AGENTS = 3;
export const AGENTS_MS = 3000;
/** A GET that cannot count is still remembered, once in this time: HEADs may belong to it. */
const MARK_MS = 1000;
/** Of one link. More at once is an attack: then HEADs from elsewhere say nothing any more. */
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
  /** The browsers that were seen last, at most as many as are too many. */
  agents: Map<string, { at: number; visit: Visit | undefined }>;
};

export class Bursts {
  readonly #places = new Map<string, Place>();
  #visits: Visit[] = [];
  #groups: Group[] = [];

  /** How much is remembered. */
  get size(): number {
    return this.#places.size + this.#visits.length;
  }

  /** A GET by what looks like a person; `first`: the first one of this browser, that may count. */
  visit(at: number, network: string, agent: string, first: boolean): void {
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
  }

  /** A GET by what says itself that it is no person. */
  machine(at: number, network: string): void {
    const place = this.#placeOf(network);
    this.#explain(place, at);
    this.#mark(place, at);
  }

  /** A HEAD; `declared`: by what says itself that it is no person, and so belongs to nobody else's GET. */
  probe(at: number, network: string, declared: boolean): void {
    const place = this.#placeOf(network);
    place.probedAt = at;
    for (const visit of place.visits) if (at - visit.at <= AROUND_MS) visit.machine = true;
    place.visits = [];
    if (declared) return;
    const probe = { at, explained: at - place.visitedAt <= AROUND_MS };
    if (this.#group(probe) && !probe.explained) place.probes.push(probe);
  }

  /** The visits about which nothing more can be learnt after `now`. Each is handed out once. */
  settle(now: number): Visit[] {
    // First everything must be known of the GETs around a group, and of its own addresses.
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

  /** HEADs and a GET of one network belong to each other: they say nothing about GETs from elsewhere. */
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

  /** A group of HEADs from elsewhere takes the GET that is nearest to its first, and no other. */
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
