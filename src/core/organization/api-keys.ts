import { and, eq, gt, inArray, isNull, or } from 'drizzle-orm';
import { idPattern } from '../../../schema/db/public-id.js';
import type { Tables } from '../../../schema/db/tables.js';
import type { Scope } from '../../../schema/db/tables/organization.js';
import { ApiError, invalidBody } from '../../errors.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import { NO_KEY, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { hashOf, isWellFormedKey, newToken } from './key-tokens.js';
import { testOrganizationOf } from './test-organization.js';

/* API keys: making, checking and revoking them. The database stores only their SHA-256. */

export type ApiKey = Omit<Tables['apiKeys']['$inferSelect'], 'hash'>;
export type KeyKind = ApiKey['kind'];
export type CreatedKey = { key: ApiKey; token: string };

const KEY_ID = new RegExp(idPattern('key'));
const selectColumns = ({ apiKeys: t }: Tables) => ({
  key: t.key,
  publicId: t.publicId,
  organizationKey: t.organizationKey,
  kind: t.kind,
  name: t.name,
  hint: t.hint,
  scopes: t.scopes,
  origins: t.origins,
  test: t.test,
  createdAt: t.createdAt,
  lastUsedAt: t.lastUsedAt,
  revokedAt: t.revokedAt,
});

const findActive = statement('api_key_active', ({ db, tables: { apiKeys: t, organizations } }: Reader) =>
  db
    .select({
      keyKey: t.key,
      keyId: t.publicId,
      kind: t.kind,
      organizationKey: t.organizationKey,
      organizationId: organizations.publicId,
      scopes: t.scopes,
      origins: t.origins,
      test: t.test,
      lastUsedAt: t.lastUsedAt,
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(and(eq(t.hash, bind(t.hash, 'hash')), isNull(t.revokedAt))),
);

/** Precise enough to find unused keys, without a write per request. */
const LAST_USED_STEP_MS = 60_000;

/** The actor of a key. Reads the database every time, so that revoking takes effect at once. Throws `invalid_key`. */
export async function authenticate(ctx: Context, token: string): Promise<KeyedActor> {
  if (!isWellFormedKey(token) || token.startsWith('ak_')) throw invalidKey();
  const [row] = await findActive(ctx.store.read, { hash: hashOf(token) });
  if (!row) throw invalidKey();
  const { lastUsedAt, test, ...actor } = row;
  if (!lastUsedAt || ctx.now().getTime() - lastUsedAt.getTime() > LAST_USED_STEP_MS) noteUse(ctx, row.keyKey);
  return test === 1 ? { ...actor, test: true } : actor;
}

const findUnrevoked = statement('api_key_still', ({ db, tables: { apiKeys: t } }: Reader) =>
  db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, bind(t.key, 'key')), isNull(t.revokedAt))),
);

/**
 * For long-running work: call it again before each piece, so that a key revoked meanwhile stops there, too. Throws
 * `invalid_key`.
 */
export async function assertStillActive(on: Reader, { keyKey }: KeyedActor): Promise<void> {
  if (keyKey === NO_KEY) return;
  const [row] = await findUnrevoked(on, { key: keyKey });
  if (!row) throw invalidKey();
}

const invalidKey = () =>
  new ApiError('invalid_key', { detail: 'It is mistyped, revoked or from another installation.' });

const noting = new Set<number>();

/** Best effort: a full queue or disk must not fail the request that used the key. */
function noteUse(ctx: Context, key: number): void {
  if (noting.has(key)) return;
  noting.add(key);
  const { apiKeys: t } = ctx.store.tables;
  ctx.store
    .transact(async (tx) => void (await tx.db.update(t).set({ lastUsedAt: tx.now }).where(eq(t.key, key))))
    .catch(() => undefined)
    .finally(() => noting.delete(key));
}

/** Only publishable keys may have origins: a secret key must not be used in pages. Throws `invalid_body`. */
function assertPlaced(kind: KeyKind, origins: readonly string[] | null | undefined): void {
  if (kind !== 'secret' || !origins?.length) return;
  throw invalidBody({
    pointer: '/origins',
    code: 'misplaced',
    detail: 'A secret key does not work on pages: leave it out.',
  });
}

export type NewKey = {
  organizationKey: number;
  kind: KeyKind;
  name: string;
  scopes: readonly Scope[];
  /** For publishable keys only; empty: any page. */
  origins?: readonly string[];
  /** A key of the organization's test organization. */
  test?: boolean;
};

/** Creates a key. Its token is returned and not stored. Throws `invalid_body`, `idempotency_key_reused`. */
export async function createKey(ctx: Context, input: NewKey, retry?: Retry): Promise<CreatedKey> {
  assertPlaced(input.kind, input.origins);
  const made = { token: newToken(ctx.random, input.kind, input.test), publicId: ctx.newId('key') };
  const testId = ctx.newId('org');
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      if (!input.test) return insertKey(tx, input, made);
      const { key: organizationKey } = await testOrganizationOf(tx, input.organizationKey, testId);
      return insertKey(tx, { ...input, organizationKey }, made);
    }),
  );
}

/** Inserts a key whose token was made before, since randomness does not belong into a transaction. */
export async function insertKey(
  tx: Tx,
  input: NewKey,
  { token, publicId }: { token: string; publicId: string },
): Promise<CreatedKey> {
  const [row] = await tx.db
    .insert(tx.tables.apiKeys)
    .values({
      ...input,
      scopes: [...input.scopes],
      origins: [...(input.origins ?? [])],
      test: input.test ? 1 : 0,
      publicId,
      hash: hashOf(token),
      hint: token.slice(-4),
      createdAt: tx.now,
    })
    .returning(selectColumns(tx.tables));
  if (!row) throw new Error('the insert returned no row');
  return { key: row, token };
}

/** The condition for an organization's keys: those of its test organization are its own, too. */
const keysOf = ({ db, tables: { apiKeys: t, organizations } }: Reader, organizationKey: number) =>
  or(
    eq(t.organizationKey, organizationKey),
    inArray(
      t.organizationKey,
      db
        .select({ key: organizations.key })
        .from(organizations)
        .where(eq(organizations.testOf, organizationKey)),
    ),
  );

/** An organization's keys, oldest first, revoked ones included. Throws `invalid_cursor`. */
export async function listKeys(
  on: Reader,
  organizationKey: number,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<ApiKey>> {
  const { apiKeys: t } = on.tables;
  const [after] = decodeCursor('keys', cursor, [0]) ?? [0];
  const rows = await on.db
    .select(selectColumns(on.tables))
    .from(t)
    .where(and(keysOf(on, organizationKey), gt(t.key, after)))
    .orderBy(t.key)
    .limit(limit + 1);
  return pageOf('keys', rows, limit, (row) => [row.key]);
}

/** A key of this organization, or of any if null. Throws `api_key_not_found`. */
async function findKey(tx: Tx, organizationKey: number | null, publicId: string): Promise<ApiKey> {
  if (!KEY_ID.test(publicId)) throw new ApiError('api_key_not_found');
  const { apiKeys: t } = tx.tables;
  const own = organizationKey === null ? undefined : keysOf(tx, organizationKey);
  const [row] = await tx.db
    .select(selectColumns(tx.tables))
    .from(t)
    .where(and(eq(t.publicId, publicId), own));
  if (!row) throw new ApiError('api_key_not_found');
  return row;
}

export type KeyPatch = { name?: string; origins?: readonly string[] | null };

/** Changes a key from the next request on, in all processes. Throws `api_key_not_found`, `invalid_body`. */
export async function patchKey(
  ctx: Context,
  organizationKey: number,
  publicId: string,
  { name, origins }: KeyPatch,
): Promise<ApiKey> {
  return ctx.store.transact(async (tx) => {
    const before = await findKey(tx, organizationKey, publicId);
    assertPlaced(before.kind, origins);
    const changes = {
      ...(name === undefined ? {} : { name }),
      ...(origins === undefined ? {} : { origins: [...(origins ?? [])] }),
    };
    const { apiKeys: t } = tx.tables;
    const [row] = await tx.db
      .update(t)
      .set(changes)
      .where(eq(t.key, before.key))
      .returning(selectColumns(tx.tables));
    if (!row) throw new ApiError('api_key_not_found');
    return row;
  });
}

/**
 * Revokes a key from the next request on; a repeat changes nothing. `organizationKey` null: any organization's. Throws
 * `api_key_not_found`.
 */
export async function revokeKey(
  ctx: Context,
  organizationKey: number | null,
  publicId: string,
): Promise<ApiKey> {
  return ctx.store.transact(async (tx) => {
    const row = await findKey(tx, organizationKey, publicId);
    if (row.revokedAt) return row;
    const { apiKeys: t } = tx.tables;
    await tx.db.update(t).set({ revokedAt: tx.now }).where(eq(t.key, row.key));
    return { ...row, revokedAt: tx.now };
  });
}
