import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Me, MePatch } from '../../../schema/api/my-data/me.js';
import type { Context } from '../../core/context.js';
import { eraseSupporter } from '../../core/my-data/erasure.js';
import { patchMe, readMe, type MyProfile } from '../../core/my-data/me.js';
import { cancelLinks } from '../../core/my-data/sessions.js';
import { PRIVATE_CACHE } from '../answers.js';
import { camelKeys, iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';

export const toMe = (row: MyProfile) => ({
  email: row.delivery,
  name: row.name,
  country: row.country,
  postal_code: row.postalCode,
  postal_address: row.postalAddress,
  phone: row.phone,
  proven_at: iso(row.provenAt),
  created_at: iso(row.createdAt),
});

export const meRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/me',
      {
        schema: operation({
          operationId: 'getMe',
          tag: 'My data',
          access: 'session',
          summary: 'Read what is kept about me',
          description: 'What I have signed, and who may mail me, are lists of their own.',
          answers: { 200: Me },
        }),
      },
      async (request, reply) => {
        const me = await readMe(ctx.store.read, sessionOf(request));
        return reply.header('cache-control', PRIVATE_CACHE).send(toMe(me));
      },
    );

    app.patch(
      '/v1/me',
      {
        schema: operation({
          operationId: 'updateMe',
          tag: 'My data',
          access: 'session',
          summary: 'Change what is kept about me',
          description: 'A JSON Merge Patch. For the address there is `createEmailChange`.',
          body: MePatch,
          answers: { 200: Me },
        }),
      },
      async (request, reply) => {
        const me = await patchMe(ctx, sessionOf(request), camelKeys(request.body));
        return reply.header('cache-control', PRIVATE_CACHE).send(toMe(me));
      },
    );

    app.delete(
      '/v1/me',
      {
        schema: operation({
          operationId: 'eraseMe',
          tag: 'My data',
          access: 'session',
          summary: 'Erase me',
          description:
            'At once and for good. Signatures that count go on to count, without anything that says whose they were; all others are withdrawn. Nobody may mail the address any more. It is remembered outside of the database, so that a restored backup forgets again.',
          answers: { 204: { description: 'Erased. The session is over.' } },
          errors: ['overloaded', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await eraseSupporter(ctx, sessionOf(request).supporterKey);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );

    app.delete(
      '/v1/me/links',
      {
        schema: operation({
          operationId: 'cancelMyLinks',
          tag: 'My data',
          access: 'session',
          summary: 'Cancel my links',
          description:
            'Personal links in all mails that were sent before are void, and so is every session. Only the link that undoes a change of address goes on to work.',
          answers: { 204: { description: 'Cancelled. The session is over.' } },
          errors: ['overloaded', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await cancelLinks(ctx, sessionOf(request));
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
