import { eq } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { stepsOf } from '../counts/milestones.js';
import { once, type Retry } from '../idempotency.js';
import { assertStillActive } from '../organization/api-keys.js';
import { hidesSome } from '../partners/partner-terms.js';
import { findSharedHead } from '../partners/partnerships.js';
import { allowanceOf, findVouching, noteVouched } from '../partners/vouching.js';
import { assertTakesLate, retentionAt } from '../petitions/petition-life.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { beginBatch, completeBatch, type NewBatch } from './paper-batches.js';
import { enterRows, PaperMemory, type Entered, type PaperInput, type PaperRow } from './paper-rows.js';

/* Entering signatures from paper: who may, and a few by one request. Files: paper-import.ts. */

/**
 * A petition for which the actor may enter paper signatures: as its lead, or as a partner that may vouch. Throws
 * `petition_not_found`, `petition_taken_down`, `petition_not_published`, `petition_closed`, `vouching_not_agreed`.
 */
export async function findForPaper(
  on: Reader,
  actor: KeyedActor,
  ref: string,
  now: Date,
): Promise<PetitionHead> {
  const petition = await findSharedHead(on, actor, ref);
  assertTakesLate(petition);
  await assertKept(on, petition, now);
  await findVouching(on, actor, petition);
  return petition;
}

/** Once people are anonymised, those who are entered again would not be recognised. */
async function assertKept({ db, tables: { petitions: t } }: Reader, { key }: PetitionHead, now: Date) {
  const [row] = await db
    .select({
      status: t.status,
      opensAt: t.opensAt,
      closesAt: t.closesAt,
      closedAt: t.closedAt,
      updatedAt: t.updatedAt,
      retentionDays: t.retentionDays,
    })
    .from(t)
    .where(eq(t.key, key));
  if (row && retentionAt(row, now) === 'over') {
    throw new ApiError('petition_closed', {
      detail: 'Its signers are anonymised: set a longer retention period first, or add an offset.',
    });
  }
}

/** Where rows go: into a batch that exists, or (undefined) into a new one. */
export type Batch = Pick<NewBatch, 'publicId' | 'apiKeyKey' | 'kind' | 'source'> & {
  key: number | undefined;
};

export type EnteredRows = { petition: PetitionHead; batchKey: number; entered: Entered[] };

/** Enters rows in a transaction. Throws what `findForPaper` throws, and `invalid_key`. */
export async function enterIn(
  tx: Tx,
  actor: KeyedActor,
  petitionRef: string,
  { key, ...batch }: Batch,
  rows: readonly PaperRow[],
  memory: PaperMemory,
): Promise<EnteredRows> {
  await assertStillActive(tx, actor);
  const petition = await findForPaper(tx, actor, petitionRef, tx.now);
  const { key: petitionKey, organizationKey: leadKey } = petition;
  const { organizationKey } = actor;
  const allowance = await allowanceOf(tx, actor, petition);
  const batchKey = key ?? (await beginBatch(tx, { ...batch, petitionKey, organizationKey }));
  const seesAll = speaksFor(actor, leadKey) && !(await hidesSome(tx, petitionKey));
  const place = { petitionKey, organizationKey, batchKey, left: allowance.left, seesAll };
  const entered = await enterRows(tx, place, rows, memory);
  const counted = entered.filter(({ outcome }) => outcome === 'created').length;
  await noteVouched(tx, allowance, { counted, held: 0 });
  return { petition, batchKey, entered };
}

export const LIMIT_REACHED =
  'Your partnership lets you enter no more signatures today: send the rest tomorrow, or ask the lead to raise the limit.';

export type EntryInput = {
  petition: string;
  source: string | null;
  signatures: readonly PaperInput[];
  retry?: Retry | undefined;
};

/** `batchId`: null if nothing is new. `created`: the ids of the new ones. */
export type EntryResult = { batchId: string | null; created: string[]; entered: Entered[] };

/**
 * Enters a few signatures, all of them or none. Throws what `findForPaper` throws, `vouch_limit_reached` and
 * `idempotency_key_reused`.
 */
export async function enterPaper(
  ctx: Context,
  actor: KeyedActor,
  { petition: ref, source, signatures, retry }: EntryInput,
): Promise<EntryResult> {
  const ids = signatures.map(() => ctx.newId('pap'));
  const batch = {
    key: undefined,
    publicId: ctx.newId('pba'),
    apiKeyKey: actor.keyKey,
    kind: 'entries',
    source,
  } as const;
  const rows = signatures.map((input, i) => ({
    publicId: ids[i] as string,
    input,
    place: `signature ${i + 1} of this request`,
  }));
  const { petition, result } = await ctx.store.transact(async (tx) => {
    const petition = await findForPaper(tx, actor, ref, tx.now);
    const result = await once(tx, retry, async () => {
      const { batchKey, entered } = await enterIn(tx, actor, ref, batch, rows, new PaperMemory());
      if (entered.some(({ outcome }) => outcome === 'refused')) {
        throw new ApiError('vouch_limit_reached', { detail: LIMIT_REACHED });
      }
      await completeBatch(tx, batchKey);
      const created = ids.filter((_, i) => entered[i]?.outcome === 'created');
      return { batchId: created.length > 0 ? batch.publicId : null, created, entered };
    });
    return { petition, result };
  });
  await ctx.milestones.settle(petition.key, stepsOf(petition));
  return result;
}
