import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailEventInput, MailEventResult } from '../../../schema/api/subscriptions/mail-events.js';
import type { Context } from '../../core/context.js';
import { creditMailEvent } from '../../core/mailing-results/receiving.js';
import { takeMailEvent, type MailEventOutcome } from '../../core/subscriptions/mail-events.js';
import { PRIVATE_CACHE } from '../answers.js';
import { operation } from '../openapi/operation.js';
import { rawBodyOf } from '../validation.js';
import { createWebhookCheck } from './webhook-signatures.js';

/** Takes bounces and complaints from a mail provider, or an adapter to one, signed as in Standard Webhooks. */
export const mailEventRoutes =
  (ctx: Context, secret: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const webhook = createWebhookCheck(secret);
    app.post(
      '/v1/mail-events',
      {
        config: { keepRawBody: true },
        bodyLimit: 262_144,
        schema: operation({
          operationId: 'reportMailEvents',
          tag: 'Mailings',
          access: 'open',
          summary: 'Report bounces and complaints',
          description:
            'For mail providers: signed as in https://www.standardwebhooks.com, with MAIL_WEBHOOK_SECRET. After a hard bounce or a complaint the address immediately gets no more mail from any organization here; its subscriptions are `suppressed`. Repeating the call changes nothing.',
          body: MailEventInput,
          answers: { 200: MailEventResult },
          errors: ['invalid_webhook'],
        }),
        preHandler(request, _reply, next) {
          webhook.signed(request, rawBodyOf(request));
          next();
        },
      },
      async (request, reply) => {
        const outcomes: Record<MailEventOutcome, number> = { suppressed: 0, ignored: 0, invalid: 0 };
        for (const { type, email, bounce, envelope_from: sender, message_id: id } of request.body.events) {
          const event = { type, email, ...(bounce ? { bounce } : {}) };
          await creditMailEvent(ctx, event, [sender, id]);
          outcomes[await takeMailEvent(ctx, event)] += 1;
        }
        return reply.header('cache-control', PRIVATE_CACHE).send(outcomes);
      },
    );
    done();
  };
