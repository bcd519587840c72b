import pg from 'pg';
import { ApiError } from '../errors.js';
import { assertMigrated, postgresMigrations } from './migrate.js';
import { assertPooler, explainStart, unname } from './postgres-pooler.js';
import { GRACE_MS, PrimaryClient } from './primary.js';

export type PoolOptions = {
  poolSize: number;
  statementTimeoutMs: number;
  /** A pooler is between, and gives each transaction any session: see postgres-pooler.ts. */
  pooler?: 'transaction' | undefined;
  /** Leads past a pooler, for what needs a session. */
  directUrl?: string | undefined;
  /** For tests on a server that does not sync. */
  allowUnsafeDurability?: boolean;
};

const CONNECT_MS = 5000;

/** Connects to a migrated database. Throws, with the reason, if it would not be safe to run on it. */
export async function openPool(url: string, options: PoolOptions): Promise<pg.Pool> {
  const { poolSize, statementTimeoutMs: ms, pooler, allowUnsafeDurability = false } = options;
  const pool = new pg.Pool({
    Client: PrimaryClient,
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'undersigned',
    // A pooler refuses to be told limits. It also lets a query wait for a session, which no limit of PostgreSQL ends.
    ...(pooler
      ? { query_timeout: ms + GRACE_MS }
      : { statement_timeout: ms, idle_in_transaction_session_timeout: ms }),
  });
  // The pool replaces a broken connection, and the query that used it fails. Without listeners, on the pool for idle
  // connections and on each connection for busy ones, the error would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  if (pooler) pool.on('connect', unname);
  try {
    await declared(pool, url, options);
    await selfTest(pool, allowUnsafeDurability);
  } catch (error) {
    await pool.end();
    throw explainStart(error);
  }
  return pool;
}

async function declared(pool: pg.Pool, url: string, options: PoolOptions): Promise<void> {
  const client = await pool.connect();
  try {
    await assertPooler(client, url, options);
  } finally {
    client.release();
  }
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
