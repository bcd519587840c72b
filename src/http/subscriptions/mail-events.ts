import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Webhook } from 'standardwebhooks';
import { MailEventInput, MailEventResult } from '../../../schema/api/subscriptions/mail-events.js';
import type { Context } from '../../core/context.js';
import { takeMailEvent, type MailEventOutcome } from '../../core/subscriptions/mail-events.js';
import { ApiError } from '../../errors.js';
import { PRIVATE_CACHE } from '../answers.js';
import { operation } from '../openapi/operation.js';
import { rawBodyOf } from '../validation.js';

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;

/** Takes bounces and complaints from a mail provider, or an adapter to one, signed as in Standard Webhooks. */
export const mailEventRoutes =
  (ctx: Context, secret: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const webhook = secret === '' ? undefined : new Webhook(secret);
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
          const headers = Object.fromEntries(
            HEADERS.map((name) => [name, String(request.headers[name] ?? '')]),
          );
          try {
            webhook?.verify(rawBodyOf(request), headers);
          } catch {
            return next(refused('Sign the body as it is, and send it within five minutes.'));
          }
          next(webhook ? undefined : refused('MAIL_WEBHOOK_SECRET is not set here.'));
        },
      },
      async (request, reply) => {
        const outcomes: Record<MailEventOutcome, number> = { suppressed: 0, ignored: 0, invalid: 0 };
        for (const { type, email, bounce } of request.body.events) {
          outcomes[await takeMailEvent(ctx, { type, email, ...(bounce ? { bounce } : {}) })] += 1;
        }
        return reply.header('cache-control', PRIVATE_CACHE).send(outcomes);
      },
    );
    done();
  };

const refused = (detail: string) => new ApiError('invalid_webhook', { detail });
