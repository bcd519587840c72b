import { setTimeout as sleep } from 'node:timers/promises';
import { getTableName } from 'drizzle-orm';
import type pg from 'pg';
import * as tables from '../../schema/db/postgres.js';
import type { Tables } from '../../schema/db/tables.js';
import { InterleavedGroup, type Forms, type Outcome, type Work } from './gathering/interleaved-group.js';
import { Connections, type SerialConnection } from './postgres-connections.js';
import { explain, isConflict, isReadOnly, mayRunAgain } from './postgres-errors.js';
import { Sums, type Tx } from './store.js';

const MAX_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 200;
/**
 * Plans are cached, and one made while the tables were empty would scan them completely later. So groups use indexes
 * from the start. (Planning each time instead would plan each foreign key check, too.)
 */
const GROUP = '; set local enable_seqscan = off';

/** Lets readers continue, and waits for all writers. */
const shutting = (table: keyof Tables) =>
  `; lock table "${getTableName(tables[table])}" in share row exclusive mode`;

/** The body of a transaction, between its begin and commit. */
type Whole<T> = (tx: Tx, sums: Sums, orderly: SerialConnection) => Promise<T>;

/** What transactions are made of. */
type Parts = {
  pool: pg.Pool;
  poolSize: number;
  now: () => Date;
  /** Statements that each transaction begins with, after a semicolon. */
  limits: string;
  /** Called after each commit, for each written place of sums that have `notifies`. */
  tell: (column: string, key: number) => void;
};

/**
 * Runs transactions on the connections of a pool: one work each (`alone`), or several works in one (`together`). A
 * transaction that PostgreSQL aborted because of others runs again.
 */
export class PostgresTransactions {
  readonly #connections = new Connections();
  readonly #forms: Forms = new Map();
  #running = 0;
  #transactions = 0;
  #commits = 0;

  constructor(private readonly parts: Parts) {}

  /** How many transactions wait for a connection. */
  get waiting(): number {
    return Math.max(0, this.#running - this.parts.poolSize);
  }

  /** The transactions that have succeeded since the start, and in how many commits. */
  get done(): { transactions: number; commits: number } {
    return { transactions: this.#transactions, commits: this.#commits };
  }

  /** Runs one work in one transaction; no other transaction writes the table `shut` meanwhile. */
  async alone<T>(work: (tx: Tx) => Promise<T>, shut?: keyof Tables): Promise<T> {
    const whole: Whole<T> = async (tx, sums) => {
      const value = await work(tx);
      // Last, so that the locks on shared counter rows are held as briefly as possible.
      await sums.write(tx);
      return value;
    };
    try {
      const value = await this.#persist(whole, mayRunAgain, shut ? shutting(shut) : '');
      this.#transactions += 1;
      return value;
    } catch (error) {
      throw explain(error);
    }
  }

  /** Runs works interleaved in one transaction. Throws, with nothing stored, if one failed after it had written. */
  async together(works: readonly Work[]): Promise<Outcome[]> {
    const whole: Whole<Outcome[]> = async (tx, sums, orderly) => {
      const group = new InterleavedGroup(
        { ...tx, db: orderly.db, together: works.length },
        orderly.ask,
        this.#forms,
      );
      const outcomes = await group.run(works);
      const [halfDone] = outcomes.flatMap((outcome) => ('error' in outcome && outcome.wrote ? outcome : []));
      const failure = orderly.failure ?? halfDone;
      if (failure) throw failure.error;
      await sums.write(group.tx);
      return outcomes;
    };
    // Repeated only for conflicts: a failure that one work causes is found by splitting the group, not by repeating it.
    const outcomes = await this.#persist(whole, isConflict, GROUP);
    this.#transactions += outcomes.filter((outcome) => 'value' in outcome).length;
    return outcomes;
  }

  /** Runs a transaction, and repeats it while that may help. */
  async #persist<T>(work: Whole<T>, again: (error: unknown) => boolean, first: string): Promise<T> {
    this.#running += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          const sums = new Sums();
          const value = await this.#attempt(work, sums, first);
          sums.tell(this.parts.tell);
          this.#commits += 1;
          return value;
        } catch (error) {
          if (tries === MAX_ATTEMPTS || !again(error)) throw error;
          await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 5 * 2 ** tries));
        }
      }
    } finally {
      this.#running -= 1;
    }
  }

  async #attempt<T>(work: Whole<T>, sums: Sums, first: string): Promise<T> {
    const client = await this.parts.pool.connect();
    let broken: Error | undefined;
    try {
      try {
        // A lock that it begins with may take too long: then it has begun and must be rolled back, too.
        await client.query(`begin${this.parts.limits}${first}`);
        const connection = this.#connections.of(client);
        const { orderly } = connection;
        orderly.failure = undefined;
        const value = await work(this.#txOn(client, connection, sums), sums, orderly);
        await client.query('commit');
        return value;
      } catch (error) {
        // A connection that cannot roll back is of no more use.
        await client.query('rollback').catch((failure: Error) => (broken = failure));
        // The server has become a standby: dropping the connection makes the pool look for the primary.
        if (isReadOnly(error)) broken = error as Error;
        throw error;
      }
    } finally {
      client.release(broken);
    }
  }

  #txOn(client: pg.PoolClient, { db, shard }: Pick<Tx, 'db' | 'shard'>, sums: Sums): Tx {
    return {
      db,
      shard,
      together: 1,
      tables,
      now: this.parts.now(),
      memo: new Map(),
      add: (...args) => sums.add(...args),
      lock: async (name) =>
        void (await client.query('select pg_advisory_xact_lock($1)', [String(name.readBigInt64BE())])),
    };
  }
}
