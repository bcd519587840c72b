import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { PaperBatchKind } from '../../../schema/db/tables/paper.js';
import { ApiError } from '../../errors.js';
import type { Reader, Store, Tx } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { countPaper } from '../counts/other-counts.js';
import { decodeCursor, pageOf, type Page, type PageRequest } from '../cursor.js';
import { findSharedHead, groupColumns, partnerKeysOf, type Group } from '../partners/partnerships.js';
import { giveBack } from '../partners/vouching.js';

/* Batches: what was entered together, by whom and when. A batch that was entered by mistake can be removed. */

export type NewBatch = {
  publicId: string;
  petitionKey: number;
  organizationKey: number;
  apiKeyKey: number | null;
  kind: PaperBatchKind;
  source: string | null;
};

/** Begins a batch. Returns its key. */
export async function beginBatch(tx: Tx, batch: NewBatch): Promise<number> {
  const { paperBatches: t } = tx.tables;
  const [made] = await tx.db
    .insert(t)
    .values({ ...batch, created: 0, begunAt: tx.now })
    .returning({ key: t.key });
  if (!made) throw new Error('the insert returned no row');
  return made.key;
}

/**
 * Adds to what a batch has brought. From the first call on, no other transaction adds to it or removes it. Throws
 * `paper_batch_not_found` if it was removed while it was being entered.
 */
export async function addToBatch(tx: Tx, key: number, created: number): Promise<void> {
  const { paperBatches: t } = tx.tables;
  const written = await tx.db
    .update(t)
    .set({ created: sql`${t.created} + ${created}` })
    .where(eq(t.key, key))
    .returning({ key: t.key });
  if (written.length === 0) {
    throw new ApiError('paper_batch_not_found', { detail: 'It was removed meanwhile.' });
  }
}

export async function completeBatch(tx: Tx, key: number): Promise<void> {
  const { paperBatches: t } = tx.tables;
  await tx.db.update(t).set({ completedAt: tx.now }).where(eq(t.key, key));
}

const AT_A_TIME = 500;

type BatchPlace = { key: number; petitionKey: number; organizationKey: number };
type Transact = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

/**
 * Removes a batch with all of its signatures, in short transactions. `givesBack`: as if a partner had not vouched for
 * them. Throws `paper_batch_not_found`.
 */
async function takeBack(transact: Transact, batch: BatchPlace, givesBack = false): Promise<void> {
  while ((await transact((tx) => removeFrom(tx, batch, givesBack))) === AT_A_TIME);
}

/** Throws `paper_batch_not_found`. */
async function findBatch(on: Reader, publicId: string): Promise<BatchPlace & { leadKey: number }> {
  const { paperBatches: t, petitions } = on.tables;
  const [batch] = await on.db
    .select({
      key: t.key,
      petitionKey: t.petitionKey,
      organizationKey: t.organizationKey,
      leadKey: petitions.organizationKey,
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.publicId, publicId));
  if (!batch) throw new ApiError('paper_batch_not_found');
  return batch;
}

/** Removes what an import has entered, if anything. Throws what `transact` throws; then it may still be there. */
export const takeBackImport = (transact: Transact, publicId: string): Promise<void> =>
  transact((tx) => findBatch(tx, publicId))
    .then((batch) => takeBack(transact, batch, true))
    .catch(unlessGone);

/** Removes all batches of a petition, those that are being entered included. */
export async function removeBatches(store: Store, petitionKey: number): Promise<void> {
  const { paperBatches: t } = store.tables;
  const { key, organizationKey } = t;
  const batches = await store.read.db
    .select({ key, petitionKey: t.petitionKey, organizationKey })
    .from(t)
    .where(eq(t.petitionKey, petitionKey));
  for (const batch of batches) {
    await takeBack((removeSome) => store.transact(removeSome), batch).catch(unlessGone);
  }
}

/** For those who only want a batch to be gone: another may remove it at the same time. */
function unlessGone(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== 'paper_batch_not_found') throw error;
}

async function removeFrom(tx: Tx, batch: BatchPlace, givesBack: boolean): Promise<number> {
  const { paperBatches, paperSignatures: t } = tx.tables;
  await addToBatch(tx, batch.key, 0);
  const some = tx.db.select({ key: t.key }).from(t).where(eq(t.batchKey, batch.key)).limit(AT_A_TIME);
  const { status, createdAt } = t;
  const gone = await tx.db.delete(t).where(inArray(t.key, some)).returning({ status, createdAt });
  countPaper(tx, batch, -gone.filter(({ status }) => status === 'confirmed').length);
  if (givesBack) {
    const entered = gone.map(({ createdAt }) => createdAt);
    await giveBack(tx, batch, entered);
  }
  if (gone.length < AT_A_TIME) await tx.db.delete(paperBatches).where(eq(paperBatches.key, batch.key));
  return gone.length;
}

/**
 * Whether the actor decides about what an organization entered: that organization does while it takes part, and the lead
 * of the petition.
 */
export async function isInCharge(
  on: Reader,
  actor: KeyedActor,
  entered: { petitionKey: number; leadKey: number; organizationKey: number },
): Promise<boolean> {
  if (speaksFor(actor, entered.leadKey)) return true;
  if (!speaksFor(actor, entered.organizationKey)) return false;
  return (await partnerKeysOf(on, entered.petitionKey)).includes(entered.organizationKey);
}

/** Removes a batch by its id. Throws `paper_batch_not_found`. */
export async function removeBatch(ctx: Context, actor: KeyedActor, publicId: string): Promise<void> {
  const batch = await findBatch(ctx.store.read, publicId);
  if (!(await isInCharge(ctx.store.read, actor, batch))) throw new ApiError('paper_batch_not_found');
  await takeBack((removeSome) => ctx.store.transact(removeSome), batch);
  ctx.store.clean();
}

export type BatchView = {
  key: number;
  publicId: string;
  petitionId: string;
  organization: Group;
  keyId: string | null;
  kind: PaperBatchKind;
  source: string | null;
  created: number;
  begunAt: Date;
  completedAt: Date | null;
};

/**
 * The batches of a petition, latest first: all of them for its lead, its own for a partner. Throws `petition_not_found`,
 * `invalid_cursor`.
 */
export async function listBatches(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string,
  { limit, cursor }: PageRequest,
): Promise<Page<BatchView>> {
  const petition = await findSharedHead(on, actor, petitionRef);
  const { organizationKey } = actor;
  const isLead = organizationKey === petition.organizationKey;
  const list = `paper-batches:${petition.key}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { paperBatches: t, organizations, apiKeys } = on.tables;
  const rows = await on.db
    .select({
      key: t.key,
      publicId: t.publicId,
      organization: groupColumns(organizations),
      keyId: apiKeys.publicId,
      kind: t.kind,
      source: t.source,
      created: t.created,
      begunAt: t.begunAt,
      completedAt: t.completedAt,
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .leftJoin(apiKeys, eq(apiKeys.key, t.apiKeyKey))
    .where(
      and(
        eq(t.petitionKey, petition.key),
        isLead ? undefined : eq(t.organizationKey, organizationKey),
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  const views = rows.map((row) => ({ ...row, petitionId: petition.publicId }));
  return pageOf(list, views, limit, (row) => [row.key]);
}
