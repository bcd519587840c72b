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
data: {"confirmed":4211,"pending":null,"invalidated":3,"goal":25000,"next_milestone":5000,"updated_at":null}

:

event: closed
data: {"status":"closed"}

`;

const EVENTS = {
  description: 'The events, for as long as both sides stay.',
  content: {
    'text/event-stream': {
      schema: Type.String({
        maxLength: 100_000_000,
        pattern: '^[^\\u0000]*$',
        description: 'Server-sent events. What begins with a colon is silence being kept alive.',
        examples: [EXAMPLE],
      }),
    },
  },
};

/** Neither caches nor proxies may hold back or rewrite what is not yet complete. */
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
    // What closes the server would else wait for the listeners.
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
          description: `Server-sent events for \`EventSource\`: \`counts\` at once and then whenever they have changed, at most once a second. The data of each is the whole \`PetitionCounts\` as everybody sees it, whatever key is sent: one that was missed is made good by the next.

The id of an event is the ETag of the same counts, without its quotes. Whoever comes again with \`Last-Event-ID\` is sent what has changed meanwhile.

When the petition is closed or taken down comes \`closed\`, with its \`status\`, and the stream ends: close your \`EventSource\`. One that comes again is sent the last counts if it does not have them, else 204, which ends it too.

Browsers come again by themselves when a stream ends or breaks, but not after an answer other than 200: after a 429, 502 or 503 poll \`getPetitionCounts\`, and try again later.`,
          params: PetitionPath,
          answers: {
            200: EVENTS,
            204: { description: 'The petition is closed and you have its last counts: do not come again.' },
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
        // The end of the connection is the end of the stream: pieces without the frames of chunked encoding.
        reply.raw.removeHeader('transfer-encoding');
        streams.begin(seat, reply.startNow(200, HEADERS), has);
      },
    );
    done();
  };
