import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  Segment,
  SegmentCount,
  SegmentCountInput,
  SegmentInput,
  SegmentPage,
  SegmentPatch,
  SegmentPath,
  SegmentQuery,
} from '../../../schema/api/segments/segments.js';
import type { Context } from '../../core/context.js';
import { countSegment } from '../../core/segments/counting.js';
import {
  createSegment,
  deleteSegment,
  getSegment,
  listSegments,
  patchSegment,
  type Segment as Row,
} from '../../core/segments/segments.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toSegment = (row: Row): (typeof Segment)['static'] => ({
  id: row.publicId,
  name: row.name,
  clause: row.clause,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});

const config = { scope: 'mailings:write' } as const;
const about = { tag: 'Segments', access: 'secret' } as const;

/** Whom an organization writes to. */
export const secretSegmentRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/segments',
      {
        config,
        schema: operation({
          operationId: 'createSegment',
          ...about,
          summary: 'Save a segment',
          description:
            'A condition on your active subscribers, for mailings. Petitions may be named by id or slug; the id is kept.',
          body: SegmentInput,
          answers: { 201: Segment },
          sends: ['ETag'],
          errors: ['idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const row = await createSegment(ctx, keyed(request), request.body, retryFrom(ctx, request));
        return sendWithEtag(request, reply.code(201), PRIVATE_CACHE, toSegment(row), row.version);
      },
    );

    app.get(
      '/v1/segments',
      {
        config,
        schema: operation({
          operationId: 'listSegments',
          ...about,
          summary: 'List your segments',
          description: 'Latest first.',
          querystring: SegmentQuery,
          answers: { 200: SegmentPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listSegments(ctx.store.read, keyed(request), { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toSegment));
      },
    );

    app.post(
      '/v1/segments/count',
      {
        config,
        schema: operation({
          operationId: 'countSegment',
          ...about,
          summary: 'Count the people of a segment',
          description:
            'How many people a mailing would reach at this moment, with the figure of each clause. Nothing is stored.',
          body: SegmentCountInput,
          answers: { 200: SegmentCount },
          errors: ['segment_not_found'],
        }),
      },
      async (request, reply) => {
        const { segment, clause = null } = request.body;
        const what = segment === undefined ? { clause } : { segment };
        const { total, leftOut, subscribers, clauses } = await countSegment(ctx, keyed(request), what);
        return reply
          .header('cache-control', PRIVATE_CACHE)
          .send({ total, left_out: leftOut, subscribers, clauses });
      },
    );

    app.get(
      '/v1/segments/:segment',
      {
        config,
        schema: operation({
          operationId: 'getSegment',
          ...about,
          summary: 'Read a segment',
          description: 'With the ETag that changing it needs.',
          params: SegmentPath,
          answers: { 200: Segment, 304: NOT_MODIFIED },
          errors: ['segment_not_found'],
        }),
      },
      async (request, reply) => {
        const row = await getSegment(ctx.store.read, keyed(request), request.params.segment);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toSegment(row), row.version);
      },
    );

    app.patch(
      '/v1/segments/:segment',
      {
        config,
        schema: operation({
          operationId: 'updateSegment',
          ...about,
          summary: 'Change a segment',
          description:
            'Needs `If-Match` with the ETag that you have read. A clause replaces the one that is there as a whole. Mailings made from the segment keep what they have.',
          params: SegmentPath,
          body: SegmentPatch,
          answers: { 200: Segment },
          errors: ['segment_not_found', 'precondition_required', 'precondition_failed'],
        }),
      },
      async (request, reply) => {
        const { segment } = request.params;
        const row = await patchSegment(ctx, keyed(request), segment, versionOf(request), request.body);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toSegment(row), row.version);
      },
    );

    app.delete(
      '/v1/segments/:segment',
      {
        config,
        schema: operation({
          operationId: 'deleteSegment',
          changes: true,
          ...about,
          summary: 'Delete a segment',
          description: 'Mailings made from it keep what they have.',
          params: SegmentPath,
          answers: { 204: { description: 'It is deleted.' } },
          errors: ['segment_not_found', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await deleteSegment(ctx, keyed(request), request.params.segment);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
