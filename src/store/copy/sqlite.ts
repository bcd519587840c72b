import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { ensureFolder } from '../../folder.js';
import { assertMigrated, migrateSqlite, sqliteMigrations, UNFINISHED } from '../migrate.js';
import { isSqliteError, openFile } from '../sqlite-driver.js';
import { assertFree, CHUNK, quoted, type CopyEnd, type CopyTarget } from './end.js';
import { decode, encode, keyColumns, keyNames, type CopyTable, type Row } from './tables.js';

const marks = (values: readonly unknown[]) => values.map(() => '?').join(', ');

/**
 * Opens a file exclusively, so that it does not change while it is read, and no server starts on a half-written one.
 * Throws if another process has it open.
 */
function openAlone(file: string): Database.Database {
  const connection = openFile(file, { timeout: 1000 });
  try {
    connection.pragma('locking_mode = exclusive');
    connection.pragma('journal_mode = wal');
    connection.exec('begin immediate; commit');
    // Must come after the first write, which sets it to NORMAL.
    connection.pragma('synchronous = full');
    connection.pragma('cache_size = -65536');
    return connection;
  } catch (error) {
    connection.close();
    const busy = isSqliteError(error) && error.code.startsWith('SQLITE_BUSY');
    throw busy ? new Error(`another process uses ${file}: stop the server first`) : error;
  }
}

const endOf = (connection: Database.Database): CopyEnd => ({
  count: async ({ name }) => connection.prepare(`select count(*) from "${name}"`).pluck().get() as number,
  async *chunks(table, after) {
    const key = quoted(keyNames(table));
    const where = after ? `where (${key}) > (${marks(after)})` : '';
    const read = connection.prepare(
      `select ${quoted(table.columns)} from "${table.name}" ${where} order by ${key}`,
    );
    let chunk: Row[] = [];
    for (const values of read.raw().iterate(after ? encode(keyColumns(table, 'sqlite'), after) : [])) {
      chunk.push(decode(table.on.sqlite, values as unknown[]));
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = [];
    }
    if (chunk.length > 0) yield chunk;
  },
  close: async () => void connection.close(),
});

export function openSqliteSource(file: string): CopyEnd {
  if (!existsSync(file)) throw new Error(`there is no database at ${file}`);
  const connection = openAlone(file);
  try {
    assertMigrated(sqliteMigrations(connection));
    connection.pragma('query_only = 1');
    return endOf(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

export async function openSqliteTarget(file: string, tables: readonly CopyTable[]): Promise<CopyTarget> {
  ensureFolder(dirname(file));
  const connection = openAlone(file);
  try {
    const names = connection.prepare(`select name from sqlite_schema where type = 'table'`).pluck();
    await assertFree(tables, UNFINISHED, {
      tables: (names.all() as string[]).filter((name) => !name.startsWith('sqlite_')),
      hasRows: async (name) => connection.prepare(`select 1 from "${name}" limit 1`).get() !== undefined,
    });
    migrateSqlite(connection);
    connection.exec(`create table if not exists ${UNFINISHED} (mark integer)`);
    // Checked once for all rows, in `settle`.
    connection.pragma('foreign_keys = 0');
    return targetOf(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function targetOf(connection: Database.Database): CopyTarget {
  const inserts = new Map<CopyTable, Database.Statement>();
  const insertInto = (table: CopyTable) => {
    const { name, columns } = table;
    const known = inserts.get(table);
    if (known) return known;
    const insert = connection.prepare(
      `insert into "${name}" (${quoted(columns)}) values (${marks(columns)})`,
    );
    inserts.set(table, insert);
    return insert;
  };

  return {
    ...endOf(connection),
    lastKey: async (table) => {
      const names = keyNames(table);
      const latestFirst = names.map((name) => `"${name}" desc`).join(', ');
      const last = connection.prepare(
        `select ${quoted(names)} from "${table.name}" order by ${latestFirst} limit 1`,
      );
      const values = last.raw().get() as unknown[] | undefined;
      return values && decode(keyColumns(table, 'sqlite'), values);
    },
    write: async (table, rows) => {
      const insert = insertInto(table);
      connection.transaction(() => {
        for (const row of rows) insert.run(encode(table.on.sqlite, row));
      })();
    },
    empty: async (tables) =>
      connection.transaction(() => {
        for (const { name } of tables) connection.exec(`delete from "${name}"`);
      })(),
    // SQLite continues after the greatest key without further help.
    settle: async () => {
      const orphans = connection.pragma('foreign_key_check') as { table: string }[];
      if (orphans[0]) {
        throw new Error(`${orphans.length} rows have no parent, the first in ${orphans[0].table}`);
      }
    },
    complete: async () => void connection.exec(`drop table ${UNFINISHED}`),
  };
}
