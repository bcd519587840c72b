import { StringDecoder } from 'node:string_decoder';
import { CsvReader } from '../../core/csv.js';
import type { Column } from '../delivery.js';
import { leafOf, nodeOf, rootOfNothing, type Cells } from '../proof/leaf.js';

/* Counts the lines of files, and computes their root, without holding them. */

/** Takes a file in pieces. `end` says what is wrong with it; undefined: nothing. */
export type Reader = { take: (chunk: Buffer) => void; end: () => string | undefined };

/** A Merkle tree of which only the right edge is kept. */
export class RootOfLeaves {
  size = 0;
  /** The node that waits for its neighbour, on each level. */
  readonly #edge: (Buffer | undefined)[] = [];

  add(leaf: Buffer): void {
    this.size += 1;
    let node: Buffer = leaf;
    let level = 0;
    for (let left = this.#edge[0]; left; left = this.#edge[level]) {
      node = nodeOf(left, node);
      this.#edge[level] = undefined;
      level += 1;
    }
    this.#edge[level] = node;
  }

  root(): Buffer {
    const nodes = this.#edge.filter((node) => node !== undefined);
    const [first = rootOfNothing(), ...rest] = nodes;
    return rest.reduce((right, left) => nodeOf(left, right), first);
  }
}

export class Lines {
  readonly tree = new RootOfLeaves();
  named = 0;

  constructor(
    readonly delivery: string,
    readonly columns: readonly Column[],
  ) {}

  /** Throws a reason. */
  add(line: Cells & { salt?: unknown }): void {
    const { salt, ...cells } = line;
    if (line.number !== this.tree.size + 1) throw new Error(`line ${this.tree.size + 1} is missing`);
    if (!hasColumns(cells, this.columns)) throw new Error(`line ${line.number} has other columns`);
    if (typeof salt !== 'string') throw new Error(`line ${line.number} has no salt`);
    this.tree.add(leafOf(cells, this.columns, salt));
    if (line.name !== null) this.named += 1;
  }
}

/** Whether an object has a value for each of these columns, and nothing else. */
export function hasColumns(cells: unknown, columns: readonly Column[]): cells is Cells {
  if (typeof cells !== 'object' || cells === null) return false;
  const own = Object.entries(cells);
  return (
    own.length === columns.length &&
    columns.every((column) => column in cells) &&
    own.every(([, value]) => value === null || typeof value === 'string' || typeof value === 'number')
  );
}

/** No line is longer, nor the head with the numbers of struck lines. */
const MOST_CHARACTERS = 64_000_000;

/** Reads the JSON of a volume, whose lines stand each on a line of the file. */
export function jsonReader(lines: Lines): Reader {
  const decoder = new StringDecoder('utf8');
  let [rest, place, wrong] = ['', 'head' as 'head' | 'lines' | 'end', undefined as string | undefined];
  const read = (text: string): void => {
    if (place === 'head') {
      const head = JSON.parse(`${text}]}`) as { delivery?: unknown };
      if (head.delivery !== lines.delivery) throw new Error('it is of another delivery');
      place = 'lines';
    } else if (text === ']}' && place === 'lines') place = 'end';
    else if (place === 'lines') lines.add(JSON.parse(text.replace(/,$/, '')) as Cells);
    else if (text !== '') throw new Error('something follows the end');
  };
  return {
    take(chunk) {
      if (wrong !== undefined) return;
      const parts = (rest + decoder.write(chunk)).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > MOST_CHARACTERS) wrong = 'a line is too long';
      try {
        for (const part of parts) read(part);
      } catch (error) {
        // The message of a parser could hold a name.
        wrong = error instanceof SyntaxError ? 'it is not written as deliveries are' : reasonOf(error);
      }
    },
    end: () => wrong ?? (place === 'end' && rest === '' ? undefined : 'it is cut off'),
  };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'it is not readable');

/** Counts the records of a CSV, whose numbers go on from volume to volume. */
export function csvReader(numbers: { last: number }): Reader {
  const [decoder, csv] = [new StringDecoder('utf8'), new CsvReader()];
  let [isHead, wrong] = [true, undefined as string | undefined];
  const count = (records: ReturnType<CsvReader['read']>): void => {
    for (const { cells } of records) {
      if (!isHead && Number(cells?.[0]) !== numbers.last + 1) wrong ??= `line ${numbers.last + 1} is missing`;
      if (!isHead) numbers.last += 1;
      isHead = false;
    }
  };
  return {
    take: (chunk) => count(csv.read(decoder.write(chunk))),
    end() {
      count(csv.end());
      return wrong;
    },
  };
}
