import { and, asc, eq, gte, lt, max, sql, sum, type SQL } from 'drizzle-orm';
import type { SignatureStatus, Tables } from '../../schema/db/tables.js';
import { bind, bindAll, statement, type Reader, type Sum, type Tx } from '../store/store.js';

export type Counts = {
  pending: number;
  confirmed: number;
  invalidated: number;
  withdrawn: number;
  quarantined: number;
  /** When a signature last changed them; null: nobody has signed. */
  updatedAt: Date | null;
};

/** One signature's move from a status (null: it is new) to another. */
export type CountChange = {
  petitionKey: number;
  from: SignatureStatus | null;
  to: SignatureStatus;
  /** When the signature was confirmed: needed when it enters or leaves `confirmed`. */
  confirmedAt: Date | null;
};

const HOUR_MS = 3_600_000;

const total = (column: Parameters<typeof sum>[0]) => sql<number>`coalesce(${sum(column)}, 0)`.mapWith(Number);

/** The columns of a petition's counts: sums over its shards. */
export const countColumns = ({ petitionCounts: t }: Tables) => ({
  pending: total(t.pending),
  confirmed: total(t.confirmed),
  invalidated: total(t.invalidated),
  withdrawn: total(t.withdrawn),
  quarantined: total(t.quarantined),
  updatedAt: max(t.updatedAt),
});

const STATUS_COUNTS = ['pending', 'confirmed', 'invalidated', 'withdrawn', 'quarantined'] as const;

const addToCounts = statement('counts_add', ({ db, tables: { petitionCounts: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['petitionKey', 'shard', ...STATUS_COUNTS, 'updatedAt']))
    .onConflictDoUpdate({
      target: [t.petitionKey, t.shard],
      set: {
        ...Object.fromEntries(
          STATUS_COUNTS.map((name) => [name, sql`${t[name]} + excluded.${sql.identifier(name)}`]),
        ),
        updatedAt: sql`excluded.updated_at`,
      },
    }),
);

const addToHistory = statement('history_add', ({ db, tables: { petitionHistory: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['petitionKey', 'hour', 'shard', 'confirmed']))
    .onConflictDoUpdate({
      target: [t.petitionKey, t.hour, t.shard],
      set: { confirmed: sql`${t.confirmed} + excluded.confirmed` },
    }),
);

const NO_CHANGE = { pending: 0, confirmed: 0, invalidated: 0, withdrawn: 0, quarantined: 0 };

const COUNTS: Sum = {
  write: (tx, values) => addToCounts(tx, { ...NO_CHANGE, ...values, updatedAt: tx.now }),
};
const HISTORY: Sum = { write: addToHistory };

/**
 * Moves the counts with a signature's status: called by every verb that writes a status, in the same transaction, so
 * that counter and rows agree at every commit.
 */
export function changeCounts(tx: Tx, { petitionKey, from, to, confirmedAt }: CountChange): void {
  const { shard } = tx;
  const counts = { petitionKey, shard };
  tx.add(COUNTS, counts, { [to]: 1 });
  if (from) tx.add(COUNTS, counts, { [from]: -1 });
  const change = Number(to === 'confirmed') - Number(from === 'confirmed');
  if (change !== 0 && confirmedAt) {
    const hour = Math.floor(confirmedAt.getTime() / HOUR_MS);
    tx.add(HISTORY, { petitionKey, hour, shard }, { confirmed: change });
  }
}

const selectCounts = statement('counts_read', ({ db, tables }: Reader) =>
  db
    .select(countColumns(tables))
    .from(tables.petitionCounts)
    .where(eq(tables.petitionCounts.petitionKey, bind(tables.petitionCounts.petitionKey, 'petitionKey'))),
);

/** The counts of a petition that nobody has signed. */
export const NO_COUNTS: Counts = { ...NO_CHANGE, updatedAt: null };

/** The counts of a petition as of the last commit. */
export async function readCounts(on: Reader, petitionKey: number): Promise<Counts> {
  const [row] = await selectCounts(on, { petitionKey });
  return row ?? NO_COUNTS;
}

/** The next value of the ladder above `confirmed`; null when all are passed. */
export const nextMilestone = (goals: readonly number[], confirmed: number): number | null =>
  goals.find((goal) => goal > confirmed) ?? null;

export type Bucket = { from: Date; confirmed: number };

export type HistoryRange = { petitionKey: number; hours: 1 | 24; from: Date; before: Date };

/** Confirmed signatures per hour or day (UTC), oldest first, without the empty buckets. */
export async function readHistory(on: Reader, range: HistoryRange): Promise<Bucket[]> {
  const { petitionHistory: t } = on.tables;
  const first = Math.floor(range.from.getTime() / HOUR_MS);
  const end = Math.ceil(range.before.getTime() / HOUR_MS);
  const bucket: SQL<number> = sql<number>`${t.hour} - ${t.hour} % ${sql.raw(String(range.hours))}`;
  const rows = await on.db
    .select({ hour: bucket.mapWith(Number), confirmed: total(t.confirmed) })
    .from(t)
    .where(and(eq(t.petitionKey, range.petitionKey), gte(t.hour, first), lt(t.hour, end)))
    .groupBy(bucket)
    .orderBy(asc(bucket));
  return rows
    .filter((row) => row.confirmed !== 0)
    .map((row) => ({ from: new Date(row.hour * HOUR_MS), confirmed: row.confirmed }));
}
