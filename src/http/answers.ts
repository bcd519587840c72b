import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Page } from '../core/cursor.js';
import { ApiError } from '../errors.js';
import { plainQuery } from '../core/appended-query.js';

/** For answers that any cache may keep for a second, and serve for ten more while it revalidates. */
export const PUBLIC_CACHE = 'public, max-age=1, stale-while-revalidate=10';
export const PUBLIC_CACHING = ['cache-control', PUBLIC_CACHE] as const;
/** For answers that are meant for one caller alone. */
export const PRIVATE_CACHE = 'private, no-store';

export const cacheFor = (request: FastifyRequest): string =>
  request.actor.kind === 'secret' ? PRIVATE_CACHE : PUBLIC_CACHE;

export const MOVED = {
  description: 'The slug of the petition has changed. Repeat the request at `Location`.',
};
export const NOT_MODIFIED = { description: 'Your copy is up to date.' };

export const invalidQuery = (pointer: string, code: string, detail: string): ApiError =>
  new ApiError('invalid_query', { detail: 'One field is wrong.', errors: [{ pointer, code, detail }] });

/** The body of a list page, with a `Link` header to the next page. */
export function toPage<Item, Out>(
  request: FastifyRequest,
  reply: FastifyReply,
  page: Page<Item>,
  toItem: (item: Item) => Out,
) {
  const link = nextLink(request, page);
  if (link !== undefined) reply.header('link', link);
  return pageBody(page, toItem);
}

export const pageBody = <Item, Out>({ items, nextCursor }: Page<Item>, toItem: (item: Item) => Out) => ({
  data: items.map(toItem),
  next_cursor: nextCursor,
  has_more: nextCursor !== null,
});

/** The `Link` header to the next page, if there is one. */
export function nextLink({ url }: FastifyRequest, { nextCursor }: Page<unknown>): string | undefined {
  if (nextCursor === null) return undefined;
  const [path = '', query = ''] = url.split('?');
  const next = plainQuery(query);
  next.set('cursor', nextCursor);
  return `<${path}?${next.toString()}>; rel="next"`;
}

export const ACCEPTED = { accepted: true };
