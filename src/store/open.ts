import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureFolder } from '../folder.js';
import { migratePostgres, migrateSqlite } from './migrate.js';
import type { PostgresOptions } from './postgres.js';
import { connect } from './sqlite-connection.js';
import { openSqlite } from './sqlite.js';
import type { Store } from './store.js';

/*
 * Opens or migrates the database of a URL, on either engine. PostgreSQL's driver and tables are loaded when they
 * are needed: a server on SQLite would hold them in each of its threads.
 */

/** `file:data/undersigned.db` or `postgres://user:password@host:port/name`. */
export type DatabaseUrl = string;

export const sqliteFile = (url: DatabaseUrl): string | undefined =>
  url.startsWith('file:')
    ? decodeURIComponent(url.slice('file:'.length).replace(/^\/\/(?=\/)/, ''))
    : undefined;

/** Brings the database up to date, past a pooler if there is a `directUrl`. Returns how many migrations ran. */
export async function migrateStore(url: DatabaseUrl, directUrl?: DatabaseUrl): Promise<number> {
  const file = sqliteFile(url);
  if (file !== undefined) {
    ensureFolder(dirname(file));
    const connection = connect(file);
    try {
      return migrateSqlite(connection);
    } finally {
      connection.close();
    }
  }
  const { PrimaryClient } = await import('./primary.js');
  if (directUrl !== undefined) await (await import('./postgres-pooler.js')).assertDirect(url, directUrl);
  const client = new PrimaryClient({ connectionString: directUrl ?? url });
  // The query that uses the connection fails as well; without a listener the error would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await migratePostgres(client);
  } finally {
    await client.end();
  }
}

/** Opens a migrated database. Throws, with the reason, if it would not be safe to run on it. */
export async function openStore(url: DatabaseUrl, options: PostgresOptions): Promise<Store> {
  const file = sqliteFile(url);
  if (file === undefined) return (await import('./postgres.js')).openPostgres(url, options);
  if (!existsSync(file)) throw new Error(`there is no database at ${file} yet: run 'undersigned migrate'`);
  return openSqlite(file, options);
}
