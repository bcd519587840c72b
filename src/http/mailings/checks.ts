import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingCheck, MailingCheckQuery } from '../../../schema/api/mailings/mailing-checks.js';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { getMailing } from '../../core/mailings/mailings.js';
import { sourceOf } from '../../core/mailings/reading-source.js';
import type { Campaign } from '../../mail/campaign/campaign.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { operation } from '../openapi/operation.js';

const config = { scope: 'mailings:write' } as const;

/** What should be known about a mailing before it is sent. */
export const mailingCheckRoutes =
  (ctx: Context, campaign: Campaign): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/mailings/:mailing/check',
      {
        config,
        schema: operation({
          operationId: 'checkMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Check a mailing',
          description:
            'Looks at every variant in every language, as it would be sent now, and at the DNS of the domain that it comes from. While there are errors it cannot be started.',
          params: MailingPath,
          querystring: MailingCheckQuery,
          answers: { 200: MailingCheck },
          errors: ['mailing_not_found', 'mailing_not_ready'],
        }),
      },
      async (request, reply) => {
        const on = ctx.store.read;
        const mailing = await getMailing(on, keyed(request), request.params.mailing);
        const source = await sourceOf(ctx, on, mailing);
        const { ready, findings } = await campaign.check(source, request.query.dkim_selector);
        return reply.header('cache-control', PRIVATE_CACHE).send({
          ready,
          findings: findings.map(({ where, ...said }) => ({ ...said, ...where })),
        });
      },
    );
    done();
  };
