import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PetitionPath } from '../../../schema/api/common.js';
import { HistoryQuery, PetitionCounts, PetitionHistory } from '../../../schema/api/counts/counts.js';
import { ANONYMOUS } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { nextMilestone, readCounts, readHistory, totalOf } from '../../core/counts/counts.js';
import { countsShownTo, publicCounts, type ShownCounts } from '../../core/partners/shown-counts.js';
import { findHead } from '../../core/petitions/petition-lookup.js';
import type { Reader } from '../../store/store.js';
import { cacheFor, MOVED, NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { iso } from '../case.js';
import { etagOf, sendWithEtag } from '../conditional.js';
import { HotAnswers } from '../front/hot-answers.js';
import { operation } from '../openapi/operation.js';
import { readFor, rendered } from '../published.js';
import { timeRangeOf, DEFAULT_RANGES } from '../time-range.js';
import { countsByRoutes } from './counts-by.js';

export const toCounts = (counts: ShownCounts, goals: readonly number[]): PetitionCounts => ({
  confirmed: counts.confirmed,
  pending: counts.waiting?.pending ?? null,
  invalidated: counts.invalidated,
  paper: counts.paper,
  offset: counts.offsets,
  total: totalOf(counts),
  goal: goals.at(-1) ?? null,
  next_milestone: nextMilestone(goals, totalOf(counts)),
  updated_at: iso(counts.waiting?.updatedAt ?? null),
});

/**
 * No `s-maxage`: it forbids shared caches to serve stale answers (RFC 9111, 4.2.4), even while they revalidate. The
 * lifetime for browsers is short, so that a polling page sees changes; a CDN that supports RFC 9213 asks at most every
 * two seconds, and serves its last answer for five minutes while the server does not respond.
 */
const CACHING = [
  'cache-control',
  'public, max-age=1, stale-while-revalidate=10, stale-if-error=300',
  'cdn-cache-control',
  'max-age=2, stale-while-revalidate=30, stale-if-error=300',
] as const;

/** Callers with a key may see more than the public counts, so their answers are private. */
async function sendKeyed(ctx: Context, request: FastifyRequest, reply: FastifyReply, ref: string) {
  const petition = await findHead(ctx.store.read, request.actor, ref);
  const counts = await readCounts(ctx.store.read, petition.key);
  const shown = await countsShownTo(ctx.store.read, request.actor, [petition]);
  const body = toCounts(shown(petition.key, counts), petition.goals);
  return sendWithEtag(request, reply, PRIVATE_CACHE, body);
}

export const countRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    void app.register(countsByRoutes(ctx));
    const hot = new HotAnswers(ctx, app);
    const render = async (on: Reader, ref: string) => {
      const petition = await findHead(on, ANONYMOUS, ref);
      const counts = await readCounts(on, petition.key);
      const body = JSON.stringify(toCounts(publicCounts(counts), petition.goals));
      return { body, etag: etagOf(body), until: null };
    };

    app.get(
      '/v1/petitions/:petition/counts',
      {
        schema: operation({
          operationId: 'getPetitionCounts',
          tag: 'Counts',
          access: 'open',
          summary: 'Read the counts of a petition',
          description:
            'How many people have signed, as of the last commit. `total` is the number to show; `listOffsets` explains its `offset`. The answer is small and can be cached by a CDN: use it for polling. For many viewers that stay for long, `followPetitionCounts` is cheaper.',
          params: PetitionPath,
          answers: { 200: PetitionCounts, 304: NOT_MODIFIED, 308: MOVED },
          sends: ['Age'],
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      (request, reply) => {
        const { actor } = request;
        const { petition: ref } = request.params;
        if (actor.kind === 'anonymous') {
          const published = () => rendered(ctx.store.published((on) => render(on, ref)));
          return hot.send(request, reply, { ref, caching: CACHING, render: published });
        }
        return sendKeyed(ctx, request, reply, ref);
      },
    );

    app.get(
      '/v1/petitions/:petition/history',
      {
        schema: operation({
          operationId: 'getPetitionHistory',
          tag: 'Counts',
          access: 'open',
          summary: 'Read how a petition has grown',
          description:
            'Confirmed signatures per hour or day (UTC), by the time of their confirmation. Paper signatures and offsets are not in it: they have no such time.',
          params: PetitionPath,
          querystring: HistoryQuery,
          answers: { 200: PetitionHistory, 304: NOT_MODIFIED, 308: MOVED },
          sends: ['Age'],
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { bucket = 'day' } = request.query;
        const { from, before } = timeRangeOf(request.query, DEFAULT_RANGES[bucket], ctx.now());
        const hours = bucket === 'hour' ? 1 : 24;
        const data = await readFor(ctx, request, reply, async (on) => {
          const petition = await findHead(on, request.actor, request.params.petition);
          return readHistory(on, { petitionKey: petition.key, hours, from, before });
        });
        return sendWithEtag(request, reply, cacheFor(request), {
          bucket,
          data: data.map((item) => ({ from: iso(item.from), confirmed: item.confirmed })),
        });
      },
    );
    done();
  };
