import { loadConfig } from '../config.js';
import { migrateConfiguredStore } from '../configured-store.js';
import { mendCells } from '../core/counts/mending-cells.js';
import { recountPeople } from '../core/counts/recount-people.js';
import { recount } from '../core/counts/recount.js';
import { withContext } from './context.js';

export async function migrateCommand(): Promise<void> {
  const ran = await migrateConfiguredStore(loadConfig());
  console.log(ran === 0 ? 'The database is up to date.' : `Migrated: ${ran} new.`);
}

/**
 * Prints every counter that differs from its rows, and every person counted twice. The exit code is 1 if there is any.
 */
export const recountCommand = (flags: { mendCells?: boolean }): Promise<void> =>
  withContext(async ({ store, secrets }) => {
    if (flags.mendCells) {
      const wrong = (await recount(store.read)).filter(({ what }) => what === 'cells');
      await mendCells(
        store,
        wrong.map(({ petitionId }) => petitionId),
      );
      console.log(`Counted anew by country, region and source: ${wrong.length} petitions.`);
    }
    const drifts = [...(await recount(store.read)), ...(await recountPeople(store.read, secrets))];
    for (const { petitionId, what, counter, rows } of drifts) {
      console.log(`${petitionId} ${what}: the counter says ${counter}, the rows are ${rows}`);
    }
    console.log(drifts.length === 0 ? 'Every counter equals its rows.' : `${drifts.length} counters differ.`);
    if (drifts.length > 0) process.exitCode = 1;
  });
