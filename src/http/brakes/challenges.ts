import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Challenge } from '../../../schema/api/brakes/challenges.js';
import { PetitionPath } from '../../../schema/api/common.js';
import { createChallenge } from '../../core/brakes/challenges.js';
import type { Context } from '../../core/context.js';
import { MOVED, PRIVATE_CACHE } from '../answers.js';
import { callerOf } from '../caller.js';
import { operation } from '../openapi/operation.js';

export const challengeRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/challenge',
      {
        config: { limit: 'form' },
        schema: operation({
          operationId: 'getChallenge',
          tag: 'Signatures',
          access: 'open',
          summary: 'Open the form of a petition',
          description:
            'Ask for it when a person opens the form, and send `form_token` with the signature: it shows that somebody took the time to fill it in. While machines press on a petition, when many sign from your network, or always where the petition wants that, signing also needs a proof of work: then `altcha` holds one. Solve it while the person types. If signing answers `challenge_required`, ask again. Secret keys need neither.',
          params: PetitionPath,
          answers: { 200: Challenge, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { formToken, altcha } = await createChallenge(
          ctx,
          request.actor,
          request.params.petition,
          callerOf(request),
        );
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send({ required: altcha !== null, form_token: formToken, altcha });
      },
    );
    done();
  };
