import { sql } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { bindAll, statement, type Sum, type Tx } from '../../store/store.js';

/*
 * Per key and petition: how many mailboxes were asked, and how many confirmed, in slots of ten minutes by when each
 * happened. A mailbox counts as asked when its mail is sent, so an outage of the mail server says nothing about a key.
 */

export const SLOT_MS = 600_000;

export const slotOf = (instant: Date | number): number => Math.floor(Number(instant) / SLOT_MS);

const addToFigures = statement('key_figures_add', ({ db, tables: { keyFigures: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['apiKeyKey', 'petitionKey', 'slot', 'shard', 'asked', 'confirmed']))
    .onConflictDoUpdate({
      target: [t.apiKeyKey, t.petitionKey, t.slot, t.shard],
      set: {
        asked: sql`${t.asked} + excluded.asked`,
        confirmed: sql`${t.confirmed} + excluded.confirmed`,
      },
    }),
);

const FIGURES: Sum = { write: (tx, values) => addToFigures(tx, { asked: 0, confirmed: 0, ...values }) };

/** Counts a confirmation for the key that brought the signature; other changes of status are ignored. */
export function countAnswer(
  tx: Tx,
  { apiKeyKey, petitionKey }: { apiKeyKey: number | null; petitionKey: number },
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  if (apiKeyKey === null || from !== 'pending' || to !== 'confirmed') return;
  addToKeyFigures(tx, apiKeyKey, petitionKey, { confirmed: 1 });
}

/** Adds one mailbox to a key's figures. For asked ones see `countAsked` in ../mail/asked-mailboxes.ts. */
export function addToKeyFigures(
  tx: Tx,
  apiKeyKey: number,
  petitionKey: number,
  figures: { asked: 1 } | { confirmed: 1 },
): void {
  tx.add(FIGURES, { apiKeyKey, petitionKey, slot: slotOf(tx.now), shard: tx.shard }, figures);
}
