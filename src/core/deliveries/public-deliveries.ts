import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import type { Actor } from '../actor.js';
import { findHead } from '../petitions/petition-lookup.js';
import { HANDED_OVER, selectDeliveries, viewOf, type DeliveryView } from './deliveries.js';

/** The most in the public record of a petition: all are in one list. */
const MOST = 200;

/** What was handed over of a petition, latest first. Throws what `findHead` throws. */
export async function listPublicDeliveries(on: Reader, actor: Actor, ref: string): Promise<DeliveryView[]> {
  const petition = await findHead(on, actor, ref);
  const { deliveries: t } = on.tables;
  const rows = await selectDeliveries(on)
    .where(and(eq(t.petitionKey, petition.key), inArray(t.state, [...HANDED_OVER])))
    .orderBy(desc(t.sentAt), desc(t.key))
    .limit(MOST);
  return Promise.all(rows.map((row) => viewOf(on, row)));
}
