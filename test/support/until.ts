import { setTimeout as sleep } from 'node:timers/promises';

/*
 * How tests wait. A sleep is too short on a slow machine and too long on all others, so that these are the only ones: a
 * test names the condition that it waits for, and fails with that name when it does not come.
 */

type Patience = { withinMs?: number; everyMs?: number };

/** Looks until something is there: anything but undefined and false. Returns undefined when it did not come. */
export async function lookFor<T>(
  look: () => T | Promise<T>,
  { withinMs = 30_000, everyMs = 5 }: Patience = {},
): Promise<Exclude<T, undefined | false> | undefined> {
  for (const from = performance.now(); ; await sleep(everyMs)) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() - from > withinMs) return undefined;
  }
}

/** The same for what has to come: fails when it does not. */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  patience: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const found = await lookFor(look, patience);
  if (found === undefined) throw new Error(`it did not come in time: ${what}`);
  return found;
}

/** What a promise brings; fails when that takes too long. */
export async function inTime<T>(promise: Promise<T>, what: string, withinMs = 30_000): Promise<T> {
  const given = new AbortController();
  const late = sleep(withinMs, undefined, { signal: given.signal }).then(() => {
    throw new Error(`it did not come in time: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    given.abort();
  }
}

/** For what other threads and processes do, and never say that they are done: until it has been the same for a while. */
export async function settled(
  read: () => number | Promise<number>,
  what: string,
  quietMs = 500,
): Promise<number> {
  let [before, since] = [await read(), performance.now()];
  await until(
    async () => {
      const now = await read();
      if (now !== before) [before, since] = [now, performance.now()];
      return performance.now() - since > quietMs;
    },
    `${what} settles`,
    { everyMs: 50 },
  );
  return before;
}
