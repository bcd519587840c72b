import type Database from 'better-sqlite3';
import * as tables from '../../schema/db/sqlite.js';
import { ApiError } from '../errors.js';
import type { Reserve } from '../reserve.js';
import type { Checkpointer } from './checkpointer.js';
import { waitForGroup, type GroupWait } from './group-wait.js';
import type { LogSync } from './log-sync.js';
import { isIoError, sqliteCode } from './sqlite-connection.js';
import { drizzleOn } from './sqlite-driver.js';
import { Sums, type Db, type StoreOptions, type Tx } from './store.js';
import type { WriterTurn } from './writer-turn.js';

const MAX_GROUP = 1000;
/** For so many groups savepoints are used after one that needed them. */
const CAREFUL_GROUPS = 100;

/** What the group commit works with. */
type Parts = {
  writer: Database.Database;
  log: LogSync;
  checkpointer: Checkpointer;
  turn: WriterTurn;
  /** Space for urgent work on a full disk. */
  reserve: Reserve | undefined;
  options: StoreOptions;
  afterCommit: (sums: Sums) => void;
};

type Added = Parameters<Tx['add']>;

type Job = {
  work: (tx: Tx) => Promise<unknown>;
  urgent: boolean;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  outcome?: { value: unknown } | { error: unknown };
};

/**
 * One writer. Transactions that wait at the same moment share one commit, hence one wait for the disk; what one that fails
 * has written is undone, and each is answered only after the commit. Measured: seven times the rate of a commit each,
 * forty times on a slow disk.
 */
export class GroupCommit {
  failed = false;
  #queue: Job[] = [];
  #draining = false;
  #idle: (() => void)[] = [];
  #armed = false;
  #transactions = 0;
  #commits = 0;
  #careful = 0;
  readonly #company: GroupWait;
  readonly #db: Db;
  /** Rows that this connection has ever changed. */
  readonly #changes: () => number;
  readonly #run: Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo', () => void>;

  constructor(private readonly parts: Parts) {
    const { writer, options } = parts;
    const arrivals = options.arrivals ?? (() => 0);
    this.#company = { waiting: () => this.#queue.length, most: MAX_GROUP, arrivals };
    this.#db = drizzleOn(writer);
    const totalChanges = writer.prepare<[], number>('select total_changes()').pluck();
    this.#changes = () => totalChanges.get() as number;
    const prepare = (sql: string) => {
      const prepared = writer.prepare(sql);
      return () => void prepared.run();
    };
    this.#run = {
      begin: prepare('begin immediate'),
      commit: prepare('commit'),
      rollback: prepare('rollback'),
      savepoint: prepare('savepoint one'),
      release: prepare('release one'),
      undo: prepare('rollback to one'),
    };
  }

  stats() {
    return { waiting: this.#queue.length, transactions: this.#transactions, commits: this.#commits };
  }

  transact<T>(work: (tx: Tx) => Promise<T>, urgent = false): Promise<T> {
    if (this.failed) return Promise.reject(new ApiError('storage_unavailable'));
    if (this.#draining) return Promise.reject(new ApiError('shutting_down'));
    if (this.#queue.length >= this.parts.options.maxWaiting) {
      return Promise.reject(new ApiError('overloaded'));
    }
    if (!urgent && this.#short()) return Promise.reject(new ApiError('storage_full'));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, urgent, resolve, reject });
      if (!this.#armed) this.#arm();
    });
  }

  /** Whether the reserve is in use: then there is room for what is urgent alone. */
  #short(): boolean {
    return this.parts.reserve?.spent === true && !this.parts.reserve.keep();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#armed) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #arm() {
    this.#armed = true;
    waitForGroup(this.#company, () => void this.#flush());
  }

  async #flush() {
    const group = this.#queue.splice(0, MAX_GROUP);
    try {
      const wait = this.parts.turn.take();
      if (wait) await wait;
      try {
        this.parts.checkpointer.look();
        await this.#commitTogether(group);
      } finally {
        this.parts.turn.give();
      }
      // The next group begins only after this: begun during it, it would be smaller, and that cost more than the disk does.
      await this.parts.log.synced();
      // What it has moved makes room: the reserve can be kept again.
      if (this.parts.reserve?.spent) this.parts.checkpointer.clean();
      for (const job of group) {
        if (job.outcome && 'value' in job.outcome) job.resolve(job.outcome.value as never);
        else job.reject(explain(job.outcome?.error));
      }
    } catch (error) {
      // Nobody was answered: all of the group hears the same.
      const reason = explain(error);
      if (isIoError(error)) this.#fail(error);
      const leaving = isFull(error) ? group.filter((job) => job.urgent) : [];
      const urgent = leaving.length > 0 && this.parts.reserve?.spend() ? leaving : [];
      this.#queue.unshift(...urgent);
      for (const job of group) if (!urgent.includes(job)) job.reject(reason);
    }
    if (this.#queue.length > 0) {
      this.#arm();
    } else {
      this.#armed = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Commits a group: without savepoints first, since nearly always nothing has to be undone. */
  async #commitTogether(group: Job[]) {
    const quick = this.#careful === 0;
    if (!quick) this.#careful -= 1;
    const sums = (quick && (await this.#attempt(group, false))) || (await this.#attempt(group, true));
    if (sums) this.parts.afterCommit(sums);
    this.#transactions += group.length;
    this.#commits += 1;
  }

  /**
   * Runs a group in one transaction. With savepoints a job that fails is undone alone. Without them, one that fails before
   * it has written anything needs no undoing; if it may have written, all are rolled back and undefined is returned: the
   * group has to run again with savepoints, and so have the next ones, for whoever made one fail can make others fail.
   * Savepoints from the start would copy every page that is written.
   */
  async #attempt(group: Job[], savepoints: boolean): Promise<Sums | undefined> {
    const run = this.#run;
    const sums = new Sums();
    let added: Added[] = [];
    const tx: Tx = {
      db: this.#db,
      tables,
      now: this.parts.options.now(),
      shard: 0,
      memo: new Map(),
      add: (...args) => void added.push(args),
      // There is no other.
      lock: () => Promise.resolve(),
    };
    run.begin();
    try {
      let changes: number | undefined = this.#changes();
      for (const job of group) {
        if (savepoints) run.savepoint();
        added = [];
        try {
          job.outcome = { value: await job.work(tx) };
          // Only now: what a failed transaction has added is undone with it.
          for (const args of added) sums.add(...args);
          changes = undefined;
        } catch (error) {
          // A full or failing disk rolls back the whole transaction by itself.
          if (isIoError(error) || !this.parts.writer.inTransaction) throw error;
          job.outcome = { error };
          // It may have remembered what it has changed itself.
          tx.memo.clear();
          if (savepoints) {
            run.undo();
          } else if (this.#changes() !== changes) {
            run.rollback();
            this.#careful = CAREFUL_GROUPS;
            return undefined;
          }
        }
        if (savepoints) run.release();
      }
      await sums.write(tx);
      run.commit();
    } catch (error) {
      if (this.parts.writer.inTransaction) run.rollback();
      throw error;
    }
    return sums;
  }

  /** After a failed write or sync the disk may hold anything: acknowledge nothing more, and end. */
  #fail(error: unknown) {
    this.failed = true;
    const reason = new ApiError('storage_unavailable');
    for (const job of this.#queue.splice(0)) job.reject(reason);
    this.parts.options.onFatal(error);
  }
}

const isFull = (error: unknown) => sqliteCode(error) === 'SQLITE_FULL';

/** The one place where SQLite's codes are known. */
export function explain(error: unknown): unknown {
  const code = sqliteCode(error);
  if (isFull(error)) return new ApiError('storage_full');
  if (code?.startsWith('SQLITE_BUSY')) return new ApiError('overloaded');
  if (isIoError(error) || code?.startsWith('SQLITE_READONLY')) return new ApiError('storage_unavailable');
  return error;
}
