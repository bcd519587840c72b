import { and, asc, eq, gt, inArray, isNotNull, type SQL } from 'drizzle-orm';
import type { LISTED_STATES, RecipientState } from '../../../schema/db/tables/sending.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { decodeCursor, keysOfRuns, pageOf, type Page, type PageRequest } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { isListed, isToDo } from '../mailings/mailing-indexes.js';
import { getMailing, getWholeMailing, type MailingView, type WholeMailing } from '../mailings/mailings.js';
import { requireWritten } from '../overtaken.js';
import { queueUp } from './claims.js';
import { moveTallies } from './tallies.js';

/* The recipients of a mailing who did not get it, or perhaps not, by name. */

type Listed = (typeof LISTED_STATES)[number];

const selectViews = ({ db, tables }: Reader) => {
  const { mailingRecipients: t, subscriptions, supporters, mailingVariants } = tables;
  return db
    .select({
      key: t.key,
      subscriptionId: subscriptions.publicId,
      email: supporters.delivery,
      variantId: mailingVariants.publicId,
      state: t.state,
      reason: t.reason,
      attempts: t.attempts,
      settledAt: t.settledAt,
      dueAt: t.dueAt,
    })
    .from(t)
    .leftJoin(supporters, eq(supporters.key, t.supporterKey))
    .leftJoin(subscriptions, eq(subscriptions.key, t.subscriptionKey))
    .leftJoin(mailingVariants, eq(mailingVariants.key, t.variantKey));
};

export type RecipientView = Awaited<ReturnType<typeof selectViews>>[number];

/**
 * The recipients of a mailing in these states, in the order in which they subscribed. Without the scope
 * `subscriptions:read` addresses are null; so are those of people who were erased. Throws `mailing_not_found`,
 * `invalid_cursor`.
 */
export async function listRecipients(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
  states: readonly Listed[],
  { limit, cursor }: PageRequest,
): Promise<Page<RecipientView>> {
  const { key: mailingKey } = await getMailing(on, actor, publicId);
  const { mailingRecipients: t } = on.tables;
  const list = `recipients:${mailingKey}:${[...states].sort().join()}`;
  const [after] = decodeCursor(list, cursor, [0]) ?? [];
  const keys = await keysOfRuns(states, (state) =>
    on.db
      .select({ key: t.key })
      .from(t)
      .where(
        and(
          state === 'deferred' ? isToDo(on.tables) : isListed(on.tables),
          eq(t.mailingKey, mailingKey),
          eq(t.state, state),
          after === undefined ? undefined : gt(t.key, after),
        ),
      )
      .orderBy(asc(t.key))
      .limit(limit + 1),
  );
  const rows = await selectViews(on)
    .where(inArray(t.key, keys))
    .orderBy(asc(t.key))
    .limit(limit + 1);
  const mayRead = actor.scopes.includes('subscriptions:read');
  const page = pageOf(list, rows, limit, ({ key }) => [key]);
  return mayRead ? page : { ...page, items: page.items.map((row) => ({ ...row, email: null })) };
}

export type Resent = { mailing: WholeMailing; resent: number };

/**
 * Queues recipients whose mail may or may not have arrived again: all, or these subscriptions. They may get it twice, with
 * the same Message-ID. A mailing that was done goes on. People who were erased stay as they are. Throws
 * `mailing_not_found`, `mailing_transition_not_allowed`, `idempotency_key_reused`.
 */
export const resendUncertain = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  who: 'all' | readonly string[],
  retry?: Retry,
): Promise<Resent> =>
  ctx.store.transact(async (tx) => {
    await queueUp(tx, actor);
    return once(tx, retry, async () => {
      const mailing = await getMailing(tx, actor, publicId);
      assertGoesOn(mailing, tx.now);
      await hold(tx, mailing);
      const resent = await queueUncertain(tx, mailing, who);
      if (resent > 0 && mailing.state === 'done') await reopen(tx, mailing);
      return { mailing: await getWholeMailing(tx, actor, publicId), resent };
    });
  });

function assertGoesOn({ state, expiresAt }: MailingView, now: Date): void {
  const isExpired = expiresAt !== null && expiresAt <= now;
  if (['running', 'paused', 'deciding', 'done'].includes(state) && !isExpired) return;
  throw new ApiError('mailing_transition_not_allowed', {
    detail: isExpired
      ? 'It has expired: nothing of it is sent any more.'
      : `A mailing that is ${state} has nothing to send again.`,
  });
}

/** Until the end of the transaction the mailing stays in the state that was read: it may be finished or cancelled meanwhile. */
async function hold(tx: Tx, { key, state }: MailingView): Promise<void> {
  const { mailings: t } = tx.tables;
  const held = await tx.db
    .update(t)
    .set({ state })
    .where(and(eq(t.key, key), eq(t.state, state)))
    .returning({ key: t.key });
  requireWritten(held);
}

async function reopen(tx: Tx, { key }: MailingView): Promise<void> {
  const { mailings: t } = tx.tables;
  const opened = await tx.db
    .update(t)
    .set({ state: 'running', finishedAt: null, updatedAt: tx.now })
    .where(and(eq(t.key, key), eq(t.state, 'done')))
    .returning({ key: t.key });
  requireWritten(opened);
}

async function queueUncertain(
  tx: Tx,
  { key: mailingKey }: MailingView,
  who: 'all' | readonly string[],
): Promise<number> {
  if (who === 'all') return queue(tx, mailingKey, undefined);
  const { subscriptions, mailingRecipients: t } = tx.tables;
  let resent = 0;
  for (const some of inParts(who)) {
    const named = tx.db
      .select({ key: subscriptions.key })
      .from(subscriptions)
      .where(inArray(subscriptions.publicId, [...some]));
    resent += await queue(tx, mailingKey, inArray(t.subscriptionKey, named));
  }
  return resent;
}

/** The reason stays: it says why the mail is sent a second time. */
async function queue(tx: Tx, mailingKey: number, which: SQL | undefined): Promise<number> {
  const { mailingRecipients: t } = tx.tables;
  const rows = await tx.db
    .update(t)
    .set({ state: 'queued', dueAt: null, owner: null, settledAt: null })
    .where(
      and(
        isListed(tx.tables),
        eq(t.mailingKey, mailingKey),
        eq(t.state, 'uncertain'),
        isNotNull(t.supporterKey),
        which,
      ),
    )
    .returning({ variantKey: t.variantKey });
  const from: RecipientState = 'uncertain';
  const moves = [...new Set(rows.map(({ variantKey }) => variantKey))].map((variantKey) => ({
    mailingKey,
    from: { variantKey, state: from },
    to: { variantKey, state: 'queued' as const },
    recipients: rows.filter((row) => row.variantKey === variantKey).length,
  }));
  await moveTallies(tx, moves);
  return rows.length;
}
