import { and, asc, eq, gte, lt, max, sql, sum, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { bind, bindAll, statement, type Reader, type Sum, type Tx } from '../../store/store.js';
import { countCell, placedColumns, type Placed } from './cells.js';
import { countAnswer } from './key-figures.js';
import { addShareFigures } from './share-figures.js';
import { HOUR_MS } from '../../time.js';

/*
 * A petition's counters. They are moved in the transaction that writes a signature's status, so that they equal the
 * rows at every commit, and are sharded so that writers on PostgreSQL rarely wait for one row.
 */

export type Counts = {
  pending: number;
  confirmed: number;
  invalidated: number;
  withdrawn: number;
  quarantined: number;
  /** Paper signatures that count, and the sum of plain numbers from elsewhere: see other-counts.ts. */
  paper: number;
  offsets: number;
  /** When anything last changed them; null: there is nothing yet. */
  updatedAt: Date | null;
};

/** The part of a signature that counting needs. */
export type Counted = Pick<
  Tables['signatures']['$inferSelect'],
  'petitionKey' | 'collectorKey' | 'apiKeyKey' | 'shareLinkKey' | 'createdAt' | 'confirmedAt'
> &
  Placed;

/** The columns for `Counted`. */
export const countedColumns = ({ signatures: t }: Pick<Tables, 'signatures'>) => ({
  ...placedColumns(t),
  petitionKey: t.petitionKey,
  collectorKey: t.collectorKey,
  apiKeyKey: t.apiKeyKey,
  shareLinkKey: t.shareLinkKey,
  createdAt: t.createdAt,
  confirmedAt: t.confirmedAt,
});

/** The sum of a column; 0 without rows. */
export const total = (column: Parameters<typeof sum>[0]) =>
  sql<number>`coalesce(${sum(column)}, 0)`.mapWith(Number);

/** The columns of a petition's counts: sums over its shards. */
export const countColumns = ({ petitionCounts: t }: Tables) => ({
  pending: total(t.pending),
  confirmed: total(t.confirmed),
  invalidated: total(t.invalidated),
  withdrawn: total(t.withdrawn),
  quarantined: total(t.quarantined),
  paper: total(t.paper),
  offsets: total(t.offsets),
  updatedAt: max(t.updatedAt),
});

const STATUS_COUNTS = ['pending', 'confirmed', 'invalidated', 'withdrawn', 'quarantined'] as const;

const plusExcluded = (t: Record<(typeof STATUS_COUNTS)[number], unknown>) =>
  Object.fromEntries(STATUS_COUNTS.map((name) => [name, sql`${t[name]} + excluded.${sql.identifier(name)}`]));

const addToCounts = statement('counts_add', ({ db, tables: { petitionCounts: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['petitionKey', 'shard', ...STATUS_COUNTS, 'updatedAt']))
    .onConflictDoUpdate({
      target: [t.petitionKey, t.shard],
      set: { ...plusExcluded(t), updatedAt: sql`excluded.updated_at` },
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
  notifies: 'petitionKey',
  write: (tx, values) => addToCounts(tx, { ...NO_CHANGE, ...values, updatedAt: tx.now }),
};
const HISTORY: Sum = { write: addToHistory };

const HELD: Sum = {
  write: ({ db, tables: { petitionCounts: t } }, { petitionKey, shard }) =>
    db
      .update(t)
      .set({ confirmed: sql`${t.confirmed}` })
      .where(and(eq(t.petitionKey, Number(petitionKey)), eq(t.shard, Number(shard)))),
};

const addToPartner = statement('partner_counts_add', ({ db, tables: { partnerCounts: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['petitionKey', 'organizationKey', 'shard', ...STATUS_COUNTS]))
    .onConflictDoUpdate({
      target: [t.petitionKey, t.organizationKey, t.shard],
      set: plusExcluded(t),
    }),
);

const PARTNER: Sum = { write: (tx, values) => addToPartner(tx, { ...NO_CHANGE, ...values }) };

/**
 * Moves the counts when a signature's status changes (`from` null: it is new). Every verb that writes a status must
 * call it in the same transaction, so that counters and rows agree at every commit. `confirmedAt` must be set when it
 * leaves `confirmed`. To enter `confirmed`, use `beginToCount` (src/core/counts/counting-once.ts).
 */
export const changeCounts: (
  tx: Tx,
  counted: Counted,
  from: SignatureStatus | null,
  to: Exclude<SignatureStatus, 'confirmed'>,
) => void = moveCounts;

/** Only for counting-once.ts; other code uses `changeCounts` or `beginToCount`. */
export function moveCounts(
  tx: Tx,
  counted: Counted,
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  const { petitionKey, collectorKey, shareLinkKey, confirmedAt } = counted;
  const { shard } = tx;
  // Must come first, since sums are written in this order: two transactions that need the same row of another sum also
  // need one of these, so one of them waits here before it holds any lock that the other needs.
  move(tx, COUNTS, { petitionKey, shard }, from, to);
  if (collectorKey !== null) {
    move(tx, PARTNER, { petitionKey, organizationKey: collectorKey, shard }, from, to);
  }
  countAnswer(tx, counted, from, to);
  const change = Number(to === 'confirmed') - Number(from === 'confirmed');
  if (change === 0 || !confirmedAt) return;
  countCell(tx, petitionKey, counted, change);
  const hour = Math.floor(confirmedAt.getTime() / HOUR_MS);
  tx.add(HISTORY, { petitionKey, hour, shard }, { confirmed: change });
  if (shareLinkKey !== null) addShareFigures(tx, shareLinkKey, hour, { conversions: change });
}

function move(
  tx: Tx,
  sum: Sum,
  place: Record<string, number>,
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  tx.add(sum, place, { [to]: 1 });
  if (from) tx.add(sum, place, { [from]: -1 });
}

/**
 * Moves a signature to where it now belongs, in the transaction that changes what it says. `before` must be what the row
 * said until then: hold it, as `emptySignatures` does.
 */
export function moveCell(tx: Tx, petitionKey: number, before: Placed, after: Placed): void {
  // First, as in `moveCounts`: whoever writes cells holds the petition's row. It stays as it is, as the counts do.
  tx.add(HELD, { petitionKey, shard: tx.shard }, {});
  countCell(tx, petitionKey, before, -1);
  countCell(tx, petitionKey, after, 1);
}

const selectCounts = statement('counts_read', ({ db, tables }: Reader) =>
  db
    .select(countColumns(tables))
    .from(tables.petitionCounts)
    .where(eq(tables.petitionCounts.petitionKey, bind(tables.petitionCounts.petitionKey, 'petitionKey'))),
);

/** The counts of a petition without signatures. */
export const NO_COUNTS: Counts = { ...NO_CHANGE, paper: 0, offsets: 0, updatedAt: null };

/** The counts of a petition as of the last commit. */
export async function readCounts(on: Reader, petitionKey: number): Promise<Counts> {
  const [row] = await selectCounts(on, { petitionKey });
  return row ?? NO_COUNTS;
}

/** All that counts, wherever it was signed: the number that people see, and that goals are about. */
export const totalOf = ({
  confirmed,
  paper,
  offsets,
}: Pick<Counts, 'confirmed' | 'paper' | 'offsets'>): number => confirmed + paper + offsets;

/** The next goal above the total; null when all are reached. */
export const nextMilestone = (goals: readonly number[], reached: number): number | null =>
  goals.find((goal) => goal > reached) ?? null;

export type Bucket = { from: Date; confirmed: number };

/** `hours`: how long a bucket is. */
export type HistoryRange = { petitionKey: number; hours: number; from: Date; before: Date };

/** Confirmed signatures per hour, day or the like (UTC), oldest first, without the empty buckets. */
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
