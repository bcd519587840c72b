import { and, asc, desc, eq, gte, inArray, lt } from 'drizzle-orm';
import { bind, bindAll, statement, type Reader, type Store, type Tx } from '../../store/store.js';
import type { Actor, Caller } from '../actor.js';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { signedBy } from '../signed-by.js';
import { forgetIsolations, standingOf } from './key-isolations.js';

/*
 * Which networks the signatures of a publishable key come from, so that a key that is public in a page is not isolated
 * for what one visitor does. Stored as keyed hashes, for two days. Nothing is stored for secret keys: their network is
 * the owner's server.
 */

const KEPT_MS = 2 * 86_400_000;
/** The latest rows are enough to judge by. */
const LATEST = 10_000;

type Pair = { apiKeyKey: number; petitionKey: number };

/** The hash of the signer's network, different for each key. Null: unknown, or not a publishable key. */
export const networkOfSigner = ({ secrets }: Context, actor: Actor, { network }: Caller): Buffer | null =>
  actor.kind === 'publishable' && network !== null ? secrets.network(actor.keyKey, network) : null;

const insertNetwork = statement('signature_network_insert', ({ db, tables: { signatureNetworks: t } }: Tx) =>
  db.insert(t).values(bindAll(t, ['signatureKey', 'apiKeyKey', 'petitionKey', 'network', 'createdAt'])),
);

/** Records the network of a new signature. */
export async function noteNetwork(
  tx: Tx,
  signature: { signatureKey: number; petitionKey: number; apiKeyKey: number | null; network: Buffer | null },
): Promise<void> {
  if (signature.network === null || signature.apiKeyKey === null) return;
  await insertNetwork(tx, { ...signature, createdAt: tx.now });
}

/** Records that the mailbox of a signature was asked. */
export async function noteAsked({ db, tables, now }: Tx, signatureKey: number): Promise<void> {
  const { signatureNetworks: t } = tables;
  await db.update(t).set({ askedAt: now }).where(eq(t.signatureKey, signatureKey));
}

/** A mailbox that was asked, and when it confirmed, if it did. */
export type Ask = { network: string; askedAt: Date; confirmedAt: Date | null };

/** The latest mailboxes asked for signatures of this key and petition since `since`, newest first. */
export async function readAsks(
  { db, tables }: Reader,
  { apiKeyKey, petitionKey }: Pair,
  since: Date,
): Promise<Ask[]> {
  const { signatureNetworks: t, signatures } = tables;
  const rows = await db
    .select({ network: t.network, askedAt: t.askedAt, confirmedAt: signatures.confirmedAt })
    .from(t)
    .innerJoin(signatures, eq(signatures.key, t.signatureKey))
    .where(and(eq(t.petitionKey, petitionKey), eq(t.apiKeyKey, apiKeyKey), gte(t.askedAt, since)))
    .orderBy(desc(t.signatureKey))
    .limit(LATEST);
  return rows.flatMap(({ network, askedAt, confirmedAt }) =>
    askedAt ? { network: network.toString('hex'), askedAt, confirmedAt } : [],
  );
}

export type NetworkFigures = { network: string; asked: number; confirmed: number };

/** Isolates networks for a day. */
export async function isolateNetworks(
  tx: Tx,
  pair: Pair,
  networks: readonly NetworkFigures[],
): Promise<void> {
  const { isolatedNetworks: t } = tx.tables;
  const isolatedAt = tx.now;
  for (const { network, asked, confirmed } of networks) {
    const figures = { asked, confirmed, isolatedAt };
    await tx.db
      .insert(t)
      .values({ ...pair, network: Buffer.from(network, 'hex'), ...figures })
      // An isolation that has expired and was not swept yet.
      .onConflictDoUpdate({ target: [t.petitionKey, t.apiKeyKey, t.network], set: figures });
  }
  forgetIsolations(tx, pair.petitionKey);
}

const networkOf = statement(
  'signature_network_find',
  ({ db, tables: { signatureNetworks: t, apiKeys, signatures } }: Tx) =>
    db
      .select({ network: t.network, kind: apiKeys.kind })
      .from(signatures)
      .innerJoin(apiKeys, eq(apiKeys.key, signatures.apiKeyKey))
      .leftJoin(t, eq(t.signatureKey, signatures.key))
      .where(eq(signatures.key, bind(signatures.key, 'signatureKey'))),
);

/**
 * Whether a signature's mailbox must not be asked, because hardly anyone confirms what comes from the same source: its
 * network for a publishable key, the key itself for a secret one.
 */
export async function isFromBadNetwork(
  tx: Tx,
  { key, apiKeyKey, petitionKey }: { key: number; apiKeyKey: number | null; petitionKey: number },
): Promise<boolean> {
  if (apiKeyKey === null) return false;
  const standing = await standingOf(tx, petitionKey, apiKeyKey, tx.now);
  if (!standing.isolated && standing.networks.size === 0) return false;
  const [from] = await networkOf(tx, { signatureKey: key });
  if (from?.kind === 'secret') return standing.isolated;
  return from?.network != null && standing.networks.has(from.network.toString('hex'));
}

/** Deletes the networks of an erased supporter. */
export async function forgetNetworks(tx: Tx, supporterKey: number): Promise<void> {
  const { signatureNetworks: t, signatures } = tx.tables;
  const theirs = tx.db.select({ key: signatures.key }).from(signatures).where(signedBy(tx, supporterKey));
  await tx.db.delete(t).where(inArray(t.signatureKey, theirs));
}

/** Deletes networks that are older than they may be kept. */
export async function sweepNetworks(store: Store, now: Date): Promise<void> {
  const { signatureNetworks: t } = store.tables;
  const before = new Date(now.getTime() - KEPT_MS);
  await deleteInSteps(store, (db, most) => {
    // Keys grow with time, so only the oldest rows need a look.
    const oldest = db.select({ key: t.signatureKey }).from(t).orderBy(asc(t.signatureKey)).limit(most);
    return db
      .delete(t)
      .where(and(inArray(t.signatureKey, oldest), lt(t.createdAt, before)))
      .returning({ key: t.signatureKey });
  });
  await store.transact(({ db, tables: { isolatedNetworks } }) =>
    db
      .delete(isolatedNetworks)
      .where(lt(isolatedNetworks.isolatedAt, before))
      .returning({ asked: isolatedNetworks.asked }),
  );
}
