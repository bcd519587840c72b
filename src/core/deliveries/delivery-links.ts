import { and, desc, eq, gt } from 'drizzle-orm';
import { invalidBody } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { hashOfRandom, linkNotFound } from '../links/random-tokens.js';
import { DAY_MS } from '../../time.js';
import { isHandedOver, selectDeliveries, viewOf, type DeliveryView } from './deliveries.js';
import { writeReceipt, type Receipt } from './receipts.js';

/*
 * The link that those get to whom a delivery is mailed: it shows the letter, gives the files and takes a receipt. Anyone
 * who has it can use it, as it is made to be passed on within an office; each use is recorded.
 */

const PREFIX = 'pd';

/** Stores a new link of a delivery and returns its token, which exists nowhere else. `bytes`: TOKEN_BYTES of randomness. */
export async function issueDeliveryLink(
  tx: Tx,
  { key, linkDays }: Pick<DeliveryView, 'key' | 'linkDays'>,
  bytes: Buffer,
): Promise<string> {
  const token = `${PREFIX}_${bytes.toString('base64url')}`;
  const hash = hashOfRandom(PREFIX, token);
  if (!hash) throw new Error('the token has another length');
  const expiresAt = new Date(tx.now.getTime() + (linkDays ?? 0) * DAY_MS);
  await tx.db
    .insert(tx.tables.deliveryLinks)
    .values({ hash, deliveryKey: key, createdAt: tx.now, expiresAt });
  return token;
}

export type LinkedDelivery = DeliveryView & { expiresAt: Date };

/** The delivery behind a link. Throws `link_not_found`. */
export async function readDeliveryLink(ctx: Context, token: string): Promise<LinkedDelivery> {
  return findLinked(ctx.store.read, token, ctx.now());
}

async function findLinked(on: Reader, token: string, now: Date): Promise<LinkedDelivery> {
  const hash = hashOfRandom(PREFIX, token);
  if (!hash) throw linkNotFound();
  const { deliveryLinks: l, deliveries: t } = on.tables;
  const [link] = await on.db
    .select({ deliveryKey: l.deliveryKey, expiresAt: l.expiresAt })
    .from(l)
    .where(and(eq(l.hash, hash), gt(l.expiresAt, now)));
  const [row] = link ? await selectDeliveries(on).where(eq(t.key, link.deliveryKey)) : [];
  const isOpen = row && isHandedOver(row.delivery) && row.petition.status !== 'taken_down';
  if (!link || !isOpen) throw linkNotFound();
  return { ...(await viewOf(on, row)), expiresAt: link.expiresAt };
}

/** Records that a file was fetched through a link. Throws `link_not_found`. */
export const recordDownload = (ctx: Context, token: string, file: string): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const { deliveries: t, deliveryUses } = tx.tables;
    const { key } = await findLinked(tx, token, tx.now);
    await tx.db.insert(deliveryUses).values({ deliveryKey: key, what: 'download', file, at: tx.now });
    await tx.db
      .update(t)
      .set({ state: 'opened', openedAt: tx.now, updatedAt: tx.now })
      .where(and(eq(t.key, key), eq(t.state, 'sent')));
  });

/**
 * The receipt of those to whom it was mailed. One that the organisers have recorded is replaced: it is the word of the
 * target itself. Throws `link_not_found`, `invalid_body`.
 */
export const acknowledgeByLink = (ctx: Context, token: string, receipt: Receipt): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const delivery = await findLinked(tx, token, tx.now);
    if (receipt.count !== null && receipt.count < 0) {
      throw invalidBody({ pointer: '/count', code: 'too_small', detail: 'Write a number from 0 on.' });
    }
    await writeReceipt(tx, delivery, receipt, 'link');
    const { deliveryUses } = tx.tables;
    await tx.db
      .insert(deliveryUses)
      .values({ deliveryKey: delivery.key, what: 'receipt', file: null, at: tx.now });
  });

export type DeliveryUse = { what: 'download' | 'receipt'; file: string | null; at: Date };

const MOST_USES = 100;

/** The latest uses of a delivery's link. */
export const usesOf = ({ db, tables }: Reader, deliveryKey: number): PromiseLike<DeliveryUse[]> => {
  const { deliveryUses: t } = tables;
  return db
    .select({ what: t.what, file: t.file, at: t.at })
    .from(t)
    .where(eq(t.deliveryKey, deliveryKey))
    .orderBy(desc(t.key))
    .limit(MOST_USES);
};
