import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  IsolatedKey,
  IsolatedKeyPage,
  IsolatedKeyPath,
  IsolatedKeyQuery,
} from '../../../schema/api/brakes/key-isolations.js';
import { PetitionPath } from '../../../schema/api/common.js';
import { listIsolations, releaseKey, type Isolation } from '../../core/brakes/key-isolations.js';
import type { Context } from '../../core/context.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { takesNoBody } from '../validation.js';

const toIsolatedKey = (one: Isolation): (typeof IsolatedKey)['static'] => ({
  key_id: one.keyId,
  organization_id: one.organizationId,
  organization_name: one.organizationName,
  asked: one.asked,
  confirmed: one.confirmed,
  isolated_at: iso(one.isolatedAt),
  released_at: iso(one.releasedAt),
});

export const secretIsolatedKeyRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    takesNoBody(app);
    app.get(
      '/v1/petitions/:petition/isolated-keys',
      {
        config: { scope: 'signatures:read' },
        schema: operation({
          operationId: 'listIsolatedKeys',
          tag: 'Partners',
          access: 'secret',
          summary: 'List the keys that were isolated',
          description:
            'For the lead organization. A key is isolated for a petition automatically when fewer than one in ten of at least 200 mailboxes confirm the signatures that came through it, or fewer than one in fifty of 1,000 within half an hour; a publishable key only if these came from many networks. If they came from a few networks, only those networks are isolated, for a day: their signatures are quarantined with the signal `isolated_network`, and their confirmation mails are dropped. All other people who sign through an isolated key, or a key with isolated networks, need a proof of work; signatures without one through an isolated key are quarantined (`isolated_key`). Latest first, including released keys.',
          params: PetitionPath,
          querystring: IsolatedKeyQuery,
          answers: { 200: IsolatedKeyPage, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const { petition } = request.params;
        const page = await listIsolations(ctx.store.read, keyed(request), petition, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toIsolatedKey));
      },
    );

    app.post(
      '/v1/petitions/:petition/isolated-keys/:key/release',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'releaseIsolatedKey',
          changes: true,
          tag: 'Partners',
          access: 'secret',
          summary: 'Release an isolated key',
          description:
            'For the lead organization. From the next request on, the key works again from all networks, and only later signatures are judged. Signatures that were quarantined meanwhile stay quarantined until you release or refuse them.',
          params: IsolatedKeyPath,
          answers: { 200: IsolatedKey },
          errors: [
            'petition_not_found',
            'isolation_not_found',
            'unsupported_media_type',
            'overloaded',
            'storage_full',
          ],
        }),
      },
      async (request, reply) => {
        const { petition, key } = request.params;
        const released = await releaseKey(ctx, keyed(request), petition, key);
        return reply.header('cache-control', PRIVATE_CACHE).send(toIsolatedKey(released));
      },
    );
    done();
  };
