import type { FastifyRequest } from 'fastify';
import type { Scope } from '../../schema/db/tables/organization.js';
import { ANONYMOUS, type Actor, type KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { authenticate } from '../core/organization/api-keys.js';
import { assertKeyOrigin } from '../core/organization/origins.js';
import { ApiError } from '../errors.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The pages of this server, as /docs, and whether they may send secret keys. */
    ownPages: { origin: string; sendSecretKeys: boolean };
  }
  interface FastifyRequest {
    actor: Actor;
  }
  interface FastifyContextConfig {
    /** What a secret key needs to call this route. Routes of the secret scope must say it. */
    scope?: Scope;
    /** Keeps the bytes of the body, for routes that verify a signature over them. */
    keepRawBody?: boolean;
    /** What a route is limited by, besides what all are: `form` looks at what `sign` counts. */
    limit?: 'sign' | 'form' | 'service' | 'confirm' | 'mail' | 'share' | 'none';
  }
}

const READING = new Set(['GET', 'HEAD']);
const BEARER = /^Bearer +([^ ]+) *$/i;

/** Anybody may call; a key says who. Throws `invalid_key`, `secret_key_in_browser`, `origin_not_allowed`. */
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

/** A secret key belongs on a server, or into /docs of one that is being tried. Throws `secret_key_in_browser`. */
function assertNoPage(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  // What only reads names no origin when it comes from our own.
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

/** Whether a page of this server asks, by its public name or by the one it was opened under. */
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

/** The actor of a route in the secret scope, where the hook has made sure of the key. */
export function keyed(request: FastifyRequest): KeyedActor {
  if (request.actor.kind === 'anonymous') throw new ApiError('key_required');
  return request.actor;
}
