import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Me, MePatch } from '../../../schema/api/my-data/me.js';
import type { Context } from '../../core/context.js';
import { eraseSupporter } from '../../core/my-data/erasure.js';
import { patchMe, readMe, type MyProfile } from '../../core/my-data/me.js';
import { cancelLinks } from '../../core/my-data/sessions.js';
import { e164Of } from '../../core/phones.js';
import { PRIVATE_CACHE } from '../answers.js';
import { camelKeys, iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';

export const toMe = (row: MyProfile) => ({
  email: row.delivery,
  name: row.name,
  given_name: row.givenName,
  family_name: row.familyName,
  country: row.country,
  postal_code: row.postalCode,
  postal_address: row.postalAddress,
  phone: row.phone,
  phone_e164: e164Of(row.phone, row.country),
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
          description:
            'For signatures and subscriptions there are `listMySignatures` and `listMySubscriptions`.',
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
          description: 'A JSON Merge Patch. To change the address, use `createEmailChange`.',
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
          changes: true,
          tag: 'My data',
          access: 'session',
          summary: 'Erase me',
          description:
            'Immediate and permanent. Signatures that count still count, without anything that says whose they were; all others are withdrawn. No organization may mail the address any more. The erasure is recorded outside of the database, so that it is repeated after a backup is restored.',
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
          changes: true,
          tag: 'My data',
          access: 'session',
          summary: 'Cancel my links',
          description:
            'Personal links in all earlier mails become void, and so does every session. Only the link that undoes a change of address still works.',
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
