import { and, count, desc, eq, gt, gte, isNull, ne, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { takeOverTombstones } from '../counts/counting-once.js';
import { requireEmail, type EmailAddress } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { consumeToken, findToken, linkNotFound, REPEAT_MS, type LinkToken } from '../links/random-tokens.js';
import { queueMail } from '../mail/outbox.js';
import { unlessOvertaken } from '../overtaken.js';
import type { Session } from '../session.js';
import { mergeSupporters } from '../supporters/merging.js';
import { findSupporterByIdentity } from '../supporters/supporters.js';
import type { Supporter } from './me.js';

type EmailChange = Tables['emailChanges']['$inferSelect'];

const DAY_MS = 86_400_000;
const PER_DAY = 3;

/**
 * Asks the new mailbox, and tells the old one. Whether the new address is somebody else's is decided when the mail is
 * sent, and nobody learns it. Nothing happens for the address that is there already, or at the fourth try in a day.
 * Throws `invalid_body`, `invalid_session`, `idempotency_key_reused`.
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

async function request(tx: Tx, session: Session, email: EmailAddress): Promise<void> {
  const supporter = await lockSupporter(tx, session.supporterKey);
  if (!supporter) throw new ApiError('invalid_session');
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

/** Takes the row for writing: of the changes of one supporter, one at a time is looked at. */
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
 * The new mailbox says yes: from now on it is the supporter's, and older links are void. Somebody who has used the address
 * meanwhile without proving it gives way. A repeat within a day hears the same. Throws `link_not_found`, whatever is
 * wrong: also when the address has become somebody else's.
 */
export async function confirmEmailChange(ctx: Context, text: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { token, repeated } = await take(tx, 'email_apply', text);
    const { change, supporter } = await whole(tx, token);
    if (repeated && change.status === 'applied') return;
    const current = change.status === 'requested' && supporter.linkEpoch === token.epoch;
    if (repeated || !current || (await isTaken(tx, change.newIdentity))) throw linkNotFound();
    await claim(ctx, tx, supporter, change.newIdentity, change.newDelivery, change);
    const { emailChanges: t } = tx.tables;
    await tx.db.update(t).set({ status: 'applied', appliedAt: tx.now }).where(eq(t.key, change.key));
  }, SHUT);
}

/** Whether an address is the proven one of somebody: whoever merely typed it has no claim to it. */
export async function isTaken(on: Reader, identity: string): Promise<boolean> {
  const holder = await findSupporterByIdentity(on, identity);
  return holder !== undefined && holder.provenAt !== null;
}

/**
 * The old mailbox says no, before the change or after it: it is the supporter's again, whatever came later and whoever
 * uses it now, and all links and sessions are void. A repeat within a day hears the same. Throws `link_not_found`.
 */
export async function undoEmailChange(ctx: Context, text: string): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { token, repeated } = await take(tx, 'email_undo', text);
    const { change, supporter } = await whole(tx, token);
    if (!repeated) await undo(ctx, tx, supporter, change);
  }, SHUT);
  ctx.mailWaits();
}

/** Somebody who could change the address once could do it again: what followed is undone, too. */
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

/** Makes an address a supporter's own, whoever has it now. */
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
    // Out of the way first: the holder may get back what the supporter has.
    await rename(tx, supporter, { identity: `moving:${supporter.key}`, delivery });
    await giveWay(ctx, tx, holder, supporter, change);
    await rename(tx, { ...supporter, identity: `moving:${supporter.key}` }, { identity, delivery });
  } else {
    await rename(tx, supporter, { identity, delivery });
  }
  await takeOverTombstones(ctx, tx, supporter.key, identity);
}

/**
 * Lets go of an address. A supporter that came to it by a change of address goes back to the one before, and is told;
 * any other is one person with the one who has it from now on, and told if they had proven it.
 */
async function giveWay(
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
    await tell(tx, holder, came);
  } else {
    await mergeSupporters(tx, holder.key, to.key);
    if (holder.provenAt) await tell(tx, to, change);
  }
}

/** A second notice of a change: the first one has said that it might come. */
const tell = (tx: Tx, { key }: Supporter, { key: emailChangeKey }: EmailChange): Promise<void> =>
  queueMail(tx, 'email_notice', key, { emailChangeKey });

/** Uses a token up; or finds that it was, lately. */
async function take(
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

async function whole(tx: Tx, token: LinkToken): Promise<{ change: EmailChange; supporter: Supporter }> {
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
  unlessOvertaken(
    await tx.db
      .update(t)
      .set({ ...address, linkEpoch: sql`${t.linkEpoch} + 1`, provenAt: tx.now })
      .where(and(eq(t.key, supporter.key), eq(t.identity, supporter.identity)))
      .returning({ key: t.key }),
  );
}
