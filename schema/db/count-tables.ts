import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type * as Columns from './columns.postgres.js';

/* The counters of a petition: they move with the status of a signature, in its transaction. */

export function defineCountTables(
  d: typeof Columns,
  { petitions }: Record<'petitions', { key: AnyPgColumn }>,
) {
  const toPetition = () =>
    d
      .ref()
      .notNull()
      .references(() => petitions.key);

  /**
   * How many signatures a petition has in each status: the sum over its shards. On SQLite there is one shard; on
   * PostgreSQL each connection writes its own, so that signers of a hot petition do not wait for one row.
   * A single shard may be negative: one connection confirmed, another invalidated.
   */
  const petitionCounts = d.table(
    'petition_counts',
    {
      petitionKey: toPetition(),
      shard: d.int().notNull(),
      pending: d.int().notNull(),
      confirmed: d.int().notNull(),
      invalidated: d.int().notNull(),
      withdrawn: d.int().notNull(),
      quarantined: d.int().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.shard] })],
  );

  /** Confirmed signatures by the hour (since 1970, UTC) in which they were confirmed. Sharded like the counts. */
  const petitionHistory = d.table(
    'petition_history',
    {
      petitionKey: toPetition(),
      hour: d.int().notNull(),
      shard: d.int().notNull(),
      confirmed: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.hour, t.shard] })],
  );

  const milestones = d.table(
    'milestones',
    {
      petitionKey: toPetition(),
      value: d.int().notNull(),
      reachedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.value] })],
  );

  return { petitionCounts, petitionHistory, milestones };
}
