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
 * Keys that were set apart for one petition because hardly anything that they bring is confirmed: src/core/brakes/key-breaker.ts
 * does it, the lead organization undoes it.
 */

/** One time that a key was set apart. */
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

/** How long a network is set apart. */
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

/** How a key stands with a petition: whether it is set apart, and the networks (in hexadecimal) that are for it. */
export type Standing = { isolated: boolean; networks: Set<string> };

const GOOD: Standing = { isolated: false, networks: new Set() };

/** How it stands with the petition. Those who sign one petition in one commit read it once. */
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

/** To be called by whoever sets a key or a network apart, or releases it. */
export const forgetIsolations = (tx: Tx, petitionKey: number): void => standingsOf.forget(tx, petitionKey);

/** How many keys are set apart at the moment. */
export async function countIsolated(on: Reader): Promise<number> {
  const { keyIsolations: t } = on.tables;
  const [row] = await on.db.select({ keys: count() }).from(t).where(isNull(t.releasedAt));
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
 * The keys that were set apart for a petition of the actor's organization, latest first, the released ones too.
 * Throws `petition_not_found`, `invalid_cursor`.
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
 * Lets a key, and all networks with it, work again for a petition of the actor's organization, from the next request on. What was quarantined
 * stays so. Throws `petition_not_found`, `isolation_not_found`.
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
    // Only on PostgreSQL, where somebody else may have released it meanwhile.
    if (released.length === 0) throw new ApiError('isolation_not_found');
    await forgetNetworksOf(tx, petition.key, keyId);
    forgetIsolations(tx, petition.key);
    return { ...open, releasedAt: tx.now };
  });
}
