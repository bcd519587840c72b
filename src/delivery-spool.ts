import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import type { Line } from './core/deliveries/entries.js';

/** Bytes that are gathered before they are written. */
const BLOCK = 262_144;

export type SpooledLine = { line: Line; signatureKey: number };

/**
 * Keeps the lines of a delivery in a file while they are read, so that they can be sorted and counted before the first is
 * drawn, and so that what is drawn is what was counted. In memory there are three numbers for each line.
 */
export class DeliverySpool {
  readonly #file: number;
  #written = 0;
  #gathered: Buffer[] = [];
  #bytes = 0;
  readonly #ends: number[] = [];
  readonly #signatures: number[] = [];
  readonly #groups: number[] = [];
  readonly #groupNumbers = new Map<string, number>();

  /** The file is readable for this process alone, and has no name any more once it is open. */
  constructor(path: string) {
    this.#file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  get lines(): number {
    return this.#ends.length;
  }

  add({ line, signatureKey }: SpooledLine, group: string): void {
    const text = Buffer.from(JSON.stringify(line));
    this.#gathered.push(text);
    this.#bytes += text.length;
    this.#ends.push(this.#written + this.#bytes);
    this.#signatures.push(signatureKey);
    let number = this.#groupNumbers.get(group);
    if (number === undefined) this.#groupNumbers.set(group, (number = this.#groupNumbers.size));
    this.#groups.push(number);
    if (this.#bytes >= BLOCK) this.#flush();
  }

  #flush(): void {
    const block = Buffer.concat(this.#gathered);
    for (let at = 0; at < block.length;) {
      at += writeSync(this.#file, block, at, block.length - at, this.#written + at);
    }
    this.#written += block.length;
    this.#gathered = [];
    this.#bytes = 0;
  }

  /** The lines, sorted by their groups, and inside a group in the order in which they came. */
  *sorted(compare: (a: string, b: string) => number): Generator<SpooledLine, void, undefined> {
    this.#flush();
    const names = [...this.#groupNumbers.keys()];
    const rank = new Int32Array(names.length);
    for (const [place, name] of [...names].sort(compare).entries()) {
      rank[this.#groupNumbers.get(name) ?? 0] = place;
    }
    const order = Int32Array.from({ length: this.lines }, (_, i) => i);
    if (names.length > 1) {
      const groups = this.#groups;
      order.sort((a, b) => (rank[groups[a] ?? 0] ?? 0) - (rank[groups[b] ?? 0] ?? 0) || a - b);
    }
    for (const i of order) yield this.#read(i);
  }

  #read(i: number): SpooledLine {
    const begin = i === 0 ? 0 : (this.#ends[i - 1] ?? 0);
    const buffer = Buffer.allocUnsafe((this.#ends[i] ?? 0) - begin);
    for (let at = 0; at < buffer.length;) {
      const read = readSync(this.#file, buffer, at, buffer.length - at, begin + at);
      if (read === 0) throw new Error('the spool of a delivery ends early');
      at += read;
    }
    return {
      line: JSON.parse(buffer.toString()) as Line,
      signatureKey: this.#signatures[i] ?? 0,
    };
  }

  close(): void {
    closeSync(this.#file);
  }
}
