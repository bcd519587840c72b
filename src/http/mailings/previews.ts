import { Type } from '@sinclair/typebox';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingPreview, MailingPreviewInput } from '../../../schema/api/mailings/mailing-checks.js';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import { previewMailing } from '../../core/mailings/previewing.js';
import type { Campaign } from '../../mail/campaign/campaign.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys } from '../case.js';
import { operation } from '../openapi/operation.js';

const config = { scope: 'mailings:write' } as const;

const ANSWER = {
  description: 'The mail; as JSON, or as the raw mail or its HTML part if `Accept` names that type.',
  content: {
    'application/json': { schema: ref(MailingPreview) },
    'message/rfc822': {
      schema: Type.String({
        pattern: '^[^\\u0000]+$',
        maxLength: 2_000_000,
        description: 'The raw mail, to open in a mail program or to read with a parser.',
      }),
    },
    'text/html': {
      schema: Type.String({ pattern: '^[^\\u0000]+$', maxLength: 2_000_000, description: 'The HTML part.' }),
    },
  },
};

/** Looking at a mailing before it is sent. */
export const mailingPreviewRoutes =
  (ctx: Context, campaign: Campaign): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/mailings/:mailing/preview',
      {
        config,
        schema: operation({
          operationId: 'previewMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Preview a mailing',
          description:
            'The mail as an example person or one of your subscribers would get it; a subscriber is shown to keys that also have the scope `subscriptions:read`. Nothing is sent. Links to unsubscribe are examples that do nothing, those to the petition hold no token, and `manage_url` is the page that is the same for everybody. A text with errors is shown as far as it can be: `checkMailing` names them.',
          params: MailingPath,
          body: MailingPreviewInput,
          answers: { 200: ANSWER },
          errors: ['mailing_not_found', 'mailing_not_ready', 'variant_not_found', 'subscription_not_found'],
        }),
      },
      async (request, reply) => {
        const asked = camelKeys(request.body);
        const preview = await previewMailing(ctx, keyed(request), request.params.mailing, asked);
        const { eml, ...shown } = await campaign.preview(preview);
        reply.header('cache-control', PRIVATE_CACHE).header('vary', 'accept');
        const accept = request.headers.accept ?? '';
        if (/\bmessage\/rfc822\b/i.test(accept)) return reply.type('message/rfc822').send(eml);
        if (/\btext\/html\b/i.test(accept)) return reply.type('text/html; charset=utf-8').send(shown.html);
        return reply
          .type('application/json; charset=utf-8')
          .send(JSON.stringify({ variant_id: preview.variantId, ...shown, bytes: eml.length }));
      },
    );
    done();
  };
