import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { HistoryQuery, PetitionCounts, PetitionHistory } from '../../schema/api/counts.js';
import { PetitionPath } from '../../schema/api/common.js';
import { speaksFor, type Context } from '../core/context.js';
import { nextMilestone, readCounts, readHistory, type Counts } from '../core/counts.js';
import { findGate } from '../core/petition-lookup.js';
import { cacheFor, invalidQuery, MOVED, NOT_MODIFIED } from './answers.js';
import { iso } from './case.js';
import { sendWithEtag } from './conditional.js';
import { operation } from './operation.js';

/** `own`: for the lead organization. Strangers could see from what moves whether an address had signed before. */
export const toCounts = (counts: Counts, goals: readonly number[], own: boolean): PetitionCounts => ({
  confirmed: counts.confirmed,
  pending: own ? counts.pending : null,
  invalidated: counts.invalidated,
  goal: goals.at(-1) ?? null,
  next_milestone: nextMilestone(goals, counts.confirmed),
  updated_at: own ? iso(counts.updatedAt) : null,
});

const HOUR = 3_600_000;
/** How far back a history reaches if the caller does not say, and how far at most. */
const SPAN = {
  hour: { usual: 7 * 24 * HOUR, most: 366 * 24 * HOUR },
  day: { usual: 365 * 24 * HOUR, most: 20 * 366 * 24 * HOUR },
};

export const countRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/counts',
      {
        schema: operation({
          operationId: 'getPetitionCounts',
          tag: 'Counts',
          access: 'open',
          summary: 'Read the counts of a petition',
          description: 'How many have signed, as of the last commit. Small and cacheable: poll this one.',
          params: PetitionPath,
          answers: { 200: PetitionCounts, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const petition = await findGate(ctx.store.read, request.actor, request.params.petition);
        const counts = await readCounts(ctx.store.read, petition.key);
        const own = speaksFor(request.actor, petition.organizationKey);
        return sendWithEtag(request, reply, cacheFor(request), toCounts(counts, petition.goals, own));
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
          description: 'Confirmed signatures per hour or day (UTC), by when they were confirmed.',
          params: PetitionPath,
          querystring: HistoryQuery,
          answers: { 200: PetitionHistory, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { bucket = 'day' } = request.query;
        // Up to and with this very millisecond.
        const before = request.query.before
          ? new Date(request.query.before)
          : new Date(ctx.now().getTime() + 1);
        const from = request.query.from
          ? new Date(request.query.from)
          : new Date(before.getTime() - SPAN[bucket].usual);
        const span = before.getTime() - from.getTime();
        if (span < 0 || span > SPAN[bucket].most) {
          throw invalidQuery(
            '/from',
            'range',
            `It must be before \`before\`, by at most ${SPAN[bucket].most / HOUR / 24} days.`,
          );
        }
        const petition = await findGate(ctx.store.read, request.actor, request.params.petition);
        const hours = bucket === 'hour' ? 1 : 24;
        const data = await readHistory(ctx.store.read, { petitionKey: petition.key, hours, from, before });
        return sendWithEtag(request, reply, cacheFor(request), {
          bucket,
          data: data.map((item) => ({ from: iso(item.from), confirmed: item.confirmed })),
        });
      },
    );
    done();
  };
