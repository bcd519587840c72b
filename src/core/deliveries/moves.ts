import { and, eq } from 'drizzle-orm';
import {
  DELIVERY_MOVES,
  type DeliveryMove,
  type DeliveryState,
} from '../../../schema/db/tables/deliveries.js';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { takenDown } from '../petitions/petition-life.js';
import type { Delivery } from './cut.js';
import { findOwn, type DeliveryView } from './deliveries.js';

/* The states of a delivery, and who moves it from one to the next. */

const MOVES = {
  prepare: ['draft', 'failed'],
  cancel: ['draft', 'preparing', 'ready', 'failed'],
  // Also once more: the address was wrong, or the mail was lost.
  send: ['ready', 'sent', 'opened'],
  receipt: ['sent', 'opened', 'acknowledged'],
} as const satisfies Record<DeliveryMove, readonly DeliveryState[]>;

export const canMove = (state: DeliveryState, move: DeliveryMove): boolean =>
  (MOVES[move] as readonly DeliveryState[]).includes(state);

/** Throws `delivery_transition_not_allowed`, with the moves that are. */
export function assertMove(state: DeliveryState, move: DeliveryMove): void {
  if (canMove(state, move)) return;
  const allowed = DELIVERY_MOVES.filter((one) => canMove(state, one));
  throw new ApiError('delivery_transition_not_allowed', {
    detail: `It is ${state}.`,
    extra: { allowed },
  });
}

/** Nothing of a petition that was taken down is handed over. Throws `petition_taken_down`. */
export function assertNotTakenDown({ petition }: Pick<DeliveryView, 'petition'>): void {
  if (petition.status === 'taken_down') throw takenDown(petition);
}

/** Writes a delivery as long as it is in the state that was read; otherwise the transaction runs again. */
export async function writeDelivery(
  tx: Tx,
  { key, state, attempts }: Pick<Delivery, 'key' | 'state' | 'attempts'>,
  set: Partial<Delivery>,
): Promise<Delivery> {
  const { deliveries: t } = tx.tables;
  return requireWritten(
    await tx.db
      .update(t)
      .set({ ...set, updatedAt: tx.now })
      .where(and(eq(t.key, key), eq(t.state, state), eq(t.attempts, attempts)))
      .returning(),
  );
}

const verb =
  (work: (tx: Tx, delivery: DeliveryView) => Promise<Delivery>) =>
  (ctx: Context, actor: KeyedActor, publicId: string, retry?: Retry): Promise<DeliveryView> =>
    ctx.store.transact((tx) =>
      once(tx, retry, async () => {
        const view = await findOwn(tx, actor, publicId);
        return { ...view, ...(await work(tx, view)) };
      }),
    );

/** Has its files made. Throws `delivery_not_found`, `delivery_transition_not_allowed`, `idempotency_key_reused`. */
export const prepareDelivery = verb((tx, delivery) => {
  assertMove(delivery.state, 'prepare');
  assertNotTakenDown(delivery);
  return writeDelivery(tx, delivery, {
    state: 'preparing',
    leaseUntil: null,
    lapses: 0,
    failure: null,
    sending: null,
  });
});

/** Ends it before it was sent: its files are deleted. Throws the same. */
export const cancelDelivery = verb((tx, delivery) => {
  assertMove(delivery.state, 'cancel');
  return writeDelivery(tx, delivery, {
    state: 'cancelled',
    leaseUntil: null,
    sending: null,
    cancelledAt: tx.now,
  });
});
