import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type * as Columns from './columns.postgres.js';

/** The tables that others refer to. */
export type Parents<Name extends string> = Record<Name, { key: AnyPgColumn }>;

/** Makes columns that hold the key of a row of another table. */
export const referencesIn = (d: typeof Columns) => (table: { key: AnyPgColumn }) =>
  d.ref().references(() => table.key);
