import type * as Columns from './columns.postgres.js';

/** The SQL condition that a text column holds one of these values. */
export const oneOf = (d: typeof Columns, column: string, values: readonly string[]) =>
  d.sql.raw(`${column} in (${values.map((value) => `'${value}'`).join(', ')})`);
