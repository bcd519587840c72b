import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PetitionResponse,
  PetitionResponseList,
  ResponseInput,
  ResponsePatch,
  ResponsePath,
} from '../../../schema/api/petitions/responses.js';
import type { Context } from '../../core/context.js';
import {
  deleteResponse,
  listResponses,
  recordResponse,
  updateResponse,
  type ResponseView,
} from '../../core/petitions/responses.js';
import { cacheFor, MOVED, NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys, iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toResponse = (view: ResponseView) => ({
  id: view.publicId,
  petition_id: view.petitionId,
  kind: view.kind,
  who: view.who,
  text: view.text,
  text_html: view.textHtml,
  date: view.date,
  time: view.time,
  time_zone: view.timeZone,
  place: view.place,
  url: view.url,
  threshold: view.threshold,
  created_at: iso(view.createdAt),
  updated_at: iso(view.updatedAt),
});

export const openResponseRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/responses',
      {
        schema: operation({
          operationId: 'listResponses',
          tag: 'Petitions',
          access: 'open',
          summary: 'List the responses to a petition',
          description: 'What those answered whom it addresses, and hearings about it, by day, newest first.',
          params: PetitionPath,
          answers: { 200: PetitionResponseList, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { petition } = request.params;
        const rows = await listResponses(ctx.store.read, request.actor, petition);
        return sendWithEtag(request, reply, cacheFor(request), { data: rows.map(toResponse) });
      },
    );
    done();
  };

/** Recording and changing responses: for the lead organization. */
export const secretResponseRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'petitions:write' } as const;

    app.post(
      '/v1/petitions/:petition/responses',
      {
        config,
        schema: operation({
          operationId: 'recordResponse',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Record a response to a petition',
          description:
            'Or a hearing about it. It is public at once, where the petition is. Also possible after the petition has closed or was archived.',
          params: PetitionPath,
          body: ResponseInput,
          answers: { 201: PetitionResponse, 308: MOVED },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'too_many_responses',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { petition } = request.params;
        const retry = retryFrom(ctx, request);
        const view = await recordResponse(ctx, keyed(request), petition, camelKeys(request.body), retry);
        return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toResponse(view));
      },
    );

    app.patch(
      '/v1/responses/:response',
      {
        config,
        schema: operation({
          operationId: 'updateResponse',
          changes: true,
          tag: 'Petitions',
          access: 'secret',
          summary: 'Change a response',
          description:
            'A JSON Merge Patch. A response cannot become a hearing: delete it, and record another.',
          params: ResponsePath,
          body: ResponsePatch,
          answers: { 200: PetitionResponse },
          errors: ['response_not_found', 'petition_taken_down', 'storage_full'],
        }),
      },
      async (request, reply) => {
        const { response } = request.params;
        const view = await updateResponse(ctx, keyed(request), response, camelKeys(request.body));
        return reply.header('cache-control', PRIVATE_CACHE).send(toResponse(view));
      },
    );

    app.delete(
      '/v1/responses/:response',
      {
        config,
        schema: operation({
          operationId: 'deleteResponse',
          changes: true,
          tag: 'Petitions',
          access: 'secret',
          summary: 'Delete a response',
          description: 'It is gone for good.',
          params: ResponsePath,
          answers: { 204: { description: 'It is deleted.' } },
          errors: ['response_not_found', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await deleteResponse(ctx, keyed(request), request.params.response);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
