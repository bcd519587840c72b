import { setTimeout as sleep } from 'node:timers/promises';
import { getTableName } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import * as tables from '../../schema/db/postgres.js';
import type { Tables } from '../../schema/db/tables.js';
import { ApiError } from '../errors.js';
import { Gatherer } from './gathering/gather.js';
import { InterleavedGroup, type Forms, type Outcome, type Work } from './gathering/interleaved-group.js';
import { assertMigrated, postgresMigrations } from './migrate.js';
import { Connections, type Orderly } from './postgres-connections.js';
import { explain, isAboutAll, isConflict, isReadOnly, mayRunAgain } from './postgres-errors.js';
import { PostgresNotify } from './postgres-notify.js';
import { PrimaryClient } from './primary.js';
import { Sums, type Store, type StoreOptions, type Tx } from './store.js';
import { Watchers } from './watchers.js';

export type PostgresOptions = StoreOptions & {
  poolSize: number;
  statementTimeoutMs: number;
  /** For tests on a server that does not sync. */
  allowUnsafeDurability?: boolean;
  /** Groups of `gather` that may be under way at the same time; 0: every work has a transaction of its own. */
  groups?: number;
};

const MAX_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 200;
/** More would be smaller, and wait for each other's rows. */
const GROUPS = 1;
/**
 * Plans are kept: one that was made while the tables were empty would go through all of them later. So the group's own
 * go by index from the first day. (To plan anew each time would also plan the check of each foreign key.)
 */
const BEGIN_GROUP = 'begin; set local enable_seqscan = off';

/** Not held up by readers, and waits for every writer. */
const beginShut = (table: keyof Tables) =>
  `begin; lock table "${getTableName(tables[table])}" in share row exclusive mode`;

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
    Client: PrimaryClient,
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
  /** Transactions, and calls that have not been answered. */
  let [running, open] = [0, 0];
  const waiting = () => Math.max(0, running - options.poolSize) + gatherer.waiting;
  const connections = new Connections();
  const forms: Forms = new Map();
  const watchers = new Watchers();
  const notify = new PostgresNotify({
    url,
    statementTimeoutMs: options.statementTimeoutMs,
    heard: (column, keys) => watchers.tell(column, keys),
    lost: () => watchers.tellAll(),
  });
  const tell = (column: string, key: number) => {
    watchers.tell(column, [key]);
    notify.tell(column, key);
  };
  let draining = false;
  const idle: (() => void)[] = [];

  async function attempt<T>(work: Whole<T>, sums: Sums, begin: string): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query(begin);
      try {
        const { db, shard, orderly } = connections.of(client);
        orderly.failure = undefined;
        const add: Tx['add'] = (...args) => sums.add(...args);
        const lock = async (name: Buffer) =>
          void (await client.query('select pg_advisory_xact_lock($1)', [String(name.readBigInt64BE())]));
        const tx: Tx = { db, shard, tables, now: options.now(), memo: new Map(), add, lock };
        const value = await work(tx, sums, orderly);
        await client.query('commit');
        return value;
      } catch (error) {
        // A connection that cannot even roll back is of no more use.
        await client.query('rollback').catch((failure: Error) => (broken = failure));
        // Its server has become a standby: the pool has to look for the primary.
        if (isReadOnly(error)) broken = error as Error;
        throw error;
      }
    } finally {
      client.release(broken);
    }
  }

  /** Runs all of a transaction, again while that may help. */
  async function persist<T>(work: Whole<T>, again: (error: unknown) => boolean, begin = 'begin'): Promise<T> {
    running += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          const sums = new Sums();
          const value = await attempt(work, sums, begin);
          sums.tell(tell);
          stats.commits += 1;
          return value;
        } catch (error) {
          if (tries === MAX_ATTEMPTS || !again(error)) throw error;
          await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 5 * 2 ** tries));
        }
      }
    } finally {
      running -= 1;
    }
  }

  async function alone<T>(work: (tx: Tx) => Promise<T>, begin = 'begin'): Promise<T> {
    const all: Whole<T> = async (tx, sums) => {
      const value = await work(tx);
      // Last, so that the rows that others may want are held as briefly as can be.
      await sums.write(tx);
      return value;
    };
    try {
      const value = await persist(all, mayRunAgain, begin);
      stats.transactions += 1;
      return value;
    } catch (error) {
      throw explain(error);
    }
  }

  async function together(works: readonly Work[]): Promise<Outcome[]> {
    const all: Whole<Outcome[]> = async (tx, sums, orderly) => {
      const group = new InterleavedGroup({ ...tx, db: orderly.db }, orderly.ask, forms);
      const outcomes = await group.run(works);
      const [halfDone] = outcomes.flatMap((outcome) => ('error' in outcome && outcome.wrote ? outcome : []));
      const failure = orderly.failure ?? halfDone;
      if (failure) throw failure.error;
      await sums.write(group.tx);
      return outcomes;
    };
    // What one work has brought about is found out without the others, not by trying again.
    const outcomes = await persist(all, isConflict, BEGIN_GROUP);
    stats.transactions += outcomes.filter((outcome) => 'value' in outcome).length;
    return outcomes;
  }

  const gatherer = new Gatherer({
    groups: options.groups ?? GROUPS,
    arrivals: options.arrivals ?? (() => 0),
    together,
    alone: (work) => alone(work),
    isAboutAll,
    explain,
  });

  async function admit<T>(run: () => Promise<T>): Promise<T> {
    if (draining) throw new ApiError('shutting_down');
    if (waiting() >= options.maxWaiting) throw new ApiError('overloaded');
    open += 1;
    try {
      return await run();
    } finally {
      open -= 1;
      if (open === 0) for (const resolve of idle.splice(0)) resolve();
    }
  }

  async function close(): Promise<void> {
    draining = true;
    // The pool would forget those who wait for a connection when it ends.
    if (open > 0) await new Promise<void>((resolve) => idle.push(resolve));
    await notify.close();
    await pool.end();
  }

  return {
    engine: 'postgres',
    tables,
    read: { db: drizzle(pool, { casing: 'snake_case' }), tables },
    transact: (work, { shut } = {}) => admit(() => alone(work, shut && beginShut(shut))),
    gather: (touches, work) => admit(() => gatherer.gather(touches, work)),
    generation: () => undefined,
    watch: (column, heard) => {
      const stop = watchers.add(column, heard);
      notify.listen(true);
      return () => {
        stop();
        notify.listen(!watchers.none);
      };
    },
    ping: () => ping(pool),
    clean: () => undefined,
    explain,
    stats: () => ({ waiting: waiting(), ...stats }),
    close,
  };
}

/**
 * Rejects unless there is a server that takes writes: a standby, or a primary that was told to be read-only, does not.
 * Connections that the pool has kept may be of another day: the word of a fresh one counts.
 */
async function ping(pool: pg.Pool): Promise<void> {
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

/** All of a transaction but its beginning and its end. */
type Whole<T> = (tx: Tx, sums: Sums, orderly: Orderly) => Promise<T>;
