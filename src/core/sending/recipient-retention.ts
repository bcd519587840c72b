import { and, eq, exists, inArray, lt } from 'drizzle-orm';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { DAY_MS } from '../../time.js';

/** How long it is kept who was among the recipients of a mailing, after it has ended. */
export const RECIPIENTS_KEPT_DAYS = 400;

/**
 * Deletes the recipients of mailings that ended long ago, in short transactions. All that is summed up stays: it is kept
 * beside them. Returns how many there were. Several processes may do it at once.
 */
export async function forgetRecipients(ctx: Context): Promise<number> {
  const { store } = ctx;
  const { mailings: m, mailingRecipients: t } = store.tables;
  const before = new Date(ctx.now().getTime() - RECIPIENTS_KEPT_DAYS * DAY_MS);
  const isOver = and(inArray(m.state, ['done', 'cancelled', 'missed']), lt(m.finishedAt, before));
  const ended = await store.read.db.select({ key: m.key }).from(m).where(isOver);
  let forgotten = 0;
  for (const { key } of ended) {
    // One look into an index for each, since a join might read all recipients of all mailings. In the order of that index:
    // without, PostgreSQL may read the table instead, as long as it expects to find one soon.
    const [any] = await store.read.db
      .select({ key: t.key })
      .from(t)
      .where(eq(t.mailingKey, key))
      .orderBy(t.subscriptionKey)
      .limit(1);
    if (!any) continue;
    forgotten += await deleteInSteps(store, (db, most) => {
      // Looked at in each step: an organiser may let it go on.
      const still = db
        .select({ key: m.key })
        .from(m)
        .where(and(eq(m.key, key), isOver));
      const some = db
        .select({ key: t.key })
        .from(t)
        .where(and(eq(t.mailingKey, key), exists(still)))
        .orderBy(t.subscriptionKey)
        .limit(most);
      return db.delete(t).where(inArray(t.key, some)).returning({ key: t.key });
    });
  }
  if (forgotten > 0) store.clean();
  return forgotten;
}
