import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Challenge } from '../../../schema/api/brakes/challenges.js';
import { PetitionPath } from '../../../schema/api/common.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { MOVED, PRIVATE_CACHE } from '../answers.js';
import { callerOf } from '../caller.js';
import { operation } from '../openapi/operation.js';

export const challengeRoutes =
  (verbs: Verbs): FastifyPluginCallbackTypebox =>
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
            'Call it when a person opens the form, and send `form_token` with the signature: it shows that a person took the time to fill in the form. Signing also needs a proof of work while the petition gets unusually many signatures, when many people sign from your network, or always if the petition is set that way: then `altcha` holds the challenge. Solve it while the person types. If signing answers `challenge_required`, request a new one. Secret keys need neither.',
          params: PetitionPath,
          answers: { 200: Challenge, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const { formToken, altcha } = await verbs.createChallenge(
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
