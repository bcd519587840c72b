import { and, desc, eq, inArray, isNull, lt, sql, type Column } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Answers, SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { hasLink } from '../brakes/links-in-names.js';
import type { Context } from '../context.js';
import { changeCounts } from '../counts/counts.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import { renamed, type PersonName } from '../names.js';
import { requireWritten } from '../overtaken.js';
import { either } from '../petitions/translated.js';
import type { Session } from '../session.js';
import { changedErrors, keptAnswers, type AnswersInput } from '../signatures/answers.js';
import { confirmSignature } from '../signatures/signature-moves.js';
import { signedBy } from '../signed-by.js';
import { updateProvenProfile } from '../supporters/supporters.js';

/* A supporter's own signatures in "my data": listing, changing, confirming and withdrawing them. */

type SignatureRow = Tables['signatures']['$inferSelect'];
type PetitionRow = Tables['petitions']['$inferSelect'];

/** A signature with its petition, as its signer sees it. */
export type MySignature = {
  signature: SignatureRow;
  /** With the texts that were signed. */
  petition: Pick<
    PetitionRow,
    'publicId' | 'slug' | 'title' | 'statement' | 'pageUrl' | 'locale' | 'formFields'
  > & {
    /** The language that was signed in. */
    signedLocale: string;
    /** That of the translation that was signed; null: the petition's own text. */
    translation: string | null;
  };
  /** What the signer's share links brought, as sums only: they must not identify anyone. */
  shared: { links: number; clicks: number; conversions: number };
};

/** Reads one index entry per share link of the signer. */
function sharedOf({ signatures, shareLinks: l, shareCounts: c }: Tables) {
  const theirs = sql`${l} where ${l.signatureKey} = ${signatures.key}`;
  const total = (column: Column) =>
    sql<number>`(select coalesce(sum(${column}), 0) from ${c} where ${c.shareLinkKey} in (select ${l.key} from ${theirs}))`.mapWith(
      Number,
    );
  return {
    links: sql<number>`(select count(*) from ${theirs})`.mapWith(Number),
    clicks: total(c.clicks),
    conversions: total(c.conversions),
  };
}

const selectMine = ({ db, tables }: Reader) => {
  const { signatures, petitions, petitionTranslations: translations } = tables;
  return db
    .select({
      signature: signatures,
      petition: {
        publicId: petitions.publicId,
        slug: petitions.slug,
        title: either(translations.title, petitions.title),
        statement: either(translations.statement, petitions.statement),
        pageUrl: either(translations.pageUrl, petitions.pageUrl),
        locale: petitions.locale,
        signedLocale: either(translations.locale, petitions.locale),
        translation: sql<string | null>`${translations.locale}`,
        formFields: petitions.formFields,
      },
      shared: sharedOf(tables),
    })
    .from(signatures)
    .innerJoin(petitions, eq(petitions.key, signatures.petitionKey))
    .leftJoin(translations, eq(translations.key, signatures.translationKey));
};

/** The supporter's signatures, latest first. Throws `invalid_cursor`. */
export async function listMySignatures(
  on: Reader,
  { supporterKey }: Session,
  { limit, cursor }: PageRequest,
): Promise<Page<MySignature>> {
  const list = `me:signatures:${supporterKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { signatures: t } = on.tables;
  const rows = await selectMine(on)
    .where(and(signedBy(on, supporterKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, ({ signature }) => [signature.key]);
}

/** One of the supporter's signatures. Throws `signature_not_found`, also for those of others. */
export async function getMySignature(
  on: Reader,
  { supporterKey }: Session,
  publicId: string,
): Promise<MySignature> {
  const { signatures: t } = on.tables;
  const [row] = await selectMine(on).where(and(eq(t.publicId, publicId), eq(t.supporterKey, supporterKey)));
  if (!row) throw new ApiError('signature_not_found');
  return row;
}

export type MySignaturePatch = {
  display?: SignatureRow['display'];
  hidden?: boolean;
  name?: string;
  givenName?: string | null;
  familyName?: string | null;
  /** Merged into the stored ones: null removes an answer. */
  answers?: AnswersInput;
};

/**
 * Changes how a signature is shown, and its answers to the petition's own fields. Throws `signature_not_found`;
 * `invalid_body` for an answer that does not fit, and for a new name with a link, since no organiser checks names again
 * before they are public.
 */
export const patchMySignature = (
  ctx: Context,
  session: Session,
  publicId: string,
  { hidden, answers, ...patch }: MySignaturePatch,
): Promise<MySignature> =>
  ctx.store.transact(async (tx) => {
    const mine = await getMySignature(tx, session, publicId);
    const names = renamed(mine.signature, patch);
    assertNoLinks(mine.signature, names);
    const { signatures: t } = tx.tables;
    const [signature] = await tx.db
      .update(t)
      .set({
        ...patch,
        ...names,
        ...(hidden === undefined ? {} : { hidden: Number(hidden) }),
        ...(answers === undefined ? {} : { answers: merged(mine, answers) }),
      })
      .where(and(eq(t.key, mine.signature.key), eq(t.supporterKey, session.supporterKey)))
      .returning();
    if (!signature) throw new ApiError('signature_not_found');
    return { ...mine, signature };
  });

/** The stored answers with the changes. Only these are checked: fields may have become required since. */
function merged({ signature, petition }: MySignature, changes: AnswersInput): Answers | null {
  const errors = changedErrors(petition.formFields, changes);
  if (errors.length > 0) throw invalidBody(...errors);
  return keptAnswers({ ...signature.answers, ...changes });
}

/** Checks the names that change. */
function assertNoLinks(before: PersonName, after: Partial<PersonName>): void {
  const pointers = { name: '/name', givenName: '/given_name', familyName: '/family_name' } as const;
  const detail = 'A name must not contain a link or an address: write it like Ada Okonkwo.';
  const errors = (['name', 'givenName', 'familyName'] as const).flatMap((part) => {
    const changed = after[part] === before[part] ? null : after[part];
    return changed != null && hasLink(changed) ? [{ pointer: pointers[part], code: 'link', detail }] : [];
  });
  if (errors.length > 0) throw invalidBody(...errors);
}

/**
 * Confirms a pending signature of the supporter. The session already proves the mailbox, so no further mail is needed,
 * which a stranger may have used up. A repeat changes nothing; a quarantined signature still waits for an organiser.
 * Throws `signature_not_found`, `signature_withdrawn`, `already_invalidated`, and `petition_closed` when it is too
 * late.
 */
export async function confirmMySignature(
  ctx: Context,
  session: Session,
  publicId: string,
): Promise<MySignature> {
  const { mine, steps } = await ctx.store.transact(async (tx) => {
    const before = await getMySignature(tx, session, publicId);
    const { key, status } = before.signature;
    if (status === 'confirmed') return { mine: before, steps: null };
    if (status === 'withdrawn') {
      throw new ApiError('signature_withdrawn', { detail: 'Sign the petition again.' });
    }
    if (status === 'invalidated') throw takenOut();
    const { supporters, confirmationRequests: t } = tx.tables;
    const isMine = eq(supporters.key, session.supporterKey);
    const [me] = await tx.db.select({ identity: supporters.identity }).from(supporters).where(isMine);
    if (!me) throw new ApiError('signature_not_found');
    const confirmed = await confirmSignature(ctx, tx, { key, data: null, ...me });
    if (confirmed === 'too late') throw new ApiError('petition_closed');
    await updateProvenProfile(tx, session.supporterKey, confirmed.said);
    await tx.db
      .update(t)
      .set({ remindAt: null })
      .where(and(eq(t.supporterKey, session.supporterKey), eq(t.petitionKey, before.signature.petitionKey)));
    return { mine: await getMySignature(tx, session, publicId), steps: confirmed.steps };
  });
  if (steps) await ctx.milestones.settle(mine.signature.petitionKey, steps);
  return mine;
}

const takenOut = () =>
  new ApiError('already_invalidated', { detail: 'An organiser has invalidated it: it does not count.' });

const WITHDRAWABLE: readonly SignatureStatus[] = ['pending', 'confirmed', 'quarantined'];

/**
 * Withdraws a signature: it stops counting, and its open requests are void. A repeat changes nothing. Throws
 * `signature_not_found`, `already_invalidated`.
 */
export function withdrawMySignature(ctx: Context, session: Session, publicId: string): Promise<MySignature> {
  const withdraw = async (tx: Tx) => {
    const mine = await getMySignature(tx, session, publicId);
    const { key, status } = mine.signature;
    if (status === 'withdrawn') return mine;
    if (!WITHDRAWABLE.includes(status)) throw takenOut();
    const { signatures: t } = tx.tables;
    const signature = requireWritten(
      await tx.db
        .update(t)
        .set({ status: 'withdrawn', withdrawnAt: tx.now })
        .where(and(eq(t.key, key), eq(t.status, status)))
        .returning(),
    );
    changeCounts(tx, signature, status, 'withdrawn');
    await voidRequests(tx, session, signature.petitionKey);
    return { ...mine, signature };
  };
  return ctx.store.transact(withdraw, { urgent: true });
}

/**
 * Voids links and codes for this petition that are still in the mailbox, so that they cannot bring the signature back, and
 * stops reminders. The supporter can sign again; the mailbox is then asked anew.
 */
async function voidRequests(tx: Tx, { supporterKey }: Session, petitionKey: number): Promise<void> {
  const { confirmationRequests: t, linkTokens } = tx.tables;
  const open = await tx.db
    .update(t)
    .set({ remindAt: null, code: null })
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.petitionKey, petitionKey),
        isNull(t.confirmedAt),
        isNull(t.refusedAt),
      ),
    )
    .returning({ key: t.key });
  if (open.length === 0) return;
  const keys = open.map(({ key }) => key);
  await tx.db
    .delete(linkTokens)
    .where(and(eq(linkTokens.supporterKey, supporterKey), inArray(linkTokens.requestKey, keys)));
}
