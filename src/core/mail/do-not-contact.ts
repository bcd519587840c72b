import { eq } from 'drizzle-orm';
import type { SuppressionReason } from '../../../schema/db/tables/mail.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';

/*
 * The list of addresses that must never be mailed. It stores only keyed hashes (`ctx.secrets.subject`), so it keeps
 * protecting people after their erasure.
 */

const findReason = statement('do_not_contact_find', ({ db, tables: { doNotContact: t } }: Reader) =>
  db
    .select({ reason: t.reason })
    .from(t)
    .where(eq(t.hash, bind(t.hash, 'subject'))),
);

/** Why this address must not be mailed; undefined: it may. */
export async function isBlocked(on: Reader, subject: Buffer): Promise<SuppressionReason | undefined> {
  const [row] = await findReason(on, { subject });
  return row?.reason;
}

/** Stops all mail to this address from now on. The first reason is kept. */
export async function block(tx: Tx, subject: Buffer, reason: SuppressionReason): Promise<void> {
  await tx.db
    .insert(tx.tables.doNotContact)
    .values({ hash: subject, reason, createdAt: tx.now })
    .onConflictDoNothing();
}

/** Takes an address off the list. Returns whether it was on it. */
export async function unblock(tx: Tx, subject: Buffer): Promise<boolean> {
  const { doNotContact: t } = tx.tables;
  const removed = await tx.db.delete(t).where(eq(t.hash, subject)).returning({ hash: t.hash });
  return removed.length > 0;
}
