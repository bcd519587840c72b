import { and, eq, sql, type SQL } from 'drizzle-orm';
import { SIGNATURE_STATUSES, type SignatureStatus } from '../../schema/db/tables.js';
import type { Reader } from '../store/store.js';

/** A counter that does not agree with the rows that it counts. */
export type Drift = { petitionId: string; what: SignatureStatus | 'history'; counter: number; rows: number };

/**
 * Holds every counter against its rows; an empty list proves that they agree. One statement, hence one snapshot: it may
 * run while people sign.
 */
export async function recount(on: Reader): Promise<Drift[]> {
  const { petitions: p, petitionCounts: c, petitionHistory: h, signatures: s } = on.tables;
  const number = (query: SQL) => sql<number>`(${query})`.mapWith(Number);
  const counters = Object.fromEntries(
    SIGNATURE_STATUSES.map((status) => [
      `counter_${status}`,
      number(sql`select coalesce(sum(${c[status]}), 0) from ${c} where ${eq(c.petitionKey, p.key)}`),
    ]),
  );
  const rows = Object.fromEntries(
    SIGNATURE_STATUSES.map((status) => [
      `rows_${status}`,
      number(sql`select count(*) from ${s} where ${and(eq(s.petitionKey, p.key), eq(s.status, status))}`),
    ]),
  );
  const history = number(
    sql`select coalesce(sum(${h.confirmed}), 0) from ${h} where ${eq(h.petitionKey, p.key)}`,
  );
  const found = (await on.db
    .select({ petitionId: p.publicId, ...counters, ...rows, counter_history: history })
    .from(p)) as unknown as (Record<string, number> & { petitionId: string })[];

  return found.flatMap((row) => {
    // The history is the confirmed signatures by their hour: its sum is theirs.
    const pairs = [...SIGNATURE_STATUSES, 'history' as const].map((what) => ({
      petitionId: row.petitionId,
      what,
      counter: row[`counter_${what}`] ?? NaN,
      rows: row[`rows_${what === 'history' ? 'confirmed' : what}`] ?? NaN,
    }));
    return pairs.filter(({ counter, rows: truth }) => counter !== truth);
  });
}
