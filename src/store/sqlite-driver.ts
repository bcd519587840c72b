import { createRequire } from 'node:module';
import type Database from 'better-sqlite3';

/*
 * Loads better-sqlite3, of which no release runs on every supported Node.js. Version 13 needs Node-API 10, and crashes
 * below it: on Node 20, and on 22 before 22.14. Version 12 aborts on Node 24 from 24.19 on, when a statement or
 * connection is collected while no JavaScript runs. So both are installed where possible, and nothing else may load
 * them, not even drizzle's own entry point, which imports one of them by name. `npm run test:nodes` checks this.
 */
const NEEDS_NODE_API = 10;

/** The package that runs on this Node.js. */
export const SQLITE_PACKAGE =
  Number(process.versions.napi) >= NEEDS_NODE_API ? 'better-sqlite3' : 'better-sqlite3-12';

let loaded: typeof Database | undefined;

/** Called at the first use only, since a server on PostgreSQL needs no driver for SQLite. */
function load(): typeof Database {
  try {
    const driver = createRequire(import.meta.url)(SQLITE_PACKAGE) as typeof Database;
    // Loads the binary, which may be missing, or built for another Node.js.
    new driver(':memory:').close();
    return driver;
  } catch {
    throw new Error(
      `${SQLITE_PACKAGE}, which SQLite needs on Node.js ${process.versions.node}, cannot be loaded: run npm ci with this Node.js (where it finds no ready-made one, it needs python3, make and g++)`,
    );
  }
}

/** Opens a file; a missing one is created. */
export function openFile(file: string, options: Database.Options = {}): Database.Database {
  loaded ??= load();
  return new loaded(file, options);
}

type SqliteError = InstanceType<(typeof Database)['SqliteError']>;

/** Whether SQLite itself reports the error. */
export const isSqliteError = (error: unknown): error is SqliteError =>
  loaded !== undefined && error instanceof loaded.SqliteError;
