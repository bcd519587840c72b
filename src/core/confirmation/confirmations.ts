import { timingSafeEqual } from 'node:crypto';
import { and, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { Steps } from '../counts/milestones.js';
import { consumeToken, findToken, lifetimeOf, linkNotFound } from '../links/random-tokens.js';
import type { ConfirmationRequest } from '../mail/confirmation-requests.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { confirmSignature } from '../signatures/signature-moves.js';
import { confirmTap, isTap, type ConfirmedTap } from '../signatures/taps.js';
import { activateSubscription } from '../subscriptions/subscriptions.js';
import { findSupporter, updateProvenProfile } from '../supporters/supporters.js';
import {
  aboutRequest,
  answer,
  isRepeat,
  requestOf,
  type Confirmed,
  type ProvenRequest,
} from './answering.js';
import { findTarget, type RequestTarget } from './resending.js';

/** The mailed link, or the address with the mailed code. */
export type MailboxProof = { token: string } | ({ email: string; code: string } & RequestTarget);

/** Wrong codes allowed per mail. */
const MAX_TRIES = 5;

/**
 * Confirms one request, and nothing else that was asked of the same mailbox: the signature counts, what the request
 * says about its signer is taken over, its opt-ins become subscriptions. A repeat within a day gets the same answer and
 * changes nothing. Throws `link_not_found` for every kind of failure.
 */
export async function confirmRequest(
  ctx: Context,
  proof: MailboxProof,
): Promise<Confirmed & { request: ConfirmationRequest }> {
  const outcome = await ctx.store.transact(async (tx) => {
    const found = 'token' in proof ? await byToken(tx, proof.token) : await byCode(ctx, tx, proof);
    // A wrong code has used up a try, which must be committed: throwing here would roll it back.
    if (!found) return undefined;
    const { request, supporter, repeated } = found;
    const applied =
      repeated || request.confirmedAt ? { steps: null } : await apply(ctx, tx, request, supporter);
    if (!applied) return undefined;
    const { steps, signatureKey = request.signatureKey } = applied;
    return { steps, request: { ...request, signatureKey }, ...(await aboutRequest(tx, request)) };
  });
  if (!outcome) throw linkNotFound();
  const { steps, ...confirmed } = outcome;
  const { petitionKey } = confirmed.request;
  if (steps && petitionKey !== null) await ctx.milestones.settle(petitionKey, steps);
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
  { email, code, ...place }: { email: string; code: string } & RequestTarget,
): Promise<ProvenRequest | undefined> {
  const there = await findTarget(tx, place);
  const supporter = await findSupporter(tx, there?.world ?? null, email);
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
        gt(t.createdAt, new Date(tx.now.getTime() - lifetimeOf('confirm'))),
      ),
    )
    .returning();
  const request = candidates.find(
    (one) => one.code !== null && timingSafeEqual(one.code, ctx.secrets.code(one.key, code)),
  );
  return request && { request, supporter, repeated: false };
}

/** The petition's steps if its count changed, else null; and the signature that was confirmed, if there is one. */
type Applied = { steps: Steps | null; signatureKey?: number | null };

/** Carries out what the request asks for. Returns undefined if it is too late to confirm. */
async function apply(
  ctx: Context,
  tx: Tx,
  request: ConfirmationRequest,
  supporter: ProvenRequest['supporter'],
): Promise<Applied | undefined> {
  const subject = ctx.secrets.subject(supporter.identity);
  const signed = await sign(ctx, tx, request, supporter.identity);
  if (signed === 'too late') return undefined;
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
  const { signatureKey } = signed ?? request;
  return { steps: signed?.counted ? signed.steps : null, signatureKey };
}

async function sign(
  ctx: Context,
  tx: Tx,
  request: ConfirmationRequest,
  identity: string,
): Promise<ConfirmedTap | null | 'too late'> {
  if (isTap(request)) return confirmTap(ctx, tx, request, identity);
  const { signatureKey, data } = request;
  if (signatureKey === null) return null;
  const signed = await confirmSignature(ctx, tx, { key: signatureKey, data, identity });
  return signed === 'too late' ? signed : { ...signed, signatureKey };
}
