import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* The counters of a petition. They must change in the same transaction as the status of a signature. */

/** How many signatures are in each status. */
export const statusCounts = (d: typeof Columns) => ({
  pending: d.int().notNull(),
  confirmed: d.int().notNull(),
  invalidated: d.int().notNull(),
  withdrawn: d.int().notNull(),
  quarantined: d.int().notNull(),
});

/** A number of signatures, and the parts of it that are told. The rest is told as one. */
export type PublicCell = { total: number; parts: [name: string, part: PublicCell][] };

/** What is told of something, and since when (milliseconds since 1970). */
export type ToldCell = PublicCell & { at: number };

/** The parts of `places` are countries, and theirs are regions. Null: too few have signed yet. */
export type PublicCells = { places: ToldCell | null; sources: ToldCell | null };

export function defineCountsTables(d: typeof Columns, parents: Parents<'petitions'>) {
  const { petitions } = parents;
  const to = referencesIn(d);

  /**
   * How many signatures a petition has in each status: the sum over its shards. On SQLite there is one shard; on
   * PostgreSQL each connection writes its own, so that signers of a hot petition do not wait for one row.
   * A single shard may be negative: one connection confirmed, another invalidated.
   */
  const petitionCounts = d.table(
    'petition_counts',
    {
      petitionKey: to(petitions).notNull(),
      shard: d.int().notNull(),
      ...statusCounts(d),
      /** Confirmed paper signatures, and the sum of plain numbers from elsewhere. */
      paper: d.int().notNull().default(0),
      offsets: d.int().notNull().default(0),
      updatedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.shard] })],
  );

  /** Confirmed signatures by the hour (since 1970, UTC) in which they were confirmed. Sharded like the counts. */
  const petitionHistory = d.table(
    'petition_history',
    {
      petitionKey: to(petitions).notNull(),
      hour: d.int().notNull(),
      shard: d.int().notNull(),
      confirmed: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.hour, t.shard] })],
  );

  const milestones = d.table(
    'milestones',
    {
      petitionKey: to(petitions).notNull(),
      value: d.int().notNull(),
      reachedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.value] })],
  );

  /**
   * Confirmed signatures by what they say of country, region and source together; '' where they say nothing. One row for
   * all three, so that signing writes one row. Sharded like the counts.
   */
  const petitionCells = d.table(
    'petition_cells',
    {
      petitionKey: to(petitions).notNull(),
      country: d.str().notNull(),
      region: d.str().notNull(),
      source: d.str().notNull(),
      shard: d.int().notNull(),
      confirmed: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.country, t.region, t.source, t.shard] })],
  );

  /** What the public is told of them: see core/counts/published-cells.ts. */
  const publishedCells = d.table('published_cells', {
    petitionKey: to(petitions).primaryKey(),
    cells: d.json<PublicCells>().notNull(),
    /** The signatures that counted then, by which is seen whether there is more to tell. */
    total: d.int().notNull(),
    publishedAt: d.instant().notNull(),
  });

  /**
   * What was promised for a number of signatures. `reachedAt` is set once, by the condition that it is not set, and never
   * again. The values are also in the petition's row.
   */
  const thresholds = d.table(
    'thresholds',
    {
      petitionKey: to(petitions).notNull(),
      value: d.int().notNull(),
      promise: d.str().notNull(),
      reachedAt: d.instant(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.value] })],
  );

  return { petitionCounts, petitionHistory, milestones, thresholds, petitionCells, publishedCells };
}
