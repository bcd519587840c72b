import { loadConfig } from '../config.js';
import { openConfiguredStore } from '../configured-store.js';
import type { Context } from '../core/context.js';
import { createContext } from '../create-context.js';
import { erasureJournalFile } from '../erasure-journal-file.js';
import { loadRootKey } from '../root-key.js';

/** Runs a command on the configured database, which must be migrated, and closes it again. */
export async function withContext<T>(work: (ctx: Context) => Promise<T>): Promise<T> {
  const config = loadConfig();
  const store = await openConfiguredStore(config);
  try {
    const erasures = erasureJournalFile(config.ERASURE_JOURNAL);
    return await work(createContext({ config, store, rootKey: loadRootKey(config), erasures }));
  } finally {
    await store.close();
  }
}
