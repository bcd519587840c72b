import type { CopyTable, Row } from './tables.js';

/* The two sides of a copy, as both engines implement them. */

/** Rows that are read, written and committed together. */
export const CHUNK = 2000;

/** One side of a copy. It must not change meanwhile, or must be read from one snapshot. */
export type CopyEnd = {
  count(table: CopyTable): Promise<number>;
  /**
   * All rows, or those after a key, in the order of the key, which must be the same on both engines. A reader that
   * stops early must call `return`, since an open cursor (PostgreSQL) or iterator (better-sqlite3) keeps the connection
   * busy.
   */
  chunks(table: CopyTable, after?: Row): AsyncGenerator<Row[]>;
  close(): Promise<void>;
};

/** The side that is written. The greatest key that has arrived says where to continue. */
export type CopyTarget = CopyEnd & {
  lastKey(table: CopyTable): Promise<Row | undefined>;
  /** Writes all of the rows, or none. */
  write(table: CopyTable, rows: readonly Row[]): Promise<void>;
  /** Deletes all rows. */
  empty(tables: readonly CopyTable[]): Promise<void>;
  /** Runs the checks that need all rows, and sets sequences so that new keys come after the last ones. */
  settle(tables: readonly CopyTable[]): Promise<void>;
  /** Removes the mark: from now on it is a database like any other. */
  complete(): Promise<void>;
};

/** What is in a target before anything is changed. */
export type Found = { tables: string[]; hasRows(table: string): Promise<boolean> };

/** Throws if the target contains anything but what an earlier copy has left. */
export async function assertFree(tables: readonly CopyTable[], mark: string, found: Found): Promise<void> {
  const ours = new Set(tables.map(({ name }) => name));
  const strange = found.tables.find(
    (name) => !ours.has(name) && ![mark, 'applied_migrations'].includes(name),
  );
  if (strange !== undefined) {
    throw new Error(`the target holds other tables (${strange}): a copy needs an empty database`);
  }
  if (found.tables.includes(mark)) return;
  for (const name of found.tables.filter((one) => ours.has(one))) {
    if (await found.hasRows(name)) {
      throw new Error(`the target holds rows already (in ${name}): a copy needs an empty database`);
    }
  }
}

export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
