import { drizzle } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import * as tables from '../../schema/db/postgres.js';
import { ApiError } from '../errors.js';
import { Gatherer } from './gathering/gather.js';
import { explain, isAboutAll } from './postgres-errors.js';
import { PostgresNotify } from './postgres-notify.js';
import { assertDirect, limitsOf } from './postgres-pooler.js';
import { openPool, ping, type PoolOptions } from './postgres-pool.js';
import { Replica } from './replica.js';
import { PostgresTransactions } from './postgres-transactions.js';
import type { Store, StoreOptions } from './store.js';
import { Watchers } from './watchers.js';

export type PostgresOptions = StoreOptions &
  PoolOptions & {
    /** How many groups of `gather` may run at the same time; 0: every work gets its own transaction. */
    groups?: number;
  };

/** More groups would be smaller, and would wait for each other's rows. */
const GROUPS = 1;

export async function openPostgres(url: string, options: PostgresOptions): Promise<Store> {
  const { poolSize, statementTimeoutMs, maxWaiting, now, pooler, directUrl } = options;
  if (directUrl !== undefined) await assertDirect(url, directUrl);
  const pool = await openPool(url, options);
  const replica = await replicaOf(pool, options);
  const watchers = new Watchers();
  const notify = notifying(url, options, watchers);
  const tell = (column: string, key: number) => {
    watchers.tell(column, [key]);
    notify?.tell(column, key);
  };
  const limits = pooler ? limitsOf(statementTimeoutMs) : '';
  const transactions = new PostgresTransactions({ pool, poolSize, now, limits, tell });
  const gatherer = new Gatherer({
    groups: options.groups ?? GROUPS,
    arrivals: options.arrivals ?? (() => 0),
    together: (works) => transactions.together(works),
    alone: (work) => transactions.alone(work),
    isAboutAll,
    explain,
  });
  const waiting = () => transactions.waiting + gatherer.waiting;
  const calls = new OpenCalls(waiting, maxWaiting);
  const read = { db: drizzle(pool, { casing: 'snake_case' }), tables };
  return {
    engine: 'postgres',
    tables,
    read,
    published: async (work) =>
      replica?.published(work, read) ?? { value: await work(read), ageMs: undefined },
    replica: () => replica?.state(),
    transact: (work, { shut } = {}) => calls.admit(() => transactions.alone(work, shut)),
    gather: (touches, work) => calls.admit(() => gatherer.gather(touches, work)),
    // What it has written is locked, so it should end soon; and a longer one gains nothing.
    isWanted: () => true,
    generation: () => undefined,
    watch: (column, heard) => {
      const stop = watchers.add(column, heard);
      notify?.listen(true);
      return () => {
        stop();
        notify?.listen(!watchers.none);
      };
    },
    ping: () => ping(pool),
    clean: () => undefined,
    explain,
    stats: () => ({ waiting: waiting(), ...transactions.done }),
    close: async () => {
      // Ending the pool would drop the calls that still wait for a connection.
      await calls.drain();
      await notify?.close();
      await replica?.close();
      await pool.end();
    },
  };
}

const READ_MAX_AGE_MS = 1000;

async function replicaOf(pool: pg.Pool, options: PostgresOptions): Promise<Replica | undefined> {
  const { readUrl: url, readMaxAgeMs: maxAgeMs = READ_MAX_AGE_MS, poolSize, onReplica } = options;
  if (url === undefined) return undefined;
  const replica = new Replica(pool, { url, poolSize, maxAgeMs, onChange: onReplica ?? (() => undefined) });
  try {
    await replica.start();
    return replica;
  } catch (error) {
    await replica.close();
    await pool.end();
    throw error;
  }
}

/** Undefined behind a pooler without a way past it: there `listen` would be accepted, and nothing ever heard. */
function notifying(url: string, options: PostgresOptions, watchers: Watchers): PostgresNotify | undefined {
  const { pooler, directUrl, statementTimeoutMs } = options;
  if (pooler && directUrl === undefined) return undefined;
  return new PostgresNotify({
    url: directUrl ?? url,
    mustBeDirect: directUrl !== undefined,
    statementTimeoutMs,
    heard: (column, keys) => watchers.tell(column, keys),
    lost: () => watchers.tellAll(),
  });
}

/** Counts the calls that are not answered yet, so that closing can wait for them. */
class OpenCalls {
  #open = 0;
  #draining = false;
  readonly #idle: (() => void)[] = [];

  constructor(
    private readonly waiting: () => number,
    private readonly maxWaiting: number,
  ) {}

  /** Throws `shutting_down` once draining, `overloaded` while too many calls wait. */
  async admit<T>(call: () => Promise<T>): Promise<T> {
    if (this.#draining) throw new ApiError('shutting_down');
    if (this.waiting() >= this.maxWaiting) throw new ApiError('overloaded');
    this.#open += 1;
    try {
      return await call();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Admits no more calls, and resolves once all are answered. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#open > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
