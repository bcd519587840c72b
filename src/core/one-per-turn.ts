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

const last = new Map<string, Promise<unknown>>();

/** Runs works of one name one after the other in this process, and those of different names at once. */
export function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = last.get(name) ?? Promise.resolve();
  const mine = before.then(work, work);
  const over = () => {
    if (last.get(name) === mine) last.delete(name);
  };
  last.set(name, mine);
  mine.then(over, over);
  return mine;
}
