/**
 * A map of the most recent entries in bounded memory: it keeps at least the last `most` keys, at most twice as many. It
 * has two generations, and drops the older when the younger is full, which is much cheaper than evicting entries one by
 * one.
 */
export class RecentMap<Value, Key = number> {
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  constructor(private readonly most: number) {}

  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.most && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
