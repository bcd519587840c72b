import type { CopyTable, Row } from './tables.js';

/** Rows that are read, written and committed together. */
export const CHUNK = 2000;

/** One side of a copy. Nobody changes it meanwhile, or what is read of it is of one instant. */
export type CopyEnd = {
  count(table: CopyTable): Promise<number>;
  /**
   * All rows after a key, or all, in the order of the key: the same order on both engines. A reader that stops before the
   * end calls `return`: an open cursor (PostgreSQL) or iterator (better-sqlite3) holds the connection up.
   */
  chunks(table: CopyTable, after?: Row): AsyncGenerator<Row[]>;
  close(): Promise<void>;
};

/** The side that is written. What has arrived is the progress: its greatest key says where to go on. */
export type CopyTarget = CopyEnd & {
  lastKey(table: CopyTable): Promise<Row | undefined>;
  /** Writes all of the rows, or none. */
  write(table: CopyTable, rows: readonly Row[]): Promise<void>;
  /** Takes all rows out again. */
  empty(tables: readonly CopyTable[]): Promise<void>;
  /** Checks what only the whole can show, and lets the next keys come after the last ones. */
  settle(tables: readonly CopyTable[]): Promise<void>;
  /** From now on it is a database like any other. */
  complete(): Promise<void>;
};

/** What a target is made of before anything is changed in it. */
export type Found = { tables: string[]; hasRows(table: string): Promise<boolean> };

/** Throws when there is something else in it than what a copy has left. */
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
