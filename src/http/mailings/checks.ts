import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingCheck, MailingCheckQuery } from '../../../schema/api/mailings/mailing-checks.js';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { checkMailing } from '../../core/mailings/checking.js';
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
            'Looks at every variant in every language as it would be sent, at everything else that a start needs, and at the DNS of the domain that mails come from. While there are errors it cannot be started.',
          params: MailingPath,
          querystring: MailingCheckQuery,
          answers: { 200: MailingCheck },
          errors: ['mailing_not_found', 'mailing_not_ready'],
        }),
      },
      async (request, reply) => {
        const { dkim_selector: selector } = request.query;
        const { ready, findings } = await checkMailing(
          ctx,
          keyed(request),
          request.params.mailing,
          (source, known) => campaign.check(source, known, selector),
        );
        return reply.header('cache-control', PRIVATE_CACHE).send({
          ready,
          findings: findings.map(({ where, ...said }) => ({ ...said, ...where })),
        });
      },
    );
    done();
  };
