import { desc, eq, sql, sum, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { bindAll, statement, type Reader, type Sum, type Tx } from '../../store/store.js';

/* Confirmed signatures by country, region and source. They are moved with the other counters: see counts.ts. */

export const DIMENSIONS = ['country', 'region', 'source'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** The part of a signature that says to which cell it belongs. */
export type Placed = Pick<Tables['signatures']['$inferSelect'], 'country' | 'postalAddress' | 'source'>;

/** The columns for `Placed`. */
export const placedColumns = (t: Tables['signatures']) => ({
  country: t.country,
  postalAddress: t.postalAddress,
  source: t.source,
});

/** The cell of a signature, in SQL: see `countCell`. */
export const cellOf = (t: Tables['signatures']): SQL =>
  sql`coalesce(${t.country}, ''), coalesce(${t.postalAddress} ->> 'region', ''), coalesce(${t.source}, '')`;

const addToCell = statement('cells_add', ({ db, tables: { petitionCells: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['petitionKey', 'country', 'region', 'source', 'shard', 'confirmed']))
    .onConflictDoUpdate({
      target: [t.petitionKey, t.country, t.region, t.source, t.shard],
      set: { confirmed: sql`${t.confirmed} + excluded.confirmed` },
    }),
);

const CELLS: Sum = { write: addToCell };

/** Only for counts.ts. */
export function countCell(
  tx: Tx,
  petitionKey: number,
  { country, postalAddress, source }: Placed,
  change: number,
): void {
  const place = {
    petitionKey,
    country: country ?? '',
    region: postalAddress?.region ?? '',
    source: source ?? '',
    shard: tx.shard,
  };
  tx.add(CELLS, place, { confirmed: change });
}

/** Signatures of one cell; '' where they say nothing of it. */
export type Cell = { country: string; region: string; source: string; confirmed: number };

/** Cells that one answer names. */
export const MOST_CELLS = 1000;

/** The largest cells of a petition as of the last commit, and all that counts. */
export async function readCells(
  on: Reader,
  petitionKey: number,
  by: Dimension,
): Promise<{ total: number; cells: Cell[] }> {
  const { petitionCells: t } = on.tables;
  const none = sql<string>`''`;
  const columns = {
    country: by === 'source' ? none : sql<string>`${t.country}`,
    region: by === 'region' ? sql<string>`${t.region}` : none,
    source: by === 'source' ? sql<string>`${t.source}` : none,
  };
  const confirmed = sql<number>`${sum(t.confirmed)}`.mapWith(Number);
  // Of all groups, before the limit.
  const total = sql<number>`sum(${sum(t.confirmed)}) over ()`.mapWith(Number);
  const groups: Record<Dimension, SQL[]> = {
    country: [sql`${t.country}`],
    region: [sql`${t.country}`, sql`${t.region}`],
    source: [sql`${t.source}`],
  };
  const rows = await on.db
    .select({ ...columns, confirmed, total })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .groupBy(...groups[by])
    .orderBy(desc(confirmed), ...groups[by])
    .limit(MOST_CELLS);
  const cells = rows.map(({ total: _total, ...cell }) => cell).filter((cell) => cell.confirmed > 0);
  return { total: rows[0]?.total ?? 0, cells };
}
