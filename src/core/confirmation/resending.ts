import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { World } from '../email.js';
import { listOpenRequests, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { queueMail } from '../mail/outbox.js';
import { findSupporter } from '../supporters/supporters.js';

/** Requests older than this are not asked about again. */
const RESEND_MS = 30 * 86_400_000;

/** Where the confirmation was first asked for; neither: anywhere. */
export type RequestTarget = { petitionId?: string | undefined; organizationId?: string | undefined };

/**
 * Asks the mailbox again about the latest open request of this address, if there is one. The caller cannot tell whether
 * there was; caps decide how many mails leave.
 */
export async function resendConfirmation(ctx: Context, email: string, place: RequestTarget): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const there = await findTarget(tx, place);
    const supporter = await findSupporter(tx, there?.world ?? null, email);
    const request = supporter && (await latestRequest(tx, supporter.key, place, there));
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
  there: Target | undefined,
): Promise<ConfirmationRequest | undefined> {
  const isThere = matcherFor(place, there);
  const oldest = tx.now.getTime() - RESEND_MS;
  return (await listOpenRequests(tx, supporterKey)).find(
    (request) => request.createdAt.getTime() > oldest && isThere(request),
  );
}

type Target = { key: number; world: World };

/** The petition or organization of a request, with the world that its addresses are in. */
export async function findTarget(
  tx: Tx,
  { petitionId, organizationId }: RequestTarget,
): Promise<Target | undefined> {
  const { petitions: p, organizations: o } = tx.tables;
  if (petitionId !== undefined) {
    const [row] = await tx.db
      .select({ key: p.key, test: p.test, organizationKey: p.organizationKey })
      .from(p)
      .where(eq(p.publicId, petitionId));
    return row && { key: row.key, world: row.test === 1 ? row.organizationKey : null };
  }
  if (organizationId === undefined) return undefined;
  const [row] = await tx.db
    .select({ key: o.key, testOf: o.testOf })
    .from(o)
    .where(eq(o.publicId, organizationId));
  return row && { key: row.key, world: row.testOf === null ? null : row.key };
}

function matcherFor(
  { petitionId, organizationId }: RequestTarget,
  there: Target | undefined,
): (request: ConfirmationRequest) => boolean | undefined {
  if (petitionId !== undefined) {
    return ({ petitionKey }) => there !== undefined && petitionKey === there.key;
  }
  if (organizationId !== undefined) {
    return ({ optIns }) => there && optIns?.some(({ organizationKey }) => organizationKey === there.key);
  }
  // The way back after unsubscribing is offered once: nobody else may have it sent again.
  return ({ origin }) => origin !== 'undo';
}
