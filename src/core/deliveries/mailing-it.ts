import { and, asc, eq, gt, or, sql } from 'drizzle-orm';
import type { DeliverySending } from '../../../schema/db/tables/deliveries.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { queueMail } from '../mail/outbox.js';
import { nextLoopTurn } from '../one-per-turn.js';
import type { Delivery } from './cut.js';
import { DAY_MS } from '../../time.js';
import { findOwn, type DeliveryView } from './deliveries.js';
import { assertMove, writeDelivery } from './moves.js';

/* Handing over: a mail with a link to the files, or the record that it was done by other means. */

export type SendInput =
  | { method: 'mail'; email: string; linkDays?: number | null }
  | {
      method: 'in_person';
      handedOverOn?: string | null;
      place?: string | null;
      photoUrl?: string | null;
      note?: string | null;
    };

const LINK_DAYS = 30;

/**
 * Hands a delivery over. If somebody in it has withdrawn, was erased or chose another display since its files were made,
 * they are made anew before the mail goes out: the answer then says `preparing`. Throws `delivery_not_found`,
 * `delivery_transition_not_allowed`, `delivery_files_gone`, `too_many_deliveries`, `invalid_body`,
 * `idempotency_key_reused`.
 */
export async function sendDelivery(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  input: SendInput,
  retry?: Retry,
): Promise<DeliveryView> {
  const found = await findOwn(ctx.store.read, actor, publicId);
  const isStale =
    input.method === 'mail' && found.state === 'ready' && (await hasChanged(ctx.store.read, found));
  const view = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await findOwn(tx, actor, publicId);
      assertMove(before.state, 'send');
      if (before.filesDeletedAt !== null) {
        throw new ApiError('delivery_files_gone', { detail: 'Make another delivery.' });
      }
      return { ...before, ...(await handOver(tx, before, input, isStale)) };
    }),
  );
  ctx.mailWaits();
  return view;
}

async function handOver(tx: Tx, before: Delivery, input: SendInput, isStale: boolean): Promise<Delivery> {
  if (input.method === 'in_person') {
    const { handedOverOn = null, place = null, photoUrl = null, note = null } = input;
    return writeDelivery(tx, before, {
      state: 'sent',
      method: 'in_person',
      sentAt: tx.now,
      handedOverOn: handedOverOn ?? tx.now.toISOString().slice(0, 10),
      place,
      photoUrl,
      note,
    });
  }
  const email = parseEmail(input.email);
  if (!email) {
    throw invalidBody({
      pointer: '/email',
      code: 'not_an_address',
      detail: 'Write the address of a mailbox, like office@council.example.',
    });
  }
  const sending = { email: email.delivery, days: input.linkDays ?? LINK_DAYS };
  await assertFew(tx, before.organizationKey);
  if (isStale) return writeDelivery(tx, before, { state: 'preparing', leaseUntil: null, sending });
  return mailDelivery(tx, before, sending);
}

/** Nobody is to write to many with the letter of a delivery: that is what mailings are for. */
const MAILED_PER_DAY = 20;

async function assertFew(tx: Tx, organizationKey: number): Promise<void> {
  const { deliveries: t } = tx.tables;
  const since = new Date(tx.now.getTime() - DAY_MS);
  const mailed = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.organizationKey, organizationKey), eq(t.method, 'mail'), gt(t.sentAt, since)))
    .limit(MAILED_PER_DAY);
  if (mailed.length < MAILED_PER_DAY) return;
  throw new ApiError('too_many_deliveries', {
    detail: `An organization can mail ${MAILED_PER_DAY} in a day: wait until tomorrow.`,
  });
}

/** Queues the mail with the link. Call `ctx.mailWaits()` after the commit. */
export async function mailDelivery(
  tx: Tx,
  before: Delivery,
  { email, days }: DeliverySending,
): Promise<Delivery> {
  const { key: deliveryKey, petitionKey, organizationKey, locale } = before;
  await queueMail(tx, 'delivery', null, { deliveryKey, petitionKey, organizationKey, locale });
  return writeDelivery(tx, before, {
    state: 'sent',
    method: 'mail',
    sentAt: tx.now,
    email,
    linkDays: days,
    sending: null,
  });
}

/** Lines per read. */
const SLICE = 1000;

/** Whether the files say something of somebody that no longer holds. */
async function hasChanged(on: Reader, { key }: Delivery): Promise<boolean> {
  const { deliveryLines: l, signatures: t } = on.tables;
  const changed = or(
    sql`${t.status} <> 'confirmed'`,
    sql`${l.salt} is null`,
    sql`${t.display} <> ${l.display}`,
  );
  for (let edge = 0; ;) {
    await nextLoopTurn();
    const rows = await on.db
      .select({
        number: l.number,
        changed: sql<number>`case when ${changed} then 1 else 0 end`.mapWith(Number),
      })
      .from(l)
      .innerJoin(t, eq(t.key, l.signatureKey))
      .where(and(eq(l.deliveryKey, key), gt(l.number, edge)))
      .orderBy(asc(l.number))
      .limit(SLICE);
    if (rows.some((row) => row.changed === 1)) return true;
    if (rows.length < SLICE) return false;
    edge = rows.at(-1)?.number ?? edge;
  }
}
