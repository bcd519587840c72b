import type Database from 'better-sqlite3';
import { BetterSQLiteSession } from 'drizzle-orm/better-sqlite3/session';
import { BaseSQLiteDatabase, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import type { Db } from './store.js';

/** drizzle on a connection. */
export function drizzleOn(connection: Database.Database): Db {
  const dialect = new SQLiteSyncDialect({ casing: 'snake_case' });
  const session = new BetterSQLiteSession(connection, dialect, undefined);
  return new BaseSQLiteDatabase('sync', dialect, session, undefined) as unknown as Db;
}
