import { timingSafeEqual } from 'node:crypto';
import { and, desc, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { consumeToken, findToken, linkNotFound } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { confirmSignature } from '../signatures/signature-moves.js';
import { activateSubscription } from '../subscriptions/subscriptions.js';
import { findSupporterByIdentity, updateProvenProfile } from '../supporters/supporters.js';
import {
  aboutRequest,
  answer,
  isRepeat,
  requestOf,
  type Confirmed,
  type ProvenRequest,
} from './answering.js';

/** The mailed link, or the address with the mailed code. */
export type MailboxProof = { token: string } | { email: string; code: string };

/** Wrong codes allowed per mail. */
const MAX_TRIES = 5;
const CODE_LIFETIME_MS = 7 * 86_400_000;

/**
 * Confirms one request, and nothing else that was asked of the same mailbox: the signature counts, what the request
 * says about its signer is taken over, its opt-ins become subscriptions. A repeat within a day gets the same answer and
 * changes nothing. Throws `link_not_found` for every kind of failure.
 */
export async function confirmRequest(ctx: Context, proof: MailboxProof): Promise<Confirmed> {
  const outcome = await ctx.store.transact(async (tx) => {
    const found = 'token' in proof ? await byToken(tx, proof.token) : await byCode(ctx, tx, proof);
    // A wrong code has used up a try, which must be committed: throwing here would roll it back.
    if (!found) return undefined;
    const { request, supporter, repeated } = found;
    const goals = repeated || request.confirmedAt ? null : await apply(ctx, tx, request, supporter);
    if (goals === false) return undefined;
    return { goals, petitionKey: request.petitionKey, ...(await aboutRequest(tx, request)) };
  });
  if (!outcome) throw linkNotFound();
  const { goals, petitionKey, ...confirmed } = outcome;
  if (goals && petitionKey !== null) await ctx.milestones.settle(petitionKey, goals);
  return confirmed;
}

async function byToken(tx: Tx, text: string): Promise<ProvenRequest | undefined> {
  const fresh = await consumeToken(tx, 'confirm', text);
  const token = fresh ?? (await findToken(tx, 'confirm', text));
  return token && (fresh || isRepeat(token, tx.now)) ? requestOf(tx, token, !fresh) : undefined;
}

async function byCode(
  ctx: Context,
  tx: Tx,
  { email, code }: { email: string; code: string },
): Promise<ProvenRequest | undefined> {
  const identity = parseEmail(email)?.identity;
  const supporter = identity === undefined ? undefined : await findSupporterByIdentity(tx, identity);
  if (!supporter) return undefined;
  const { confirmationRequests: t } = tx.tables;
  // Uses up a try on every candidate before comparing, so that simultaneous guesses cannot share one.
  const candidates = await tx.db
    .update(t)
    .set({ codeTries: sql`${t.codeTries} + 1` })
    .where(
      and(
        eq(t.supporterKey, supporter.key),
        isNotNull(t.code),
        isNull(t.confirmedAt),
        isNull(t.refusedAt),
        lt(t.codeTries, MAX_TRIES),
        gt(t.createdAt, new Date(tx.now.getTime() - CODE_LIFETIME_MS)),
      ),
    )
    .returning();
  const request = candidates.find(
    (one) => one.code !== null && timingSafeEqual(one.code, ctx.secrets.code(one.key, code)),
  );
  return request && { request, supporter, repeated: false };
}

/**
 * Carries out what the request asks for. Returns the petition's goals if its count changed, null if not, and false if
 * it is too late to confirm.
 */
async function apply(
  ctx: Context,
  tx: Tx,
  request: ConfirmationRequest,
  supporter: ProvenRequest['supporter'],
): Promise<readonly number[] | null | false> {
  const subject = ctx.secrets.subject(supporter.identity);
  const signed =
    request.signatureKey === null
      ? null
      : await confirmSignature(ctx, tx, {
          key: request.signatureKey,
          data: request.data,
          identity: supporter.identity,
        });
  if (signed === 'too late') return false;
  await answer(tx, request, { confirmedAt: tx.now });
  await updateProvenProfile(tx, supporter.key, signed?.said ?? {});
  const blocked = (await isBlocked(tx, subject)) !== undefined;
  for (const optIn of blocked ? [] : (request.optIns ?? [])) {
    await activateSubscription(ctx, tx, {
      ...optIn,
      supporterKey: supporter.key,
      subject,
      origin: request.origin,
      petitionKey: request.petitionKey,
      source: request.source,
      locale: request.locale,
    });
  }
  return signed?.counted ? signed.goals : null;
}

/** What the page behind a confirmation link may show before its button is pressed. */
export type ConfirmationPreview = Confirmed & {
  petitionTitle: string | null;
  petitionUrl: string | null;
  organizations: string[];
};

/** Reads what a token would confirm, and changes nothing. Undefined for every link that does not work. */
export async function readConfirmationPreview(
  ctx: Context,
  token: string,
): Promise<ConfirmationPreview | undefined> {
  const found = await findToken(ctx.store.read, 'confirm', token);
  const now = ctx.now();
  if (!found || found.requestKey === null) return undefined;
  if (found.usedAt ? !isRepeat(found, now) : found.expiresAt <= now) return undefined;
  const request = await readRequest(ctx.store.read, found.requestKey);
  // Refused by another link; the one that refused it says so again.
  if (!request || (request.refusedAt && !found.usedAt)) return undefined;
  const { petitions, organizations, supporters } = ctx.store.tables;
  const { db } = ctx.store.read;
  const [supporter] = await db
    .select({ epoch: supporters.linkEpoch })
    .from(supporters)
    .where(eq(supporters.key, found.supporterKey));
  if (supporter?.epoch !== found.epoch) return undefined;
  const [petition] =
    request.petitionKey === null
      ? []
      : await db
          .select({
            id: petitions.publicId,
            title: petitions.title,
            slug: petitions.slug,
            pageUrl: petitions.pageUrl,
          })
          .from(petitions)
          .where(eq(petitions.key, request.petitionKey));
  const names: string[] = [];
  for (const { organizationKey } of request.optIns ?? []) {
    const [row] = await db
      .select({ name: organizations.name })
      .from(organizations)
      .where(eq(organizations.key, organizationKey))
      .orderBy(desc(organizations.key));
    if (row) names.push(row.name);
  }
  return {
    kind: request.kind,
    petitionId: petition?.id ?? null,
    petitionTitle: petition?.title ?? null,
    petitionUrl: petition ? ctx.links.petition(petition) : null,
    organizations: names,
  };
}
