import { asc, count, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { speaksFor, type Actor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { countOffset } from '../counts/other-counts.js';
import { stepsOf } from '../counts/milestones.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { assertTakesLate } from '../petitions/petition-life.js';
import { findHead, findOwnHead } from '../petitions/petition-lookup.js';

/* Plain numbers from elsewhere, such as a petition on another platform. They count, and the public sees where from. */

/** The most of one petition: the sum must stay within 32 bits. */
const MOST = 100;

export type OffsetView = Pick<
  Tables['offsets']['$inferSelect'],
  'publicId' | 'count' | 'source' | 'url' | 'countedOn' | 'createdAt'
> & { petitionId: string };

export type OffsetInput = {
  count: number;
  source: string;
  url?: string | null;
  countedOn?: string | null;
};

/**
 * Adds a number to a petition of the actor's organization. Throws `petition_not_found`, `petition_taken_down`,
 * `petition_not_published`, `petition_closed`, `too_many_offsets`, `idempotency_key_reused`.
 */
export async function addOffset(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  { count: number, source, url = null, countedOn = null }: OffsetInput,
  retry?: Retry,
): Promise<OffsetView> {
  const publicId = ctx.newId('ofs');
  const { petition, view } = await ctx.store.transact(async (tx) => {
    const petition = await findOwnHead(tx, actor, petitionRef);
    const view = await once(tx, retry, async () => {
      assertTakesLate(petition);
      const { offsets: t } = tx.tables;
      const [known] = await tx.db.select({ rows: count() }).from(t).where(eq(t.petitionKey, petition.key));
      if ((known?.rows ?? 0) >= MOST) {
        throw new ApiError('too_many_offsets', {
          detail: `A petition has at most ${MOST}: remove some, and add their sum.`,
        });
      }
      const row = { publicId, count: number, source, url, countedOn, createdAt: tx.now };
      const { key: petitionKey, organizationKey } = petition;
      await tx.db.insert(t).values({ ...row, petitionKey, organizationKey });
      countOffset(tx, petitionKey, number);
      return { ...row, petitionId: petition.publicId };
    });
    return { petition, view };
  });
  await ctx.milestones.settle(petition.key, stepsOf(petition));
  return view;
}

/** The offsets of a petition, oldest first. Throws what `findHead` throws. */
export async function listOffsets(on: Reader, actor: Actor, petitionRef: string): Promise<OffsetView[]> {
  const petition = await findHead(on, actor, petitionRef);
  const { offsets: t } = on.tables;
  const rows = await on.db.select().from(t).where(eq(t.petitionKey, petition.key)).orderBy(asc(t.key));
  return rows.map((row) => ({ ...row, petitionId: petition.publicId }));
}

/** Removes an offset. Throws `offset_not_found`. */
export async function removeOffset(ctx: Context, actor: KeyedActor, publicId: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { offsets: t, petitions } = tx.tables;
    const [row] = await tx.db
      .select({ key: t.key, petitionKey: t.petitionKey, leadKey: petitions.organizationKey })
      .from(t)
      .innerJoin(petitions, eq(petitions.key, t.petitionKey))
      .where(eq(t.publicId, publicId));
    if (!row || !speaksFor(actor, row.leadKey)) throw new ApiError('offset_not_found');
    const gone = requireWritten(
      await tx.db.delete(t).where(eq(t.key, row.key)).returning({ count: t.count }),
    );
    countOffset(tx, row.petitionKey, -gone.count);
  });
}

/** Removes all offsets of a petition. */
export async function removeOffsets(tx: Tx, petitionKey: number): Promise<void> {
  const { offsets: t } = tx.tables;
  const gone = await tx.db.delete(t).where(eq(t.petitionKey, petitionKey)).returning({ count: t.count });
  for (const { count } of gone) countOffset(tx, petitionKey, -count);
}
