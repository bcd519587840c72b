import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingLinkPage, type MailingLink } from '../../../schema/api/mailings/mailing-links.js';
import { MailingPath, MailingQuery } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { listMailingLinks, type MailingLink as Link } from '../../core/mailings/mailing-links.js';
import { PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { operation } from '../openapi/operation.js';

const toLink = (link: Link): (typeof MailingLink)['static'] => ({
  subscription_id: link.subscriptionId,
  email: link.email,
  frequency: link.frequency,
  locale: link.locale,
  recognise_token: link.recogniseToken,
  petition_url: link.petitionUrl,
  list_unsubscribe: `<${link.oneClickUrl}>`,
  list_unsubscribe_post: 'List-Unsubscribe=One-Click',
  unsubscribe_url: link.unsubscribeUrl,
  manage_url: link.manageUrl,
});

const config = { scope: 'mailings:write' } as const;

/** Personal links, for organizations that send with their own mailer. */
export const mailingLinkRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/mailings/:mailing/links',
      {
        config,
        schema: operation({
          operationId: 'listMailingLinks',
          tag: 'Mailings',
          access: 'secret',
          summary: 'List the personal links of a mailing',
          description:
            'For your mailer: every active subscriber who may be mailed, with the links and headers of their mail. Fetch it shortly before you send: people who unsubscribe in between must not be mailed.',
          params: MailingPath,
          querystring: MailingQuery,
          answers: { 200: MailingLinkPage },
          errors: ['mailing_not_found', 'do_not_contact', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listMailingLinks(ctx, keyed(request), request.params.mailing, { limit, cursor });
        // The page holds tokens: it is not cached, and has no ETag.
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send(toPage(request, reply, page, toLink));
      },
    );
    done();
  };
