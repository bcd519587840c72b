const last = new Map<string, Promise<unknown>>();

/** Runs works of the same name one after the other in this process; works of different names run in parallel. */
export function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = last.get(name) ?? Promise.resolve();
  const mine = before.then(work, work);
  const over = () => {
    if (last.get(name) === mine) last.delete(name);
  };
  last.set(name, mine);
  mine.then(over, over);
  return mine;
}
