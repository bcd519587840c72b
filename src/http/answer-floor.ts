import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../core/context.js';

/** Longer than a transaction takes on an idle engine: below it, the time of an answer tells nothing of what was found. */
const FLOOR_MS = { sqlite: 5, postgres: 25 } as const;

/**
 * Runs work whose effect depends on who somebody is, for a caller who must not learn it: the answer leaves no earlier
 * than a fixed time after the request came. The clock runs from before the work, not after it: nothing adds up. Under
 * load everybody waits for longer than that anyway, and shares commits with others. `isTold` says of a result that the
 * caller learns it anyway, and need not wait.
 */
export async function withFloor<T>(
  ctx: Context,
  work: () => Promise<T>,
  isTold: (result: T) => boolean = () => false,
): Promise<T> {
  const floor = floorOf(FLOOR_MS[ctx.store.engine]);
  let told = false;
  try {
    const result = await work();
    told = isTold(result);
    return result;
  } finally {
    if (!told) await floor;
  }
}

const floors = new Map<number, Promise<void>>();

/** Requests that came in the same turn of the event loop share a timer: one for each would cost a tenth of the request. */
function floorOf(ms: number): Promise<void> {
  const shared = floors.get(ms);
  if (shared) return shared;
  const floor = sleep(ms);
  floors.set(ms, floor);
  setImmediate(() => floors.delete(ms));
  return floor;
}
