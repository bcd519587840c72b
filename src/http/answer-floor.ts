import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../core/context.js';

/** Longer than a transaction takes on an idle engine, so that the response time does not reveal what was found. */
const FLOOR_MS = { sqlite: 5, postgres: 25 } as const;

/**
 * From so many on, the transactions that share a commit hide each other: each is answered when all are done, and its own
 * part in that time is lost among theirs. `npm run test:timing -- --company 40` holds it against the states of addresses.
 */
const CROWD = 16;

/** Whether an answer needs no floor, by how many transactions shared its commit. */
export const isInCrowd = (together: number): boolean => together >= CROWD;

/**
 * Runs work whose effect depends on whether an address is known, for a caller who must not learn that: the answer
 * leaves no earlier than a fixed time after the work began. The floor is a total, not a delay added after the work.
 * `isTold` returns true for results that need no floor: the caller may learn them, or many others hide them.
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

/** Requests of the same event loop iteration share a timer: one timer each would cost a tenth of the request. */
function floorOf(ms: number): Promise<void> {
  const shared = floors.get(ms);
  if (shared) return shared;
  const floor = sleep(ms);
  floors.set(ms, floor);
  setImmediate(() => floors.delete(ms));
  return floor;
}
