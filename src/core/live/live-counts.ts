import { eq, inArray } from 'drizzle-orm';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import type { Reader, Store } from '../../store/store.js';
import { countColumns, type Counts } from '../counts/counts.js';
import { statusAt } from '../petitions/petition-life.js';

/** The state of a petition that live followers may need to see. */
export type LiveState = { status: PetitionStatus; goals: readonly number[]; counts: Counts };

export type Follower = {
  /** Called when the state is first read, and whenever it may have changed since. */
  hear(state: LiveState): void;
  /** Called when the state could not be read. The read is repeated. */
  fail(error: unknown): void;
};

export type LivePace = {
  /** The least time between two reads of a petition. */
  restMs: number;
  /**
   * How often all followed petitions are read without a change: petitions close by the clock, and notifications from
   * other processes can get lost.
   */
  lookMs: number;
};

export const LIVE_PACE: LivePace = { restMs: 1000, lookMs: 10_000 };

/** Petitions per query. */
const AT_ONCE = 200;

type Followed = { key: number; follower: Follower; resting: boolean; changed: boolean };

/** Reads followed petitions: at once after a change, then not again until `restMs` have passed. */
export class LiveCounts {
  readonly #followed = new Map<number, Followed>();
  readonly #due = new Set<Followed>();
  #reading = false;
  #stop: (() => void) | undefined;

  constructor(
    private readonly store: Store,
    private readonly now: () => Date,
    private readonly pace: LivePace = LIVE_PACE,
  ) {}

  /** Follows a petition, which may have only one follower. Returns a function that stops. */
  follow(key: number, follower: Follower): () => void {
    const followed: Followed = { key, follower, resting: false, changed: false };
    this.#followed.set(key, followed);
    // Starts watching before the first read, so that no change is missed in between.
    this.#stop ??= this.#watch();
    this.#mark(followed);
    return () => {
      if (this.#followed.get(key) === followed) this.#followed.delete(key);
      this.#due.delete(followed);
      if (this.#followed.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #watch(): () => void {
    const stopWatching = this.store.watch('petitionKey', (keys) => {
      if (keys === null) this.#markAll();
      else for (const key of keys) this.#mark(this.#followed.get(key));
    });
    const looking = setInterval(() => this.#markAll(), this.pace.lookMs).unref();
    return () => {
      stopWatching();
      clearInterval(looking);
    };
  }

  #markAll(): void {
    for (const followed of this.#followed.values()) this.#mark(followed);
  }

  #mark(followed: Followed | undefined): void {
    if (!followed) return;
    if (followed.resting) {
      followed.changed = true;
      return;
    }
    this.#due.add(followed);
    if (this.#reading) return;
    this.#reading = true;
    // Not in the same turn as the commit, so that the answers to its signers leave first.
    setImmediate(() => void this.#readDue());
  }

  /** Runs one query after another, so that an older state never arrives after a newer one. */
  async #readDue(): Promise<void> {
    while (this.#due.size > 0) {
      const some = [...this.#due].slice(0, AT_ONCE);
      for (const followed of some) {
        this.#due.delete(followed);
        followed.resting = true;
        followed.changed = false;
      }
      await this.#read(some);
      setTimeout(() => this.#wake(some), this.pace.restMs).unref();
    }
    this.#reading = false;
  }

  async #read(some: Followed[]): Promise<void> {
    try {
      const states = await readLive(
        this.store.read,
        some.map(({ key }) => key),
        this.now(),
      );
      for (const followed of some) {
        const state = states.get(followed.key);
        if (state && this.#followed.get(followed.key) === followed) followed.follower.hear(state);
      }
    } catch (error) {
      for (const followed of some) {
        followed.changed = true;
        followed.follower.fail(error);
      }
    }
  }

  #wake(some: Followed[]): void {
    for (const followed of some) {
      followed.resting = false;
      if (followed.changed && this.#followed.get(followed.key) === followed) this.#mark(followed);
    }
  }
}

async function readLive(on: Reader, keys: number[], now: Date): Promise<Map<number, LiveState>> {
  const { petitions: p, petitionCounts: c } = on.tables;
  const rows = await on.db
    .select({
      key: p.key,
      status: p.status,
      opensAt: p.opensAt,
      closesAt: p.closesAt,
      goals: p.goals,
      ...countColumns(on.tables),
    })
    .from(p)
    .leftJoin(c, eq(c.petitionKey, p.key))
    .where(inArray(p.key, keys))
    .groupBy(p.key);
  return new Map(
    rows.map(({ key, status, opensAt, closesAt, goals, ...counts }) => [
      key,
      { status: statusAt({ status, opensAt, closesAt }, now), goals, counts },
    ]),
  );
}
