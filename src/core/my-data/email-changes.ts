import { and, count, desc, eq, gt, gte, isNull, ne, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { takeOverTombstones } from '../counts/counting-once.js';
import { inWorld, requireEmail, type EmailAddress } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { consumeToken, findToken, linkNotFound, REPEAT_MS, type LinkToken } from '../links/random-tokens.js';
import { queueMail } from '../mail/outbox.js';
import { requireWritten } from '../overtaken.js';
import type { Session } from '../session.js';
import { mergeSupporters } from '../supporters/merging.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';
import { DAY_MS } from '../../time.js';

/*
 * Changing a supporter's address: the new mailbox must confirm it, and the old mailbox can undo it for seven days, even
 * after further changes, so that a stolen session cannot useToken a supporter's data away for good.
 */

type EmailChange = Tables['emailChanges']['$inferSelect'];
type Supporter = Tables['supporters']['$inferSelect'];

const PER_DAY = 3;

/**
 * Mails a link to the new address and a notice to the old one. Whether another supporter has the new address is checked
 * only when the mail is sent, so the caller cannot learn it. Nothing happens for the supporter's present address, or at
 * the fourth request within a day. Throws `invalid_body`, `invalid_session`, `idempotency_key_reused`.
 */
export async function requestEmailChange(
  ctx: Context,
  session: Session,
  typed: string,
  retry?: Retry,
): Promise<void> {
  const email = requireEmail(typed);
  await ctx.store.transact((tx) => once(tx, retry, () => request(tx, session, email)));
  ctx.mailWaits();
}

async function request(tx: Tx, session: Session, typed: EmailAddress): Promise<void> {
  const supporter = await lockSupporter(tx, session.supporterKey);
  if (!supporter) throw new ApiError('invalid_session');
  const email = inWorld(supporter.testOrganizationKey, typed);
  if (supporter.identity === email.identity || (await isFull(tx, supporter.key))) return;
  const { emailChanges: t } = tx.tables;
  await tx.db
    .update(t)
    .set({ status: 'undone', undoneAt: tx.now })
    .where(and(eq(t.supporterKey, supporter.key), eq(t.status, 'requested')));
  const [change] = await tx.db
    .insert(t)
    .values({
      supporterKey: supporter.key,
      status: 'requested',
      oldIdentity: supporter.identity,
      oldDelivery: supporter.delivery,
      newIdentity: email.identity,
      newDelivery: email.delivery,
      createdAt: tx.now,
    })
    .returning({ emailChangeKey: t.key });
  await queueMail(tx, 'email_apply', supporter.key, change);
  await queueMail(tx, 'email_notice', supporter.key, change);
}

async function isFull(tx: Tx, supporterKey: number): Promise<boolean> {
  const { emailChanges: t } = tx.tables;
  const since = new Date(tx.now.getTime() - DAY_MS);
  const [row] = await tx.db
    .select({ changes: count() })
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), gt(t.createdAt, since)));
  return (row?.changes ?? 0) >= PER_DAY;
}

/** Locks the row, so that changes of one supporter run one after the other. */
async function lockSupporter(tx: Tx, key: number): Promise<Supporter | undefined> {
  const { supporters: t } = tx.tables;
  const [row] = await tx.db
    .update(t)
    .set({ linkEpoch: t.linkEpoch })
    .where(and(eq(t.key, key), isNull(t.erasedAt)))
    .returning();
  return row;
}

const SHUT = { shut: 'supporters' } as const;

/**
 * Applies a change that the new mailbox confirmed, and voids all older links. A supporter who used the new address
 * without proving it is merged into this one. A repeat within a day gets the same answer. Throws `link_not_found` for
 * every failure, also when the address has become another supporter's meanwhile.
 */
export async function confirmEmailChange(ctx: Context, text: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { token, repeated } = await useToken(tx, 'email_apply', text);
    const { change, supporter } = await changeOfToken(tx, token);
    if (repeated && change.status === 'applied') return;
    const current = change.status === 'requested' && supporter.linkEpoch === token.epoch;
    if (repeated || !current || (await isTaken(tx, change.newIdentity))) throw linkNotFound();
    await claim(ctx, tx, supporter, change.newIdentity, change.newDelivery, change);
    const { emailChanges: t } = tx.tables;
    await tx.db.update(t).set({ status: 'applied', appliedAt: tx.now }).where(eq(t.key, change.key));
  }, SHUT);
}

/** Whether a supporter has proven this address. Typing it gives no claim to it. */
export async function isTaken(on: Reader, identity: string): Promise<boolean> {
  const holder = await findSupporterByIdentity(on, identity);
  return holder !== undefined && holder.provenAt !== null;
}

/**
 * Undoes a change on behalf of the old mailbox, before or after it was applied, together with all later changes. The
 * supporter gets the old address back even from another supporter who has it now, and all links and sessions are void.
 * A repeat within a day gets the same answer. Throws `link_not_found`.
 */
export async function undoEmailChange(ctx: Context, text: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { token, repeated } = await useToken(tx, 'email_undo', text);
    const { change, supporter } = await changeOfToken(tx, token);
    if (!repeated) await undo(ctx, tx, supporter, change);
  }, SHUT);
  ctx.mailWaits();
}

/** Undoes this change and all later ones: a stolen session that made this one could have made those. */
async function undo(ctx: Context, tx: Tx, supporter: Supporter, change: EmailChange): Promise<void> {
  const { emailChanges: t } = tx.tables;
  const undone = await tx.db
    .update(t)
    .set({ status: 'undone', undoneAt: tx.now })
    .where(and(eq(t.supporterKey, supporter.key), gte(t.key, change.key), ne(t.status, 'undone')))
    .returning();
  const [applied] = undone.filter((one) => one.appliedAt !== null).sort((a, b) => a.key - b.key);
  const { oldIdentity: identity, oldDelivery: delivery } = applied ?? {
    oldIdentity: supporter.identity,
    oldDelivery: supporter.delivery,
  };
  await claim(ctx, tx, supporter, identity, delivery, applied ?? change);
}

/** Gives an address to a supporter, taking it from any present holder. */
async function claim(
  ctx: Context,
  tx: Tx,
  supporter: Supporter,
  identity: string,
  delivery: string,
  change: EmailChange,
): Promise<void> {
  const holder = await findSupporterByIdentity(tx, identity);
  if (holder && holder.key !== supporter.key) {
    // First to a temporary identity, since the holder may get the supporter's present address back.
    await rename(tx, supporter, { identity: `moving:${supporter.key}`, delivery });
    await releaseAddress(ctx, tx, holder, supporter, change);
    await rename(tx, { ...supporter, identity: `moving:${supporter.key}` }, { identity, delivery });
  } else {
    await rename(tx, supporter, { identity, delivery });
  }
  await takeOverTombstones(ctx, tx, supporter.key, identity);
}

/**
 * Takes an address from its holder. A holder who got it by a change of address returns to the former address, and is
 * notified. Any other holder is merged into the new one, and notified if the address was proven.
 */
async function releaseAddress(
  ctx: Context,
  tx: Tx,
  holder: Supporter,
  to: Supporter,
  change: EmailChange,
): Promise<void> {
  const { emailChanges: t } = tx.tables;
  const [came] = await tx.db
    .select()
    .from(t)
    .where(and(eq(t.supporterKey, holder.key), eq(t.newIdentity, holder.identity), eq(t.status, 'applied')))
    .orderBy(desc(t.key))
    .limit(1);
  if (came) {
    await undo(ctx, tx, holder, came);
    await queueNotice(tx, holder, came);
  } else {
    await mergeSupporters(tx, holder.key, to.key);
    if (holder.provenAt) await queueNotice(tx, to, change);
  }
}

/** Queues a second notice of a change; the first one announced that it might come. */
const queueNotice = (tx: Tx, { key }: Supporter, { key: emailChangeKey }: EmailChange): Promise<void> =>
  queueMail(tx, 'email_notice', key, { emailChangeKey });

/**
 * Whether a link would change or undo something, or has done so, for the page behind it. Changes nothing. Undefined for
 * every link that does not work.
 */
export async function readEmailChange(
  ctx: Context,
  purpose: 'email_apply' | 'email_undo',
  text: string,
): Promise<'open' | 'done' | undefined> {
  const on = ctx.store.read;
  const token = await findToken(on, purpose, text);
  if (!token) return undefined;
  const { emailChanges: t, supporters } = on.tables;
  const [found] = await on.db
    .select({ status: t.status, epoch: supporters.linkEpoch })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(eq(t.key, token.emailChangeKey ?? 0), isNull(supporters.erasedAt)));
  if (!found) return undefined;
  if (found.status === (purpose === 'email_apply' ? 'applied' : 'undone') && token.usedAt) return 'done';
  if (token.usedAt || token.expiresAt <= ctx.now()) return undefined;
  const current = purpose === 'email_undo' || (found.status === 'requested' && found.epoch === token.epoch);
  return current ? 'open' : undefined;
}

/** Uses a token up, or accepts one that was used within a day. Throws `link_not_found`. */
async function useToken(
  tx: Tx,
  purpose: 'email_apply' | 'email_undo',
  text: string,
): Promise<{ token: LinkToken; repeated: boolean }> {
  const fresh = await consumeToken(tx, purpose, text);
  const token = fresh ?? (await findToken(tx, purpose, text));
  const usedLately = token?.usedAt && tx.now.getTime() - token.usedAt.getTime() <= REPEAT_MS;
  if (!token || !usedLately) throw linkNotFound();
  return { token, repeated: !fresh };
}

async function changeOfToken(
  tx: Tx,
  token: LinkToken,
): Promise<{ change: EmailChange; supporter: Supporter }> {
  const supporter = await lockSupporter(tx, token.supporterKey);
  const { emailChanges: t } = tx.tables;
  const [change] = await tx.db
    .select()
    .from(t)
    .where(eq(t.key, token.emailChangeKey ?? 0));
  if (!supporter || !change) throw linkNotFound();
  return { supporter, change };
}

async function rename(tx: Tx, supporter: Supporter, address: EmailAddress): Promise<void> {
  const { supporters: t } = tx.tables;
  requireWritten(
    await tx.db
      .update(t)
      .set({ ...address, linkEpoch: sql`${t.linkEpoch} + 1`, provenAt: tx.now })
      .where(and(eq(t.key, supporter.key), eq(t.identity, supporter.identity)))
      .returning({ key: t.key }),
  );
}
