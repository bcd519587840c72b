import { and, count, desc, eq, gt, inArray, isNull, lt } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { findOwnHead } from '../petitions/petition-lookup.js';

/*
 * Isolations: what an isolated key brings to a petition is quarantined, because hardly anything of it was confirmed.
 * With a proof of work, signers on other networks still get through a publishable key. key-breaker.ts isolates, the
 * lead organization releases.
 */

/** One isolation of a key, open or released. */
export type Isolation = {
  key: number;
  keyId: string;
  organizationId: string;
  organizationName: string;
  asked: number;
  confirmed: number;
  isolatedAt: Date;
  releasedAt: Date | null;
};

/** How long a network stays isolated. */
const NETWORK_MS = 24 * 3_600_000;

const openIsolations = statement('key_isolations_open', ({ db, tables: { keyIsolations: t } }: Reader) =>
  db
    .select({ apiKeyKey: t.apiKeyKey })
    .from(t)
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), isNull(t.releasedAt))),
);

const openNetworks = statement('isolated_networks_open', ({ db, tables: { isolatedNetworks: t } }: Reader) =>
  db
    .select({ apiKeyKey: t.apiKeyKey, network: t.network })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        gt(t.isolatedAt, bind(t.isolatedAt, 'since')),
      ),
    ),
);

/** How a key stands with a petition: whether it is isolated, and which networks (in hexadecimal) are isolated for it. */
export type Standing = { isolated: boolean; networks: Set<string> };

const GOOD: Standing = { isolated: false, networks: new Set() };

/** The standing of one key with a petition. All signings of one commit share the read. */
export async function standingOf(
  on: Reader | Tx,
  petitionKey: number,
  apiKeyKey: number,
  at: Date,
): Promise<Standing> {
  return (await standingsOf(on, petitionKey, at)).get(apiKeyKey) ?? GOOD;
}

const standingsOf = memoized(async (on: Reader, petitionKey: number, at: Date) => {
  const standings = new Map<number, Standing>();
  const of = (apiKeyKey: number): Standing => {
    const known = standings.get(apiKeyKey) ?? { isolated: false, networks: new Set() };
    standings.set(apiKeyKey, known);
    return known;
  };
  const since = new Date(at.getTime() - NETWORK_MS);
  for (const { apiKeyKey } of await openIsolations(on, { petitionKey })) of(apiKeyKey).isolated = true;
  for (const { apiKeyKey, network } of await openNetworks(on, { petitionKey, since })) {
    of(apiKeyKey).networks.add(network.toString('hex'));
  }
  return standings;
});

/** Must be called after every write that isolates or releases a key or a network. */
export const forgetIsolations = (tx: Tx, petitionKey: number): void => standingsOf.forget(tx, petitionKey);

/** How many keys are isolated now. */
export async function countIsolated(on: Reader): Promise<number> {
  const { keyIsolations: t, apiKeys } = on.tables;
  const [row] = await on.db
    .select({ keys: count() })
    .from(t)
    .innerJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
    .where(and(isNull(t.releasedAt), eq(apiKeys.test, 0)));
  return row?.keys ?? 0;
}

const selectIsolations = ({ db, tables: { keyIsolations: t, apiKeys, organizations } }: Reader) =>
  db
    .select({
      key: t.key,
      keyId: apiKeys.publicId,
      organizationId: organizations.publicId,
      organizationName: organizations.name,
      asked: t.asked,
      confirmed: t.confirmed,
      isolatedAt: t.isolatedAt,
      releasedAt: t.releasedAt,
    })
    .from(t)
    .innerJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
    .innerJoin(organizations, eq(organizations.key, apiKeys.organizationKey));

/**
 * All isolations, open and released, of a petition of the actor's organization, latest first. Throws
 * `petition_not_found`, `invalid_cursor`.
 */
export async function listIsolations(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  { limit, cursor }: PageRequest,
): Promise<Page<Isolation>> {
  const petition = await findOwnHead(on, actor, petitionRef);
  const list = `isolations:${petition.key}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { keyIsolations: t } = on.tables;
  const rows = await selectIsolations(on)
    .where(and(eq(t.petitionKey, petition.key), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

async function forgetNetworksOf({ db, tables }: Tx, petitionKey: number, keyId: string): Promise<void> {
  const { isolatedNetworks: t, apiKeys } = tables;
  const key = db.select({ key: apiKeys.key }).from(apiKeys).where(eq(apiKeys.publicId, keyId));
  await db.delete(t).where(and(eq(t.petitionKey, petitionKey), inArray(t.apiKeyKey, key)));
}

/**
 * Lets a key and all of its networks work again for a petition of the actor's organization, from the next request on.
 * Signatures that are quarantined already stay so. Throws `petition_not_found`, `isolation_not_found`.
 */
export async function releaseKey(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  keyId: string,
): Promise<Isolation> {
  return ctx.store.transact(async (tx) => {
    const petition = await findOwnHead(tx, actor, petitionRef);
    const { keyIsolations: t, apiKeys } = tx.tables;
    const [open] = await selectIsolations(tx).where(
      and(eq(t.petitionKey, petition.key), eq(apiKeys.publicId, keyId), isNull(t.releasedAt)),
    );
    if (!open) throw new ApiError('isolation_not_found');
    const released = await tx.db
      .update(t)
      .set({ releasedAt: tx.now })
      .where(and(eq(t.key, open.key), isNull(t.releasedAt)))
      .returning({ key: t.key });
    // Happens on PostgreSQL only, when another request has released it meanwhile.
    if (released.length === 0) throw new ApiError('isolation_not_found');
    await forgetNetworksOf(tx, petition.key, keyId);
    forgetIsolations(tx, petition.key);
    return { ...open, releasedAt: tx.now };
  });
}
