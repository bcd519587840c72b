import type { RECEIPT_SOURCES } from '../../../schema/db/tables/deliveries.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import type { Delivery } from './cut.js';
import { findOwn, type DeliveryView } from './deliveries.js';
import { assertMove, writeDelivery } from './moves.js';

/* What those say who got a delivery: how many signatures they count, in their own words. */

/** `count` null: they name no number. `on`: `YYYY-MM-DD`; null: today. */
export type Receipt = { count: number | null; text: string | null; on: string | null };

/** Records a receipt that came by other means. A later one replaces it. Throws `delivery_not_found`, `delivery_transition_not_allowed`. */
export const recordReceipt = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  receipt: Receipt,
  retry?: Retry,
): Promise<DeliveryView> =>
  ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const view = await findOwn(tx, actor, publicId);
      return { ...view, ...(await writeReceipt(tx, view, receipt, 'organiser')) };
    }),
  );

export function writeReceipt(
  tx: Tx,
  delivery: Delivery,
  { count, text, on }: Receipt,
  by: (typeof RECEIPT_SOURCES)[number],
): Promise<Delivery> {
  assertMove(delivery.state, 'receipt');
  return writeDelivery(tx, delivery, {
    state: 'acknowledged',
    openedAt: delivery.openedAt ?? tx.now,
    acknowledgedAt: tx.now,
    acknowledgedBy: by,
    acknowledgedCount: count,
    acknowledgedText: text,
    acknowledgedOn: on ?? tx.now.toISOString().slice(0, 10),
  });
}
