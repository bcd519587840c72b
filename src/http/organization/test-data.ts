import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { DeletedTestData } from '../../../schema/api/organization/test-data.js';
import type { Context } from '../../core/context.js';
import { deleteTestData } from '../../core/my-data/test-data.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { operation } from '../openapi/operation.js';

export const testDataRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.delete(
      '/v1/organization/test-data',
      {
        config: { scope: 'organization:write' },
        schema: operation({
          operationId: 'deleteTestData',
          changes: true,
          tag: 'Organization',
          access: 'secret',
          summary: 'Delete all test data',
          description:
            'Deletes everything that was made with test keys of your organization: petitions, signatures, people, subscriptions, share links, mails, mailings and imports. Works with a real key and with a test key, and never touches what is real. Keys and consent texts stay. If it fails half-way, call it again: it goes on.',
          answers: { 200: DeletedTestData },
          errors: ['overloaded', 'storage_full'],
        }),
      },
      async (request, reply) => {
        const { shareLinks, ...deleted } = await deleteTestData(ctx, keyed(request));
        return reply.header('cache-control', PRIVATE_CACHE).send({ ...deleted, share_links: shareLinks });
      },
    );
    done();
  };
