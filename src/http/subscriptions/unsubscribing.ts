import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailRequestAccepted } from '../../../schema/api/confirmation/confirmations.js';
import { UnsubscribeInput, UnsubscribePath } from '../../../schema/api/subscriptions/unsubscribing.js';
import { worldOf } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { unsubscribeByAddress, unsubscribeByLink } from '../../core/subscriptions/unsubscribing.js';
import { withFloor } from '../answer-floor.js';
import { PRIVATE_CACHE } from '../answers.js';
import { ACCEPTED } from '../answers.js';
import { operation } from '../openapi/operation.js';
import { takesNoBody } from '../validation.js';

/** One-click unsubscribing (RFC 8058). The body is ignored: its format varies, its content is fixed. */
const oneClickRoute =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    takesNoBody(app);
    app.post(
      '/v1/unsubscribe/:link',
      {
        // Mail providers send the clicks of many people from few IP addresses.
        config: { limit: 'none' },
        schema: operation({
          operationId: 'unsubscribeByLink',
          changes: true,
          tag: 'Subscriptions',
          access: 'open',
          summary: 'Leave a list with one click',
          description:
            'For mail providers (RFC 8058), with the token of the List-Unsubscribe header or of the footer. The body is ignored. It ends that one subscription; repeating the call returns the same answer.',
          params: UnsubscribePath,
          answers: { 200: { description: 'Unsubscribed. There is no body.' } },
          errors: ['link_not_found', 'unsupported_media_type', 'overloaded', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await unsubscribeByLink(ctx, request.params.link);
        return reply.header('cache-control', PRIVATE_CACHE).send();
      },
    );

    // Some mail programs open the header's link in a browser: GET redirects to the page, and changes nothing.
    app.get<{ Params: { link: string } }>(
      '/v1/unsubscribe/:link',
      { schema: { hide: true, params: UnsubscribePath } },
      (request, reply) =>
        reply
          .code(302)
          .headers({
            location: ctx.links.to('unsubscribe', request.params.link),
            'cache-control': PRIVATE_CACHE,
          })
          .send(),
    );
    done();
  };

export const unsubscribeRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    void app.register(oneClickRoute(ctx));

    app.post(
      '/v1/unsubscribe',
      {
        config: { limit: 'mail' },
        schema: operation({
          operationId: 'unsubscribeByAddress',
          tag: 'Subscriptions',
          access: 'open',
          summary: 'Leave lists by typing an address',
          description:
            'Mails unsubscribe links to that address, if it has subscriptions. The answer is the same for every address.',
          body: UnsubscribeInput,
          answers: { 202: MailRequestAccepted },
        }),
      },
      async (request, reply) => {
        const { email, organization_id: organizationId, locale } = request.body;
        const world = worldOf(request.actor);
        await withFloor(ctx, () => unsubscribeByAddress(ctx, email, { organizationId, locale }, world));
        return reply.code(202).header('cache-control', PRIVATE_CACHE).send(ACCEPTED);
      },
    );
    done();
  };
