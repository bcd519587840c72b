import { asc, desc, gt, lt, type Column, type SQL } from 'drizzle-orm';
import { ApiError } from '../errors.js';

/* Cursor pagination, shared by all lists. */

export type Page<Item> = { items: Item[]; nextCursor: string | null };

/** A place in a sorted list: the sort values of the last item returned. */
export type CursorPlace = readonly (string | number)[];

/**
 * Encodes a place; the text is opaque to callers. `list` names the list and its order, so that a cursor cannot be used
 * on another list.
 */
export function encodeCursor(list: string, place: CursorPlace): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

/**
 * The place in a cursor, undefined without one. `shape` is an example of a place. Throws `invalid_cursor` for
 * everything that encodeCursor did not make for this list.
 */
export function decodeCursor<const Shape extends CursorPlace>(
  list: string,
  cursor: string | undefined,
  shape: Shape,
): { -readonly [I in keyof Shape]: Shape[I] extends number ? number : string } | undefined {
  if (cursor === undefined) return undefined;
  const [name, ...place] = parse(cursor);
  const fits =
    name === list &&
    place.length === shape.length &&
    place.every((value, i) => typeof value === typeof shape[i]);
  const finite = place.every((value) => typeof value !== 'number' || Number.isSafeInteger(value));
  if (!fits || !finite) {
    throw invalidCursor();
  }
  return place as never;
}

export const invalidCursor = () =>
  new ApiError('invalid_cursor', {
    detail: 'Use next_cursor of the page before, with the same filters and sort, or leave cursor out.',
  });

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** Makes a page of `limit` items from rows that were read with `limit + 1`. */
export function pageOf<Row>(
  list: string,
  rows: Row[],
  limit: number,
  placeOf: (row: Row) => CursorPlace,
): Page<Row> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? encodeCursor(list, placeOf(last)) : null };
}

export type PageRequest = { limit: number; cursor?: string | undefined };

/** How a list by key goes on behind `edge`, the key of the last item of the page before: its order and its condition. */
export function behind(
  key: Column,
  edge: number | undefined,
  oldestFirst: boolean,
): { order: SQL; beyond: SQL | undefined } {
  const beyond = edge === undefined ? undefined : (oldestFirst ? gt : lt)(key, edge);
  return { order: (oldestFirst ? asc : desc)(key), beyond };
}

/**
 * The keys among which the page of a list over several statuses is found. There is one index per owner and status, in the
 * order of keys: so each status is read as its own ordered run of `limit + 1`, rather than all of them sorted.
 */
export const keysOfRuns = async <Status>(
  statuses: readonly Status[],
  readRun: (status: Status) => PromiseLike<{ key: number }[]>,
): Promise<number[]> => (await Promise.all(statuses.map(readRun))).flat().map(({ key }) => key);
