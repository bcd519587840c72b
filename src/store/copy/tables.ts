import { getTableColumns, type Column } from 'drizzle-orm';
import { toSnakeCase } from 'drizzle-orm/casing';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import * as postgres from '../../../schema/db/postgres.js';
import * as sqlite from '../../../schema/db/sqlite.js';

/*
 * What a copy has to know of the tables, read off their definitions: so a new table or column is copied without a word
 * here.
 */

/** One row in the values that the application sees: what one engine's columns decode, the other's encode. */
export type Row = readonly unknown[];
export type EngineName = 'sqlite' | 'postgres';

export type CopyTable = {
  name: string;
  /** As they are called in the database. */
  columns: readonly string[];
  /** Where among the columns those of the primary key are, in its order. */
  key: readonly number[];
  /** The key that the database draws itself, if it does. */
  identity: string | undefined;
  /** The columns of each engine, in the same order: they translate to and from what its driver takes. */
  on: Record<EngineName, readonly Column[]>;
};

/** All tables, each after those that it refers to. */
export function tablesToCopy(): CopyTable[] {
  const waiting = new Map<PgTable, string>(Object.entries(postgres).map(([name, table]) => [table, name]));
  const sorted: CopyTable[] = [];
  while (waiting.size > 0) {
    // What refers to itself goes in the order of its keys: a row is older than those that refer to it.
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
    // By their names: the columns of a primary key of several are not the same objects as the table's.
    key: keys.map(({ name: key }) => all.findIndex((column) => column.name === key)),
    identity: identity && nameOf(identity),
    on: { postgres: all, sqlite: Object.keys(columns).map((property) => twins[property] as Column) },
  };
}

/** What the stores call it, with their `casing: 'snake_case'`. */
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
