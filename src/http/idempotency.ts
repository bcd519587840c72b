import type { FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import { retryOf, type Retry } from '../core/idempotency.js';
import { ApiError } from '../errors.js';
import { callerOf } from './caller.js';

/** A quoted string, as the IETF draft of Idempotency-Key says, or a bare one. */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/**
 * The Idempotency-Key of a request, made private to its sender and route; undefined without one. Throws
 * `invalid_header`.
 */
export function retryFrom(ctx: Context, request: FastifyRequest): Retry | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const match = KEY.exec(String(header));
  const key = match?.[1] ?? match?.[2];
  if (key === undefined) {
    throw new ApiError('invalid_header', {
      detail: 'Idempotency-Key must be 1 to 255 visible ASCII characters: a UUID is best.',
      errors: [
        { pointer: '/idempotency-key', code: 'pattern', detail: 'Use 1 to 255 visible ASCII characters.' },
      ],
    });
  }
  const [path = ''] = request.url.split('?');
  const body = JSON.stringify(request.body);
  return retryOf(ctx.retryKey, `${senderOf(request, body)} ${request.method} ${path}`, key, body);
}

/** Like `retryFrom`, for what must not happen twice by mistake. Throws `invalid_header` without the header. */
export function requiredRetryFrom(ctx: Context, request: FastifyRequest): Retry {
  const retry = retryFrom(ctx, request);
  if (retry) return retry;
  const detail =
    'Send an Idempotency-Key, such as a UUID, so that a repeated request does not start it twice.';
  throw new ApiError('invalid_header', {
    detail,
    errors: [{ pointer: '/idempotency-key', code: 'required', detail }],
  });
}

/** Members with a random value that one person received: only that person can send a body with it. */
const DRAWN = ['altcha', 'form_token', 'receipt'];

/**
 * Whose key it is. Callers without an identity may choose the same key, such as "1": their key holds only for exactly
 * the same body. A stranger could guess such a body, so unless it holds a random value (`DRAWN`), it must also come
 * from the same client. From another client the request runs anew, which is harmless: operations open to strangers take
 * effect once.
 */
function senderOf(request: FastifyRequest, body: string): string {
  const { actor, admin, session } = request;
  if (admin) return admin.keyId;
  if (session) return `supporter ${session.supporterKey}`;
  if (actor.kind === 'secret') return actor.keyId;
  const members = (request.body ?? {}) as Record<string, unknown>;
  const isTheirs = DRAWN.some((name) => typeof members[name] === 'string');
  const place = isTheirs ? 'anywhere' : callerOf(request).client;
  return JSON.stringify([actor.kind === 'publishable' ? actor.keyId : 'anonymous', place, body]);
}
