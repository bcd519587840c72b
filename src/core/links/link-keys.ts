import { desc, eq } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { LinkKeyring } from './link-keyring.js';

/*
 * The root keys that sign personal links. They are stored in the database, sealed with the installation's root key: all
 * processes share them, rotation needs no restart, and a stolen database cannot sign. The latest key signs; all stored
 * keys verify, so a link works until its key is removed.
 */

const LENGTH = 32;
/** A token has one byte for the id of its key. */
const MOST = 255;

export type LinkKey = { id: number; createdAt: Date };

/** All stored keys; the first one signs. */
export const listLinkKeys = (on: Reader): PromiseLike<LinkKey[]> => {
  const { linkKeys: t } = on.tables;
  return on.db.select({ id: t.id, createdAt: t.createdAt }).from(t).orderBy(desc(t.createdAt), desc(t.id));
};

/** Whether the stored keys were sealed with this root key; true if there are none. */
export async function opensLinkKeys(on: Reader, keyring: LinkKeyring): Promise<boolean> {
  const { linkKeys: t } = on.tables;
  const rows = await on.db.select({ sealed: t.sealed }).from(t);
  return rows.every(({ sealed }) => keyring.derive(sealed, 'doctor') !== undefined);
}

/** The derived key with this id; undefined if it was removed. */
export async function verifyingKey(
  ctx: Context,
  on: Reader,
  id: number,
  purpose: string,
): Promise<Buffer | undefined> {
  const { linkKeys: t } = on.tables;
  const [row] = await on.db.select({ sealed: t.sealed }).from(t).where(eq(t.id, id));
  return row && ctx.linkKeyring.derive(row.sealed, purpose);
}

/** The key that signs now. The first one is created on first use. */
export async function signingKey(
  ctx: Context,
  tx: Tx,
  purpose: string,
): Promise<{ id: number; key: Buffer }> {
  const { linkKeys: t } = tx.tables;
  const [latest] = await tx.db
    .select({ id: t.id, sealed: t.sealed })
    .from(t)
    .orderBy(desc(t.createdAt), desc(t.id))
    .limit(1);
  const key = latest && ctx.linkKeyring.derive(latest.sealed, purpose);
  if (key) return { id: latest.id, key };
  const made = await insertKey(ctx, tx);
  return { id: made.id, key: ctx.linkKeyring.derive(made.sealed, purpose) as Buffer };
}

/** Creates a key that signs from now on; older ones still verify. Throws an `Error` when all 255 ids are in use. */
export const rotateLinkKeys = (ctx: Context): Promise<LinkKey> =>
  ctx.store.transact(async (tx) => {
    const { id } = await insertKey(ctx, tx);
    return { id, createdAt: tx.now };
  });

/** Removes a key, which voids every link that it signed. Returns whether it existed. */
export const removeLinkKey = (ctx: Context, id: number): Promise<boolean> =>
  ctx.store.transact(async (tx) => {
    const { linkKeys: t } = tx.tables;
    const removed = await tx.db.delete(t).where(eq(t.id, id)).returning({ id: t.id });
    return removed.length > 0;
  });

async function insertKey(ctx: Context, tx: Tx): Promise<{ id: number; sealed: Buffer }> {
  const { linkKeys: t } = tx.tables;
  const used = new Set((await tx.db.select({ id: t.id }).from(t)).map((row) => row.id));
  const highest = Math.max(0, ...used);
  // Ids are reused only when all have been used, so that old links rarely meet a new key with their id.
  const free = [highest + 1, ...Array.from({ length: MOST }, (_, i) => i + 1)].find(
    (id) => id <= MOST && !used.has(id),
  );
  if (free === undefined) throw new Error(`there are ${MOST} link keys: remove old ones first`);
  const sealed = ctx.linkKeyring.seal(ctx.random(LENGTH));
  // On PostgreSQL another process may have inserted the same id: then the store runs the transaction again.
  await tx.db.insert(t).values({ id: free, sealed, createdAt: tx.now });
  return { id: free, sealed };
}
