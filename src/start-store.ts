import type { Config } from './config.js';
import { openConfiguredStore } from './configured-store.js';
import type { BuildOptions } from './build-options.js';
import { describeError } from './errors.js';
import { StoreThread, type StoreThreadOptions } from './start-store-thread.js';
import { sqliteFile } from './store/open.js';
import type { Store } from './store/store.js';

/** The two connections here leave most of the memory to those of the thread, which does what is done often. */
const PAGE_CACHE_MIB = 8;

export type StartStoreOptions = Pick<
  StoreThreadOptions,
  'logger' | 'onFailure' | 'onEnd' | 'rootKey' | 'turn'
> & {
  config: Config;
  /** See StoreOptions. */
  arrivals: () => number;
};

export type StartedStore = Required<Pick<BuildOptions, 'verbs'>> & {
  store: Store;
  /** Finishes what was begun, and closes the database. */
  stop: () => Promise<void>;
};

/** Opens the database of a server process; on SQLite with the store thread, unless it is switched off. */
export async function startStore(options: StartStoreOptions): Promise<StartedStore> {
  const { config, onFailure, arrivals, turn } = options;
  const file = sqliteFile(config.DATABASE_URL);
  const thread = file !== undefined && config.STORE_THREAD === 'on' ? new StoreThread() : undefined;
  const store = await openConfiguredStore(config, {
    reserve: true,
    turn,
    arrivals,
    alongside: thread,
    readUrl: config.DATABASE_READ_URL || undefined,
    readMaxAgeMs: config.DATABASE_READ_MAX_AGE_MS,
    onReplica: (state) => {
      if (state === 'used') {
        options.logger.info({ replica: state }, 'the replica answers callers without a key');
      } else options.logger.warn({ replica: state }, 'the replica is not used: the primary answers');
    },
    ...(thread ? { pageCacheMiB: PAGE_CACHE_MIB } : {}),
    onFatal: (error) => onFailure(describeError(error)),
  });
  if (!thread || file === undefined) return { store, verbs: undefined, stop: () => store.close() };
  const stop = async () => {
    await thread.stop();
    await store.close();
  };
  try {
    await thread.start({ ...options, file, erasureJournal: config.ERASURE_JOURNAL });
  } catch (error) {
    await stop();
    throw error;
  }
  return { store, verbs: (ctx) => thread.verbs(ctx), stop };
}
