import { and, eq, ne, type SQL } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { block } from '../mail/do-not-contact.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';
import { endSubscription } from './subscriptions.js';

/** A report of a mail provider about an address. */
export type MailEvent = {
  type: 'bounce' | 'complaint';
  email: string;
  /** Hard if absent. A soft bounce, such as a full mailbox, may be temporary and is ignored. */
  bounce?: 'hard' | 'soft';
};

export type MailEventOutcome = 'suppressed' | 'ignored' | 'invalid';

/**
 * Blocks an address after a hard bounce or a complaint: no organization mails it any more. Unknown addresses are
 * blocked, too. A repeat changes nothing.
 */
export async function takeMailEvent(ctx: Context, event: MailEvent): Promise<MailEventOutcome> {
  const identity = parseEmail(event.email)?.identity;
  if (identity === undefined) return 'invalid';
  if (event.type === 'bounce' && event.bounce === 'soft') return 'ignored';
  await ctx.store.transact((tx) => suppress(ctx, tx, identity, event.type));
  return 'suppressed';
}

type Reason = MailEvent['type'];

/** Blocks the address of an identity, and ends all subscriptions of its person. Without a person it only blocks. */
export async function suppress(ctx: Context, tx: Tx, identity: string, reason: Reason): Promise<void> {
  await block(tx, ctx.secrets.subject(identity), reason);
  await endTheirs(ctx, tx, identity, reason);
}

/** Ends the subscription to one organization alone: for what anybody who has its mail could have sent. */
export const suppressFor = (
  ctx: Context,
  tx: Tx,
  organizationKey: number,
  identity: string,
  reason: Reason,
): Promise<void> =>
  endTheirs(ctx, tx, identity, reason, eq(tx.tables.subscriptions.organizationKey, organizationKey));

async function endTheirs(ctx: Context, tx: Tx, identity: string, reason: Reason, which?: SQL): Promise<void> {
  const supporter = await findSupporterByIdentity(tx, identity);
  if (!supporter) return;
  const subject = ctx.secrets.subject(identity);
  const { subscriptions: t } = tx.tables;
  const rows = await tx.db
    .select()
    .from(t)
    .where(and(eq(t.supporterKey, supporter.key), ne(t.status, 'suppressed'), which));
  for (const row of rows) {
    await endSubscription(ctx, tx, row, {
      status: 'suppressed',
      action: 'suppressed',
      origin: reason,
      subject,
    });
  }
}
