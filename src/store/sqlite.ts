import type Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import * as tables from '../../schema/db/sqlite.js';
import { ApiError } from '../errors.js';
import { awaitCompany, type Company } from './company.js';
import { Checkpointer } from './checkpointer.js';
import { LogSync } from './log-sync.js';
import { assertMigrated, sqliteMigrations } from './migrate.js';
import { connect, isIoError, makeWriter, selfTest, sqliteCode } from './sqlite-connection.js';
import { Sums, type Db, type Store, type StoreOptions, type Tx } from './store.js';
import { Watchers } from './watchers.js';

const MAX_GROUP = 1000;
/** For so many groups savepoints are used after one that needed them. */
const CAREFUL_GROUPS = 100;

/** How often those who watch hear of commits by other processes. */
const LOOK_MS = 1000;

export function openSqlite(file: string, options: StoreOptions): Store {
  const writer = connect(file);
  const reader = connect(file);
  let log: LogSync;
  try {
    assertMigrated(sqliteMigrations(writer));
    makeWriter(writer);
    selfTest(reader);
    log = new LogSync(file);
  } catch (error) {
    for (const connection of [reader, writer]) connection.close();
    throw error;
  }
  reader.pragma('query_only = 1');

  const dataVersion = reader.prepare('pragma data_version').pluck();
  let generation: number | undefined;
  const watchers = new Watchers();
  const afterCommit = (sums: Sums) => {
    generation = undefined;
    if (!watchers.none) sums.tell((column, key) => watchers.tell(column, [key]));
  };
  const forgetGeneration = () => void (generation = undefined);
  const checkpointer = new Checkpointer(file, writer);
  const group = new GroupCommit(writer, log, checkpointer, options, afterCommit);
  const others = watchOthers(writer, watchers);
  return {
    engine: 'sqlite',
    tables,
    read: { db: drizzle(reader, { casing: 'snake_case' }) as unknown as Db, tables },
    transact: (work) => group.transact(work),
    gather: (_touches, work) => group.transact(work),
    // Asked once for all requests that arrived in the same turn of the event loop: asking costs half as much as
    // sending a kept answer. Our own commits are noticed at once.
    generation: () => {
      if (generation === undefined) {
        generation = dataVersion.get() as number;
        setImmediate(forgetGeneration);
      }
      return generation;
    },
    watch: (column, heard) => {
      const stop = watchers.add(column, heard);
      others.look();
      return () => {
        stop();
        if (watchers.none) others.rest();
      };
    },

    ping: async () => {
      if (group.failed) throw new ApiError('storage_unavailable');
      reader.prepare('select 1').get();
    },
    explain,
    stats: () => group.stats(),
    close: async () => {
      await group.drain();
      others.rest();
      // The last connection to close moves the log into the database.
      await checkpointer.close();
      reader.close();
      writer.close();
      log.close();
    },
  };
}

/**
 * Commits of other processes name no places: whoever watches hears that there was one. The writer's own `data_version`
 * tells them from ours, which it does not count.
 */
function watchOthers(writer: Database.Database, watchers: Watchers): { look(): void; rest(): void } {
  const dataVersion = writer.prepare('pragma data_version').pluck();
  let timer: NodeJS.Timeout | undefined;
  return {
    look() {
      if (timer) return;
      let seen = dataVersion.get();
      timer = setInterval(() => {
        const now = dataVersion.get();
        if (now !== seen) watchers.tellAll();
        seen = now;
      }, LOOK_MS).unref();
    },
    rest() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

type Added = Parameters<Tx['add']>;

type Job = {
  work: (tx: Tx) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  outcome?: { value: unknown } | { error: unknown };
};

/**
 * One writer. Transactions that wait at the same moment share one commit, hence one wait for the disk; what one that fails
 * has written is undone, and each is answered only after the commit. Measured: seven times the rate of a commit each,
 * forty times on a slow disk.
 */
class GroupCommit {
  failed = false;
  #queue: Job[] = [];
  #draining = false;
  #idle: (() => void)[] = [];
  #armed = false;
  #transactions = 0;
  #commits = 0;
  #careful = 0;
  readonly #company: Company;
  readonly #db: Db;
  /** Rows that this connection has ever changed. */
  readonly #changes: () => number;
  readonly #run: Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo', () => void>;

  constructor(
    private readonly writer: Database.Database,
    private readonly log: LogSync,
    private readonly checkpointer: Checkpointer,
    private readonly options: StoreOptions,
    private readonly afterCommit: (sums: Sums) => void,
  ) {
    const arrivals = options.arrivals ?? (() => 0);
    this.#company = { waiting: () => this.#queue.length, most: MAX_GROUP, arrivals };
    this.#db = drizzle(writer, { casing: 'snake_case' }) as unknown as Db;
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

  transact<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.failed) return Promise.reject(new ApiError('storage_unavailable'));
    if (this.#draining) return Promise.reject(new ApiError('shutting_down'));
    if (this.#queue.length >= this.options.maxWaiting) return Promise.reject(new ApiError('overloaded'));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve, reject });
      if (!this.#armed) this.#arm();
    });
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#armed) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #arm() {
    this.#armed = true;
    awaitCompany(this.#company, () => void this.#flush());
  }

  async #flush() {
    const group = this.#queue.splice(0, MAX_GROUP);
    try {
      this.checkpointer.look();
      await this.#commitTogether(group);
      await this.log.synced();
      for (const job of group) {
        if (job.outcome && 'value' in job.outcome) job.resolve(job.outcome.value as never);
        else job.reject(explain(job.outcome?.error));
      }
    } catch (error) {
      // Nobody was answered: all of the group hears the same.
      const reason = explain(error);
      if (isIoError(error)) this.#fail(error);
      for (const job of group) job.reject(reason);
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
    if (sums) this.afterCommit(sums);
    this.#transactions += group.length;
    this.#commits += 1;
  }

  /**
   * Runs a group in one transaction. With savepoints a job that fails is undone alone. Without them, one that fails before
   * it has written anything needs no undoing; if it may have written, all are rolled back and undefined is returned: the
   * group has to run again with savepoints, and so have the next ones, for whoever made one fail can make others fail.
   */
  async #attempt(group: Job[], savepoints: boolean): Promise<Sums | undefined> {
    const run = this.#run;
    const sums = new Sums();
    let added: Added[] = [];
    const tx: Tx = {
      db: this.#db,
      tables,
      now: this.options.now(),
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
          if (isIoError(error) || !this.writer.inTransaction) throw error;
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
      if (this.writer.inTransaction) run.rollback();
      throw error;
    }
    return sums;
  }

  /** After a failed write or sync the disk may hold anything: acknowledge nothing more, and end. */
  #fail(error: unknown) {
    this.failed = true;
    const reason = new ApiError('storage_unavailable');
    for (const job of this.#queue.splice(0)) job.reject(reason);
    this.options.onFatal(error);
  }
}

/** The one place where SQLite's codes are known. */
function explain(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === 'SQLITE_FULL') return new ApiError('storage_full');
  if (code?.startsWith('SQLITE_BUSY')) return new ApiError('overloaded');
  if (isIoError(error)) return new ApiError('storage_unavailable');
  return error;
}
