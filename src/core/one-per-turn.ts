/*
 * Long work is done in small pieces. One piece runs in each turn of the event loop, however many such works there are, so
 * that a request waits for one piece at most.
 */

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

/** Resolves when the next piece may run. */
export const nextLoopTurn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });

/** As many as take about a millisecond, where each is a write to a socket. */
const PIECE = 250;

/** Does something for each of many, a piece in each turn. `many` may change meanwhile: what leaves is left out, what comes is met. */
export async function forEachInTurns<One>(many: Iterable<One>, act: (one: One) => void): Promise<void> {
  let done = 0;
  for (const one of many) {
    if (done % PIECE === 0) await nextLoopTurn();
    act(one);
    done += 1;
  }
}
