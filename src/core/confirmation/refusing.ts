import { and, eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { consumeToken, findToken, linkNotFound } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { withdrawUnconfirmed } from '../signatures/signature-moves.js';
import { endSubscription } from '../subscriptions/subscriptions.js';
import {
  aboutRequest,
  answer,
  isRepeat,
  requestOf,
  type Confirmed,
  type ProvenRequest,
} from './answering.js';

/**
 * "This wasn't me": closes the request and withdraws its signature and subscriptions, which have never counted; no more
 * mail is sent about it. A confirmed request cannot be refused. Throws `link_not_found`.
 */
export async function refuseRequest(ctx: Context, token: string): Promise<Confirmed> {
  const refused = await ctx.store.transact(async (tx) => {
    const fresh = await consumeToken(tx, 'confirm', token);
    if (!fresh) return refusedBefore(tx, token);
    const found = await requestOf(tx, fresh, false);
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
  supporter: ProvenRequest['supporter'],
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
