import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MyListQuery } from '../../../schema/api/my-data/my-signatures.js';
import {
  MySubscription,
  MySubscriptionPage,
  MySubscriptionPatch,
  MySubscriptionPath,
} from '../../../schema/api/my-data/my-subscriptions.js';
import type { Context } from '../../core/context.js';
import {
  listMySubscriptions,
  patchMySubscription,
  type MySubscription as Mine,
} from '../../core/my-data/my-subscriptions.js';
import { PRIVATE_CACHE, toPage } from '../answers.js';
import { camelKeys, iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';

export const toMySubscription = ({ subscription, organization, consentText }: Mine) => ({
  id: subscription.publicId,
  organization: {
    id: organization.publicId,
    slug: organization.slug,
    name: organization.name,
    url: organization.url,
  },
  status: subscription.status,
  frequency: subscription.frequency,
  locale: subscription.locale,
  active_since: iso(subscription.activeSince),
  ended_at: iso(subscription.endedAt),
  consent_text: consentText && {
    id: consentText.publicId,
    locale: consentText.locale,
    text: consentText.text,
  },
});

export const mySubscriptionRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/me/subscriptions',
      {
        schema: operation({
          operationId: 'listMySubscriptions',
          tag: 'My data',
          access: 'session',
          summary: 'List who may mail me',
          description: 'Subscriptions in every status, including ended ones, latest first.',
          querystring: MyListQuery,
          answers: { 200: MySubscriptionPage },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listMySubscriptions(ctx.store.read, sessionOf(request), { limit, cursor });
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send(toPage(request, reply, page, toMySubscription));
      },
    );

    app.patch(
      '/v1/me/subscriptions/:subscription',
      {
        schema: operation({
          operationId: 'updateMySubscription',
          tag: 'My data',
          access: 'session',
          summary: 'Leave a list, come back to it, or say how often',
          description:
            'A JSON Merge Patch. Coming back needs a new consent: show `consent_text`, and send its id as `consent_text_id`. After leaving, the supporter is not mailed again.',
          params: MySubscriptionPath,
          body: MySubscriptionPatch,
          answers: { 200: MySubscription },
          errors: ['subscription_not_found', 'consent_required', 'do_not_contact'],
        }),
      },
      async (request, reply) => {
        const { subscription } = request.params;
        const patch = camelKeys(request.body);
        const changed = await patchMySubscription(ctx, sessionOf(request), subscription, patch);
        return reply.header('cache-control', PRIVATE_CACHE).send(toMySubscription(changed));
      },
    );
    done();
  };
