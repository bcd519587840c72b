import { loadConfig } from '../config.js';
import { recount } from '../core/recount.js';
import { migrateConfiguredStore, openConfiguredStore } from '../configured-store.js';

export async function migrateCommand(): Promise<void> {
  const ran = await migrateConfiguredStore(loadConfig());
  console.log(ran === 0 ? 'The database is up to date.' : `Migrated: ${ran} new.`);
}

/** Prints every counter that differs from its rows; the exit code is 1 if there is one. */
export async function recountCommand(): Promise<void> {
  const store = await openConfiguredStore(loadConfig());
  try {
    const drifts = await recount(store.read);
    for (const { petitionId, what, counter, rows } of drifts) {
      console.log(`${petitionId} ${what}: the counter says ${counter}, the rows are ${rows}`);
    }
    console.log(drifts.length === 0 ? 'Every counter equals its rows.' : `${drifts.length} counters differ.`);
    if (drifts.length > 0) process.exitCode = 1;
  } finally {
    await store.close();
  }
}
