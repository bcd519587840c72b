import { waitForGroup, type GroupWait } from '../group-wait.js';
import type { Tx } from '../store.js';
import type { Outcome, Work } from './interleaved-group.js';

const MAX_GROUP = 500;

type Job = {
  touches: readonly string[];
  work: Work;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
};

export type GatherOptions = {
  /** How many groups may run at the same time. */
  groups: number;
  arrivals: () => number;
  /** Commits works together. Throws, with nothing stored, if one failed after it had written. */
  together: (works: readonly Work[]) => Promise<Outcome[]>;
  /** Runs a work in its own transaction. */
  alone: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
  /** Whether an error would hit every work, so that running them separately is of no use. */
  isAboutAll: (error: unknown) => boolean;
  /** Translates a driver's error for callers. */
  explain: (error: unknown) => unknown;
};

/**
 * Runs works that wait at the same moment as one group. While the allowed number of groups is running, the next one
 * gathers, so groups get larger under load.
 */
export class Gatherer {
  #queue: Job[] = [];
  /** What the waiting works will touch. */
  readonly #touched = new Set<string>();
  #armed = false;
  #underWay = 0;
  readonly #company: GroupWait;

  constructor(private readonly options: GatherOptions) {
    this.#company = { waiting: () => this.waiting, most: MAX_GROUP, arrivals: options.arrivals };
  }

  get waiting(): number {
    return this.#queue.length;
  }

  gather<T>(touches: readonly string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    // Works that touch the same must not share a transaction: separate ones are kept apart by the rows that they lock.
    const isTouched = touches.some((one) => this.#touched.has(one));
    if (isTouched || this.options.groups === 0) return this.options.alone(work);
    return new Promise<T>((resolve, reject) => {
      for (const one of touches) this.#touched.add(one);
      this.#queue.push({ touches, work, resolve, reject });
      this.#arm();
    });
  }

  #arm() {
    if (this.#armed || this.#queue.length === 0 || this.#underWay >= this.options.groups) return;
    this.#armed = true;
    waitForGroup(this.#company, () => void this.#flush());
  }

  async #flush() {
    this.#armed = false;
    const group = this.#queue.splice(0, MAX_GROUP);
    for (const { touches } of group) for (const one of touches) this.#touched.delete(one);
    this.#underWay += 1;
    this.#arm();
    await this.#settle(group);
    this.#underWay -= 1;
    this.#arm();
  }

  /**
   * Settles all works of a group. No work may fail because of another one: where that is possible, each half is run
   * again without the other.
   */
  async #settle(group: readonly Job[]): Promise<void> {
    const { alone, together, isAboutAll, explain } = this.options;
    const [first, ...others] = group;
    if (first && others.length === 0) {
      const answering = alone(first.work) as Promise<never>;
      return answering.then(first.resolve, first.reject);
    }
    try {
      const outcomes = await together(group.map(({ work }) => work));
      for (const [i, outcome] of outcomes.entries()) {
        if ('value' in outcome) group[i]?.resolve(outcome.value as never);
        else group[i]?.reject(explain(outcome.error));
      }
    } catch (error) {
      if (isAboutAll(error)) {
        for (const { reject } of group) reject(explain(error));
      } else {
        const half = group.length >> 1;
        await Promise.all([this.#settle(group.slice(0, half)), this.#settle(group.slice(half))]);
      }
    }
  }
}
