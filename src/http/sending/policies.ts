import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { SendingPolicy, SendingPolicyInput } from '../../../schema/api/sending/policies.js';
import type { Context } from '../../core/context.js';
import { getPolicy, replacePolicy, type Policy } from '../../core/sending/policies.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';

const toPolicy = ({ perHour, warmUp, breaker }: Policy) => ({
  per_hour: perHour,
  warm_up: warmUp,
  breaker,
});

export const sendingPolicyRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'mailings:send' } as const;

    app.get(
      '/v1/organization/sending-policy',
      {
        config,
        schema: operation({
          operationId: 'getSendingPolicy',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Read how your mailings are sent',
          description: 'How fast, and what pauses one by itself.',
          answers: { 200: SendingPolicy, 304: NOT_MODIFIED },
        }),
      },
      async (request, reply) => {
        const policy = await getPolicy(ctx.store.read, keyed(request));
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPolicy(policy));
      },
    );

    app.put(
      '/v1/organization/sending-policy',
      {
        config,
        schema: operation({
          operationId: 'updateSendingPolicy',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Replace how your mailings are sent',
          description: 'What is absent is as usual. It holds at once, also for mailings that are running.',
          body: SendingPolicyInput,
          answers: { 200: SendingPolicy },
        }),
      },
      async (request, reply) => {
        const policy = await replacePolicy(ctx, keyed(request), camelKeys(request.body));
        return reply.header('cache-control', PRIVATE_CACHE).send(toPolicy(policy));
      },
    );
    done();
  };
