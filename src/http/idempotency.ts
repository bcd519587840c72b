import type { FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import { retryOf, type Retry } from '../core/idempotency.js';
import { ApiError } from '../errors.js';

/** A quoted string of the draft, or bare. */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** The caller's wish to have this request once, or undefined. Private to the credential and the route. */
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
  const { actor, session } = request;
  const credential = session
    ? `supporter ${session.supporterKey}`
    : actor.kind === 'anonymous'
      ? 'anonymous'
      : actor.keyId;
  const [path = ''] = request.url.split('?');
  return retryOf(ctx.retryKey, `${credential} ${request.method} ${path}`, key, JSON.stringify(request.body));
}
