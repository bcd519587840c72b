import { fileURLToPath } from 'node:url';
import type Database from 'better-sqlite3';
import { readMigrationFiles, type MigrationMeta } from 'drizzle-orm/migrator';
import type pg from 'pg';
import { packageRoot } from '../package.js';

/*
 * drizzle-kit writes the migrations; this applies them. Its own migrator skips a migration that is older than the last
 * one applied, without a word, and takes no lock; with foreign keys on, SQLite would delete child rows when a table is
 * rebuilt.
 */

export type MigrationState = {
  known: MigrationMeta[];
  applied: string[];
  /** A copy into it has begun and is not complete: see copy/copy.ts. */
  unfinished?: boolean;
};

/** The table that marks such a copy. */
export const UNFINISHED = 'undersigned_copy';

const folder = (engine: 'sqlite' | 'postgres') => fileURLToPath(new URL(`drizzle/${engine}`, packageRoot));

const LEDGER = `create table if not exists applied_migrations (
  position integer primary key, hash text not null unique, applied_at text not null)`;

/** The migrations that are still to run. Throws when the database has others than this version knows. */
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

/** Throws unless every migration has run and no other, and all rows are there. */
export function assertMigrated(state: MigrationState): void {
  if (state.unfinished) {
    throw new Error(
      `A copy into this database is not complete: run 'undersigned copy' again to go on with it`,
    );
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

/** Brings a SQLite database up to date, all or nothing, one process at a time. Returns how many migrations ran. */
export function migrateSqlite(connection: Database.Database, from = folder('sqlite')): number {
  // A rebuild drops the old table: with foreign keys on, that deletes its child rows. The pragma needs no transaction.
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

/** Any number that nobody else locks: the ASCII codes of "UNDR". */
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

/** Brings a PostgreSQL database up to date, all or nothing, one process at a time. Returns how many migrations ran. */
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
    // Where the connection is lost, the server rolls back by itself.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
