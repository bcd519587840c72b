import { and, eq } from 'drizzle-orm';
import type { PaperStatus } from '../../../schema/db/tables/paper.js';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { countPaper } from '../counts/other-counts.js';
import { stepsOf } from '../counts/milestones.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { viewPaper, type PaperView } from './paper-access.js';
import { isInCharge } from './paper-batches.js';

/* What becomes of a single paper signature later on: taken out, put back, or erased for a person who asks for it. */

/** A paper signature that the actor decides about. Throws `paper_signature_not_found`. */
async function findInCharge(tx: Tx, actor: KeyedActor, publicId: string) {
  const { paperSignatures: t, petitions } = tx.tables;
  const [row] = await tx.db
    .select({
      key: t.key,
      status: t.status,
      petitionKey: t.petitionKey,
      organizationKey: t.organizationKey,
      leadKey: petitions.organizationKey,
      goals: petitions.goals,
      thresholdValues: petitions.thresholdValues,
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.publicId, publicId));
  if (!row || !(await isInCharge(tx, actor, row))) throw new ApiError('paper_signature_not_found');
  return row;
}

/**
 * Takes a paper signature out of the count (`invalidated`), or puts it back (`confirmed`). Throws
 * `paper_signature_not_found`, `already_invalidated`, `not_invalidated`, `idempotency_key_reused`.
 */
export async function moderatePaper(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  { to, reason }: { to: PaperStatus; reason: string },
  retry?: Retry,
): Promise<PaperView> {
  const { row, view } = await ctx.store.transact(async (tx) => {
    const row = await findInCharge(tx, actor, publicId);
    const view = await once(tx, retry, async () => {
      if (row.status === to) {
        throw new ApiError(to === 'confirmed' ? 'not_invalidated' : 'already_invalidated');
      }
      const { paperSignatures: t } = tx.tables;
      requireWritten(
        await tx.db
          .update(t)
          .set({ status: to, reason })
          .where(and(eq(t.key, row.key), eq(t.status, row.status)))
          .returning({ key: t.key }),
      );
      countPaper(tx, row, to === 'confirmed' ? 1 : -1);
      return viewPaper(tx, actor, { key: row.petitionKey, organizationKey: row.leadKey }, row.key);
    });
    return { row, view };
  });
  await ctx.milestones.settle(row.petitionKey, stepsOf(row));
  return view;
}

/**
 * Erases a paper signature, and what it counted: nothing is left that could be of the person. Throws
 * `paper_signature_not_found`.
 */
export async function erasePaper(ctx: Context, actor: KeyedActor, publicId: string): Promise<void> {
  await ctx.store.transact(
    async (tx) => {
      const row = await findInCharge(tx, actor, publicId);
      const { paperSignatures: t } = tx.tables;
      const gone = requireWritten(
        await tx.db.delete(t).where(eq(t.key, row.key)).returning({ status: t.status }),
      );
      countPaper(tx, row, gone.status === 'confirmed' ? -1 : 0);
    },
    { urgent: true },
  );
  ctx.store.clean();
}
