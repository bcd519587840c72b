import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../../errors.js';
import type { Store, TransactOptions, Tx } from '../../store/store.js';

/* Files are stored in chunks, one transaction each, so that signing never waits long. */

export const FIRST_CHUNK = 200;
const SMALLEST_CHUNK = 20;
/** The next rows may be of a slower kind, so chunks grow slowly. */
const MOST_GROWTH = 2;
const LARGEST_CHUNK = 5000;
const PATIENCE = 60;
const BUSY_MS = 500;

/** The size of the next chunk, when one of `rows` took so many milliseconds and may take `chunkMs`. */
export function nextSize(rows: number, chunkMs: number, took: number): number {
  const fitting = rows * Math.min(MOST_GROWTH, chunkMs / Math.max(0.1, took));
  return Math.round(Math.min(LARGEST_CHUNK, Math.max(SMALLEST_CHUNK, fitting)));
}

/**
 * Stores a chunk. Waits and retries while the server is overloaded: signing goes first. A dry run is undone, and returns
 * what it has found out, and ignores `options`.
 */
export async function storeChunk<Stored>(
  store: Store,
  dryRun: boolean,
  work: (tx: Tx) => Promise<Stored>,
  options?: TransactOptions,
): Promise<Stored> {
  const transact = () => (dryRun ? tryOut(store, work) : store.transact(work, options));
  for (let tries = 1; ; tries += 1) {
    try {
      return await oneByOne(store, transact);
    } catch (error) {
      const isBusy = error instanceof ApiError && error.code === 'overloaded';
      if (!isBusy || tries === PATIENCE) throw error;
      await sleep(BUSY_MS);
    }
  }
}

const last = new WeakMap<object, Promise<unknown>>();

/** Chunks of concurrent imports run one after the other, so that a signing waits for one chunk at most. */
function oneByOne<T>(store: object, work: () => Promise<T>): Promise<T> {
  const next = (last.get(store) ?? Promise.resolve()).then(work, work);
  last.set(store, next);
  return next;
}

/** Carries what a dry run has found out of a transaction that is undone. */
class DryRun<Stored> extends Error {
  constructor(readonly stored: Stored) {
    super('a dry run stores nothing');
  }
}

async function tryOut<Stored>(store: Store, work: (tx: Tx) => Promise<Stored>): Promise<Stored> {
  try {
    return await store.transact(async (tx): Promise<never> => {
      throw new DryRun(await work(tx));
    });
  } catch (error) {
    if (error instanceof DryRun) return (error as DryRun<Stored>).stored;
    throw error;
  }
}
