/** Gets the values that a commit wrote in a watched column (see `Sum`); null: unknown ones, possibly any. */
export type Heard = (keys: Iterable<number> | null) => void;

/** The watchers of each column. Reporting costs nothing when there are none. */
export class Watchers {
  readonly #heard = new Map<string, Set<Heard>>();

  get none(): boolean {
    return this.#heard.size === 0;
  }

  /** Returns a function that stops. */
  add(column: string, heard: Heard): () => void {
    const all = this.#heard.get(column) ?? new Set();
    this.#heard.set(column, all.add(heard));
    return () => {
      all.delete(heard);
      if (all.size === 0 && this.#heard.get(column) === all) this.#heard.delete(column);
    };
  }

  tell(column: string, keys: Iterable<number> | null): void {
    for (const heard of this.#heard.get(column) ?? []) heard(keys);
  }

  /** Tells all watchers that they may have missed commits. */
  tellAll(): void {
    for (const column of [...this.#heard.keys()]) this.tell(column, null);
  }
}
