import { eq } from 'drizzle-orm';
import type { SuppressionReason } from '../../../schema/db/tables/mail.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';

/*
 * Who must not be mailed, whatever they asked for before. It holds keyed hashes alone (`ctx.secrets.subject`), so that it
 * can go on protecting people who have been erased.
 */

const findReason = statement('do_not_contact_find', ({ db, tables: { doNotContact: t } }: Reader) =>
  db
    .select({ reason: t.reason })
    .from(t)
    .where(eq(t.hash, bind(t.hash, 'subject'))),
);

/** Why this address must not be mailed; undefined when it may. */
export async function isBlocked(on: Reader, subject: Buffer): Promise<SuppressionReason | undefined> {
  const [row] = await findReason(on, { subject });
  return row?.reason;
}

/** From now on nothing is mailed to this address. The first reason stays. */
export async function block(tx: Tx, subject: Buffer, reason: SuppressionReason): Promise<void> {
  await tx.db
    .insert(tx.tables.doNotContact)
    .values({ hash: subject, reason, createdAt: tx.now })
    .onConflictDoNothing();
}

/** Takes an address off the list. Returns whether it was there. */
export async function unblock(tx: Tx, subject: Buffer): Promise<boolean> {
  const { doNotContact: t } = tx.tables;
  const removed = await tx.db.delete(t).where(eq(t.hash, subject)).returning({ hash: t.hash });
  return removed.length > 0;
}
