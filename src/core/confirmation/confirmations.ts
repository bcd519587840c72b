import { timingSafeEqual } from 'node:crypto';
import { and, desc, eq, gt, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { RunAgain, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { consumeToken, findToken, linkNotFound, REPEAT_MS, type LinkToken } from '../links/random-tokens.js';
import { openRequests, readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { isBlocked } from '../mail/do-not-contact.js';
import { queueMail } from '../mail/outbox.js';
import { confirmSignature, withdrawUnconfirmed } from '../signatures/signature-moves.js';
import { activateSubscription, endSubscription } from '../subscriptions/subscriptions.js';
import { findSupporterByIdentity, learn } from '../supporters/supporters.js';

type Supporter = Tables['supporters']['$inferSelect'];

/** What whoever confirms hears: nothing about the person. */
export type Confirmed = {
  kind: ConfirmationRequest['kind'];
  /** The petition that it is about, if it is about one. */
  petitionId: string | null;
};

/** The link that was mailed, or the address with the code that was. */
export type MailboxProof = { token: string } | { email: string; code: string };

/** Wrong codes that one mail forgives. */
const MAX_TRIES = 5;
const CODE_LIFETIME_MS = 7 * 86_400_000;
const RESEND_MS = 30 * 86_400_000;

/**
 * Confirms one request, and nothing else that was asked for the same address: the signature counts, what the request
 * says of its signer is taken over, the opt-ins become subscriptions. A repeat within a day hears the same and changes
 * nothing. Throws `link_not_found`, whatever is wrong.
 */
export async function confirmRequest(ctx: Context, proof: MailboxProof): Promise<Confirmed> {
  const outcome = await ctx.store.transact(async (tx) => {
    const found = 'token' in proof ? await byToken(tx, proof.token) : await byCode(ctx, tx, proof);
    // A wrong code has used up a try: that must be committed, so nothing is thrown in here.
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

type Found = { request: ConfirmationRequest; supporter: Supporter; repeated: boolean };

async function byToken(tx: Tx, text: string): Promise<Found | undefined> {
  const fresh = await consumeToken(tx, 'confirm', text);
  const token = fresh ?? (await findToken(tx, 'confirm', text));
  return token && (fresh || isRepeat(token, tx.now)) ? whole(tx, token, !fresh) : undefined;
}

const isRepeat = ({ usedAt }: LinkToken, now: Date): boolean =>
  usedAt !== null && now.getTime() - usedAt.getTime() <= REPEAT_MS;

/** The request and the person of a token, unless one of them has moved on. */
async function whole(tx: Tx, token: LinkToken, repeated: boolean): Promise<Found | undefined> {
  const request = token.requestKey === null ? undefined : await readRequest(tx, token.requestKey);
  const { supporters: t } = tx.tables;
  const [supporter] = await tx.db.select().from(t).where(eq(t.key, token.supporterKey));
  if (!request || request.refusedAt || !supporter || supporter.linkEpoch !== token.epoch) return undefined;
  return { request, supporter, repeated };
}

async function byCode(
  ctx: Context,
  tx: Tx,
  { email, code }: { email: string; code: string },
): Promise<Found | undefined> {
  const identity = parseEmail(email)?.identity;
  const supporter = identity === undefined ? undefined : await findSupporterByIdentity(tx, identity);
  if (!supporter) return undefined;
  const { confirmationRequests: t } = tx.tables;
  // Each guess takes a try from every code that it could have been, before it is looked at: guesses that come at the
  // same time cannot share one.
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

async function aboutRequest(tx: Tx, { kind, petitionKey }: ConfirmationRequest): Promise<Confirmed> {
  if (petitionKey === null) return { kind, petitionId: null };
  const { petitions: t } = tx.tables;
  const [petition] = await tx.db.select({ id: t.publicId }).from(t).where(eq(t.key, petitionKey));
  return { kind, petitionId: petition?.id ?? null };
}

/**
 * Makes true what the request wants. Returns the goals of the petition whose count has changed, null if none has, and
 * false when it is too late.
 */
async function apply(
  ctx: Context,
  tx: Tx,
  request: ConfirmationRequest,
  supporter: Supporter,
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
  await learn(tx, supporter.key, signed?.said ?? {});
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

/** Closes the request, and ends the reminders of all that ask for the same signature. */
async function answer(
  tx: Tx,
  request: ConfirmationRequest,
  how: { confirmedAt: Date } | { refusedAt: Date },
): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  const answered = await tx.db
    .update(t)
    .set({ ...how, remindAt: null, code: null })
    .where(and(eq(t.key, request.key), isNull(t.confirmedAt), isNull(t.refusedAt)))
    .returning({ key: t.key });
  // Only on PostgreSQL, where another transaction may come between the read and the write.
  if (answered.length === 0) throw new RunAgain();
  if (request.signatureKey !== null) {
    const { supporterKey, signatureKey } = request;
    await tx.db
      .update(t)
      .set({ remindAt: null })
      .where(and(eq(t.supporterKey, supporterKey), eq(t.signatureKey, signatureKey)));
  }
}

/**
 * "This wasn't me": the request is over, its signature and subscriptions are withdrawn before they ever counted, and
 * nothing more is mailed about it. A request that was confirmed is not touched. Throws `link_not_found`.
 */
export async function refuseRequest(ctx: Context, token: string): Promise<Confirmed> {
  const refused = await ctx.store.transact(async (tx) => {
    const fresh = await consumeToken(tx, 'confirm', token);
    if (!fresh) return refusedBefore(tx, token);
    const found = await whole(tx, fresh, false);
    if (!found || found.request.confirmedAt) return undefined;
    const { request, supporter } = found;
    await answer(tx, request, { refusedAt: tx.now });
    if (request.signatureKey !== null && request.data === null) {
      await withdrawUnconfirmed(tx, request.signatureKey);
    }
    await endPending(ctx, tx, request, supporter);
    return aboutRequest(tx, request);
  });
  if (!refused) throw linkNotFound();
  return refused;
}

async function refusedBefore(tx: Tx, text: string): Promise<Confirmed | undefined> {
  const token = await findToken(tx, 'confirm', text);
  if (!token || !isRepeat(token, tx.now) || token.requestKey === null) return undefined;
  const request = await readRequest(tx, token.requestKey);
  return request?.refusedAt ? aboutRequest(tx, request) : undefined;
}

async function endPending(
  ctx: Context,
  tx: Tx,
  request: ConfirmationRequest,
  supporter: Supporter,
): Promise<void> {
  const { subscriptions: t } = tx.tables;
  for (const { organizationKey } of request.optIns ?? []) {
    const [pending] = await tx.db
      .select()
      .from(t)
      .where(
        and(
          eq(t.supporterKey, supporter.key),
          eq(t.organizationKey, organizationKey),
          eq(t.status, 'pending'),
        ),
      );
    if (!pending) continue;
    const subject = ctx.secrets.subject(supporter.identity);
    await endSubscription(ctx, tx, pending, {
      status: 'unsubscribed',
      action: 'withdrawn',
      origin: 'page',
      subject,
    });
  }
}

/** Where a confirmation was asked for. */
export type Place = { petitionId: string } | { organizationId: string };

/**
 * Asks the mailbox again about the latest request of this address, if there is one that nobody has answered. It tells
 * nothing; how many mails really leave is a matter of caps.
 */
export async function resendConfirmation(ctx: Context, email: string, place: Place): Promise<void> {
  const identity = parseEmail(email)?.identity;
  await ctx.store.transact(async (tx) => {
    const supporter = identity === undefined ? undefined : await findSupporterByIdentity(tx, identity);
    const request = supporter && (await latestRequest(tx, supporter.key, place));
    if (!request) return queueMail(tx, 'signed', null);
    const { key: requestKey, petitionKey, locale, supporterKey } = request;
    const kind = request.kind === 'signature' ? 'signed' : 'subscribed';
    const organizationKey = request.optIns?.[0]?.organizationKey ?? null;
    await queueMail(tx, kind, supporterKey, { requestKey, petitionKey, organizationKey, locale });
  });
  ctx.mailWaits();
}

async function latestRequest(
  tx: Tx,
  supporterKey: number,
  place: Place,
): Promise<ConfirmationRequest | undefined> {
  const { petitions, organizations } = tx.tables;
  const [there] =
    'petitionId' in place
      ? await tx.db
          .select({ key: petitions.key })
          .from(petitions)
          .where(eq(petitions.publicId, place.petitionId))
      : await tx.db
          .select({ key: organizations.key })
          .from(organizations)
          .where(eq(organizations.publicId, place.organizationId));
  const oldest = tx.now.getTime() - RESEND_MS;
  return (await openRequests(tx, supporterKey)).find(
    (request) =>
      there !== undefined &&
      request.createdAt.getTime() > oldest &&
      ('petitionId' in place
        ? request.petitionKey === there.key
        : request.optIns?.some(({ organizationKey }) => organizationKey === there.key)),
  );
}

/** What the page behind a confirmation link may say before anybody has pressed anything. */
export type Asked = Confirmed & {
  petitionTitle: string | null;
  petitionUrl: string | null;
  organizations: string[];
};

/** Reads what a token would confirm, and changes nothing. Undefined for every link that does not work. */
export async function readAsked(ctx: Context, token: string): Promise<Asked | undefined> {
  const found = await findToken(ctx.store.read, 'confirm', token);
  const now = ctx.now();
  if (!found || found.requestKey === null) return undefined;
  if (found.usedAt ? !isRepeat(found, now) : found.expiresAt <= now) return undefined;
  const request = await readRequest(ctx.store.read, found.requestKey);
  if (!request) return undefined;
  const { petitions, organizations } = ctx.store.tables;
  const { db } = ctx.store.read;
  const [petition] =
    request.petitionKey === null
      ? []
      : await db
          .select({ id: petitions.publicId, title: petitions.title, url: petitions.pageUrl })
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
    petitionUrl: petition?.url ?? null,
    organizations: names,
  };
}
