import { and, eq, inArray, isNotNull, isNull, type SQL } from 'drizzle-orm';
import type { Store, Tx } from '../../store/store.js';
import { deleteInSteps } from '../in-steps.js';

/* What goes from deliveries when people are forgotten. */

/**
 * Forgets the salts of signatures. Who has a salt can try names at a hash: with the signer it goes, and the line can be
 * proven no more.
 */
export async function forgetSalts(tx: Tx, whose: SQL | undefined): Promise<void> {
  const { deliveryLines: l, signatures: t } = tx.tables;
  const keys = tx.db.select({ key: t.key }).from(t).where(whose);
  await tx.db.update(l).set({ salt: null }).where(inArray(l.signatureKey, keys));
}

/** The files of a petition's deliveries go when its signers are anonymised: nobody gets them from now on. */
export const forgetFiles = (store: Store, petitionKey: number): Promise<unknown> =>
  store.transact(({ db, tables: { deliveries: t }, now }) =>
    db
      .update(t)
      .set({ filesDeletedAt: now })
      .where(and(eq(t.petitionKey, petitionKey), isNotNull(t.files), isNull(t.filesDeletedAt))),
  );

/** Empties the deliveries of a petition of tests. Their files are deleted as those of cancelled ones are. */
export async function forgetDeliveries(store: Store, petitionKey: number): Promise<void> {
  const { deliveries: t, deliveryLines: l } = store.tables;
  const found = await store.read.db.select({ key: t.key }).from(t).where(eq(t.petitionKey, petitionKey));
  for (const { key } of found) {
    await store.transact(async ({ db, tables, now }) => {
      const { deliveryLinks, deliveryUses, deliveryStrikes, outbox } = tables;
      for (const table of [deliveryLinks, deliveryUses, deliveryStrikes, outbox]) {
        await db.delete(table).where(eq(table.deliveryKey, key));
      }
      await db
        .update(t)
        .set({
          state: 'cancelled',
          recipient: { name: '', title: null, organization: null },
          letter: '',
          email: null,
          place: null,
          note: null,
          photoUrl: null,
          acknowledgedText: null,
          cancelledAt: now,
        })
        .where(eq(t.key, key));
    });
    await deleteInSteps(store, (db, most) => {
      const some = db.select({ number: l.number }).from(l).where(eq(l.deliveryKey, key)).limit(most);
      return db
        .delete(l)
        .where(and(eq(l.deliveryKey, key), inArray(l.number, some)))
        .returning({ number: l.number });
    });
  }
}
