import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { MailingMetric, MailingState, WinnerChoice } from '../../../schema/db/tables/mailings.js';
import type { Clause } from '../../../schema/db/tables/segments.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { MAILING_HANDLE_BYTES } from '../links/signed-tokens.js';
import { requireWritten } from '../overtaken.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import { findHead, Moved, type PetitionHead } from '../petitions/petition-lookup.js';
import { readClause } from '../segments/clauses.js';
import { changedContent, writes, type ContentPatch } from './content.js';
import { getMailing, getWholeMailing, type MailingView, type WholeMailing } from './mailings.js';
import { freshVariants, replaceVariants, variantsOf, type FreshVariant } from './variants.js';

/* Creating, changing and deleting mailings. */

export type MailingPatch = ContentPatch & {
  name?: string;
  petition?: string | null;
  source?: string | null;
  segment?: Clause | null;
  segmentId?: string | null;
  countClicks?: boolean;
  testShare?: number;
  metric?: MailingMetric;
  winner?: WinnerChoice;
  decideAfterHours?: number;
  expiresAt?: Date | null;
};
export type MailingInput = MailingPatch & { name: string };

/** Until it is started, a mailing can change: what is scheduled is fixed when it starts. */
const EDITABLE: readonly MailingState[] = ['draft', 'scheduled'];

/**
 * Creates a mailing, to which signatures through its links are attributed; with content, a draft that can be sent. Throws
 * `invalid_body`, `petition_not_found`, `petition_taken_down`, `not_a_partner`, `segment_not_found`,
 * `idempotency_key_reused`.
 */
export async function createMailing(
  ctx: Context,
  actor: KeyedActor,
  input: MailingInput,
  retry?: Retry,
): Promise<WholeMailing> {
  const content = changedContent(null, input);
  const publicId = ctx.newId('mlg');
  const handle = ctx.random(MAILING_HANDLE_BYTES);
  const fresh = freshVariants(ctx, input.variants);
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const { organizationKey } = actor;
      const columns = { ...(await columnsOf(tx, actor, input)), name: input.name, content };
      const [row] = await tx.db
        .insert(tx.tables.mailings)
        .values({ ...columns, publicId, organizationKey, handle, createdAt: tx.now })
        .returning({ key: tx.tables.mailings.key });
      if (row && content) await replaceVariants(tx, row.key, input.variants ?? [], fresh);
      return getWholeMailing(tx, actor, publicId);
    }),
  );
}

/**
 * Changes a draft, or a mailing that waits for its moment. `version` is the one that the caller has read; null skips the
 * check. Throws `mailing_not_found`, `mailing_not_editable`, `precondition_failed`, and what `createMailing` throws.
 */
export async function updateMailing(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  version: number | null,
  patch: MailingPatch,
): Promise<WholeMailing> {
  const fresh = freshVariants(ctx, patch.variants);
  return ctx.store.transact(async (tx) => {
    const { mailings: t } = tx.tables;
    const before = await getMailing(tx, actor, publicId);
    assertEditable(before);
    if (version !== null && version !== before.version) {
      throw new ApiError('precondition_failed', {
        detail: 'Read it again, apply your change to what is there now.',
      });
    }
    const kept = patch.variants === undefined ? await variantsOf(tx, before.key) : [];
    const said = kept.map((variant) => variant.content);
    const content = changedContent(before.content, patch, said);
    const changes = { ...(await columnsOf(tx, actor, patch)), content };
    requireWritten(
      await tx.db
        .update(t)
        .set({ ...changes, version: before.version + 1, updatedAt: tx.now })
        .where(and(eq(t.key, before.key), eq(t.version, before.version), inArray(t.state, [...EDITABLE])))
        .returning({ key: t.key }),
    );
    await writeVariants(tx, before, patch, fresh);
    return getWholeMailing(tx, actor, publicId);
  });
}

function assertEditable({ state }: MailingView): void {
  if (EDITABLE.includes(state)) return;
  const detail = ['cancelled', 'missed', 'done'].includes(state)
    ? `It is ${state}: create another mailing.`
    : 'It has been started, and its content is fixed.';
  throw new ApiError('mailing_not_editable', { detail });
}

async function writeVariants(
  tx: Tx,
  { key, content }: MailingView,
  patch: MailingPatch,
  fresh: readonly FreshVariant[],
): Promise<void> {
  const isFirst = content === null && writes(patch);
  if (patch.variants !== undefined || isFirst) await replaceVariants(tx, key, patch.variants ?? [], fresh);
}

/** The columns that a patch changes, besides the content. */
async function columnsOf(
  tx: Tx,
  actor: KeyedActor,
  patch: MailingPatch,
): Promise<Partial<Tables['mailings']['$inferInsert']>> {
  const { petition, segment, segmentId, countClicks, winner } = patch;
  if (segment != null && segmentId != null) {
    const detail = 'Send either `segment` or `segment_id`.';
    throw invalidBody({ pointer: '/segment_id', code: 'conflict', detail });
  }
  const sent = segment && (await readClause(tx, actor, segment, '/segment'));
  const clause = segmentId == null ? sent : await clauseOf(tx, actor, segmentId);
  // Null for both means the same: to everybody.
  const isClause = segment !== undefined || segmentId !== undefined;
  const plain = {
    name: patch.name,
    source: patch.source,
    testShare: patch.testShare,
    metric: patch.metric,
    decideAfterHours: patch.decideAfterHours,
    expiresAt: patch.expiresAt,
    winnerChoice: winner,
    countClicks: countClicks === undefined ? undefined : Number(countClicks),
    clause: isClause ? (clause ?? null) : undefined,
    petitionKey: petition === undefined ? undefined : await petitionKeyOf(tx, actor, petition),
  };
  return Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
}

const petitionKeyOf = async (on: Reader, actor: KeyedActor, ref: string | null): Promise<number | null> =>
  ref === null ? null : (await findShared(on, actor, ref)).key;

/** A petition that the actor's organization leads or is a partner of; earlier slugs work too. */
async function findShared(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionHead> {
  const petition = await findHead(on, actor, ref).catch((error: unknown) => {
    if (error instanceof Moved) return findHead(on, actor, error.slug);
    throw error;
  });
  if (petition.organizationKey === actor.organizationKey) return petition;
  if ((await partnerKeysOf(on, petition.key)).includes(actor.organizationKey)) return petition;
  throw new ApiError('not_a_partner', {
    detail: 'Ask the lead organization to invite yours as a partner, and accept.',
  });
}

async function clauseOf(on: Reader, { organizationKey }: KeyedActor, publicId: string): Promise<Clause> {
  const { segments: t } = on.tables;
  const [row] = await on.db
    .select({ clause: t.clause })
    .from(t)
    .where(and(eq(t.publicId, publicId), eq(t.organizationKey, organizationKey)));
  if (!row) throw new ApiError('segment_not_found');
  return row.clause;
}

/**
 * Deletes a mailing that was never started. Throws `mailing_not_found`, and `mailing_not_editable` for one that was: its
 * figures and the links in the mails need it.
 */
export async function deleteMailing(ctx: Context, actor: KeyedActor, publicId: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { mailings: t, mailingVariants, mailingLinks, mailingHours, signatures } = tx.tables;
    const { key, state, startedAt, version } = await getMailing(tx, actor, publicId);
    if (!['draft', 'cancelled', 'missed'].includes(state) || startedAt !== null) {
      const detail =
        state === 'scheduled'
          ? 'It is scheduled: take it off the schedule first.'
          : 'It was started: its figures and the links in its mails need it.';
      throw new ApiError('mailing_not_editable', { detail });
    }
    const brought = await tx.db
      .select({ key: signatures.key })
      .from(signatures)
      .where(eq(signatures.mailingKey, key))
      .limit(1);
    if (brought.length > 0) {
      throw new ApiError('mailing_not_editable', { detail: 'Signatures came by its links, and name it.' });
    }
    const counted = await tx.db
      .select({ key: mailingHours.mailingKey })
      .from(mailingHours)
      .where(eq(mailingHours.mailingKey, key))
      .limit(1);
    if (counted.length > 0) {
      throw new ApiError('mailing_not_editable', { detail: 'Its links were used, and its figures need it.' });
    }
    await tx.db.delete(mailingLinks).where(eq(mailingLinks.mailingKey, key));
    await tx.db.delete(mailingVariants).where(eq(mailingVariants.mailingKey, key));
    const isSame = and(eq(t.key, key), eq(t.version, version), eq(t.state, state));
    requireWritten(await tx.db.delete(t).where(isSame).returning({ key: t.key }));
  });
}
