import { fileURLToPath } from 'node:url';
import type Database from 'better-sqlite3';
import { readMigrationFiles, type MigrationMeta } from 'drizzle-orm/migrator';
import type pg from 'pg';
import { packageRoot } from '../package.js';

/*
 * Applies the migrations that drizzle-kit writes. drizzle's own migrator silently skips a migration that is older than
 * the last applied one, and takes no lock; and with foreign keys on, SQLite would delete child rows when a table is
 * rebuilt.
 */

export type MigrationState = {
  known: MigrationMeta[];
  applied: string[];
  /** A copy into this database was started and is not complete: see copy/copy.ts. */
  unfinished?: boolean;
};

/** The table that marks an unfinished copy. */
export const UNFINISHED = 'undersigned_copy';

const folder = (engine: 'sqlite' | 'postgres') => fileURLToPath(new URL(`drizzle/${engine}`, packageRoot));

const LEDGER = `create table if not exists applied_migrations (
  position integer primary key, hash text not null unique, applied_at text not null)`;

/** The migrations that have not run yet. Throws if the database has one that this version does not know. */
export function pending({ known, applied }: MigrationState): MigrationMeta[] {
  for (const [position, hash] of applied.entries()) {
    if (known[position]?.hash !== hash) {
      throw new Error(
        `The database has migration ${position + 1} that this version of Undersigned does not: run the version that made it, or a later one`,
      );
    }
  }
  return known.slice(applied.length);
}

/** Throws unless exactly the known migrations have run, and no copy is unfinished. */
export function assertMigrated(state: MigrationState): void {
  if (state.unfinished) {
    throw new Error(`A copy into this database is not complete: run 'undersigned copy' again to continue it`);
  }
  const missing = pending(state).length;
  if (missing > 0) throw new Error(`${missing} of the migrations have not run: run 'undersigned migrate'`);
}

/** Reads the state of a SQLite database, which may be empty. */
export function sqliteMigrations(connection: Database.Database, from = folder('sqlite')): MigrationState {
  const exists = connection.prepare(`select 1 from sqlite_master where name = 'applied_migrations'`).get();
  const applied = exists
    ? (connection.prepare('select hash from applied_migrations order by position').pluck().all() as string[])
    : [];
  const unfinished = connection.prepare(`select 1 from sqlite_master where name = ?`).get(UNFINISHED);
  return {
    known: readMigrationFiles({ migrationsFolder: from }),
    applied,
    unfinished: unfinished !== undefined,
  };
}

/** Brings a SQLite database up to date in one exclusive transaction. Returns how many migrations ran. */
export function migrateSqlite(connection: Database.Database, from = folder('sqlite')): number {
  // With foreign keys on, dropping a rebuilt table deletes its child rows. The pragma has no effect inside a
  // transaction.
  connection.pragma('foreign_keys = 0');
  connection.exec('begin exclusive');
  try {
    connection.exec(LEDGER);
    const state = sqliteMigrations(connection, from);
    const todo = pending(state);
    const record = connection.prepare('insert into applied_migrations values (?, ?, ?)');
    for (const [i, migration] of todo.entries()) {
      for (const sql of migration.sql) connection.exec(sql);
      record.run(state.applied.length + i, migration.hash, new Date().toISOString());
    }
    const orphans = connection.pragma('foreign_key_check') as unknown[];
    if (orphans.length > 0) {
      throw new Error(`${orphans.length} rows would lose their parent: nothing was migrated`);
    }
    connection.exec('commit');
    return todo.length;
  } catch (error) {
    if (connection.inTransaction) connection.exec('rollback');
    throw error;
  } finally {
    connection.pragma('foreign_keys = 1');
  }
}

/** The ASCII codes of "UNDR". Nothing else may lock this number. */
const MIGRATION_LOCK = 0x554e4452;

/** Reads the state of a PostgreSQL database, which may be empty. */
export async function postgresMigrations(
  client: pg.ClientBase | pg.Pool,
  from = folder('postgres'),
): Promise<MigrationState> {
  const known = readMigrationFiles({ migrationsFolder: from });
  const found = await client.query<{ ledger: string | null; mark: string | null }>(
    `select to_regclass('applied_migrations') as ledger, to_regclass('${UNFINISHED}') as mark`,
  );
  if (found.rows[0]?.ledger == null) return { known, applied: [] };
  const { rows } = await client.query<{ hash: string }>(
    'select hash from applied_migrations order by position',
  );
  return { known, applied: rows.map((row) => row.hash), unfinished: found.rows[0].mark != null };
}

/** Brings a PostgreSQL database up to date in one transaction, under a lock. Returns how many migrations ran. */
export async function migratePostgres(client: pg.ClientBase, from = folder('postgres')): Promise<number> {
  await client.query('begin');
  try {
    await client.query('set local statement_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query(LEDGER);
    const state = await postgresMigrations(client, from);
    const todo = pending(state);
    for (const [i, migration] of todo.entries()) {
      for (const sql of migration.sql) await client.query(sql);
      await client.query('insert into applied_migrations values ($1, $2, $3)', [
        state.applied.length + i,
        migration.hash,
        new Date().toISOString(),
      ]);
    }
    await client.query('commit');
    return todo.length;
  } catch (error) {
    // If the connection is lost, the server rolls back anyway.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
