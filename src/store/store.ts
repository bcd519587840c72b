import { type Column, sql, type SQL } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Tables } from '../../schema/db/tables.js';
import type { ApiError } from '../errors.js';
import { compile } from './compile.js';
import type { Prepared } from './gathering/set-based.js';
import type { Heard } from './watchers.js';

/* The interface of both engines, and what transactions are written with. It knows no tables by name and no product. */

/** Queries are typed once, for PostgreSQL; SQLite runs the same query builders. */
export type Db = PgDatabase<PgQueryResultHKT>;

/** Read access. Writing is prevented by the type, and on SQLite by the connection, too. */
export type Reader = {
  readonly db: Pick<Db, 'select' | 'selectDistinct'>;
  readonly tables: Tables;
};

/** An open transaction. Helpers are passed one and never open their own. No network, hashing or timers inside. */
export type Tx = {
  readonly db: Pick<Db, 'select' | 'selectDistinct' | 'insert' | 'update' | 'delete'>;
  readonly tables: Tables;
  /** The transaction's only time: use it instead of a clock. */
  readonly now: Date;
  /** How many transactions share the commit, this one included. */
  readonly together: number;
  /** The shard of counter rows that this transaction writes. */
  readonly shard: number;
  /** Results of `memoized` reads, by read and key. Transactions that share a commit share it. */
  readonly memo: Map<object, Map<unknown, unknown>>;
  /**
   * Adds numbers that `sum.write` writes once, just before the commit: transactions that share a commit share the
   * write. This transaction cannot read what it has added.
   */
  readonly add: (sum: Sum, place: Place, numbers: Record<string, number>) => void;
  /**
   * Waits until no other transaction holds this name, and holds it until the end. Reads after it see what earlier
   * holders committed. Not for `gather`, where the whole group of transactions would hold the name.
   */
  readonly lock: (name: Buffer) => PromiseLike<void>;
  /** Set only where several jobs share the transaction: `statement` passes its calls to it. */
  readonly joint?: Joint;
};

/** Sends the statements of one of several jobs that share a transaction. */
export type Joint = {
  /** The connection's own query builder. */
  readonly db: Tx['db'];
  call(
    name: string,
    query: Prepared,
    values: Record<string, unknown>,
    alone: (values: Record<string, unknown>) => PromiseLike<unknown>,
  ): Promise<unknown>;
};

/** Thrown by work whose reads were overtaken by another transaction: the store runs it again. */
export class RunAgain extends Error {}

/** The columns that name a row of a sum. */
export type Place = Record<string, number | string>;

/** A counter in the database: `write` adds numbers to the row of a place. */
export type Sum = {
  readonly write: (tx: Tx, values: Record<string, unknown>) => unknown;
  /** The column of the place whose values are reported to watchers after each commit that wrote there. */
  readonly notifies?: string;
};

/** Collects what transactions add until it is written. */
export class Sums {
  readonly #pending = new Map<Sum, Map<string, Place>>();

  add(sum: Sum, place: Place, numbers: Record<string, number>): void {
    let places = this.#pending.get(sum);
    if (!places) {
      places = new Map<string, Place>();
      this.#pending.set(sum, places);
    }
    let id = '';
    for (const name in place) {
      const value = place[name];
      // With its length, since a text may hold spaces.
      id += typeof value === 'string' ? `${value.length}:${value} ` : `${value} `;
    }
    const values = places.get(id);
    if (!values) places.set(id, { ...place, ...numbers });
    else for (const name in numbers) values[name] = Number(values[name] ?? 0) + (numbers[name] ?? 0);
  }

  async write(tx: Tx): Promise<void> {
    for (const [sum, places] of this.#pending) {
      // In a group, one statement writes all places of a sum.
      if (tx.joint) await Promise.all([...places.values()].map((values) => sum.write(tx, values)));
      else for (const values of places.values()) await sum.write(tx, values);
    }
  }

  /** Reports the written places of sums that have `notifies`. Call it after the commit. */
  tell(to: (column: string, key: number) => void): void {
    for (const [{ notifies }, places] of this.#pending) {
      if (notifies === undefined) continue;
      for (const values of places.values()) to(notifies, Number(values[notifies] ?? 0));
    }
  }
}

/** `ageMs`: what was committed longer ago is in it; undefined: everything is. */
export type Published<T> = { value: T; ageMs: number | undefined };

/** Where published reads go. Only `used` is the replica; in every other state the primary answers. */
export type ReplicaState = {
  state: 'used' | 'behind' | 'away' | 'promoted' | 'other';
  ageMs: number;
  /** Reads that it answered, those that the primary answered in its place after it had failed, and how often it was lost. */
  reads: number;
  fallbacks: number;
  outages: number;
};

export type StoreStats = {
  /** Transactions that wait for their turn. */
  waiting: number;
  /** Transactions and commits since the start; their ratio is the average size of a group. */
  transactions: number;
  commits: number;
};

/** What commits wrote: values of columns that sums notify of. */
export type Wrote = [column: string, keys: number[]][];

/** A thread of this process that runs transactions of its own on the same database: a part of this store. */
export type Alongside = {
  /** Calls that wait or run there. */
  readonly waiting: number;
  readonly done: Omit<StoreStats, 'waiting'>;
  /** Called once, by the store. */
  join(store: Joined): void;
  /** The disk has failed: it must acknowledge nothing more. */
  fail(): void;
};

/** What a store is to the thread alongside it. */
export type Joined = {
  /** Why nothing may be stored now. */
  refusal(): ApiError | undefined;
  /** Call it after each commit there. */
  committed(wrote: Wrote): void;
  /** Acknowledges nothing more: the disk has failed there. */
  fail(): void;
};

export type Store = {
  readonly engine: 'sqlite' | 'postgres';
  readonly tables: Tables;
  readonly read: Reader;
  /**
   * Runs reads for callers without a key, whose answers may be a little old: on a replica, where there is one and it is
   * near enough, and otherwise on `read`. They may run twice.
   */
  published<T>(work: (read: Reader) => Promise<T>): Promise<Published<T>>;
  /** Undefined without a replica. */
  replica(): ReplicaState | undefined;
  /**
   * Runs `work` in a transaction, and resolves once it is durable. `work` may run more than once: on PostgreSQL after a
   * conflict or `RunAgain`, on SQLite after another one of its group failed. Throws `overloaded`, `storage_full`,
   * `storage_unavailable` or `shutting_down`; then nothing was changed, except that after a connection was lost during
   * the commit this is unknown.
   */
  transact<T>(work: (tx: Tx) => Promise<T>, options?: TransactOptions): Promise<T>;
  /**
   * Like `transact`, for work that may share its transaction with others, interleaved. So it must not base a decision
   * on reads of anything that the others may write. `touches` names what it writes, usually the person: jobs that
   * touch the same thing never share a transaction. After a failure in a shared transaction, each job runs again on its own.
   */
  gather<T>(touches: readonly string[], work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * A number that changes whenever any process commits; undefined on an engine that cannot tell without a query. It may
   * have been read earlier in the same turn of the event loop; `anew`: it was not.
   */
  generation(anew?: 'anew'): number | undefined;
  /**
   * Calls `heard` after commits that wrote places of sums with `notifies` = `column`, with the values of that column: at
   * once for commits of this process, within about a second for those of others. After a lost connection some may be
   * missed, so watchers must also look regularly. Returns a function that stops.
   */
  watch(column: string, heard: Heard): () => void;
  /** Whether a transaction that goes on makes other ones of this process wait. */
  isWanted(): boolean;
  /** Rejects if the database does not answer, or does not accept writes. */
  ping(): Promise<void>;
  /**
   * On SQLite, removes deleted and changed data from the log file, soon and without blocking callers. On PostgreSQL,
   * where vacuuming is up to the operator, it does nothing.
   */
  clean(): void;
  /** Translates a driver's error into the `ApiError` for callers; returns every other error unchanged. */
  readonly explain: (error: unknown) => unknown;
  stats(): StoreStats;
  /** Waits for open transactions, then closes. */
  close(): Promise<void>;
};

export type TransactOptions = {
  /** Uses the space that SQLite keeps in reserve for a full disk. For unsubscribing, withdrawing, erasing and taking back only. */
  urgent?: boolean;
  /**
   * A table to lock against other writers: the transaction waits for current ones, and later ones wait for it. On
   * SQLite, which has one writer, that is always so.
   */
  shut?: keyof Tables;
};

export type StoreOptions = {
  now: () => Date;
  /** How many transactions may wait; further ones are refused with `overloaded`. */
  maxWaiting: number;
  /** Counts events that announce more work (accepted sockets): while it grows, a group waits for them. */
  arrivals?: () => number;
  /** SQLite: keep space for urgent work on a full disk. */
  reserve?: boolean;
  /** SQLite: shared with the threads of this process that write to the same database. */
  turn?: SharedArrayBuffer;
  /** SQLite: its transactions are this store's in `stats`, and for `watch`. */
  alongside?: Alongside | undefined;
  /** SQLite: this thread does nothing but transactions, so it may block while it waits, and knows what comes together. */
  dedicated?: boolean;
  /** SQLite: the memory that each of the two connections may use for pages of the file. */
  pageCacheMiB?: number;
  /** PostgreSQL: a standby for `published`, and how old its answers may be. */
  readUrl?: string | undefined;
  readMaxAgeMs?: number;
  /** PostgreSQL: called when published reads go elsewhere from now on. */
  onReplica?: (state: ReplicaState['state']) => void;
  /** Called when the disk has failed, so that durability cannot be guaranteed: the process should end. */
  onFatal: (error: unknown) => void;
};

type Query<Result> = { execute(values?: Record<string, unknown>): PromiseLike<Result> };

/**
 * A query that is built once per connection, and then only gets values: building the SQL costs ten times as much as
 * running it. `name` must be unique; on PostgreSQL it is the name of the prepared statement. A statement with an empty
 * name is not kept there.
 */
export function statement<Values extends Record<string, unknown>, Result, On extends Reader = Tx>(
  name: string,
  build: (on: On) => { prepare(name: string): Query<Result> },
): (on: On, values: Values) => Result | PromiseLike<Result> {
  type Run = (values: Record<string, unknown>) => Result | PromiseLike<Result>;
  const prepared = new WeakMap<object, { query: Query<Result>; run: Run }>();
  return (on, values) => {
    const { joint } = on as Partial<Tx>;
    const db = joint?.db ?? on.db;
    let known = prepared.get(db);
    if (known === undefined) {
      const query = build({ ...on, db }).prepare(name);
      const run = (compile(query) as Run | undefined) ?? ((bound) => query.execute(bound));
      prepared.set(db, (known = { query, run }));
    }
    if (!joint) return known.run(values);
    // A joint exists only on PostgreSQL, so these are drizzle's PostgreSQL queries.
    const { query, run } = known as unknown as { query: Prepared; run: (values: object) => Promise<Result> };
    return joint.call(name, query, values, run) as Promise<Result>;
  };
}

/**
 * A placeholder whose value is encoded by the column. drizzle's own placeholder does not encode values in conditions,
 * and would turn null into the JSON text "null" or fail.
 */
export const bind = (column: Column, name: string): SQL => {
  const encoder = {
    column,
    mapToDriverValue: (value: unknown) => (value === null ? null : column.mapToDriverValue(value)),
  };
  return sql`${sql.param(sql.placeholder(name), encoder)}`;
};

/** The values of an insert, with placeholders named like their columns. */
export const bindAll = <Table extends Record<Name, Column>, const Name extends string>(
  table: Table,
  names: readonly Name[],
) => Object.fromEntries(names.map((name) => [name, bind(table[name], name)])) as Record<Name, SQL>;
