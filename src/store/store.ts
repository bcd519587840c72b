import { type Column, sql, type SQL } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Tables } from '../../schema/db/tables.js';
import { compile } from './compile.js';
import type { Prepared } from './gathering/set-based.js';
import type { Heard } from './watchers.js';

/** Queries are typed once, against PostgreSQL; SQLite runs the same builders. */
export type Db = PgDatabase<PgQueryResultHKT>;

/** Where rows can be read. It cannot write: by type, and on SQLite by its connection. */
export type Reader = {
  readonly db: Pick<Db, 'select' | 'selectDistinct'>;
  readonly tables: Tables;
};

/** An open transaction. Helpers take one and never open their own. No network, hashing or timers inside. */
export type Tx = {
  readonly db: Pick<Db, 'select' | 'selectDistinct' | 'insert' | 'update' | 'delete'>;
  readonly tables: Tables;
  /** The transaction's one instant. */
  readonly now: Date;
  /** Which of the sharded counter rows this transaction writes. */
  readonly shard: number;
  /** What was read for many, by the read and by its key: see `memoized`. */
  readonly memo: Map<object, Map<unknown, unknown>>;
  /**
   * Adds numbers to what `sum.write` writes once, just before the commit: transactions that share a commit share the
   * write. What is added here is not yet there to be read in this transaction.
   */
  readonly add: (sum: Sum, place: Record<string, number>, numbers: Record<string, number>) => void;
  /**
   * Waits until no other transaction has this name, and has it until the end. What is read after it is as the others have
   * left it. Not for gathered work, which would wait for its company's name with all of it.
   */
  readonly lock: (name: Buffer) => PromiseLike<void>;
  /** Only where works share the transaction, interleaved: to whom `statement` hands its calls. */
  readonly joint?: Joint;
};

/** What one of several works in a transaction calls its statements with. */
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

/** Thrown by work whose reads were overtaken by another transaction: it is run again on what is there now. */
export class RunAgain extends Error {}

/** A counter in the database: `write` adds numbers to the row of a place. */
export type Sum = {
  readonly write: (tx: Tx, values: Record<string, unknown>) => unknown;
  /** The column of a place whose values are told to those who watch it, after each commit that wrote there. */
  readonly tells?: string;
};

/** What transactions have added, until it is written. */
export class Sums {
  readonly #pending = new Map<Sum, Map<string, Record<string, number>>>();

  add(sum: Sum, place: Record<string, number>, numbers: Record<string, number>): void {
    let places = this.#pending.get(sum);
    if (!places) {
      places = new Map<string, Record<string, number>>();
      this.#pending.set(sum, places);
    }
    let id = '';
    for (const name in place) id += `${place[name]} `;
    const values = places.get(id);
    if (!values) places.set(id, { ...place, ...numbers });
    else for (const name in numbers) values[name] = (values[name] ?? 0) + (numbers[name] ?? 0);
  }

  async write(tx: Tx): Promise<void> {
    for (const [sum, places] of this.#pending) {
      // Where statements are joined, all places of a sum are written by one.
      if (tx.joint) await Promise.all([...places.values()].map((values) => sum.write(tx, values)));
      else for (const values of places.values()) await sum.write(tx, values);
    }
  }

  /** What was written of the sums that are told, once it is committed. */
  tell(to: (column: string, key: number) => void): void {
    for (const [{ tells }, places] of this.#pending) {
      if (tells === undefined) continue;
      for (const values of places.values()) to(tells, values[tells] ?? 0);
    }
  }
}

export type StoreStats = {
  /** Transactions that wait for their turn. */
  waiting: number;
  /** Transactions and commits since the start: their quotient is the size of a group. */
  transactions: number;
  commits: number;
};

export type Store = {
  readonly engine: 'sqlite' | 'postgres';
  readonly tables: Tables;
  readonly read: Reader;
  /**
   * Runs `work` in a transaction and resolves once its effect is durable. `work` may run more than once (on
   * PostgreSQL after a serialization failure or a deadlock, on SQLite after another of its group failed). Throws `overloaded`, `storage_full` or
   * `storage_unavailable`; then nothing was changed, except that a connection lost during a commit leaves it open.
   */
  transact<T>(work: (tx: Tx) => Promise<T>, options?: TransactOptions): Promise<T>;
  /**
   * As transact, for work that may share its transaction with others which run interleaved with it. So it must not decide
   * by what it has read about anything that one of them may write. `touches` names what it writes, the person above all:
   * works that touch the same are kept apart. What fails in a shared transaction runs again without the others.
   */
  gather<T>(touches: readonly string[], work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * A number that differs whenever anything was committed since it was last read, by any process; undefined on an
   * engine that cannot tell without asking.
   */
  generation(): number | undefined;
  /**
   * Calls `heard` after commits with the values of `column` among the places that sums which tell of it have written: at
   * once after commits of this process, within about a second after those of others. Where a connection was lost, some may
   * never be heard of. Returns how to stop.
   */
  watch(column: string, heard: Heard): () => void;
  /** Rejects when the database does not answer, or takes no writes. */
  ping(): Promise<void>;
  /**
   * SQLite: leaves nothing of what was deleted or changed in its files, soon and without anybody waiting for it. What
   * PostgreSQL keeps of old rows is its operator's.
   */
  clean(): void;
  /** A driver's error as the `ApiError` that callers should hear of; any other error as it is. */
  readonly explain: (error: unknown) => unknown;
  stats(): StoreStats;
  /** Lets what waits finish, then closes. */
  close(): Promise<void>;
};

export type TransactOptions = {
  /** Whoever leaves must not be kept by a full disk: SQLite has some space in reserve for that. */
  urgent?: boolean;
  /**
   * A table that nobody else writes while it runs: transactions that have are waited for, those that want to wait. On
   * SQLite, where one writes at a time, that is so anyway.
   */
  shut?: keyof Tables;
};

export type StoreOptions = {
  now: () => Date;
  /** Transactions that may wait; one more is refused with `overloaded`. */
  maxWaiting: number;
  /** Counts events that announce more work (accepted sockets): while it grows, a group waits for them. */
  arrivals?: () => number;
  /** SQLite: keep space for what is urgent on a full disk. */
  reserve?: boolean;
  /** SQLite: shared with other threads of the process that write to the same database. */
  turn?: SharedArrayBuffer;
  /** Called when the disk failed and nothing more can be promised: the process should end. */
  onFatal: (error: unknown) => void;
};

type Query<Result> = { execute(values?: Record<string, unknown>): PromiseLike<Result> };

/**
 * A query that is built once per connection and then only bound: on a hot path building the SQL costs ten times what
 * running it does. `name` is unique among the statements; it is the server-side name on PostgreSQL, which keeps nothing of a
 * statement whose name is empty.
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
    // Only drizzle's PostgreSQL queries come here.
    const { query, run } = known as unknown as { query: Prepared; run: (values: object) => Promise<Result> };
    return joint.call(name, query, values, run) as Promise<Result>;
  };
}

/**
 * A placeholder whose value the column encodes. drizzle's own leaves conditions as they are, and would turn null into
 * the JSON text "null" or fail on it.
 */
export const bind = (column: Column, name: string): SQL => {
  const encoder = {
    column,
    mapToDriverValue: (value: unknown) => (value === null ? null : column.mapToDriverValue(value)),
  };
  return sql`${sql.param(sql.placeholder(name), encoder)}`;
};

/** The values of an insert whose placeholders are called as its columns. */
export const bindAll = <Table extends Record<Name, Column>, const Name extends string>(
  table: Table,
  names: readonly Name[],
) => Object.fromEntries(names.map((name) => [name, bind(table[name], name)])) as Record<Name, SQL>;
