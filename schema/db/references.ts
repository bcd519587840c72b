import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type * as Columns from './columns.postgres.js';

/** Tables that other tables refer to. */
export type Parents<Name extends string> = Record<Name, { key: AnyPgColumn }>;

/** Makes foreign key columns. */
export const referencesIn = (d: typeof Columns) => (table: { key: AnyPgColumn }) =>
  d.ref().references(() => table.key);
