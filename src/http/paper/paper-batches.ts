import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PaperBatchPage,
  PaperBatchPath,
  PaperBatchQuery,
} from '../../../schema/api/paper/paper-signatures.js';
import type { Context } from '../../core/context.js';
import { listBatches, removeBatch, type BatchView } from '../../core/paper/paper-batches.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { toGroup } from '../partners/partnerships.js';

const toBatch = (view: BatchView) => ({
  id: view.publicId,
  petition_id: view.petitionId,
  organization: toGroup(view.organization),
  key_id: view.keyId,
  kind: view.kind,
  source: view.source,
  created: view.created,
  begun_at: iso(view.begunAt),
  completed_at: iso(view.completedAt),
});

export const secretPaperBatchRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'paper:write' } as const;

    app.get(
      '/v1/petitions/:petition/paper-batches',
      {
        config,
        schema: operation({
          operationId: 'listPaperBatches',
          tag: 'Paper',
          access: 'secret',
          summary: 'List what was entered from paper',
          description:
            'The files and requests with paper signatures: all of them for the lead, its own for a partner. Latest first.',
          params: PetitionPath,
          querystring: PaperBatchQuery,
          answers: { 200: PaperBatchPage, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const { petition } = request.params;
        const page = await listBatches(ctx.store.read, keyed(request), petition, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toBatch));
      },
    );

    app.delete(
      '/v1/paper-batches/:batch',
      {
        config,
        schema: operation({
          operationId: 'removePaperBatch',
          changes: true,
          tag: 'Paper',
          access: 'secret',
          summary: 'Remove a batch that was entered by mistake',
          description:
            'Erases all of its signatures, and what they counted. For the organization that entered it, and for the lead of the petition. An import of it that still runs is stopped.',
          params: PaperBatchPath,
          answers: { 204: { description: 'Removed.' } },
          errors: ['paper_batch_not_found', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await removeBatch(ctx, keyed(request), request.params.batch);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
