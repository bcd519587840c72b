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
