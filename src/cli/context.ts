import { build } from '../app.js';
import { loadConfig } from '../config.js';
import type { Context } from '../core/context.js';
import { loadRootKey } from '../root-key.js';
import { openConfiguredStore } from '../server.js';

/** Runs a command on the configured database, which must be migrated, and closes it again. */
export async function withContext<T>(work: (ctx: Context) => Promise<T>): Promise<T> {
  const config = loadConfig();
  const store = await openConfiguredStore(config);
  try {
    const app = await build({ config, store, rootKey: loadRootKey(config) });
    const result = await work(app.ctx);
    await app.close();
    return result;
  } finally {
    await store.close();
  }
}
