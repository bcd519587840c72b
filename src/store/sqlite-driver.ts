import { createRequire } from 'node:module';
import type Database from 'better-sqlite3';
import { BetterSQLiteSession } from 'drizzle-orm/better-sqlite3/session';
import { BaseSQLiteDatabase, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import type { Db } from './store.js';

/*
 * No release of better-sqlite3 runs on every Node. 13 is made for Node-API 10, and crashes where there is less of it: on
 * Node 20, and on 22 before 22.14. 12 aborts on Node 24 from 24.19 on, when a statement or a connection is collected
 * while no JavaScript runs. So both are installed, as far as they can be, and nothing else loads them: not even drizzle's
 * own entry, which imports one of them by its name. `npm run test:nodes` tries it.
 */
const NEEDS_NODE_API = 10;

/** The package that runs on this Node. */
export const SQLITE_PACKAGE =
  Number(process.versions.napi) >= NEEDS_NODE_API ? 'better-sqlite3' : 'better-sqlite3-12';

let loaded: typeof Database | undefined;

/** Loaded at the first use: whoever has PostgreSQL needs none. */
function load(): typeof Database {
  try {
    const driver = createRequire(import.meta.url)(SQLITE_PACKAGE) as typeof Database;
    // Only now its binary is loaded, which may be missing, or made for another Node.
    new driver(':memory:').close();
    return driver;
  } catch {
    throw new Error(
      `${SQLITE_PACKAGE}, which SQLite needs on Node.js ${process.versions.node}, cannot be loaded: run npm ci with this Node.js (where it finds no ready-made one, it needs python3, make and g++)`,
    );
  }
}

/** Opens a file, which may not be there yet. */
export function openFile(file: string, options: Database.Options = {}): Database.Database {
  loaded ??= load();
  return new loaded(file, options);
}

type SqliteError = InstanceType<(typeof Database)['SqliteError']>;

/** What SQLite says of itself. */
export const isSqliteError = (error: unknown): error is SqliteError =>
  loaded !== undefined && error instanceof loaded.SqliteError;

/** drizzle over a connection. */
export function drizzleOn(connection: Database.Database): Db {
  const dialect = new SQLiteSyncDialect({ casing: 'snake_case' });
  const session = new BetterSQLiteSession(connection, dialect, undefined);
  return new BaseSQLiteDatabase('sync', dialect, session, undefined) as unknown as Db;
}
