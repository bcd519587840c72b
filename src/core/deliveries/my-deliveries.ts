import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import type { Delivery } from './cut.js';
import { HANDED_OVER } from './deliveries.js';

/* What signers can know of deliveries that their signature was in. */

export type MyDelivery = Pick<Delivery, 'publicId' | 'recipient' | 'acknowledgedBy' | 'counts' | 'root'> & {
  signatureKey: number;
  sentAt: Date;
  line: number;
  salt: Buffer | null;
};

const MOST = 1000;

/** The deliveries with a line for one of these signatures (their keys), latest first. */
export async function deliveriesOf(
  { db, tables }: Reader,
  signatureKeys: readonly number[],
): Promise<MyDelivery[]> {
  const { deliveryLines: l, deliveries: t } = tables;
  const rows = await db
    .select({
      signatureKey: l.signatureKey,
      publicId: t.publicId,
      recipient: t.recipient,
      acknowledgedBy: t.acknowledgedBy,
      counts: t.counts,
      root: t.root,
      sentAt: t.sentAt,
      line: l.number,
      salt: l.salt,
    })
    .from(l)
    .innerJoin(t, eq(t.key, l.deliveryKey))
    .where(and(inArray(l.signatureKey, [...signatureKeys]), inArray(t.state, [...HANDED_OVER])))
    .orderBy(desc(t.sentAt), desc(t.key))
    .limit(MOST);
  return rows.flatMap((row) => (row.sentAt ? { ...row, sentAt: row.sentAt } : []));
}
