import type * as Columns from './columns.postgres.js';

/** The condition that a text column holds one of the known words. */
export const oneOf = (d: typeof Columns, column: string, values: readonly string[]) =>
  d.sql.raw(`${column} in (${values.map((value) => `'${value}'`).join(', ')})`);
