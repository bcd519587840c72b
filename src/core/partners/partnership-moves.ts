import { and, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { LeadSees, PartnershipMove, PartnershipStatus } from '../../../schema/db/tables/partners.js';
import { ApiError } from '../../errors.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { getPartnership, sideOf, type PartnershipView, type Side } from './partnerships.js';

/** A declined or ended partnership cannot change any more; the lead can invite again. */
const MOVES: Record<PartnershipStatus, Record<Side, readonly PartnershipMove[]>> = {
  invited: { lead: ['end'], partner: ['accept', 'decline'] },
  accepted: { lead: ['end'], partner: ['end'] },
  declined: { lead: [], partner: [] },
  ended: { lead: [], partner: [] },
};

/** Makes a `partnership_state` error, which names the moves that are allowed. */
export function stateError(side: Side, status: PartnershipStatus, advice = ''): ApiError {
  const allowed = MOVES[status][side];
  const moves =
    allowed.length === 0
      ? `A partnership that is ${status} stays so: the lead may invite again.`
      : `The partnership is ${status}: you can ${allowed.join(' or ')} it.`;
  return new ApiError('partnership_state', {
    detail: advice ? `${moves} ${advice}` : moves,
    extra: { allowed: [...allowed] },
  });
}

/**
 * Accepts an invitation under the terms that the partner has read; from now on the partner's keys collect signatures.
 * Throws `partnership_not_found`; `partnership_state`, also if the terms differ from the invitation's;
 * `idempotency_key_reused`.
 */
export const acceptPartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  { leadSees, listed = true }: { leadSees: LeadSees; listed?: boolean },
  retry?: Retry,
) =>
  move(ctx, actor, publicId, 'accept', retry, (before, now) => {
    if (before.leadSees !== leadSees) {
      const advice = `Its terms are that the lead sees ${before.leadSees}: read it again, and accept that.`;
      throw stateError('partner', before.status, advice);
    }
    return { status: 'accepted', answeredAt: now, listed: listed ? 1 : 0 };
  });

/** Declines an invitation. Throws `partnership_not_found`, `partnership_state`, `idempotency_key_reused`. */
export const declinePartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string | null,
  retry?: Retry,
) =>
  move(ctx, actor, publicId, 'decline', retry, (_before, now) => ({
    status: 'declined',
    answeredAt: now,
    reason,
  }));

/**
 * Ends a partnership or takes back an invitation: the partner's keys collect no more. Its terms still apply to what was
 * collected. Throws `partnership_not_found`, `partnership_state`, `idempotency_key_reused`.
 */
export const endPartnership = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  reason: string | null,
  retry?: Retry,
) => move(ctx, actor, publicId, 'end', retry, (_before, now) => ({ status: 'ended', endedAt: now, reason }));

type Changes = Partial<Tables['partnerships']['$inferSelect']>;

async function move(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  to: PartnershipMove,
  retry: Retry | undefined,
  effectOf: (before: PartnershipView, now: Date) => Changes,
): Promise<PartnershipView> {
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await getPartnership(tx, actor, publicId);
      const side = sideOf(actor, before) ?? 'partner';
      if (!MOVES[before.status][side].includes(to)) throw stateError(side, before.status);
      const changes = effectOf(before, tx.now);
      const { partnerships: t } = tx.tables;
      tx.memo.clear();
      requireWritten(
        await tx.db
          .update(t)
          .set(changes)
          .where(and(eq(t.key, before.key), eq(t.status, before.status)))
          .returning({ key: t.key }),
      );
      return { ...before, ...changes };
    }),
  );
}
