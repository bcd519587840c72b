import { and, asc, inArray, isNotNull, lte } from 'drizzle-orm';
import type { Context } from '../context.js';
import { queueMail } from '../mail/outbox.js';

const AT_A_TIME = 500;

/**
 * Queues a reminder for every request that is due; whether it is still needed is decided when it is written. Returns
 * how many. Several processes may run this at once.
 */
export async function remindAll(ctx: Context): Promise<number> {
  for (let all = 0; ;) {
    const reminded = await ctx.store.transact(async (tx) => {
      const { confirmationRequests: t } = tx.tables;
      const isDue = and(isNotNull(t.remindAt), lte(t.remindAt, tx.now));
      const due = tx.db.select({ key: t.key }).from(t).where(isDue).orderBy(asc(t.remindAt)).limit(AT_A_TIME);
      // Selected and cleared in one statement, so that no other process sends the same reminder.
      const rows = await tx.db
        .update(t)
        .set({ remindAt: null })
        .where(and(inArray(t.key, due), isDue))
        .returning();
      for (const { key, supporterKey, petitionKey, locale } of rows) {
        await queueMail(tx, 'reminder', supporterKey, { requestKey: key, petitionKey, locale });
      }
      return rows.length;
    });
    if (reminded > 0) ctx.mailWaits();
    all += reminded;
    if (reminded < AT_A_TIME) return all;
  }
}
