/*
 * Long work is done in small pieces, of which one runs in each turn of the event loop, however many such works there are:
 * so that everybody else waits for one piece at most.
 */

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

/** Resolves when the next piece may run. */
export const myTurn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });
