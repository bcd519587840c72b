import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  Mailing,
  MailingInput,
  MailingLinkPage,
  MailingPage,
  MailingPath,
  MailingQuery,
  type MailingLink,
} from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { listMailingLinks, type MailingLink as Link } from '../../core/mailings/mailing-links.js';
import { createMailing, listMailings, type MailingView } from '../../core/mailings/mailings.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { toMailingState } from './mailing-state.js';

export const toMailing = (row: MailingView) => ({
  id: row.publicId,
  name: row.name,
  petition_id: row.petitionId,
  source: row.source,
  ...toMailingState(row),
  created_at: iso(row.createdAt),
});

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
});

export const secretMailingRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'mailings:write' } as const;

    app.post(
      '/v1/mailings',
      {
        config,
        schema: operation({
          operationId: 'createMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Announce a mailing',
          description:
            'You send the mailing with your own mailer. This server makes its personal links, and credits it with the signatures that they bring.',
          body: MailingInput,
          answers: { 201: Mailing },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'not_a_partner',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const mailing = await createMailing(ctx, keyed(request), request.body, retryFrom(ctx, request));
        return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toMailing(mailing));
      },
    );

    app.get(
      '/v1/mailings',
      {
        config,
        schema: operation({
          operationId: 'listMailings',
          tag: 'Mailings',
          access: 'secret',
          summary: 'List your mailings',
          description: 'Latest first.',
          querystring: MailingQuery,
          answers: { 200: MailingPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listMailings(ctx.store.read, keyed(request), { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toMailing));
      },
    );

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
