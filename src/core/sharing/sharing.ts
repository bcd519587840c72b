import { createHash } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Network } from '../../../schema/db/tables/sharing.js';
import { ApiError } from '../../errors.js';
import { bind, bindAll, statement, type Tx } from '../../store/store.js';
import type { Actor, Caller } from '../actor.js';
import type { Context } from '../context.js';
import { addShareFigures, hourOf } from '../counts/share-figures.js';
import { once, type Retry } from '../idempotency.js';
import { assertOrigin } from '../organization/origins.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import { findPetition } from '../petitions/petition-lookup.js';
import { closestTo, translationFor } from '../petitions/languages.js';
import type { PetitionRow } from '../petitions/petition-rules.js';
import { readTranslation, said } from '../petitions/translated.js';
import { newShareCode } from './share-codes.js';
import { getShareLink, type ShareLink } from './share-links.js';
import { variantKeyOf } from './share-variants.js';

/* Creating share links. */

type LinkRow = Tables['shareLinks']['$inferSelect'];

export type ShareLinkInput = {
  network: Network;
  receipt?: string | null;
  source?: string | null;
  /**
   * The language in which the petition was shown. Not that of the signature: who makes up a signature under an address would
   * learn in which language its owner has signed.
   */
  locale?: string | null;
};

/**
 * Creates a link for a petition, or for a signer with the receipt that signing returned. The same receipt gets the same
 * link on a network again. Another receipt of the same signature must get another link: else a stranger who signs again
 * with someone's address would see whether that person has shared the petition, and with what result.
 *
 * Throws `petition_not_published`, `receipt_invalid`, `not_a_partner`, `origin_not_allowed`,
 * `idempotency_key_reused`, and what `findPetition` throws.
 */
export const createShareLink = (
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: ShareLinkInput,
  retry: Retry | undefined,
  caller: Caller,
): Promise<ShareLink> =>
  ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = await findPetition(tx, actor, petitionRef);
      if (petition.status === 'draft') {
        throw new ApiError('petition_not_published', { detail: 'Publish it before you share it.' });
      }
      assertOrigin(petition, actor, caller, ctx.links.origin);
      const through = await assertTakesPart(tx, petition, actor);
      return linkFor(ctx, tx, petition, through, input);
    }),
  );

/**
 * Creates a link for a signer who has just confirmed, from this server's own page. Throws `receipt_invalid`,
 * `petition_not_published`.
 */
export const shareFromOwnPage = (
  ctx: Context,
  { receipt, ...input }: ShareLinkInput & { receipt: string },
): Promise<ShareLink> =>
  ctx.store.transact(async (tx) => {
    const { signatures: s, petitions: t } = tx.tables;
    const [found] = await tx.db
      .select({ petition: t })
      .from(s)
      .innerJoin(t, eq(t.key, s.petitionKey))
      .where(eq(s.key, ctx.sealer.openReceipt(receipt) ?? 0));
    if (!found) throw new ApiError('receipt_invalid');
    const { petition } = found;
    if (petition.status !== 'published') throw new ApiError('petition_not_published');
    return linkFor(ctx, tx, petition, null, { ...input, receipt });
  });

async function linkFor(
  ctx: Context,
  tx: Tx,
  petition: PetitionRow,
  through: number | null,
  { receipt, network, source = null, locale }: ShareLinkInput,
): Promise<ShareLink> {
  const credit = receipt == null ? null : await openReceipt(ctx, tx, petition, receipt);
  const earlier = credit && (await findEarlier(tx, { receiptHash: credit.receiptHash, network }))[0];
  if (earlier) return getShareLink(tx, earlier.code);
  const translation = translationFor(petition, closestTo(locale));
  const shared = translation ? said(petition, await readTranslation(tx, translation)) : petition;
  const text = await ctx.shareSplit.pick(tx, shared, network);
  const code = await insertLink(ctx, tx, {
    petitionKey: petition.key,
    variantKey: await variantKeyOf(ctx, tx, petition.key, network, text),
    translationKey: translation?.key ?? null,
    signatureKey: credit?.signatureKey ?? null,
    // From the key only: the collector of the signature would reveal who brought its signer.
    organizationKey: through,
    source,
    receiptHash: credit?.receiptHash ?? null,
  });
  return getShareLink(tx, code);
}

/** The organization of the key, null without one. Throws `not_a_partner`. */
async function assertTakesPart(tx: Tx, petition: PetitionRow, actor: Actor): Promise<number | null> {
  if (actor.kind === 'anonymous') return null;
  const { organizationKey } = actor;
  if (organizationKey === petition.organizationKey) return organizationKey;
  if ((await partnerKeysOf(tx, petition.key)).includes(organizationKey)) return organizationKey;
  throw new ApiError('not_a_partner', {
    detail: 'Ask the lead organization to invite yours as a partner, and accept.',
  });
}

type Credit = { signatureKey: number; receiptHash: Buffer };

/**
 * The signature of a receipt, whatever its status: refusing some would reveal the status. The update changes nothing;
 * on PostgreSQL it makes a second request with the same receipt wait for this one's link. Throws `receipt_invalid`.
 */
async function openReceipt(
  ctx: Context,
  tx: Tx,
  petition: PetitionRow,
  receipt: string,
): Promise<Credit | null> {
  const { signatures: t } = tx.tables;
  const signatureKey = ctx.sealer.openReceipt(receipt);
  // Of one tap in a mail: it is not known who that was, so their links are nobody's.
  if (signatureKey === 0) return null;
  const [signature] = await tx.db
    .update(t)
    .set({ hidden: sql`${t.hidden}` })
    .where(and(eq(t.key, signatureKey ?? 0), eq(t.petitionKey, petition.key)))
    .returning({ key: t.key });
  if (!signature) {
    throw new ApiError('receipt_invalid', {
      detail: 'Send the receipt that signing this petition has returned, or leave it out.',
    });
  }
  return { signatureKey: signature.key, receiptHash: createHash('sha256').update(receipt).digest() };
}

const findEarlier = statement(
  'share_link_of_receipt',
  ({ db, tables: { shareLinks: t, shareVariants: v } }: Tx) =>
    db
      .select({ code: t.code })
      .from(t)
      .innerJoin(v, eq(v.key, t.variantKey))
      .where(
        and(eq(t.receiptHash, bind(t.receiptHash, 'receiptHash')), eq(v.network, bind(v.network, 'network'))),
      ),
);

const insertRow = statement('share_link_insert', ({ db, tables: { shareLinks: t } }: Tx) =>
  db
    .insert(t)
    .values(
      bindAll(t, [
        'code',
        'petitionKey',
        'variantKey',
        'translationKey',
        'signatureKey',
        'organizationKey',
        'source',
        'receiptHash',
        'createdAt',
      ]),
    )
    .onConflictDoNothing({ target: t.code })
    .returning({ key: t.key }),
);

export type SharedLinkInput = Pick<LinkRow, 'petitionKey' | 'organizationKey' | 'source' | 'code'> & {
  network: Network;
  text: string | null;
};

/** Makes a link that is credited to no signer, under a code that was drawn before. */
export async function insertSharedLink(
  ctx: Context,
  tx: Tx,
  { network, text, ...link }: SharedLinkInput,
): Promise<void> {
  const variantKey = await variantKeyOf(ctx, tx, link.petitionKey, network, text);
  const row = {
    ...link,
    variantKey,
    translationKey: null,
    signatureKey: null,
    receiptHash: null,
    createdAt: tx.now,
  };
  const [inserted] = await insertRow(tx, row);
  if (!inserted) throw new Error('the code of a share link is taken');
  addShareFigures(tx, inserted.key, hourOf(tx.now), { links: 1 });
}

const MAX_DRAWS = 10;

/** Inserts a link under an unused random code, and counts it. */
async function insertLink(
  ctx: Context,
  tx: Tx,
  row: Omit<LinkRow, 'key' | 'code' | 'createdAt'>,
): Promise<string> {
  for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
    const code = newShareCode(ctx.random);
    const [inserted] = await insertRow(tx, { ...row, code, createdAt: tx.now });
    if (!inserted) continue;
    addShareFigures(tx, inserted.key, hourOf(tx.now), { links: 1 });
    return code;
  }
  throw new Error('every code that was drawn is taken');
}
