import { and, asc, desc, eq, gte, inArray, lt } from 'drizzle-orm';
import { bind, bindAll, statement, type Reader, type Store, type Tx } from '../../store/store.js';
import type { Actor, Caller } from '../actor.js';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { forgetIsolations, standingOf } from './key-isolations.js';

/*
 * Which networks the signatures of a publishable key come from: so that a key that stands in every page is not condemned
 * for what one visitor does with it. By keyed hashes, for two days; a secret key's network is its owner's, and says nothing.
 */

const KEPT_MS = 2 * 86_400_000;
/** So many of the latest tell enough. */
const LATEST = 10_000;

type Pair = { apiKeyKey: number; petitionKey: number };

/** Names the signer's network, for this key alone. Null: nothing is known of it. */
export const networkOfSigner = ({ secrets }: Context, actor: Actor, { network }: Caller): Buffer | null =>
  actor.kind === 'publishable' && network !== null ? secrets.network(actor.keyKey, network) : null;

const insertNetwork = statement('signature_network_insert', ({ db, tables: { signatureNetworks: t } }: Tx) =>
  db.insert(t).values(bindAll(t, ['signatureKey', 'apiKeyKey', 'petitionKey', 'network', 'createdAt'])),
);

/** Notes where a new signature comes from. */
export async function noteNetwork(
  tx: Tx,
  signature: { signatureKey: number; petitionKey: number; apiKeyKey: number | null; network: Buffer | null },
): Promise<void> {
  if (signature.network === null || signature.apiKeyKey === null) return;
  await insertNetwork(tx, { ...signature, createdAt: tx.now });
}

/** Notes that the mailbox of a signature has been asked. */
export async function noteAsked({ db, tables, now }: Tx, signatureKey: number): Promise<void> {
  const { signatureNetworks: t } = tables;
  await db.update(t).set({ askedAt: now }).where(eq(t.signatureKey, signatureKey));
}

/** A mailbox that was asked, and whether it has said yes. */
export type Ask = { network: string; askedAt: Date; confirmedAt: Date | null };

/** The latest mailboxes that were asked for what came through a publishable key, since then. */
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

/** Sets networks apart, for a day. */
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
      // What is over, and not swept yet.
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
 * Whether nobody is to be asked about a signature, as hardly anybody says yes to what comes from there: from its network
 * where it came with a publishable key, from the key itself where that is secret.
 */
export async function comesFromBadPlace(
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

/** Takes an erased person's networks off. */
export async function forgetNetworks({ db, tables }: Tx, supporterKey: number): Promise<void> {
  const { signatureNetworks: t, signatures } = tables;
  const theirs = db
    .select({ key: signatures.key })
    .from(signatures)
    .where(eq(signatures.supporterKey, supporterKey));
  await db.delete(t).where(inArray(t.signatureKey, theirs));
}

/** Forgets where signatures came from, the oldest first. */
export async function sweepNetworks(store: Store, now: Date): Promise<void> {
  const { signatureNetworks: t } = store.tables;
  const before = new Date(now.getTime() - KEPT_MS);
  await deleteInSteps(store, (db, most) => {
    // Their keys grow with time: nothing but the oldest is looked at.
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
