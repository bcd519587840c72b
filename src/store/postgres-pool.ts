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

/** Connects to a migrated database. Throws, and says why, when it would not be safe to run on it. */
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
  // A connection that breaks is replaced by the pool, and the query that used it fails. Without a listener, on the
  // pool while it is idle and on itself while it is in use, it would end the process.
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

/** Refuses a server that acknowledges what a power cut takes back. */
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
 * Rejects unless there is a server that takes writes: a standby, or a primary that was told to be read-only, does not.
 * Connections that the pool has kept may be of another day: the word of a fresh one counts.
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
    // The pool has to look for the primary: a process that is not ready gets no writes that would make it look.
    client.release(broken);
  }
}
