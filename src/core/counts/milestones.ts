import { asc, eq } from 'drizzle-orm';
import type { Reader, Store } from '../../store/store.js';
import { readCounts, totalOf } from './counts.js';

/* Milestones: when a petition's total first reached each of its goals. */

export type Milestone = { value: number; reachedAt: Date };

export type Milestones = {
  /**
   * Records every goal that the petition has reached, each once. Call it after every commit that may have raised the
   * total or changed the goals. It reads the count after the commit: of concurrent transactions the last one
   * sees all, and a jump over several goals records each of them.
   */
  settle(petitionKey: number, goals: readonly number[]): Promise<void>;
  /** Records what a crash between a commit and its `settle` left out. Runs at boot. */
  settleAll(): Promise<void>;
};

export function createMilestones(store: Store, now: () => Date): Milestones {
  const { milestones, petitions } = store.tables;
  /**
   * The highest recorded one of a petition's goals: on the hot path `settle` is then a comparison. With other goals all
   * are looked at again: another thread or process may have changed them.
   */
  const recorded = new Map<number, { goals: readonly number[]; top: number }>();
  function topOf(petitionKey: number, goals: readonly number[]): number {
    const known = recorded.get(petitionKey);
    return known && isSame(known.goals, goals) ? known.top : 0;
  }

  /** Reads of the count that are scheduled, by petition. */
  const coming = new Map<number, { goals: readonly number[]; done: Promise<void> }>();

  function settle(petitionKey: number, goals: readonly number[]): Promise<void> {
    const top = topOf(petitionKey, goals);
    if (!goals.some((goal) => goal > top)) return Promise.resolve();
    // All commits answered in this turn of the event loop share one read, which comes after all of them. If recording
    // fails, the commits stay valid and the next `settle` catches up.
    const look = coming.get(petitionKey) ?? { goals, done: lookSoon(petitionKey).catch(() => undefined) };
    look.goals = goals;
    coming.set(petitionKey, look);
    return look.done;
  }

  async function lookSoon(petitionKey: number): Promise<void> {
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const { goals = [] } = coming.get(petitionKey) ?? {};
    coming.delete(petitionKey);
    await record(petitionKey, goals);
  }

  async function record(petitionKey: number, goals: readonly number[]): Promise<void> {
    const top = topOf(petitionKey, goals);
    const reached = totalOf(await readCounts(store.read, petitionKey));
    const crossed = goals.filter((goal) => goal > top && goal <= reached);
    if (crossed.length === 0) return;
    await store.transact((tx) =>
      tx.db
        .insert(milestones)
        .values(crossed.map((value) => ({ petitionKey, value, reachedAt: now() })))
        .onConflictDoNothing(),
    );
    recorded.set(petitionKey, { goals, top: Math.max(top, ...crossed) });
  }

  async function settleAll(): Promise<void> {
    const rows = await store.read.db.select({ key: petitions.key, goals: petitions.goals }).from(petitions);
    for (const { key, goals } of rows) await settle(key, goals);
  }

  return { settle, settleAll };
}

const isSame = (some: readonly number[], others: readonly number[]): boolean =>
  some.length === others.length && some.every((goal, i) => goal === others[i]);

/** The milestones that a petition has reached, lowest first. */
export const listMilestones = (on: Reader, petitionKey: number): PromiseLike<Milestone[]> => {
  const { milestones: t } = on.tables;
  return on.db
    .select({ value: t.value, reachedAt: t.reachedAt })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .orderBy(asc(t.value));
};
