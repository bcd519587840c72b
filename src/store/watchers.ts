/**
 * What a commit wrote of the places that a `Sum` tells of, by their number; null: of any of them, and it is not known
 * which.
 */
export type Heard = (keys: Iterable<number> | null) => void;

/** Who wants to hear of which column's places. Telling costs nothing while nobody does. */
export class Watchers {
  readonly #heard = new Map<string, Set<Heard>>();

  get none(): boolean {
    return this.#heard.size === 0;
  }

  /** Returns how to stop. */
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

  /** For when commits may have been missed. */
  tellAll(): void {
    for (const column of [...this.#heard.keys()]) this.tell(column, null);
  }
}
