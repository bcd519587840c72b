import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';

/*
 * Entity tags. The ETag of a resource that organisers edit begins with its version, `"v3.…"`. Only that part is
 * compared for If-Match: the hash behind it also changes with counts and time, and a new signature must not make an
 * edit fail.
 */

export const etagOf = (body: string | Buffer, version?: number): string =>
  `"${version === undefined ? '' : `v${version}.`}${createHash('sha1').update(body).digest('base64url').slice(0, 16)}"`;

/** Whether If-None-Match names this representation. */
export const isFresh = ({ method, headers }: FastifyRequest, etag: string): boolean =>
  (method === 'GET' || method === 'HEAD') && hasTag(headers['if-none-match'], etag);

/** Whether a value of If-None-Match names this tag. Weak comparison, as RFC 9110 requires. */
export function hasTag(tags: string | undefined, etag: string): boolean {
  if (tags === undefined) return false;
  if (tags.trim() === '*') return true;
  return tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** Whether a value of Accept-Encoding accepts gzip. */
export const takesGzip = (encodings: string | string[] | undefined): boolean =>
  encodings !== undefined && GZIP.test(String(encodings));

const GZIP = /(?:^|[ ,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i;

/** Sends JSON with its entity tag, or 304 where the caller already has it. */
export function sendWithEtag(
  request: FastifyRequest,
  reply: FastifyReply,
  cacheControl: string,
  value: unknown,
  version?: number,
) {
  const body = JSON.stringify(value);
  const etag = etagOf(body, version);
  reply.header('etag', etag).header('cache-control', cacheControl);
  if (isFresh(request, etag)) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(body);
}

/** The version in If-Match; null for `*`. Throws `precondition_required`, `precondition_failed`. */
export function versionOf(request: FastifyRequest): number | null {
  const header = request.headers['if-match'];
  if (header === undefined) {
    throw new ApiError('precondition_required', {
      detail: 'Send the ETag that you have read as If-Match, so that nobody’s change is lost.',
    });
  }
  if (header.trim() === '*') return null;
  const version = /^"v(\d{1,9})(?:\.[A-Za-z0-9_-]*)?"$/.exec(header.trim())?.[1];
  if (version === undefined) {
    throw new ApiError('precondition_failed', { detail: 'If-Match holds no ETag of this resource.' });
  }
  return Number(version);
}
