import type { FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import { retryOf, type Retry } from '../core/idempotency.js';
import { ApiError } from '../errors.js';
import { callerOf } from './caller.js';

/** A quoted string of the draft, or bare. */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** The caller's wish to have this request once, or undefined. Private to the sender and the route. */
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

/** What is drawn at random for one person: nobody else can send a body that holds it. */
const DRAWN = ['altcha', 'form_token', 'receipt'];

/**
 * Whose key it is. Strangers have no name, and some send "1": theirs is a key together with the very body, so that
 * another body is another request, and no mistake. What the body holds may be known or guessed, too; unless something
 * in it was drawn at random, a retry is one from the same network. From elsewhere the request runs anew, which does no
 * harm: what strangers may do has its effect once.
 */
function senderOf(request: FastifyRequest, body: string): string {
  const { actor, session } = request;
  if (session) return `supporter ${session.supporterKey}`;
  if (actor.kind === 'secret') return actor.keyId;
  const said = (request.body ?? {}) as Record<string, unknown>;
  const isTheirs = DRAWN.some((name) => typeof said[name] === 'string');
  const place = isTheirs ? 'anywhere' : callerOf(request).client;
  return JSON.stringify([actor.kind === 'publishable' ? actor.keyId : 'anonymous', place, body]);
}
