import { and, desc, eq, inArray } from 'drizzle-orm';
import type { DeliveryColumn } from '../../../schema/db/tables/deliveries.js';
import type { Reader } from '../../store/store.js';
import { readEntry, type Delivery } from './cut.js';
import { HANDED_OVER } from './deliveries.js';
import type { Line } from './entries.js';
import { toldBy } from './told.js';

/* What signers can know of deliveries that their signature was in. */

export type MyDelivery = Pick<
  Delivery,
  | 'publicId'
  | 'edition'
  | 'petitionKey'
  | 'organizationKey'
  | 'cutAt'
  | 'columns'
  | 'recipient'
  | 'acknowledgedBy'
  | 'root'
> & {
  signatureKey: number;
  sentAt: Date;
  number: number;
  salt: Buffer | null;
};

const MOST = 1000;

/** The deliveries with a line for one of these signatures (their keys), latest first. */
export async function deliveriesOf(
  { db, tables }: Reader,
  signatureKeys: readonly number[],
): Promise<MyDelivery[]> {
  if (signatureKeys.length === 0) return [];
  const { deliveryLines: l, deliveries: t } = tables;
  const rows = await db
    .select({
      signatureKey: l.signatureKey,
      publicId: t.publicId,
      edition: t.edition,
      petitionKey: t.petitionKey,
      organizationKey: t.organizationKey,
      cutAt: t.cutAt,
      columns: t.columns,
      recipient: t.recipient,
      acknowledgedBy: t.acknowledgedBy,
      root: t.root,
      sentAt: t.sentAt,
      number: l.number,
      salt: l.salt,
    })
    .from(l)
    .innerJoin(t, eq(t.key, l.deliveryKey))
    .where(and(inArray(l.signatureKey, [...signatureKeys]), inArray(t.state, [...HANDED_OVER])))
    .orderBy(desc(t.sentAt), desc(t.key))
    .limit(MOST);
  return rows.flatMap((row) => (row.sentAt ? { ...row, sentAt: row.sentAt } : []));
}

export type MyLine = { number: number } & Pick<Line, 'name'> & Partial<Record<DeliveryColumn, string | null>>;

/**
 * The line of a signature as it would be written now, with the columns of the delivery: the one that was handed over, unless
 * its signer has changed something since. Undefined: it has none any more.
 */
export async function lineOf(on: Reader, mine: MyDelivery): Promise<MyLine | undefined> {
  const { petitions: t } = on.tables;
  const { petitionKey, columns, number, signatureKey } = mine;
  const [petition] = await on.db.select().from(t).where(eq(t.key, petitionKey));
  if (!petition) return undefined;
  const reading = { on, cut: { ...mine, chain: [] }, told: await toldBy(on, petition) };
  const line = (await readEntry(reading, signatureKey))?.line;
  return (
    line && {
      number,
      name: line.name,
      ...Object.fromEntries(columns.map((column) => [column, line[column] ?? null])),
    }
  );
}
