import { desc, eq } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';

/*
 * The root keys that personal links are signed with. They lie in the database, sealed under the installation's root
 * key: so all processes have the same, rotating needs no restart, and a captured database cannot sign. The latest
 * signs; all that are there verify, so links live on until their key is removed.
 */

const LENGTH = 32;
/** A link names its key in one byte. */
const MOST = 255;

export type LinkKey = { id: number; createdAt: Date };

/** The keys that verify, the one that signs first. */
export const listLinkKeys = (on: Reader): PromiseLike<LinkKey[]> => {
  const { linkKeys: t } = on.tables;
  return on.db.select({ id: t.id, createdAt: t.createdAt }).from(t).orderBy(desc(t.createdAt), desc(t.id));
};

/** The derived key of an id; undefined when it was removed. */
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

/** The key that signs now; the first one is made when it is first needed. */
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

/** Makes a new key: from now on it signs, and the older ones go on to verify. Throws when all 255 ids are in use. */
export const rotateLinkKeys = (ctx: Context): Promise<LinkKey> =>
  ctx.store.transact(async (tx) => {
    const { id } = await insertKey(ctx, tx);
    return { id, createdAt: tx.now };
  });

/** Removes a key: every link that it signed is void. Returns whether it was there. */
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
  // Ids are used again only when they have run out, so that an old link does not meet a key with a new meaning soon.
  const free = [highest + 1, ...Array.from({ length: MOST }, (_, i) => i + 1)].find(
    (id) => id <= MOST && !used.has(id),
  );
  if (free === undefined) throw new Error(`there are ${MOST} link keys: remove old ones first`);
  const sealed = ctx.linkKeyring.seal(ctx.random(LENGTH));
  // On PostgreSQL a second process may have made it too: then the store runs this again.
  await tx.db.insert(t).values({ id: free, sealed, createdAt: tx.now });
  return { id: free, sealed };
}
