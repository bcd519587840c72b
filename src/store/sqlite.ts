import type Database from 'better-sqlite3';
import * as tables from '../../schema/db/sqlite.js';
import { ApiError } from '../errors.js';
import { Reserve } from '../reserve.js';
import { Checkpointer } from './checkpointer.js';
import { explain, GroupCommit } from './group-commit.js';
import { LogSync } from './log-sync.js';
import { assertMigrated, sqliteMigrations } from './migrate.js';
import { connect, makeWriter, selfTest } from './sqlite-connection.js';
import { DataVersion } from './data-version.js';
import { drizzleOn } from './sqlite-drizzle.js';
import type { Reader, Store, StoreOptions, Sums, Wrote } from './store.js';
import { Watchers } from './watchers.js';
import { WriterTurn } from './writer-turn.js';

/** How often watchers learn about commits of other processes. */
const LOOK_MS = 1000;

export function openSqlite(file: string, options: StoreOptions): Store {
  const writer = connect(file, options.pageCacheMiB);
  const reader = connect(file, options.pageCacheMiB);
  let log: LogSync;
  try {
    assertMigrated(sqliteMigrations(writer));
    makeWriter(writer);
    selfTest(reader);
    log = new LogSync(file, options.dedicated);
  } catch (error) {
    reader.close();
    writer.close();
    throw error;
  }
  reader.pragma('query_only = 1');

  const generation = new DataVersion(reader);
  const watchers = new Watchers();
  const afterCommit = (sums: Sums) => {
    generation.forget();
    if (!watchers.none) sums.tell((column, key) => watchers.tell(column, [key]));
  };
  const turn = new WriterTurn(options.turn);
  const checkpointer = new Checkpointer(file, writer, turn);
  const reserve = options.reserve ? new Reserve(`${file}-reserve`) : undefined;
  const group = new GroupCommit({ writer, log, checkpointer, turn, reserve, options, afterCommit });
  const others = watchOthers(writer, watchers);
  const committed = (wrote: Wrote) => {
    generation.forget();
    for (const [column, keys] of wrote) watchers.tell(column, keys);
  };
  options.alongside?.join({ refusal: () => group.refusal(), committed, fail: () => group.fail() });
  return {
    engine: 'sqlite',
    tables,
    ...readingHere({ db: drizzleOn(reader), tables }),
    transact: (work, { urgent = false } = {}) => group.transact(work, urgent),
    gather: (_touches, work) => group.transact(work),
    isWanted: () => group.isWanted(),
    generation: (anew) => generation.read(anew),
    watch: (column, heard) => others.watch(column, heard),
    ping: async () => {
      if (group.failed) throw new ApiError('storage_unavailable');
      reader.prepare('select 1').get();
    },
    clean: () => checkpointer.clean(),
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
      reserve?.end();
    },
  };
}

/**
 * Watches for commits of other processes, which do not say what they wrote. The writer's own `data_version` changes
 * only with commits of other connections.
 */
function watchOthers(writer: Database.Database, watchers: Watchers): Pick<Store, 'watch'> & { rest(): void } {
  const dataVersion = writer.prepare('pragma data_version').pluck();
  let timer: NodeJS.Timeout | undefined;
  function look(): void {
    if (timer) return;
    let seen = dataVersion.get();
    timer = setInterval(() => {
      const now = dataVersion.get();
      if (now !== seen) watchers.tellAll();
      seen = now;
    }, LOOK_MS).unref();
  }
  function rest(): void {
    clearInterval(timer);
    timer = undefined;
  }
  return {
    rest,
    watch(column, heard) {
      const stop = watchers.add(column, heard);
      look();
      return () => {
        stop();
        if (watchers.none) rest();
      };
    },
  };
}

/** There is no replica: every read is here, and as new as it can be. */
const readingHere = (read: Reader): Pick<Store, 'read' | 'published' | 'replica'> => ({
  read,
  published: async (work) => ({ value: await work(read), ageMs: undefined }),
  replica: () => undefined,
});
