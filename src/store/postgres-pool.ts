import pg from 'pg';
import { ApiError } from '../errors.js';
import { assertMigrated, postgresMigrations } from './migrate.js';
import { PrimaryClient } from './primary.js';

export type PoolOptions = {
  poolSize: number;
  statementTimeoutMs: number;
  /** For tests on a server that does not sync. */
  allowUnsafeDurability?: boolean;
};

const CONNECT_MS = 5000;

/** Connects to a migrated database. Throws, with the reason, if it would not be safe to run on it. */
export async function openPool(url: string, options: PoolOptions): Promise<pg.Pool> {
  const pool = new pg.Pool({
    Client: PrimaryClient,
    connectionString: url,
    max: options.poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    application_name: 'undersigned',
  });
  // The pool replaces a broken connection, and the query that used it fails. Without listeners, on the pool for idle
  // connections and on each connection for busy ones, the error would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await selfTest(pool, options.allowUnsafeDurability ?? false);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return pool;
}

/** Refuses a server whose settings could lose acknowledged commits in a power cut. */
async function selfTest(pool: pg.Pool, allowUnsafe: boolean): Promise<void> {
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const { rows } = await pool.query<Record<string, string>>(`show ${name}`);
    if (rows[0]?.[name] === 'off' && !allowUnsafe) {
      throw new Error(
        `PostgreSQL runs with ${name} = off and could lose acknowledged signatures: switch it on`,
      );
    }
  }
  assertMigrated(await postgresMigrations(pool));
}

/**
 * Rejects unless a server accepts writes; a standby or a read-only primary does not. Idle connections of the pool may
 * lead to a former primary, so they are tried, and replaced, until a fresh one has answered.
 */
export async function ping(pool: pg.Pool): Promise<void> {
  for (let kept = pool.idleCount; kept >= 0; kept -= 1) if (await takesWrites(pool)) return;
  throw new ApiError('storage_unavailable');
}

async function takesWrites(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  let broken = true;
  try {
    const { rows } = await client.query<{ mode: string }>(
      "select current_setting('transaction_read_only') as mode",
    );
    broken = rows[0]?.mode === 'on';
    return !broken;
  } finally {
    // Broken ones are dropped, so that the pool looks for the primary: a process that is not ready gets no writes that
    // would make it look.
    client.release(broken);
  }
}
