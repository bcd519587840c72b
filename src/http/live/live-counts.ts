import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import type { Context } from '../../core/context.js';
import { findHead } from '../../core/petitions/petition-lookup.js';
import { MOVED } from '../answers.js';
import { clientOf } from '../caller.js';
import { operation } from '../openapi/operation.js';
import type { LiveStreams } from './live-streams.js';

const EXAMPLE = `retry: 3000
event: counts
id: 6qZ0f1sX8c0r6Zk3
data: {"confirmed":4211,"pending":null,"invalidated":3,"paper":120,"offset":300,"total":4631,"goal":25000,"next_milestone":5000,"updated_at":null}

:

event: closed
data: {"status":"closed"}

`;

const EVENTS = {
  description: 'The events, until either side closes the connection.',
  content: {
    'text/event-stream': {
      schema: Type.String({
        maxLength: 100_000_000,
        pattern: '^[^\\u0000]*$',
        description: 'Server-sent events. Lines that begin with a colon keep a silent connection alive.',
        examples: [EXAMPLE],
      }),
    },
  },
};

/** Caches and proxies must neither buffer nor rewrite the stream. */
const HEADERS = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-store, no-transform',
  'x-accel-buffering',
  'no',
  'connection',
  'close',
] as const;

export const liveCountRoutes =
  (ctx: Context, streams: LiveStreams): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    // Otherwise closing the server would wait for the streams to end.
    app.addHook('preClose', (ended) => {
      streams.drain();
      ended();
    });

    app.get(
      '/v1/petitions/:petition/counts/live',
      {
        schema: operation({
          operationId: 'followPetitionCounts',
          tag: 'Counts',
          access: 'open',
          summary: 'Follow the counts of a petition',
          description: `Server-sent events for \`EventSource\`: \`counts\` at once and then after each change, at most once a second. The data of each event is the whole public \`PetitionCounts\`, even if you send a key, so a missed event is made good by the next.

The id of an event is the ETag of the same counts, without its quotes. A client that reconnects with \`Last-Event-ID\` gets the counts at once if they have changed meanwhile.

When the petition is closed or taken down, the event \`closed\` follows with its \`status\`, and the stream ends: close your \`EventSource\`. A client that reconnects gets the last counts if it does not have them, else 204, which also stops an \`EventSource\`.

Browsers reconnect automatically when a stream ends or breaks, but not after an answer other than 200: after a 429, 502 or 503 poll \`getPetitionCounts\`, and try again later.`,
          params: PetitionPath,
          answers: {
            200: EVENTS,
            204: { description: 'The petition is closed and you have its last counts: do not reconnect.' },
            308: MOVED,
          },
          takes: ['Last-Event-ID'],
          errors: ['petition_not_found', 'petition_taken_down', 'too_many_listeners', 'shutting_down'],
        }),
      },
      async (request, reply) => {
        const petition = await findHead(ctx.store.read, request.actor, request.params.petition);
        if (request.method === 'HEAD') return void reply.startNow(200, HEADERS).end();
        const has = String(request.headers['last-event-id'] ?? '');
        const seat = await streams.take(clientOf(request.ip), petition.key);
        if (reply.raw.destroyed || streams.isOver(seat, has)) {
          streams.leave(seat);
          return reply.code(204).header('cache-control', 'no-store').send();
        }
        // The stream ends with the connection, so chunked encoding is not needed.
        reply.raw.removeHeader('transfer-encoding');
        streams.begin(seat, reply.startNow(200, HEADERS), has);
      },
    );
    done();
  };
