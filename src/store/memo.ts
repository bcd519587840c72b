import type { Reader, Tx } from './store.js';

/**
 * Caches a read by its first argument until the commit, so that transactions that share a commit read once. Undefined
 * is not cached. Code that changes the rows must call `forget`, or clear `tx.memo`.
 */
export function memoized<Key, Rest extends unknown[], Value>(
  read: (on: Reader, key: Key, ...rest: Rest) => PromiseLike<Value>,
): {
  (on: Reader | Tx, key: Key, ...rest: Rest): Promise<Value>;
  forget(tx: Tx, key: Key): void;
} {
  const ask = async (on: Reader | Tx, key: Key, ...rest: Rest): Promise<Value> => {
    if (!('memo' in on)) return read(on, key, ...rest);
    // Must exist before the read: other works of the commit read other keys meanwhile.
    let results = on.memo.get(read);
    if (!results) on.memo.set(read, (results = new Map<unknown, unknown>()));
    const known = results.get(key) as Value | undefined;
    if (known !== undefined) return known;
    const value = await read(on, key, ...rest);
    results.set(key, value);
    return value;
  };
  const forget = (tx: Tx, key: Key) => void tx.memo.get(read)?.delete(key);
  return Object.assign(ask, { forget });
}
