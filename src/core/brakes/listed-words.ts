import { foldWords } from '../petitions/search-words.js';

/** Finds out whether a text holds a word of a list. */
export class ListedWords {
  readonly #whole = new Set<string>();
  /** Beginnings of words, by their length. */
  readonly #beginnings = new Map<number, Set<string>>();
  /** Entries of several words, by the first. `open`: the last is a beginning. */
  readonly #phrases = new Map<string, { rest: string[]; open: boolean }[]>();

  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(foldWords(entry), entry.trimEnd().endsWith('*'));
  }

  #add(words: string[], open: boolean): void {
    const [first, ...rest] = words;
    if (first === undefined) return;
    if (rest.length > 0) {
      this.#phrases.set(first, [...(this.#phrases.get(first) ?? []), { rest, open }]);
    } else if (open) {
      const { length } = first;
      this.#beginnings.set(length, (this.#beginnings.get(length) ?? new Set()).add(first));
    } else this.#whole.add(first);
  }

  isIn(text: string): boolean {
    const words = foldWords(text);
    return words.some((word, at) => this.#isWord(word) || this.#isPhrase(words, word, at));
  }

  #isWord(word: string): boolean {
    if (this.#whole.has(word)) return true;
    for (const [length, some] of this.#beginnings) if (some.has(word.slice(0, length))) return true;
    return false;
  }

  #isPhrase(words: readonly string[], word: string, at: number): boolean {
    return (this.#phrases.get(word) ?? []).some(({ rest, open }) =>
      rest.every((one, i) => {
        const found = words[at + 1 + i];
        return open && i === rest.length - 1 ? found?.startsWith(one) : found === one;
      }),
    );
  }
}
