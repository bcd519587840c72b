import type { FastifyRequest } from 'fastify';
import type { Scope } from '../../schema/db/tables/organization.js';
import { ANONYMOUS, type Actor, type KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { authenticate } from '../core/organization/api-keys.js';
import { assertKeyOrigin } from '../core/organization/origins.js';
import { ApiError } from '../errors.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The origin of this server's own pages, such as /docs, and whether those may send secret keys. */
    /** `base`: the path of PUBLIC_URL, without a slash at the end; proxies may strip it. */
    ownPages: { origin: string; base: string; sendSecretKeys: boolean };
  }
  interface FastifyRequest {
    actor: Actor;
  }
  interface FastifyContextConfig {
    /**
     * The scope that a secret key needs to call this route. Required in the `secret` block, unless any secret key may.
     */
    scope?: Scope;
    /** Keeps the bytes of the body, for routes that verify a signature over them. */
    keepRawBody?: boolean;
    /** Which rate limits apply besides the general ones. `form` reads the counts of `sign` without adding to them. */
    limit?: 'sign' | 'form' | 'service' | 'confirm' | 'mail' | 'share' | 'none';
  }
}

const READING = new Set(['GET', 'HEAD']);
const BEARER = /^Bearer +([^ ]+) *$/i;

/**
 * The actor of a request: anonymous without a key. Throws `invalid_key`, `secret_key_in_browser`, `origin_not_allowed`.
 */
export async function identify(ctx: Context, request: FastifyRequest): Promise<Actor> {
  const { authorization, origin } = request.headers;
  if (authorization === undefined) return ANONYMOUS;
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) {
    throw new ApiError('invalid_key', { detail: 'Write it as: Authorization: Bearer <key>.' });
  }
  const actor = await authenticate(ctx, token);
  if (actor.kind === 'secret') assertNoPage(request);
  assertKeyOrigin(actor, origin ?? null, READING.has(request.method));
  return actor;
}

/**
 * Refuses secret keys from browsers, except from this server's own /docs where that is allowed. Throws
 * `secret_key_in_browser`.
 */
export function assertNoPage(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  // Browsers send no Origin with same-origin GET requests.
  if (origin === undefined && site !== 'same-origin') return;
  if (!isOwnPage(request)) {
    throw new ApiError('secret_key_in_browser', {
      detail: 'A browser sent it, so a page holds it: revoke it, and use a publishable key there.',
    });
  }
  if (request.server.ownPages.sendSecretKeys) return;
  throw new ApiError('secret_key_in_browser', {
    detail:
      'Here not even /docs may send a secret key: use it from a server or a shell, or set DOCS_SECRET_KEYS=true.',
  });
}

/** Whether a page of this server sent the request, under the public URL or under the host name it was opened with. */
function isOwnPage({ headers: { origin, 'sec-fetch-site': site }, server, host }: FastifyRequest): boolean {
  if (site !== undefined && site !== 'same-origin') return false;
  return (
    origin === undefined ||
    origin === server.ownPages.origin ||
    /^https?:\/\/(.+)$/.exec(origin)?.[1] === host
  );
}

/** Throws `key_required` or `scope_required` unless the actor may call this route. */
export function assertScope(actor: Actor, scope: Scope | undefined): void {
  if (actor.kind !== 'secret') {
    throw new ApiError('key_required', { detail: 'Send a secret key as: Authorization: Bearer sk_….' });
  }
  if (scope !== undefined && !actor.scopes.includes(scope)) {
    throw new ApiError('scope_required', { detail: `The key needs the scope ${scope}.` });
  }
}

/**
 * The actor of a route in the `secret` block, whose hook has already verified the key. Throws `key_required` elsewhere.
 */
export function keyed(request: FastifyRequest): KeyedActor {
  if (request.actor.kind === 'anonymous') throw new ApiError('key_required');
  return request.actor;
}
