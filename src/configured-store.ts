import type { Config } from './config.js';
import { describeError } from './errors.js';
import { migrateStore, openStore } from './store/open.js';
import type { Store, StoreOptions } from './store/store.js';

/** Opens the configured database for this process. The caller closes it. */
export const openConfiguredStore = (config: Config, options: Partial<StoreOptions> = {}): Promise<Store> =>
  blameUrl(
    openStore(config.DATABASE_URL, {
      now: () => new Date(),
      maxWaiting: config.MAX_WAITING,
      poolSize: config.POSTGRES_POOL,
      pooler: config.POSTGRES_POOLER === 'transaction' ? 'transaction' : undefined,
      directUrl: config.DATABASE_DIRECT_URL || undefined,
      statementTimeoutMs: config.POSTGRES_STATEMENT_TIMEOUT_MS,
      allowUnsafeDurability: config.POSTGRES_ALLOW_UNSAFE,
      onFatal: () => undefined,
      ...options,
    }),
  );

/** Brings the configured database up to date. Returns how many migrations ran. */
export const migrateConfiguredStore = (config: Config): Promise<number> =>
  blameUrl(migrateStore(config.DATABASE_URL, config.DATABASE_DIRECT_URL || undefined));

/** Rethrows errors of opening with the name of the variable. Only the code is kept: messages may hold the password. */
async function blameUrl<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    const { code } = describeError(error) as { code?: string };
    throw code === undefined ? error : new Error(`the database of DATABASE_URL cannot be used (${code})`);
  }
}
