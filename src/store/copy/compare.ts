import { createHash } from 'node:crypto';
import type { CopyEnd } from './end.js';
import { keyOf, type CopyTable, type Row } from './tables.js';

/* Compares a table on both sides of a copy, row by row. */

/** The first row in which the two sides differ, by its keys. A key is missing if that side has no more rows. */
export type Difference = { source?: string; target?: string };

export type Compared = {
  table: string;
  source: { rows: number; checksum: string };
  target: { rows: number; checksum: string };
  difference?: Difference;
};

/**
 * Reads a table from both sides in the order of its key, and compares the rows, with a SHA-256 over each side's rows as
 * the application sees them. `told` gets the number of rows of each chunk.
 */
export async function compareTable(
  table: CopyTable,
  ends: { source: CopyEnd; target: CopyEnd },
  told: (rows: number) => void,
  limits: { onlyWhatArrived: boolean },
): Promise<Compared> {
  const [source, target] = [new Side(table, ends.source), new Side(table, ends.target)];
  let difference: Difference | undefined;
  for (;;) {
    const [left, right] = await Promise.all([source.next(), target.next()]);
    if (limits.onlyWhatArrived) left.length = Math.min(left.length, right.length);
    if (left.length === 0 && right.length === 0) break;
    const [ours, theirs] = [source.take(left), target.take(right)];
    const longer = Math.max(ours.length, theirs.length);
    for (let i = 0; !difference && i < longer; i += 1) {
      if (ours[i] !== theirs[i]) {
        difference = { ...nameKey('source', left[i]), ...nameKey('target', right[i]) };
      }
    }
    told(right.length);
    if (limits.onlyWhatArrived && difference) break;
  }
  await Promise.all([source.close(), target.close()]);
  return {
    table: table.name,
    source: source.result(),
    target: target.result(),
    ...(difference && { difference }),
  };

  function nameKey(side: 'source' | 'target', row: Row | undefined): Difference {
    return row ? { [side]: keyText(table, row) } : {};
  }
}

/** One side of a table, read in chunks. */
class Side {
  #rows = 0;
  readonly #hash = createHash('sha256');
  readonly #chunks: AsyncGenerator<Row[]>;

  constructor(table: CopyTable, end: CopyEnd) {
    this.#chunks = end.chunks(table);
  }

  async next(): Promise<Row[]> {
    const read = await this.#chunks.next();
    return read.done ? [] : read.value;
  }

  /** An unfinished reader would keep its connection busy. */
  close = () => this.#chunks.return(undefined);

  take(rows: Row[]): string[] {
    const lines = rows.map(lineOf);
    for (const line of lines) this.#hash.update(line).update('\n');
    this.#rows += rows.length;
    return lines;
  }

  result = () => ({ rows: this.#rows, checksum: this.#hash.digest('hex') });
}

/** A canonical text of a row, the same for both engines: PostgreSQL does not keep the order of JSON members. */
export const lineOf = (row: Row): string => JSON.stringify(row.map(canonical));

function canonical(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.getTime();
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(canonical);
  const members = Object.entries(value as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, canonical(member)]));
}

/** A row's key for messages. The key only, since it says nothing about a person. */
export const keyText = (table: CopyTable, row: Row): string =>
  keyOf(table, row)
    .map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : String(value)))
    .join(' ');
