import { and, eq, inArray, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Reader, Tx } from '../../store/store.js';
import { forgetNetworks } from '../brakes/key-networks.js';
import type { Context } from '../context.js';
import { erasedIdentity } from '../counts/counting-once.js';
import { changeCounts } from '../counts/counts.js';
import { forgetSalts } from '../deliveries/forgetting-lines.js';
import { requireWritten } from '../overtaken.js';
import { recordConsent } from '../subscriptions/consents.js';
import { disownLinks, emptySignatures, forgetTraces, emptiedSupporter } from '../supporters/forgetting.js';
import { signedBy } from '../signed-by.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';

/* Erasure of a supporter, and its repetition after a backup was restored. */

export type Person = Pick<Tables['supporters']['$inferSelect'], 'key' | 'identity' | 'createdAt'>;

/**
 * Erases a supporter. What remains is the keyed hash of the address, with counted signatures and with consent records.
 * The journal is written before the database, so that the erasure can be replayed whatever happens to the database.
 */
export async function eraseSupporter(ctx: Context, supporterKey: number): Promise<void> {
  for (;;) {
    const person = await readPerson(ctx.store.read, supporterKey);
    if (!person) return;
    const at = ctx.now();
    for (const subject of await subjectsOf(ctx, person)) await ctx.erasures.append(subject, at);
    if (await eraseInside(ctx, person)) return ctx.store.clean();
    // The address was changed meanwhile: the journal needs the new one, too.
  }
}

/** Undefined if the supporter is already erased. */
async function readPerson(on: Reader, key: number): Promise<Person | undefined> {
  const { supporters: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.key, key), isNull(t.erasedAt)));
  return row;
}

/**
 * The hashes to record: the present address, and former ones that no other supporter has now, since a restored backup
 * may be older than a change of address.
 */
async function subjectsOf({ store, secrets }: Context, { key, identity }: Person): Promise<Buffer[]> {
  const { emailChanges: t } = store.tables;
  const changes = await store.read.db
    .select({ identity: t.oldIdentity })
    .from(t)
    .where(and(eq(t.supporterKey, key), eq(t.status, 'applied')));
  const names = new Set([identity]);
  for (const change of changes) {
    if (!(await findSupporterByIdentity(store.read, change.identity))) names.add(change.identity);
  }
  return [...names].map((name) => secrets.subject(name));
}

/** Returns false if the supporter is gone or has another address now. */
export const eraseInside = (ctx: Context, { key, identity }: Person): Promise<boolean> => {
  // A new id, since organisers may have stored the old one.
  const publicId = ctx.newId('sup');
  const erase = async (tx: Tx) => {
    const { supporters: t, subscriptions, formerHandles, emailChanges } = tx.tables;
    const subject = ctx.secrets.subject(identity);
    const erased = erasedIdentity(subject);
    const tombstone = await findSupporterByIdentity(tx, erased);
    const found = await tx.db
      .update(t)
      .set({ ...emptiedSupporter(tx), publicId, identity: tombstone ? `merged:${key}` : erased })
      .where(and(eq(t.key, key), eq(t.identity, identity)))
      .returning({ key: t.key });
    if (found.length === 0) return false;
    tx.memo.clear();
    await withdrawUncounted(tx, key);
    await emptySignatures(tx, signedBy(tx, key), { hidden: 1 });
    await forgetSalts(tx, signedBy(tx, key));
    await disownLinks(tx, key);
    await forgetNetworks(tx, key);
    if (tombstone) await merge(tx, key, tombstone.key);
    await recordEndings(ctx, tx, key, subject);
    await forgetTraces(tx, [key]);
    const theirs = tx.db
      .select({ key: subscriptions.key })
      .from(subscriptions)
      .where(eq(subscriptions.supporterKey, key));
    await tx.db.delete(formerHandles).where(inArray(formerHandles.subscriptionKey, theirs));
    await tx.db.delete(subscriptions).where(eq(subscriptions.supporterKey, key));
    await tx.db.delete(emailChanges).where(eq(emailChanges.supporterKey, key));
    return true;
  };
  // Shut, so that no signing uses this row meanwhile, or relies on an earlier read that no supporter was ever erased.
  return ctx.store.transact(erase, { urgent: true, shut: 'supporters' });
};

/** Signatures that had not begun to count are withdrawn. */
async function withdrawUncounted(tx: Tx, supporterKey: number): Promise<void> {
  const { signatures: t } = tx.tables;
  const rows = await tx.db
    .select()
    .from(t)
    .where(and(signedBy(tx, supporterKey), inArray(t.status, ['pending', 'quarantined'])));
  for (const signature of rows) {
    const { key, status } = signature;
    requireWritten(
      await tx.db
        .update(t)
        .set({ status: 'withdrawn', withdrawnAt: tx.now })
        .where(and(eq(t.key, key), eq(t.status, status)))
        .returning({ key: t.key }),
    );
    changeCounts(tx, signature, status, 'withdrawn');
  }
}

/**
 * Merges into the tombstone of an earlier erasure of the same address. Where both signed a petition, the tombstone
 * keeps the signature that counts, so that it is found if the person signs again; the other one loses its signer.
 */
async function merge(tx: Tx, from: number, to: number): Promise<void> {
  const { signatures: t } = tx.tables;
  const rows = await tx.db
    .select({ key: t.key, petitionKey: t.petitionKey, supporterKey: t.supporterKey, status: t.status })
    .from(t)
    .where(signedBy(tx, from, to));
  const give = (key: number, supporterKey: number | null) =>
    tx.db.update(t).set({ supporterKey }).where(eq(t.key, key));
  for (const mine of rows.filter((row) => row.supporterKey === from)) {
    const older = rows.find((row) => row.supporterKey === to && row.petitionKey === mine.petitionKey);
    const stays = !older || mine.status === 'confirmed';
    if (older && stays) await give(older.key, null);
    await give(mine.key, stays ? to : null);
  }
}

/** Organizations keep a record that the permission to mail has ended. */
async function recordEndings(ctx: Context, tx: Tx, supporterKey: number, subject: Buffer): Promise<void> {
  const { subscriptions: t } = tx.tables;
  const rows = await tx.db
    .select({ organizationKey: t.organizationKey })
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), inArray(t.status, ['active', 'pending'])));
  for (const { organizationKey } of rows) {
    const event = { organizationKey, supporterKey, subject };
    await recordConsent(ctx, tx, { ...event, action: 'withdrawn', origin: 'erasure' });
  }
}
