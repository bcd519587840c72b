import { sql, type Column, type SQL } from 'drizzle-orm';

/** The hours from 1970 (UTC) to an instant in a column, which SQLite has in milliseconds. For grouping. */
export const hourOfColumn = (column: Column): SQL<number> =>
  column.getSQLType() === 'integer'
    ? sql`${column} / 3600000`.mapWith(Number)
    : sql`floor(extract(epoch from ${column}) / 3600)`.mapWith(Number);
