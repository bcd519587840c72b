import { sql } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { bindAll, statement, type Sum, type Tx } from '../../store/store.js';

/*
 * Of what came through each key: how many mailboxes were asked, and how many of them said yes. Both by when it happened:
 * asked is who was mailed, so that a mail server that is away says nothing about a key.
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

/** Notes that a mailbox has said yes. */
export function countAnswer(
  tx: Tx,
  { apiKeyKey, petitionKey }: { apiKeyKey: number | null; petitionKey: number },
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  if (apiKeyKey === null || from !== 'pending' || to !== 'confirmed') return;
  addToKeyFigures(tx, apiKeyKey, petitionKey, { confirmed: 1 });
}

/** That one was asked: see countAsked in ../mail/asked-mailboxes.ts. */
export function addToKeyFigures(
  tx: Tx,
  apiKeyKey: number,
  petitionKey: number,
  figures: { asked: 1 } | { confirmed: 1 },
): void {
  tx.add(FIGURES, { apiKeyKey, petitionKey, slot: slotOf(tx.now), shard: tx.shard }, figures);
}
