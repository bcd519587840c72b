import { and, asc, eq, gt, isNotNull, or } from 'drizzle-orm';
import type { DeliverySending } from '../../../schema/db/tables/deliveries.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { parseEmail } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { queueMail } from '../mail/outbox.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { readEntries, type Delivery } from './cut.js';
import { DAY_MS } from '../../time.js';
import { findOwn, petitionOf, type DeliveryView } from './deliveries.js';
import { saidBy } from './entries.js';
import { assertMove, assertNotTakenDown, canMove, writeDelivery } from './moves.js';
import { toldBy } from './told.js';

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
  // Whether it may be sent is asked below, where a retry has its first answer.
  const isStale =
    input.method === 'mail' && canMove(found.state, 'send') && (await hasChanged(ctx.store.read, found));
  const view = await ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const before = await findOwn(tx, actor, publicId);
      assertMove(before.state, 'send');
      assertNotTakenDown(before);
      assertMayRepeat(before, input);
      if (before.filesDeletedAt !== null) {
        throw new ApiError('delivery_files_gone', { detail: 'Make another delivery.' });
      }
      return { ...before, ...(await handOver(tx, before, input, isStale)) };
    }),
  );
  ctx.mailWaits();
  return view;
}

/** Only a mail can be sent again. */
function assertMayRepeat({ state, method }: Delivery, input: SendInput): void {
  if (state === 'ready' || (method === 'mail' && input.method === 'mail')) return;
  throw new ApiError('delivery_transition_not_allowed', {
    detail: 'It was handed over already.',
    extra: { allowed: ['receipt'] },
  });
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
  // Two must not count at the same time.
  await tx.lock(Buffer.from(`mailed deliveries of ${organizationKey}`));
  const since = new Date(tx.now.getTime() - DAY_MS);
  const mailed = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        or(isNotNull(t.sending), and(eq(t.method, 'mail'), gt(t.sentAt, since))),
      ),
    )
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
  // Sent again, only the new link works: the address may have been wrong.
  await tx.db.delete(tx.tables.deliveryLinks).where(eq(tx.tables.deliveryLinks.deliveryKey, deliveryKey));
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
const SLICE = 500;

/** Whether a line says something that no longer holds: its signer has withdrawn, was erased, or shows something else. */
async function hasChanged(on: Reader, view: DeliveryView): Promise<boolean> {
  const { deliveryLines: l } = on.tables;
  const told = await toldBy(on, await petitionOf(on, view));
  const reading = { on, cut: { ...view, chain: [] }, told };
  for (let edge = 0; ;) {
    await nextLoopTurn();
    const lines = await on.db
      .select()
      .from(l)
      .where(and(eq(l.deliveryKey, view.key), gt(l.number, edge)))
      .orderBy(asc(l.number))
      .limit(SLICE);
    const entries = await readEntries(
      reading,
      lines.map(({ signatureKey }) => signatureKey),
    );
    for (const { signatureKey, salt, said } of lines) {
      const line = entries.get(signatureKey)?.line;
      if (!salt || !line || !saidBy(line, salt).equals(said)) return true;
    }
    if (lines.length < SLICE) return false;
    edge = lines.at(-1)?.number ?? edge;
  }
}
