import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PublicSignaturePage,
  PublicSignatureQuery,
} from '../../../schema/api/signatures/public-signatures.js';
import type { Context } from '../../core/context.js';
import { listPublicSignatures, type PublicSignature } from '../../core/signatures/signatures.js';
import type { Reader } from '../../store/store.js';
import { cacheFor, MOVED, nextLink, NOT_MODIFIED, pageBody, PUBLIC_CACHING, toPage } from '../answers.js';
import { iso } from '../case.js';
import { etagOf, sendWithEtag } from '../conditional.js';
import { HotAnswers } from '../front/hot-answers.js';
import { readFor, rendered } from '../published.js';
import { operation } from '../openapi/operation.js';

const toPublicSignature = ({ displayName, country, signedAt }: PublicSignature) => ({
  display_name: displayName,
  country,
  signed_at: iso(signedAt),
});

export const publicSignatureRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const hot = new HotAnswers(ctx, app);
    app.get(
      '/v1/petitions/:petition/signatures',
      {
        schema: operation({
          operationId: 'listPublicSignatures',
          tag: 'Signatures',
          access: 'open',
          summary: 'List the public signatures',
          description: 'Confirmed signatures, latest first, each shown as its signer chose.',
          params: PetitionPath,
          querystring: PublicSignatureQuery,
          answers: { 200: PublicSignaturePage, 304: NOT_MODIFIED, 308: MOVED },
          sends: ['Age'],
          errors: ['petition_not_found', 'petition_taken_down', 'invalid_cursor'],
        }),
      },
      (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const { actor, params } = request;
        const { secrets } = ctx;
        const read = (on: Reader) =>
          listPublicSignatures({ store: { read: on }, secrets }, actor, params.petition, { limit, cursor });
        // Only the first page is kept: it gets nearly all requests.
        if (actor.kind === 'anonymous' && cursor === undefined) {
          const render = async (on: Reader) => {
            const page = await read(on);
            const body = JSON.stringify(pageBody(page, toPublicSignature));
            return { body, etag: etagOf(body), until: null, link: nextLink(request, page) };
          };
          const published = () => rendered(ctx.store.published(render));
          return hot.send(request, reply, { ref: request.url, caching: PUBLIC_CACHING, render: published });
        }
        return readFor(ctx, request, reply, read).then((page) =>
          sendWithEtag(request, reply, cacheFor(request), toPage(request, reply, page, toPublicSignature)),
        );
      },
    );
    done();
  };
