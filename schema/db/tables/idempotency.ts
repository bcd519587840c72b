import type * as Columns from '../columns.postgres.js';

export function defineIdempotencyTables(d: typeof Columns) {
  /** Answers kept for retries. The answer is sealed under the caller's own Idempotency-Key, which is not stored. */
  const idempotencyKeys = d.table(
    'idempotency_keys',
    {
      hash: d.bytes().primaryKey(),
      requestHash: d.bytes().notNull(),
      answer: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('idempotency_keys_created').on(t.createdAt)],
  );

  return { idempotencyKeys };
}
