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

  return { petitionCounts, petitionHistory, milestones, thresholds };
}
