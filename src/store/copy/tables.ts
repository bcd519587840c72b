import { getTableColumns, type Column } from 'drizzle-orm';
import { toSnakeCase } from 'drizzle-orm/casing';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import * as postgres from '../../../schema/db/postgres.js';
import * as sqlite from '../../../schema/db/sqlite.js';

/*
 * What a copy needs to know about the tables, read from their definitions, so that new tables and columns are copied
 * without changes here.
 */

/** One row in the application's values: decoded by one engine's columns, encoded by the other's. */
export type Row = readonly unknown[];
export type EngineName = 'sqlite' | 'postgres';

export type CopyTable = {
  name: string;
  /** Their names in the database. */
  columns: readonly string[];
  /** The positions of the primary key's columns among `columns`, in the order of the key. */
  key: readonly number[];
  /** The key column that the database generates, if there is one. */
  identity: string | undefined;
  /** Each engine's columns in the same order; they convert values from and to its driver. */
  on: Record<EngineName, readonly Column[]>;
};

/** All tables, each after those that it refers to. */
export function tablesToCopy(): CopyTable[] {
  const waiting = new Map<PgTable, string>(Object.entries(postgres).map(([name, table]) => [table, name]));
  const sorted: CopyTable[] = [];
  while (waiting.size > 0) {
    // A table that refers to itself is copied in the order of its keys: rows refer only to older rows.
    const free = [...waiting].find(([table]) =>
      parentsOf(table).every((parent) => parent === table || !waiting.has(parent)),
    );
    if (!free) {
      throw new Error('the tables refer to each other in a circle: there is no order to copy them in');
    }
    const [table, name] = free;
    waiting.delete(table);
    sorted.push(describe(table, sqlite[name as keyof typeof sqlite]));
  }
  return sorted;
}

const parentsOf = (table: PgTable): PgTable[] =>
  getTableConfig(table).foreignKeys.map((key) => key.reference().foreignTable);

function describe(table: PgTable, twin: PgTable): CopyTable {
  const { name, primaryKeys } = getTableConfig(table);
  const [columns, twins] = [getTableColumns(table), getTableColumns(twin)];
  const all = Object.values(columns);
  const keys = primaryKeys[0]?.columns ?? all.filter(({ primary }) => primary);
  if (keys.length === 0) throw new Error(`${name} has no primary key to copy it by`);
  const identity = all.find(({ generatedIdentity }) => generatedIdentity !== undefined);
  return {
    name,
    columns: all.map(nameOf),
    // Compared by name: the column objects of a composite key are not those of the table.
    key: keys.map(({ name: key }) => all.findIndex((column) => column.name === key)),
    identity: identity && nameOf(identity),
    on: { postgres: all, sqlite: Object.keys(columns).map((property) => twins[property] as Column) },
  };
}

/** The name that the stores use with their `casing: 'snake_case'`. */
const nameOf = (column: Column): string => (column.keyAsName ? toSnakeCase(column.name) : column.name);

export const decode = (columns: readonly Column[], values: readonly unknown[]): Row =>
  values.map((value, i) => (value === null ? null : columns[i]?.mapFromDriverValue(value)));

export const encode = (columns: readonly Column[], row: Row): unknown[] =>
  row.map((value, i) => (value === null ? null : columns[i]?.mapToDriverValue(value)));

export const keyOf = (table: CopyTable, row: Row): Row => table.key.map((i) => row[i]);

/** The names of the key's columns. */
export const keyNames = (table: CopyTable): string[] => table.key.map((i) => table.columns[i] ?? '');

/** An engine's columns of the key. */
export const keyColumns = (table: CopyTable, engine: EngineName): Column[] =>
  table.key.map((i) => table.on[engine][i] as Column);
