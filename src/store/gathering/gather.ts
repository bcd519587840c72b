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
  /** Groups that may be under way at the same time. */
  groups: number;
  arrivals: () => number;
  /** Commits works together; throws, with nothing stored, when one has failed half done. */
  together: (works: readonly Work[]) => Promise<Outcome[]>;
  /** Runs a work in a transaction of its own. */
  alone: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
  /** Whether an error is no matter of one work: each would hear it by itself too. */
  isAboutAll: (error: unknown) => boolean;
  /** A driver's error as callers should hear of it. */
  explain: (error: unknown) => unknown;
};

/**
 * Works that wait at the same moment become a group. While as many groups as may be are under way the next one gathers:
 * the longer they take, the larger it is.
 */
export class Gatherer {
  #queue: Job[] = [];
  /** What those who wait will touch. */
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
    // Two that touch the same are kept apart by transactions of their own, and the rows that these lock.
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

  /** Answers all of a group. Nobody is failed for a neighbour: where that may be, each half tries without the other. */
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
