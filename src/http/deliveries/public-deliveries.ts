import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import { PublicDeliveryList } from '../../../schema/api/deliveries/handing-over.js';
import type { Context } from '../../core/context.js';
import { listPublicDeliveries } from '../../core/deliveries/public-deliveries.js';
import { cacheFor, MOVED, NOT_MODIFIED } from '../answers.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { toPublic } from './delivery-view.js';

/** What was handed over of a petition, for everyone to read. */
export const publicDeliveryRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/deliveries',
      {
        schema: operation({
          operationId: 'listPublicDeliveries',
          tag: 'Deliveries',
          access: 'open',
          summary: 'List what was handed over of a petition',
          description:
            'When, to whom, how many signatures, the hash of the manifest, which has those of the files, and what those say who got it. Latest first.',
          params: PetitionPath,
          answers: { 200: PublicDeliveryList, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { petition } = request.params;
        const views = await listPublicDeliveries(ctx.store.read, request.actor, petition);
        return sendWithEtag(request, reply, cacheFor(request), { data: views.map(toPublic) });
      },
    );
    done();
  };
