import { and, asc, eq, isNotNull, isNull, lte } from 'drizzle-orm';
import type { Reader, Store, Tx } from '../../store/store.js';
import { readCounts, totalOf } from './counts.js';

/* When a petition's total first reached each of its goals, and each number for which something was promised. */

export type Milestone = { value: number; reachedAt: Date };
/** A number for which something was promised. `reachedAt`: null until then, and never changed afterwards. */
export type Threshold = { value: number; promise: string; reachedAt: Date | null };

/** The numbers of a petition that its total can reach, both ascending. */
export type Steps = { goals: readonly number[]; thresholds: readonly number[] };

export const stepsOf = ({
  goals,
  thresholdValues: thresholds,
}: {
  goals: readonly number[];
  thresholdValues: readonly number[];
}): Steps => ({ goals, thresholds });

export type Milestones = {
  /**
   * Records every step that the petition has reached, each once. Call it after every commit that may have raised the
   * total or changed the steps. It reads the count after the commit: of concurrent transactions the last one
   * sees all, and a jump over several steps records each of them.
   */
  settle(petitionKey: number, steps: Steps): Promise<void>;
  /** Records what a crash between a commit and its `settle` left out. Runs at boot. */
  settleAll(): Promise<void>;
};

export function createMilestones(store: Store): Milestones {
  const { petitions } = store.tables;
  /**
   * The highest recorded one of a petition's steps: on the hot path `settle` is then a comparison. With other steps all
   * are looked at again: another thread or process may have changed them.
   */
  const recorded = new Map<number, { steps: Steps; top: number }>();
  function topOf(petitionKey: number, steps: Steps): number {
    const known = recorded.get(petitionKey);
    return known && areSame(known.steps, steps) ? known.top : 0;
  }

  /** Reads of the count that are scheduled, by petition. */
  const coming = new Map<number, { steps: Steps; done: Promise<void> }>();

  function settle(petitionKey: number, steps: Steps): Promise<void> {
    const top = topOf(petitionKey, steps);
    if (!steps.goals.some((goal) => goal > top) && !steps.thresholds.some((value) => value > top)) {
      return Promise.resolve();
    }
    // All commits answered in this turn of the event loop share one read, which comes after all of them. If recording
    // fails, the commits stay valid and the next `settle` catches up.
    const look = coming.get(petitionKey) ?? { steps, done: lookSoon(petitionKey).catch(() => undefined) };
    look.steps = steps;
    coming.set(petitionKey, look);
    return look.done;
  }

  async function lookSoon(petitionKey: number): Promise<void> {
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const look = coming.get(petitionKey);
    coming.delete(petitionKey);
    if (look) await record(petitionKey, look.steps);
  }

  async function record(petitionKey: number, steps: Steps): Promise<void> {
    const top = topOf(petitionKey, steps);
    const reached = totalOf(await readCounts(store.read, petitionKey));
    const isCrossed = (value: number) => value > top && value <= reached;
    const goals = steps.goals.filter(isCrossed);
    const thresholds = steps.thresholds.filter(isCrossed);
    if (goals.length + thresholds.length === 0) return;
    const isDone = await store.transact(async (tx) => {
      await reachGoals(tx, petitionKey, goals);
      return thresholds.length === 0 || reachThresholds(tx, petitionKey, { reached, thresholds });
    });
    if (isDone) recorded.set(petitionKey, { steps, top: Math.max(top, ...goals, ...thresholds) });
  }

  async function settleAll(): Promise<void> {
    const rows = await store.read.db
      .select({ key: petitions.key, goals: petitions.goals, thresholdValues: petitions.thresholdValues })
      .from(petitions);
    for (const { key, ...petition } of rows) await settle(key, stepsOf(petition));
  }

  return { settle, settleAll };
}

async function reachGoals(tx: Tx, petitionKey: number, goals: readonly number[]): Promise<void> {
  if (goals.length === 0) return;
  await tx.db
    .insert(tx.tables.milestones)
    .values(goals.map((value) => ({ petitionKey, value, reachedAt: tx.now })))
    .onConflictDoNothing();
}

/**
 * Marks what is reached, unless it is marked already: of several that do so at once, one does. False: one of the
 * thresholds is not there any more, so that nothing may be remembered of it.
 */
async function reachThresholds(
  tx: Tx,
  petitionKey: number,
  { reached, thresholds }: { reached: number; thresholds: readonly number[] },
): Promise<boolean> {
  const { thresholds: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ reachedAt: tx.now })
    .where(and(eq(t.petitionKey, petitionKey), lte(t.value, reached), isNull(t.reachedAt)));
  const rows = await tx.db
    .select({ value: t.value })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), isNotNull(t.reachedAt)));
  const marked = new Set(rows.map(({ value }) => value));
  return thresholds.every((value) => marked.has(value));
}

const areSame = (some: Steps, others: Steps): boolean =>
  isSame(some.goals, others.goals) && isSame(some.thresholds, others.thresholds);

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

/** What was promised for which number, lowest first. */
export const listThresholds = (on: Reader, petitionKey: number): PromiseLike<Threshold[]> => {
  const { thresholds: t } = on.tables;
  return on.db
    .select({ value: t.value, promise: t.promise, reachedAt: t.reachedAt })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .orderBy(asc(t.value));
};
