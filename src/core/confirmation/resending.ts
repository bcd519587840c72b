import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { listOpenRequests, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';

/** Requests older than this are not asked about again. */
const RESEND_MS = 30 * 86_400_000;

/** Where the confirmation was first asked for; neither: anywhere. */
export type RequestTarget = { petitionId?: string | undefined; organizationId?: string | undefined };

/**
 * Asks the mailbox again about the latest open request of this address, if there is one. The caller cannot tell whether
 * there was; caps decide how many mails leave.
 */
export async function resendConfirmation(ctx: Context, email: string, place: RequestTarget): Promise<void> {
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
  place: RequestTarget,
): Promise<ConfirmationRequest | undefined> {
  const isThere = await matcherFor(tx, place);
  const oldest = tx.now.getTime() - RESEND_MS;
  return (await listOpenRequests(tx, supporterKey)).find(
    (request) => request.createdAt.getTime() > oldest && isThere(request),
  );
}

async function matcherFor(
  tx: Tx,
  place: RequestTarget,
): Promise<(request: ConfirmationRequest) => boolean | undefined> {
  const { petitions, organizations } = tx.tables;
  if (place.petitionId !== undefined) {
    const [there] = await tx.db
      .select({ key: petitions.key })
      .from(petitions)
      .where(eq(petitions.publicId, place.petitionId));
    return ({ petitionKey }) => there !== undefined && petitionKey === there.key;
  }
  if (place.organizationId !== undefined) {
    const [there] = await tx.db
      .select({ key: organizations.key })
      .from(organizations)
      .where(eq(organizations.publicId, place.organizationId));
    return ({ optIns }) => there && optIns?.some(({ organizationKey }) => organizationKey === there.key);
  }
  // The way back after unsubscribing is offered once: nobody else may have it sent again.
  return ({ origin }) => origin !== 'undo';
}
