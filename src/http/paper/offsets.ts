import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import { Offset, OffsetInput, OffsetList, OffsetPath } from '../../../schema/api/paper/offsets.js';
import type { Context } from '../../core/context.js';
import { addOffset, listOffsets, removeOffset, type OffsetView } from '../../core/paper/offsets.js';
import { cacheFor, MOVED, NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys, iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toOffset = (view: OffsetView) => ({
  id: view.publicId,
  petition_id: view.petitionId,
  count: view.count,
  source: view.source,
  url: view.url,
  counted_on: view.countedOn,
  created_at: iso(view.createdAt),
});

export const openOffsetRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/offsets',
      {
        schema: operation({
          operationId: 'listOffsets',
          tag: 'Paper',
          access: 'open',
          summary: 'List the offsets of a petition',
          description:
            'The numbers that were counted elsewhere, with their sources: they explain `offset` in its counts.',
          params: PetitionPath,
          answers: { 200: OffsetList, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { petition } = request.params;
        const rows = await listOffsets(ctx.store.read, request.actor, petition);
        return sendWithEtag(request, reply, cacheFor(request), { data: rows.map(toOffset) });
      },
    );
    done();
  };

export const secretOffsetRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'paper:write' } as const;

    app.post(
      '/v1/petitions/:petition/offsets',
      {
        config,
        schema: operation({
          operationId: 'createOffset',
          tag: 'Paper',
          access: 'secret',
          summary: 'Add a number that was counted elsewhere',
          description:
            'For the lead organization, also after the petition has closed. It counts at once; its source is public. To correct a number, remove the offset and add another.',
          params: PetitionPath,
          body: OffsetInput,
          answers: { 201: Offset },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'petition_not_published',
            'petition_closed',
            'too_many_offsets',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { petition } = request.params;
        const retry = retryFrom(ctx, request);
        const offset = await addOffset(ctx, keyed(request), petition, camelKeys(request.body), retry);
        return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toOffset(offset));
      },
    );

    app.delete(
      '/v1/offsets/:offset',
      {
        config,
        schema: operation({
          operationId: 'removeOffset',
          changes: true,
          tag: 'Paper',
          access: 'secret',
          summary: 'Remove an offset',
          description: 'It counts no longer. Goals that it helped to reach stay reached.',
          params: OffsetPath,
          answers: { 204: { description: 'Removed.' } },
          errors: ['offset_not_found', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await removeOffset(ctx, keyed(request), request.params.offset);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
