import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  ApiKey,
  ApiKeyInput,
  ApiKeyPage,
  ApiKeyPatch,
  ApiKeyPath,
  ApiKeyQuery,
  CreatedApiKey,
} from '../../../schema/api/organization/api-keys.js';
import type { Scope } from '../../../schema/db/tables/organization.js';
import type { KeyedActor } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import {
  createKey,
  listKeys,
  patchKey,
  revokeKey,
  type ApiKey as Row,
} from '../../core/organization/api-keys.js';
import { ApiError, invalidBody } from '../../errors.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

export const toKey = (row: Row) => ({
  id: row.publicId,
  kind: row.kind,
  name: row.name,
  scopes: row.scopes,
  origins: row.origins,
  test: row.test === 1,
  hint: row.hint,
  created_at: iso(row.createdAt),
  last_used_at: iso(row.lastUsedAt),
  revoked_at: iso(row.revokedAt),
});

/** The scopes of a new key: never more than the key that makes it has. Throws `invalid_body`, `scope_required`. */
function scopesFor({ kind, scopes }: (typeof ApiKeyInput)['static'], actor: KeyedActor): readonly Scope[] {
  if (kind === 'publishable') {
    if (scopes?.length) {
      throw invalidBody({
        pointer: '/scopes',
        code: 'misplaced',
        detail: 'A publishable key has no scopes: leave it out.',
      });
    }
    return [];
  }
  const wanted = scopes ?? (actor.scopes as Scope[]);
  const missing = wanted.filter((scope) => !actor.scopes.includes(scope));
  if (missing.length > 0) {
    throw new ApiError('scope_required', { detail: `Your own key lacks: ${missing.join(', ')}.` });
  }
  return wanted;
}

/** A test key makes test keys, so that it stays apart from what is real. Throws `invalid_body`. */
function testFor({ test }: (typeof ApiKeyInput)['static'], actor: KeyedActor): boolean {
  if (actor.test && test === false) {
    throw invalidBody({
      pointer: '/test',
      code: 'test_key',
      detail: 'A test key makes test keys only: leave it out, or use a real key.',
    });
  }
  return actor.test ?? test ?? false;
}

export const secretApiKeyRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/api-keys',
      {
        config: { scope: 'keys:manage' },
        schema: operation({
          operationId: 'listApiKeys',
          tag: 'Organization',
          access: 'secret',
          summary: 'List your keys',
          description:
            'The keys of your organization, oldest first, including revoked ones, without their secrets.',
          querystring: ApiKeyQuery,
          answers: { 200: ApiKeyPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listKeys(ctx.store.read, keyed(request).organizationKey, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toKey));
      },
    );

    app.post(
      '/v1/api-keys',
      {
        config: { scope: 'keys:manage' },
        schema: operation({
          operationId: 'createApiKey',
          tag: 'Organization',
          access: 'secret',
          summary: 'Create a key',
          description:
            'The answer holds the secret key itself, which is shown only this once. A key cannot make a key with more scopes than its own.',
          body: ApiKeyInput,
          answers: { 201: CreatedApiKey },
          errors: ['idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const actor = keyed(request);
        const { kind, name, origins = [] } = request.body;
        const { organizationKey } = actor;
        const scopes = scopesFor(request.body, actor);
        const input = { organizationKey, kind, name, origins, scopes, test: testFor(request.body, actor) };
        const { key, token } = await createKey(ctx, input, retryFrom(ctx, request));
        return reply
          .code(201)
          .header('cache-control', PRIVATE_CACHE)
          .send({ ...toKey(key), token });
      },
    );

    app.patch(
      '/v1/api-keys/:key',
      {
        config: { scope: 'keys:manage' },
        schema: operation({
          operationId: 'updateApiKey',
          tag: 'Organization',
          access: 'secret',
          summary: 'Change a key',
          description:
            'A JSON Merge Patch, effective from the next request on. The kind and the scopes of a key cannot change: make a new key instead.',
          params: ApiKeyPath,
          body: ApiKeyPatch,
          answers: { 200: ApiKey },
          errors: ['api_key_not_found'],
        }),
      },
      async (request, reply) => {
        const { organizationKey } = keyed(request);
        const row = await patchKey(ctx, organizationKey, request.params.key, request.body);
        return reply.header('cache-control', PRIVATE_CACHE).send(toKey(row));
      },
    );

    app.delete(
      '/v1/api-keys/:key',
      {
        config: { scope: 'keys:manage' },
        schema: operation({
          operationId: 'revokeApiKey',
          changes: true,
          tag: 'Organization',
          access: 'secret',
          summary: 'Revoke a key',
          description: 'It stops working with the next request. Revoking it again changes nothing.',
          params: ApiKeyPath,
          answers: { 200: ApiKey },
          errors: ['api_key_not_found', 'overloaded', 'storage_full'],
        }),
      },
      async (request, reply) => {
        const row = await revokeKey(ctx, keyed(request).organizationKey, request.params.key);
        return reply.header('cache-control', PRIVATE_CACHE).send(toKey(row));
      },
    );
    done();
  };
