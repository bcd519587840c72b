/*
 * Splits long work into pieces, so that a request never waits for more than one piece: in each turn of the event loop
 * one piece runs, no matter how many such works there are.
 */

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

/** Resolves when the caller may run its next piece. */
export const nextLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });

/** How many actions take about a millisecond, if each is a write to a socket. */
const PIECE = 250;

/**
 * Calls `act` for each item, a piece per turn. `many` may change meanwhile: removed items are skipped, added ones
 * included.
 */
export async function forEachInTurns<One>(many: Iterable<One>, act: (one: One) => void): Promise<void> {
  let done = 0;
  for (const one of many) {
    if (done % PIECE === 0) await nextLoopTurn();
    act(one);
    done += 1;
  }
}
