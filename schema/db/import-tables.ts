import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type * as Columns from './columns.postgres.js';

/* What organizations vouch for: by the file or one by one, and how much of it partners may. */

/** `file`: sent at once. `requests`: what one key of a partner vouched for one by one, on one day. */
export const IMPORT_KINDS = ['file', 'requests'] as const;
export type ImportKind = (typeof IMPORT_KINDS)[number];

type Parents = Record<'organizations' | 'petitions' | 'apiKeys' | 'partnerships', { key: AnyPgColumn }>;

export function defineImportTables(d: typeof Columns, parents: Parents) {
  const { organizations, petitions, apiKeys, partnerships } = parents;
  const to = (table: { key: AnyPgColumn }) => d.ref().references(() => table.key);

  /** The signatures that it brought refer to it. */
  const imports = d.table(
    'imports',
    {
      key: d.key(),
      publicId: d.publicId('imp').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      /** Null: it came from the command line. */
      apiKeyKey: to(apiKeys),
      kind: d.enumText(IMPORT_KINDS).notNull(),
      /** Of `requests`: which day (since 1970, UTC). */
      day: d.int(),
      source: d.str(),
      /** Lines that could be read as signatures. */
      lines: d.int().notNull(),
      created: d.int().notNull(),
      confirmed: d.int().notNull(),
      quarantined: d.int().notNull(),
      begunAt: d.instant().notNull(),
      lastAt: d.instant().notNull(),
    },
    (t) => [
      d.index('imports_petition').on(t.petitionKey, t.key),
      d
        .uniqueIndex('imports_day')
        .on(t.petitionKey, t.apiKeyKey, t.day)
        .where(d.sql`day is not null`),
    ],
  );

  /** How many signatures a partner has vouched for on each day (since 1970, UTC), and how many came beyond its limit. */
  const vouchedDays = d.table(
    'vouched_days',
    {
      partnershipKey: to(partnerships).notNull(),
      day: d.int().notNull(),
      counted: d.int().notNull(),
      held: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.partnershipKey, t.day] })],
  );

  return { imports, vouchedDays };
}
