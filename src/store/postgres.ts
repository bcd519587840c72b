import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import * as tables from '../../schema/db/postgres.js';
import { ApiError } from '../errors.js';
import { Herald } from './herald.js';
import { assertMigrated, postgresMigrations } from './migrate.js';
import { RunAgain, Sums, type Db, type Store, type StoreOptions, type Tx } from './store.js';
import { Watchers } from './watchers.js';

export type PostgresOptions = StoreOptions & {
  poolSize: number;
  statementTimeoutMs: number;
  /** For tests on a server that does not sync. */
  allowUnsafeDurability?: boolean;
};

const MAX_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 200;
/** More rows than one process has connections, so that several processes seldom meet on one. */
const SHARDS = 64;

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

export async function openPostgres(url: string, options: PostgresOptions): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.poolSize,
    connectionTimeoutMillis: 5000,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    application_name: 'undersigned',
  });
  // A connection that breaks is replaced by the pool, and whoever used it hears of it from the query; without a
  // listener, on the pool while it is idle and on itself while it is in use, it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await selfTest(pool, options.allowUnsafeDurability ?? false);
  } catch (error) {
    await pool.end();
    throw error;
  }

  const stats = { transactions: 0, commits: 0 };
  let running = 0;
  const waiting = () => Math.max(0, running - options.poolSize);
  const connections = new Connections();
  const watchers = new Watchers();
  const herald = new Herald({
    url,
    statementTimeoutMs: options.statementTimeoutMs,
    heard: (column, keys) => watchers.tell(column, keys),
    lost: () => watchers.tellAll(),
  });
  const tell = (column: string, key: number) => {
    watchers.tell(column, [key]);
    herald.tell(column, key);
  };
  let draining = false;
  const idle: (() => void)[] = [];

  async function attempt<T>(work: (tx: Tx) => Promise<T>, sums: Sums): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('begin');
      try {
        const add: Tx['add'] = (...args) => sums.add(...args);
        const tx: Tx = { ...connections.of(client), tables, now: options.now(), memo: new Map(), add };
        const value = await work(tx);
        // Last, so that the rows that others may want are held as briefly as can be.
        await sums.write(tx);
        await client.query('commit');
        return value;
      } catch (error) {
        // A connection that cannot even roll back is of no more use.
        await client.query('rollback').catch((failure: Error) => (broken = failure));
        throw error;
      }
    } finally {
      client.release(broken);
    }
  }

  async function transact<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (draining) throw new ApiError('shutting_down');
    if (waiting() >= options.maxWaiting) throw new ApiError('overloaded');
    running += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          const sums = new Sums();
          const value = await attempt(work, sums);
          sums.tell(tell);
          stats.transactions += 1;
          stats.commits += 1;
          return value;
        } catch (error) {
          if (tries === MAX_ATTEMPTS || !mayRunAgain(error)) throw explain(error);
          await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 5 * 2 ** tries));
        }
      }
    } finally {
      running -= 1;
      if (running === 0) for (const resolve of idle.splice(0)) resolve();
    }
  }

  async function close(): Promise<void> {
    draining = true;
    // The pool would forget those who wait for a connection when it ends.
    if (running > 0) await new Promise<void>((resolve) => idle.push(resolve));
    await herald.close();
    await pool.end();
  }

  return {
    engine: 'postgres',
    tables,
    read: { db: drizzle(pool, { casing: 'snake_case' }), tables },
    transact,
    generation: () => undefined,
    watch: (column, heard) => {
      const stop = watchers.add(column, heard);
      herald.listen(true);
      return () => {
        stop();
        herald.listen(!watchers.none);
      };
    },
    ping: async () => void (await pool.query('select 1')),
    explain,
    stats: () => ({ waiting: waiting(), ...stats }),
    close,
  };
}

/** Remembers, for each connection of the pool, its query builder (so that statements stay prepared) and its shard. */
class Connections {
  #known = new WeakMap<pg.PoolClient, { db: Db; shard: number }>();
  #next = Math.floor(Math.random() * SHARDS);

  of(client: pg.PoolClient): { db: Db; shard: number } {
    let connection = this.#known.get(client);
    if (!connection) {
      connection = {
        db: drizzle(client, { casing: 'snake_case' }) as unknown as Db,
        shard: this.#next++ % SHARDS,
      };
      this.#known.set(client, connection);
    }
    return connection;
  }
}

/** Query builders wrap the driver's error and keep it as the cause. */
const driverError = (error: unknown): { code?: unknown; message?: unknown } =>
  (error instanceof Error && error.cause !== undefined ? error.cause : error) ?? {};

const postgresCode = (error: unknown): string => {
  const { code } = driverError(error);
  return typeof code === 'string' ? code : '';
};

/** serialization_failure, deadlock_detected: the server asks us to try again. */
const isRetryable = (error: unknown) =>
  error instanceof RunAgain || ['40001', '40P01'].includes(postgresCode(error));

/** What the driver says, without a code, when there is no connection or no longer one. */
const NO_CONNECTION =
  /timeout exceeded when trying to connect|Connection terminated|not queryable|after calling end/;

/**
 * A unique violation too: what was looked for in vain is there now, so that the next run sees it and answers rightly. One
 * that stays is a mistake of ours, and is thrown in the end.
 */
const mayRunAgain = (error: unknown) => isRetryable(error) || postgresCode(error) === '23505';

/** The one place where PostgreSQL's codes are known: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function explain(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const code = postgresCode(error);
  if (code === '53100') return new ApiError('storage_full');
  if (code === '57014' || isRetryable(error)) return new ApiError('overloaded');
  // Connection exceptions, insufficient resources, operator intervention, a transaction that the server gave up, errno.
  const lost = /^(08|53|57P|25P03$)/.test(code) || /^E[A-Z]+$/.test(code);
  const noConnection = code === '' && NO_CONNECTION.test(String(driverError(error).message));
  return lost || noConnection ? new ApiError('storage_unavailable') : error;
}
