import { sql } from 'drizzle-orm';
import { bindAll, statement, type Sum, type Tx } from '../../store/store.js';

/*
 * What counts besides signatures with a mailbox: signatures on paper, and plain numbers from elsewhere. Their sums are in
 * the rows of the other counters, so that reading them costs nothing, and signing does not touch them.
 */

const NO_SIGNATURES = { pending: 0, confirmed: 0, invalidated: 0, withdrawn: 0, quarantined: 0 };

const addToCounts = statement('other_counts_add', ({ db, tables: { petitionCounts: t } }: Tx) =>
  db
    .insert(t)
    .values({ ...NO_SIGNATURES, ...bindAll(t, ['petitionKey', 'shard', 'paper', 'offsets', 'updatedAt']) })
    .onConflictDoUpdate({
      target: [t.petitionKey, t.shard],
      set: {
        paper: sql`${t.paper} + excluded.paper`,
        offsets: sql`${t.offsets} + excluded.offsets`,
        updatedAt: sql`excluded.updated_at`,
      },
    }),
);

const addToPartner = statement('partner_paper_add', ({ db, tables: { partnerCounts: t } }: Tx) =>
  db
    .insert(t)
    .values({ ...NO_SIGNATURES, ...bindAll(t, ['petitionKey', 'organizationKey', 'shard', 'paper']) })
    .onConflictDoUpdate({
      target: [t.petitionKey, t.organizationKey, t.shard],
      set: { paper: sql`${t.paper} + excluded.paper` },
    }),
);

const OTHER: Sum = {
  notifies: 'petitionKey',
  write: (tx, values) => addToCounts(tx, { paper: 0, offsets: 0, ...values, updatedAt: tx.now }),
};
const PARTNER: Sum = { write: addToPartner };

/**
 * Adds to the paper signatures that count, or takes away from them. Every verb that writes the status of a paper
 * signature must call it in the same transaction.
 */
export function countPaper(
  tx: Tx,
  { petitionKey, organizationKey }: { petitionKey: number; organizationKey: number },
  change: number,
): void {
  if (change === 0) return;
  const { shard } = tx;
  // The petition first, as in counts.ts.
  tx.add(OTHER, { petitionKey, shard }, { paper: change });
  tx.add(PARTNER, { petitionKey, organizationKey, shard }, { paper: change });
}

/** Adds to the plain numbers from elsewhere, or takes away from them, in the transaction that writes their row. */
export const countOffset = (tx: Tx, petitionKey: number, change: number): void =>
  tx.add(OTHER, { petitionKey, shard: tx.shard }, { offsets: change });
