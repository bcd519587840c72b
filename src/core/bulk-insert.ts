import type { Column, SQL } from 'drizzle-orm';
import type { Tables } from '../../schema/db/tables.js';
import { bind, statement, type Tx } from '../store/store.js';

type Values = Record<string, unknown>;
type Prepared<Result> = { prepare(name: string): { execute(values?: Values): PromiseLike<Result[]> } };

/** The most values that one `in` list may have on both engines. */
const LIST = 500;

export function* inParts<One>(many: readonly One[]): Generator<readonly One[]> {
  for (let at = 0; at < many.length; at += LIST) yield many.slice(at, at + LIST);
}

/** Rows per statement. Larger sizes gain nothing, and would come near the engines' limit of parameters. */
const SIZES = [128, 16, 1];

/**
 * An insert of many rows through prepared statements of a few sizes, so that SQL is not built for each call and rows
 * share round trips. Returns what the statements return, in no particular order.
 */
export function insertMany<Name extends string, Result>(
  name: string,
  columns: readonly Name[],
  table: (tables: Tables) => Record<Name, Column>,
  build: (tx: Tx, rows: Record<Name, SQL>[]) => Prepared<Result>,
): (tx: Tx, rows: readonly Record<Name, unknown>[]) => Promise<Result[]> {
  const statements = SIZES.map((size) => {
    const run = statement(`${name}_${size}`, (tx: Tx) => {
      const found = table(tx.tables);
      // Placeholders are named by their number, so the values are an array, not an object with thousands of keys.
      const place = (row: number, i: number) => String(row * columns.length + i);
      const rows = Array.from({ length: size }, (_, row) =>
        columns.map((column, i) => [column, bind(found[column], place(row, i))] as const),
      );
      return build(
        tx,
        rows.map((row) => Object.fromEntries(row) as Record<Name, SQL>),
      );
    });
    return { size, run };
  });

  return async (tx, rows) => {
    const results: Result[] = [];
    let at = 0;
    for (const { size, run } of statements) {
      for (; rows.length - at >= size; at += size) {
        const values: unknown[] = [];
        for (let i = at; i < at + size; i += 1) {
          for (const column of columns) values.push((rows[i] as Record<Name, unknown>)[column]);
        }
        for (const one of await run(tx, values as unknown as Values)) results.push(one);
      }
    }
    return results;
  };
}
