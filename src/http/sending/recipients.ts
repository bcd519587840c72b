import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import {
  MailingRecipientPage,
  MailingRecipientQuery,
  ResendInput,
  ResendResult,
  type MailingRecipient,
} from '../../../schema/api/sending/recipients.js';
import type { Context } from '../../core/context.js';
import { listRecipients, resendUncertain, type RecipientView } from '../../core/sending/recipients.js';
import { invalidBody } from '../../errors.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { toMailing } from '../mailings/mailings.js';
import { operation } from '../openapi/operation.js';

const toRecipient = (row: RecipientView): (typeof MailingRecipient)['static'] => ({
  subscription_id: row.subscriptionId,
  email: row.email,
  variant_id: row.variantId,
  state: row.state as (typeof MailingRecipient)['static']['state'],
  reason: row.reason,
  attempts: row.attempts,
  settled_at: iso(row.settledAt),
  retry_at: row.state === 'deferred' ? iso(row.dueAt) : null,
});

/** Whom a body of `resendUncertain` names. Throws `invalid_body`. */
function whomOf({ all, subscriptions }: (typeof ResendInput)['static']): 'all' | readonly string[] {
  if (all && !subscriptions) return 'all';
  if (!all && subscriptions) return subscriptions;
  const detail = 'Write `all` or `subscriptions`: one of them.';
  throw invalidBody({ pointer: '', code: 'one_of', detail });
}

export const mailingRecipientRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/mailings/:mailing/recipients',
      {
        config: { scope: 'mailings:write' },
        schema: operation({
          operationId: 'listMailingRecipients',
          tag: 'Mailings',
          access: 'secret',
          summary: 'List who did not get a mailing, or perhaps not',
          description:
            'By name, in the order in which they subscribed. Addresses are shown to keys that also have the scope `subscriptions:read`. All others have got it, or wait: the statistics count them. Recipients are forgotten 400 days after the mailing has ended.',
          params: MailingPath,
          querystring: MailingRecipientQuery,
          answers: { 200: MailingRecipientPage, 304: NOT_MODIFIED },
          errors: ['mailing_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, state = ['uncertain', 'failed'] } = request.query;
        const { mailing } = request.params;
        const page = await listRecipients(ctx.store.read, keyed(request), mailing, state, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toRecipient));
      },
    );

    app.post(
      '/v1/mailings/:mailing/resend-uncertain',
      {
        config: { scope: 'mailings:send' },
        schema: operation({
          operationId: 'resendUncertain',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Send again what may have arrived',
          description:
            'To all recipients who are `uncertain`, or to some. Some of them may get it twice, with the same Message-ID, which many mail programs show once. A mailing that was done goes on.',
          params: MailingPath,
          body: ResendInput,
          answers: { 200: ResendResult },
          errors: [
            'mailing_not_found',
            'mailing_transition_not_allowed',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { resent, mailing } = await resendUncertain(
          ctx,
          keyed(request),
          request.params.mailing,
          whomOf(request.body),
          retryFrom(ctx, request),
        );
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send({ resent, mailing: toMailing(mailing) });
      },
    );
    done();
  };
