import { and, asc, eq, exists, inArray, isNotNull, lt, notExists, type SQL } from 'drizzle-orm';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { isOpen, isRemembered } from '../mailings/mailing-indexes.js';
import { DAY_MS } from '../../time.js';

/** How long it is kept who was among the recipients of a mailing, after it has ended. */
export const RECIPIENTS_KEPT_DAYS = 400;
/** A mailing that is paused for so long is cancelled: its recipients would otherwise be kept for ever. */
export const PAUSED_AT_MOST_DAYS = 400;

/** How many mailings are dealt with at a time; the others have their turn an hour later. */
const AT_A_TIME = 500;

/**
 * Cancels mailings that nobody has let go on for long, with the reason `abandoned`. The recipients who are left are then
 * skipped as after every cancellation. Returns how many mailings there were. Several processes may do it at once.
 */
export async function cancelAbandoned(ctx: Context): Promise<number> {
  const { store } = ctx;
  const { mailings: t } = store.tables;
  const before = new Date(ctx.now().getTime() - PAUSED_AT_MOST_DAYS * DAY_MS);
  const isAbandoned = and(isOpen(store.tables), eq(t.state, 'paused'), lt(t.updatedAt, before));
  const [any] = await store.read.db.select({ key: t.key }).from(t).where(isAbandoned).limit(1);
  if (!any) return 0;
  const cancelled = await store.transact((tx) =>
    tx.db
      .update(t)
      .set({
        state: 'cancelled',
        pausedFrom: null,
        pauseReason: 'abandoned',
        finishedAt: null,
        updatedAt: tx.now,
      })
      .where(isAbandoned)
      .returning({ key: t.key }),
  );
  return cancelled.length;
}

/**
 * Deletes the recipients of mailings that ended long ago, in short transactions. All that is summed up stays: it is kept
 * beside them. Returns how many there were. Several processes may do it at once.
 */
export async function forgetRecipients(ctx: Context): Promise<number> {
  const { store } = ctx;
  const { mailings: m } = store.tables;
  const before = new Date(ctx.now().getTime() - RECIPIENTS_KEPT_DAYS * DAY_MS);
  const isOver = and(isRemembered(store.tables), isNotNull(m.finishedAt), lt(m.finishedAt, before));
  const ended = await store.read.db
    .select({ key: m.key })
    .from(m)
    .where(isOver)
    .orderBy(asc(m.finishedAt))
    .limit(AT_A_TIME);
  let forgotten = 0;
  for (const { key } of ended) forgotten += await forgetThoseOf(ctx, key, isOver);
  if (forgotten > 0) store.clean();
  return forgotten;
}

async function forgetThoseOf({ store }: Context, key: number, isOver: SQL | undefined): Promise<number> {
  const { mailings: m, mailingRecipients: t } = store.tables;
  // Looked at in each step: an organiser may let it go on.
  const isStillOver = and(eq(m.key, key), isOver);
  const forgotten = await deleteInSteps(store, (db, most) => {
    const still = db.select({ key: m.key }).from(m).where(isStillOver);
    // In the order of an index: without, PostgreSQL may read the table, as long as it expects to find some soon.
    const some = db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.mailingKey, key), exists(still)))
      .orderBy(t.subscriptionKey)
      .limit(most);
    return db.delete(t).where(inArray(t.key, some)).returning({ key: t.key });
  });
  await store.transact((tx) => {
    const left = tx.db.select({ key: t.key }).from(t).where(eq(t.mailingKey, key));
    return tx.db
      .update(m)
      .set({ forgottenAt: tx.now })
      .where(and(isStillOver, notExists(left)));
  });
  return forgotten;
}
