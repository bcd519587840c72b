import { asc, eq } from 'drizzle-orm';
import type { Reader, Store } from '../../store/store.js';
import { readCounts } from './counts.js';

export type Milestone = { value: number; reachedAt: Date };

export type Milestones = {
  /**
   * Records what the petition has crossed, once each; call it after every commit that may have raised the confirmed
   * count or changed the ladder. It reads the count after the commit: so among transactions that ran at the same time
   * the last one sees them all, and a jump over several goals records each.
   */
  settle(petitionKey: number, goals: readonly number[]): Promise<void>;
  /** Looks at the whole ladder at the next `settle`: call it when the ladder has changed. */
  forget(petitionKey: number): void;
  /** Records what a crash between a commit and its `settle` left out. Run at boot. */
  settleAll(): Promise<void>;
};

export function createMilestones(store: Store, now: () => Date): Milestones {
  const { milestones, petitions } = store.tables;
  /** The highest goal known to be recorded, by petition: spares the hot path all but one comparison. */
  const recorded = new Map<number, number>();

  /** Looks that are about to happen, by petition. */
  const coming = new Map<number, { goals: readonly number[]; done: Promise<void> }>();

  function settle(petitionKey: number, goals: readonly number[]): Promise<void> {
    const top = recorded.get(petitionKey) ?? 0;
    if (!goals.some((goal) => goal > top)) return Promise.resolve();
    // What has been committed stays so, even if recording fails: then the next look makes it good.
    // All whose commit is answered in this turn share one look, which comes after all of their commits.
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
    const top = recorded.get(petitionKey) ?? 0;
    const { confirmed } = await readCounts(store.read, petitionKey);
    const crossed = goals.filter((goal) => goal > top && goal <= confirmed);
    if (crossed.length === 0) return;
    await store.transact((tx) =>
      tx.db
        .insert(milestones)
        .values(crossed.map((value) => ({ petitionKey, value, reachedAt: now() })))
        .onConflictDoNothing(),
    );
    recorded.set(petitionKey, Math.max(top, ...crossed));
  }

  async function settleAll(): Promise<void> {
    const rows = await store.read.db.select({ key: petitions.key, goals: petitions.goals }).from(petitions);
    for (const { key, goals } of rows) await settle(key, goals);
  }

  return { settle, settleAll, forget: (petitionKey) => void recorded.delete(petitionKey) };
}

/** The milestones that a petition has reached, lowest first. */
export const listMilestones = (on: Reader, petitionKey: number): PromiseLike<Milestone[]> => {
  const { milestones: t } = on.tables;
  return on.db
    .select({ value: t.value, reachedAt: t.reachedAt })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .orderBy(asc(t.value));
};
