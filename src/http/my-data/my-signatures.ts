import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  MyListQuery,
  MySignature,
  MySignaturePage,
  MySignaturePatch,
  MySignaturePath,
} from '../../../schema/api/my-data/my-signatures.js';
import type { Context } from '../../core/context.js';
import type { Links } from '../../core/links/link-urls.js';
import {
  confirmMySignature,
  listMySignatures,
  patchMySignature,
  withdrawMySignature,
  type MySignature as Mine,
} from '../../core/my-data/my-signatures.js';
import { PRIVATE_CACHE, toPage } from '../answers.js';
import { camelKeys, iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';
import { takesNoBody } from '../validation.js';

export const toMySignature =
  (links: Links) =>
  ({ signature, petition, shared }: Mine) => ({
    id: signature.publicId,
    petition: {
      id: petition.publicId,
      slug: petition.slug,
      title: petition.title,
      page_url: links.petition(petition),
    },
    status: signature.status,
    name: signature.name,
    given_name: signature.givenName,
    family_name: signature.familyName,
    display: signature.display,
    hidden: signature.hidden === 1,
    answers: signature.answers,
    created_at: iso(signature.createdAt),
    confirmed_at: iso(signature.confirmedAt),
    withdrawn_at: iso(signature.withdrawnAt),
    signed_locale: petition.signedLocale,
    shared,
  });

export const mySignatureRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/me/signatures',
      {
        schema: operation({
          operationId: 'listMySignatures',
          tag: 'My data',
          access: 'session',
          summary: 'List what I have signed',
          description: 'In every status, latest first.',
          querystring: MyListQuery,
          answers: { 200: MySignaturePage },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listMySignatures(ctx.store.read, sessionOf(request), { limit, cursor });
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send(toPage(request, reply, page, toMySignature(ctx.links)));
      },
    );

    app.patch(
      '/v1/me/signatures/:signature',
      {
        schema: operation({
          operationId: 'updateMySignature',
          tag: 'My data',
          access: 'session',
          summary: 'Change how a signature is shown, or its answers',
          description: 'A JSON Merge Patch. The signature counts as before.',
          params: MySignaturePath,
          body: MySignaturePatch,
          answers: { 200: MySignature },
          errors: ['signature_not_found'],
        }),
      },
      async (request, reply) => {
        const { signature } = request.params;
        const changed = await patchMySignature(ctx, sessionOf(request), signature, camelKeys(request.body));
        return reply.header('cache-control', PRIVATE_CACHE).send(toMySignature(ctx.links)(changed));
      },
    );

    void app.register(confirming(ctx));

    app.delete(
      '/v1/me/signatures/:signature',
      {
        schema: operation({
          operationId: 'withdrawMySignature',
          changes: true,
          tag: 'My data',
          access: 'session',
          summary: 'Take a signature back',
          description:
            'It no longer counts, and its confirmation links become void. Repeating the call returns the same answer. A signature that an organiser has invalidated stays invalidated.',
          params: MySignaturePath,
          answers: { 200: MySignature },
          errors: ['signature_not_found', 'already_invalidated'],
        }),
      },
      async (request, reply) => {
        const withdrawn = await withdrawMySignature(ctx, sessionOf(request), request.params.signature);
        return reply.header('cache-control', PRIVATE_CACHE).send(toMySignature(ctx.links)(withdrawn));
      },
    );
    done();
  };

/** A separate plugin, since `takesNoBody` applies to a whole plugin. */
const confirming =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    takesNoBody(app);
    app.post(
      '/v1/me/signatures/:signature/confirm',
      {
        schema: operation({
          operationId: 'confirmMySignature',
          changes: true,
          tag: 'My data',
          access: 'session',
          summary: 'Confirm a signature',
          description:
            'The session proves that you read the mailbox, so a pending signature counts, even if its confirmation mail was never sent because others had used up the mails of the day. The opt-ins that came with it are not confirmed. Repeating the call returns the same answer. A quarantined signature stays quarantined until an organiser decides about it.',
          params: MySignaturePath,
          answers: { 200: MySignature },
          errors: ['signature_not_found', 'signature_withdrawn', 'already_invalidated', 'petition_closed'],
        }),
      },
      async (request, reply) => {
        const confirmed = await confirmMySignature(ctx, sessionOf(request), request.params.signature);
        return reply.header('cache-control', PRIVATE_CACHE).send(toMySignature(ctx.links)(confirmed));
      },
    );
    done();
  };
