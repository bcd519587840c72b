import type { Column, SQL } from 'drizzle-orm';
import type { Tables } from '../../schema/db/tables.js';
import { bind, statement, type Tx } from '../store/store.js';

type Values = Record<string, unknown>;
type Prepared<Result> = { prepare(name: string): { execute(values?: Values): PromiseLike<Result[]> } };

/** What engines take at once in a list. */
const LIST = 500;

export function* inParts<One>(many: readonly One[]): Generator<readonly One[]> {
  for (let at = 0; at < many.length; at += LIST) yield many.slice(at, at + LIST);
}

/** Rows in one statement. Larger ones gain nothing, and must stay below what engines take in parameters. */
const SIZES = [128, 16, 1];

/**
 * An insert of many rows, for a few sizes built once each: so that neither is the SQL built anew, nor does a row cost a
 * round trip. Answers what the statements return, in no order.
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
      // Placeholders are called by their number: so their values are a list, and not an object of thousands of names.
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
