import { sql } from 'drizzle-orm';
import type { SignatureStatus } from '../../schema/db/tables.js';
import { bindAll, statement, type Sum, type Tx } from '../store/store.js';
import type { Counted } from './counts.js';

/* Of what came through each key: how many mailboxes were asked, and how many of them said yes. */

export const SLOT_MS = 600_000;

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

/** Notes that a mailbox is asked, or has confirmed, in the slot in which its signature came. */
export function countAnswer(
  tx: Tx,
  { apiKeyKey, petitionKey, createdAt }: Counted,
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  if (apiKeyKey === null) return;
  const slot = Math.floor(createdAt.getTime() / SLOT_MS);
  const place = { apiKeyKey, petitionKey, slot, shard: tx.shard };
  if (from === null && to === 'pending') tx.add(FIGURES, place, { asked: 1 });
  if (from === 'pending' && to === 'confirmed') tx.add(FIGURES, place, { confirmed: 1 });
}
