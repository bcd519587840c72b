import { and, asc, eq, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ADMIN_SCOPES } from '../../../schema/db/tables/organization.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { hashOf, isWellFormedKey, newToken } from './key-tokens.js';

/* Keys of the installation itself, for scripts that set it up. Operators make them on the command line. */

export type AdminKey = Omit<Tables['adminKeys']['$inferSelect'], 'hash'>;
/** Who holds an admin key. */
export type Admin = { keyKey: number; keyId: string; scopes: readonly string[] };

const columnsOf = ({ adminKeys: t }: Tables) => ({
  key: t.key,
  publicId: t.publicId,
  name: t.name,
  hint: t.hint,
  scopes: t.scopes,
  createdAt: t.createdAt,
  lastUsedAt: t.lastUsedAt,
  revokedAt: t.revokedAt,
});

/** Creates a key. Its token is returned and not stored. */
export async function createAdminKey(ctx: Context, name: string): Promise<{ key: AdminKey; token: string }> {
  const token = newToken(ctx.random, 'admin');
  const made = { publicId: ctx.newId('adm'), name, hash: hashOf(token), hint: token.slice(-4) };
  return ctx.store.transact(async (tx) => {
    const [key] = await tx.db
      .insert(tx.tables.adminKeys)
      .values({ ...made, scopes: [...ADMIN_SCOPES], createdAt: tx.now })
      .returning(columnsOf(tx.tables));
    if (!key) throw new Error('the insert returned no row');
    return { key, token };
  });
}

/** All of them, oldest first, revoked ones included. */
export const listAdminKeys = (on: Reader): PromiseLike<AdminKey[]> =>
  on.db.select(columnsOf(on.tables)).from(on.tables.adminKeys).orderBy(asc(on.tables.adminKeys.key));

/** Revokes a key from the next request on; a repeat changes nothing. Throws `api_key_not_found`. */
export const revokeAdminKey = (ctx: Context, publicId: string): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const { adminKeys: t } = tx.tables;
    const [row] = await tx.db.select({ revokedAt: t.revokedAt }).from(t).where(eq(t.publicId, publicId));
    if (!row) throw new ApiError('api_key_not_found');
    if (row.revokedAt) return;
    await tx.db.update(t).set({ revokedAt: tx.now }).where(eq(t.publicId, publicId));
  });

const findActive = statement('admin_key_active', ({ db, tables: { adminKeys: t } }: Reader) =>
  db
    .select({ keyKey: t.key, keyId: t.publicId, scopes: t.scopes })
    .from(t)
    .where(and(eq(t.hash, bind(t.hash, 'hash')), isNull(t.revokedAt))),
);

/** The holder of a key. Throws `invalid_key`. */
export async function authenticateAdmin(ctx: Context, token: string): Promise<Admin> {
  const [row] = isWellFormedKey(token) ? await findActive(ctx.store.read, { hash: hashOf(token) }) : [];
  if (!row) {
    throw new ApiError('invalid_key', { detail: 'It is mistyped, revoked or from another installation.' });
  }
  return row;
}

/** Notes that a key is used. These keys are used rarely, so each use is noted, with what it does. */
export async function noteAdminUse(tx: Tx, { keyKey }: Admin): Promise<void> {
  const { adminKeys: t } = tx.tables;
  await tx.db.update(t).set({ lastUsedAt: tx.now }).where(eq(t.key, keyKey));
}
