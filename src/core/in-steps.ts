import type { Store, Tx } from '../store/store.js';

const AT_A_TIME = 500;

/**
 * Deletes many rows in short transactions, so that other transactions need not wait long. `step` deletes at most `most`
 * rows and returns them; it is repeated until it finds fewer. Returns how many rows were deleted.
 */
export async function deleteInSteps(
  store: Store,
  step: (db: Tx['db'], most: number) => PromiseLike<readonly unknown[]>,
): Promise<number> {
  for (let deleted = 0; ;) {
    const rows = await store.transact(async ({ db }) => step(db, AT_A_TIME));
    deleted += rows.length;
    if (rows.length < AT_A_TIME) return deleted;
  }
}
