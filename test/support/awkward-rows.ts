import { getTableColumns, type Column } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import * as postgres from '../../schema/db/postgres.js';
import { encodeId, type IdPrefix } from '../../schema/db/public-id.js';
import type { Store } from '../../src/store/store.js';

/** Texts that somewhere on the way could be read as something else. */
const TEXTS = ['', 'NULL', '{"a",b}', 'it’s\n"so"\\ \t', '‮ مرحبا 👩‍🚒', '\\x00', "'); --", ' ', '0'];
const JSONS = [{}, [], [null, '', 0], { z: 1, a: { b: [{}, 'ü"\\'], y: null } }, { '': false }, 'text', 1e21];
const INSTANTS = [0, 1, 999, 1_700_000_000_123, -1, 4_102_444_800_000].map((ms) => new Date(ms));
const INTEGERS = [0, -1, 1, 2_147_483_647, -2_147_483_648];
const BYTES = ['', '00', '5c78', 'ff00ff', '0a0d27'].map((hex) => Buffer.from(hex, 'hex'));

const pick = <T>(values: readonly T[], n: number): T => values[n % values.length] as T;

/**
 * Puts rows into every table, whatever it is called and has: each column gets each of the values above that its type can
 * hold, and null where it may be. `n` tells the rows from each other where they have to be. `longer`: tables with more.
 */
export async function fillEveryTable(
  store: Store,
  rows: number,
  longer: Partial<Record<keyof Store['tables'], number>> = {},
): Promise<void> {
  const waiting = new Map<PgTable, string>(Object.entries(postgres).map(([name, table]) => [table, name]));
  const parents = (table: PgTable) => getTableConfig(table).foreignKeys.map((key) => key.reference());
  while (waiting.size > 0) {
    for (const [table, name] of waiting) {
      if (parents(table).some(({ foreignTable }) => waiting.has(foreignTable))) continue;
      waiting.delete(table);
      const length = Math.min(longer[name as keyof Store['tables']] ?? rows, mostRows(table));
      const values = Array.from({ length }, (_, n) => awkwardRow(table, n + 1, (n % rows) + 1));
      const into = store.tables[name as keyof Store['tables']];
      for (let i = 0; i < length; i += 100) {
        await store.transact((tx) => tx.db.insert(into as never).values(values.slice(i, i + 100) as never[]));
      }
    }
  }
}

/** A table whose key is one of a few words has no more rows than those. */
const mostRows = (table: PgTable): number =>
  Object.values(getTableColumns(table)).find(({ primary }) => primary)?.enumValues?.length ?? Infinity;

function awkwardRow(table: PgTable, n: number, parent: number): Record<string, unknown> {
  const { foreignKeys, primaryKeys, indexes } = getTableConfig(table);
  const referring = new Set(foreignKeys.flatMap((key) => key.reference().columns.map(({ name }) => name)));
  const distinct = new Set(
    [
      ...(primaryKeys[0]?.columns ?? []),
      ...indexes.flatMap(({ config }) => (config.unique ? config.columns : [])),
    ].map((column) => (column as Column).name),
  );
  const entries = Object.entries(getTableColumns(table)).map(([property, column], i) => {
    const own = column.primary || column.isUnique || distinct.has(column.name);
    if (referring.has(column.name)) return [property, parent];
    if (!column.notNull && !own && (n + i) % 4 === 0) return [property, null];
    return [property, valueFor(column, own ? n : undefined, n + i)];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function valueFor(column: Column, own: number | undefined, n: number): unknown {
  if (column.enumValues) return pick(column.enumValues, n);
  switch (column.getSQLType()) {
    case 'bigint':
      return own ?? n;
    case 'integer':
      return own ?? pick(INTEGERS, n);
    case 'uuid':
      return encodeId(prefixOf(column), Buffer.from((own ?? n).toString(16).padStart(32, 'f0'), 'hex'));
    case 'bytea':
      return own === undefined ? pick(BYTES, n) : Buffer.from([own >> 8, own & 255, 0]);
    case 'jsonb':
      return pick(JSONS, n);
    case 'text':
      return own === undefined ? pick(TEXTS, n) : `${pick(TEXTS, n)}${own}`;
    default:
      if (column.dataType === 'date') return pick(INSTANTS, n);
      throw new Error(`teach test/support/awkward-rows.ts to make a ${column.getSQLType()}`);
  }
}

const prefixOf = (column: Column): IdPrefix =>
  String(column.mapFromDriverValue('00000000-0000-0000-0000-000000000000')).slice(0, 3) as IdPrefix;
