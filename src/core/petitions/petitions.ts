import { and, eq } from 'drizzle-orm';
import type { DisclosedField, Partner } from '../../../schema/db/tables/petitions.js';
import { ApiError, invalidBody, type FieldError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { speaksFor, type Actor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { readCounts, type Counts } from '../counts/counts.js';
import { listMilestones, listThresholds, stepsOf } from '../counts/milestones.js';
import type { Milestone, Threshold } from '../counts/milestones.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { coalitionOf } from './coalition.js';
import { changeDisclosures, checkDisclosures, disclosedNow } from './disclosures.js';
import { findLead, type Lead } from './lead.js';
import { renderBackground } from './markdown.js';
import { withFormer } from './own-fields.js';
import { assertMove, statusAt } from './petition-life.js';
import { tellPetitionChanged } from './petition-changes.js';
import { closestTo, type ChooseLocale } from './languages.js';
import { findPetition } from './petition-lookup.js';
import { checkPetition, mergePatch, withDefaults } from './petition-rules.js';
import type { PetitionFields, PetitionInput, PetitionRow } from './petition-rules.js';
import { chooseSlug, claimSlug } from './petition-slugs.js';
import { countResponses } from './responses.js';
import { searchText } from './search-words.js';
import { checkThresholds, writeThresholds, type ThresholdInput } from './thresholds.js';
import { inLanguage, said, type InLanguage } from './translated.js';
import { checkTranslations } from './translations.js';

/* Creating, reading and changing petitions. */

/** A petition with everything that its representation needs. */
export type PetitionView = {
  petition: InLanguage<PetitionRow>;
  organization: Lead;
  /** The partners that the petition names. */
  coalition: Partner[];
  counts: Counts;
  milestones: Milestone[];
  thresholds: Threshold[];
  /** Responses and hearings. */
  responseCount: number;
};

/**
 * Creates a draft for the actor's organization. Throws `invalid_body`, `slug_taken`, `external_id_taken`,
 * `idempotency_key_reused`.
 */
export async function createPetition(
  ctx: Context,
  actor: KeyedActor,
  input: PetitionInput & {
    slug?: string | null;
    thresholds?: ThresholdInput[];
    discloses?: DisclosedField[] | null;
  },
  retry?: Retry,
): Promise<PetitionView> {
  const fields = withDefaults(input);
  const { thresholds = [] } = input;
  const discloses = input.discloses ?? [];
  refuse([
    ...checkPetition(fields),
    ...checkThresholds(thresholds),
    ...checkDisclosures(fields.form, discloses),
  ]);
  const publicId = ctx.newId('pet');
  const derived = derive(fields);
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      await assertExternalIdFree(tx, actor.organizationKey, fields.externalId);
      const slug = await chooseSlug(tx, input.slug ?? null, fields.title, publicId);
      const [row] = await tx.db
        .insert(tx.tables.petitions)
        .values({
          ...fields,
          ...derived,
          publicId,
          organizationKey: actor.organizationKey,
          slug,
          status: 'draft',
          thresholdValues: thresholds.map(({ value }) => value).sort((a, b) => a - b),
          disclosures: changeDisclosures([], discloses, { isDraft: true, now: tx.now }),
          test: actor.test ? 1 : 0,
          version: 1,
          createdAt: tx.now,
          updatedAt: tx.now,
        })
        .returning();
      if (!row) throw new Error('the insert returned no row');
      await tx.db.insert(tx.tables.petitionSlugs).values({ slug, petitionKey: row.key });
      await writeThresholds(tx, row.key, thresholds);
      return viewOf(tx, said(row, null));
    }),
  );
}

/**
 * A petition that the actor may see, in the language that `choose` chooses. Throws `petition_not_found`,
 * `petition_taken_down`, or Moved.
 */
export const getPetition = async (
  on: Reader,
  actor: Actor,
  ref: string,
  choose: ChooseLocale = closestTo(null),
): Promise<PetitionView> => viewOf(on, await inLanguage(on, await findPetition(on, actor, ref), choose));

/**
 * Applies a JSON Merge Patch to the version that the caller has read (null: to any). Throws `precondition_failed`,
 * `invalid_body`, `statement_fixed`, `slug_taken`, `external_id_taken`, and what `findPetition` throws.
 */
export async function patchPetition(
  ctx: Context,
  actor: KeyedActor,
  ref: string,
  version: number | null,
  patch: Partial<Record<keyof PetitionFields | 'slug', unknown>> & {
    thresholds?: ThresholdInput[] | null;
    discloses?: DisclosedField[] | null;
  },
): Promise<PetitionView> {
  const { slug, thresholds, discloses, ...changes } = patch;
  const write = (isShut: boolean) => async (tx: Tx) => {
    const before = await findOwn(tx, actor, ref, version);
    const merged = mergePatch(before, changes);
    // A draft has no signatures, and so no answers.
    const isDraft = before.status === 'draft';
    const formFields = withFormer(merged.formFields, isDraft ? [] : before.formFields);
    const fields = { ...merged, formFields };
    const told = discloses === undefined ? disclosedNow(before) : (discloses ?? []);
    refuse([
      ...checkPetition(fields),
      ...checkThresholds(thresholds ?? []),
      ...checkDisclosures(fields.form, told),
      ...checkStage(fields, before, tx.now),
    ]);
    if (fields.statement !== before.statement) {
      // Nobody may sign the text while it changes.
      if (!isShut) return undefined;
      await assertUnsigned(tx, before);
    }
    refuse(await checkTranslations(tx, before, fields));
    if (fields.externalId !== before.externalId) {
      await assertExternalIdFree(tx, actor.organizationKey, fields.externalId);
    }
    const renamed = typeof slug === 'string' && slug !== before.slug ? slug : undefined;
    if (renamed) await claimSlug(tx, renamed, before.key);
    const promised =
      thresholds === undefined
        ? {}
        : { thresholdValues: await writeThresholds(tx, before.key, thresholds ?? []) };
    const named = renamed ? { slug: renamed } : {};
    const disclosures = changeDisclosures(before.disclosures, told, { isDraft, now: tx.now });
    return update(tx, before, { ...fields, ...derive(fields), ...named, ...promised, disclosures });
  };
  const view =
    (await ctx.store.transact(write(false))) ??
    (await ctx.store.transact(write(true), { shut: 'signatures' }));
  if (!view) throw new Error('a change asks for what it has');
  await ctx.milestones.settle(view.petition.key, stepsOf(view.petition));
  return { ...view, ...(await stepsReached(ctx.store.read, view.petition)) };
}

/** A step in a petition's life, with its details. */
export type Transition =
  | { to: 'published' | 'archived' }
  | { to: 'closed'; outcome?: PetitionRow['outcome']; response?: string | null }
  | { to: 'taken_down'; reason: NonNullable<PetitionRow['takedownReason']> };

/**
 * Moves a petition to its next state. Throws `transition_not_allowed`, which names the allowed moves,
 * `idempotency_key_reused`, and what `findPetition` throws.
 */
export const transitionPetition = (
  ctx: Context,
  actor: KeyedActor,
  ref: string,
  transition: Transition,
  retry?: Retry,
): Promise<PetitionView> =>
  ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await findOwn(tx, actor, ref, null);
      assertMove(statusAt(before, tx.now), transition.to);
      return update(tx, before, effectOf(transition, before, tx.now));
    }),
  );

function effectOf(transition: Transition, before: PetitionRow, now: Date): Partial<PetitionRow> {
  switch (transition.to) {
    case 'published':
      return { status: 'published', publishedAt: now };
    case 'closed':
      return {
        status: 'closed',
        closedAt: now,
        outcome: transition.outcome ?? 'none',
        response: transition.response === undefined ? before.response : transition.response,
      };
    case 'archived':
      // Its schedule may have closed it, without a request.
      return { status: 'archived', closedAt: before.closedAt ?? before.closesAt ?? now };
    case 'taken_down':
      return { status: 'taken_down', takedownReason: transition.reason };
  }
}

async function findOwn(tx: Tx, actor: KeyedActor, ref: string, version: number | null): Promise<PetitionRow> {
  const found = await findPetition(tx, actor, ref);
  // 404, not 403: other organizations need not learn that the petition exists.
  if (!speaksFor(actor, found.organizationKey)) throw new ApiError('petition_not_found');
  if (version !== null && found.version !== version) {
    throw new ApiError('precondition_failed', {
      detail: 'Read it again, apply your change to what is there now.',
    });
  }
  return found;
}

async function update(tx: Tx, before: PetitionRow, changes: Partial<PetitionRow>): Promise<PetitionView> {
  const { petitions: t } = tx.tables;
  tx.memo.clear();
  tellPetitionChanged(tx, before.key);
  const row = requireWritten(
    await tx.db
      .update(t)
      .set({ ...changes, version: before.version + 1, updatedAt: tx.now })
      .where(and(eq(t.key, before.key), eq(t.version, before.version)))
      .returning(),
  );
  return viewOf(tx, said(row, null));
}

/** Signers endorsed an exact text, so it is fixed from the first signature on. Throws `statement_fixed`. */
async function assertUnsigned(tx: Tx, petition: PetitionRow): Promise<void> {
  const { signatures: t } = tx.tables;
  const signed = await tx.db.select({ key: t.key }).from(t).where(eq(t.petitionKey, petition.key)).limit(1);
  if (signed.length > 0) {
    throw new ApiError('statement_fixed', {
      detail: 'People have signed this text: create a new petition for another one.',
    });
  }
}

function checkStage(fields: PetitionFields, before: PetitionRow, now: Date): FieldError[] {
  const { status, opensAt } = before;
  // After the patch: a later `closes_at` opens a petition again that only its schedule had closed.
  const over = ['closed', 'archived'].includes(statusAt({ status, opensAt, closesAt: fields.closesAt }, now));
  return over || fields.outcome === 'none'
    ? []
    : [
        {
          pointer: '/outcome',
          code: 'not_closed',
          detail: 'Close the petition first: an open one has no outcome.',
        },
      ];
}

/** Computed from the fields at every write. */
const derive = ({ title, statement, background }: PetitionFields) => ({
  backgroundHtml: background === null ? null : renderBackground(background),
  searchText: searchText(title, statement),
});

function refuse(errors: ReturnType<typeof checkPetition>): void {
  if (errors.length > 0) throw invalidBody(...errors);
}

const viewOf = async (on: Reader, petition: InLanguage<PetitionRow>): Promise<PetitionView> => ({
  petition,
  organization: await findLead(on, petition),
  coalition: await coalitionOf(on, petition),
  counts: await readCounts(on, petition.key),
  ...(await stepsReached(on, petition)),
  responseCount: await countResponses(on, petition.key),
});

const stepsReached = async (on: Reader, { key, thresholdValues }: PetitionRow) => ({
  milestones: await listMilestones(on, key),
  thresholds: thresholdValues.length === 0 ? [] : await listThresholds(on, key),
});

async function assertExternalIdFree(
  tx: Tx,
  organizationKey: number,
  externalId: string | null,
): Promise<void> {
  if (externalId === null) return;
  const { petitions: t } = tx.tables;
  const taken = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.organizationKey, organizationKey), eq(t.externalId, externalId)));
  if (taken.length > 0) {
    throw new ApiError('external_id_taken', { detail: 'Another petition of yours has this external_id.' });
  }
}
