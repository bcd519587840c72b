import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import {
  SubscriptionImport,
  SubscriptionImportResult,
} from '../../../schema/api/subscriptions/subscription-import.js';
import {
  SubscriptionAccepted,
  SubscriptionDetails,
  SubscriptionEnding,
  SubscriptionInput,
  SubscriptionPage,
  SubscriptionPath,
  SubscriptionQuery,
  SubscriptionResult,
  type Subscription,
} from '../../../schema/api/subscriptions/subscriptions.js';
import type { Context } from '../../core/context.js';
import {
  endOwnSubscription,
  getSubscription,
  listConsents,
  listSubscriptions,
  type ConsentView,
  type SubscriptionView,
} from '../../core/subscriptions/subscribers.js';
import type { Subscribed } from '../../core/subscriptions/subscribing.js';
import { importSubscribers } from '../../core/subscriptions/subscription-import.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { withFloor } from '../answer-floor.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys, iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { toContact } from '../supporters/contacts.js';

const toSubscription = (ctx: Context, view: SubscriptionView): (typeof Subscription)['static'] => ({
  id: view.publicId,
  supporter_id: ctx.secrets.namesFor(view.organizationKey)(view.supporterId),
  email: view.email,
  status: view.status,
  frequency: view.frequency,
  locale: view.locale,
  source: view.source,
  external_id: view.externalId,
  contact: view.contact && toContact(view.contact),
  created_at: iso(view.createdAt),
  active_since: iso(view.activeSince),
  ended_at: iso(view.endedAt),
});

const toConsent = ({ record, text, petitionId, proofValid }: ConsentView) => ({
  id: record.publicId,
  action: record.action,
  origin: record.origin,
  consent_text: text && {
    id: text.publicId,
    version: text.version,
    locale: text.locale,
    sha256: text.hash.toString('hex'),
  },
  petition_id: petitionId,
  source: record.source,
  evidence: record.evidence,
  created_at: iso(record.createdAt),
  proof: record.proof.toString('base64url'),
  proof_valid: proofValid,
});

/** The answer without a secret key: nothing in it may depend on the address. */
const toAccepted = ({ organizationId, doubleOptIn }: Subscribed) => ({
  organization_id: organizationId,
  next: doubleOptIn ? 'confirm_email' : 'done',
});

export const openSubscriptionRoutes =
  (ctx: Context, verbs: Verbs): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/subscriptions',
      {
        config: { limit: 'mail' },
        schema: operation({
          operationId: 'createSubscription',
          tag: 'Subscriptions',
          access: 'open',
          summary: 'Subscribe to an organization’s mails',
          description:
            'Without a secret key the answer is always 202 and reveals nothing about the address; a confirmation mail is sent, unless the organization works without double opt-in. With a secret key with `subscriptions:write` the answer is 201 for a new subscription, 200 for an existing one. With `evidence` the consent counts at once; a person who has left since it was collected comes back only with a later consent.',
          body: SubscriptionInput,
          answers: { 200: SubscriptionResult, 201: SubscriptionResult, 202: SubscriptionAccepted },
          errors: [
            'scope_required',
            'consent_text_not_found',
            'do_not_contact',
            'consent_required',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const ask = () => verbs.subscribe(request.actor, camelKeys(request.body), retryFrom(ctx, request));
        reply.header('cache-control', PRIVATE_CACHE);
        if (request.actor.kind !== 'secret') {
          return reply.code(202).send(toAccepted(await withFloor(ctx, ask)));
        }
        const { created, subscription } = await ask();
        return reply.code(created ? 201 : 200).send({ ...toSubscription(ctx, subscription), created });
      },
    );
    done();
  };

/** In bytes, for a thousand rows. */
const IMPORT_BODY_LIMIT = 1024 * 1024;

const filterOf = (query: (typeof SubscriptionQuery)['static']) => ({
  statuses: query.status,
  email: query.email,
  source: query.source,
  externalId: query.external_id,
  createdFrom: query.created_from === undefined ? undefined : new Date(query.created_from),
  createdBefore: query.created_before === undefined ? undefined : new Date(query.created_before),
});

export const secretSubscriptionRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    /** The subscription with its records of consent. */
    const detailsOf = async (view: SubscriptionView) => ({
      ...toSubscription(ctx, view),
      consents: (await listConsents(ctx, view)).map(toConsent),
    });

    app.get(
      '/v1/subscriptions',
      {
        config: { scope: 'subscriptions:read' },
        schema: operation({
          operationId: 'listSubscriptions',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'List your subscriptions',
          description: 'In every status, including ended and unconfirmed ones, with filters.',
          querystring: SubscriptionQuery,
          answers: { 200: SubscriptionPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, sort } = request.query;
        const page = await listSubscriptions(ctx.store.read, keyed(request), filterOf(request.query), {
          limit,
          cursor,
          oldestFirst: sort === 'created_at',
        });
        return sendWithEtag(
          request,
          reply,
          PRIVATE_CACHE,
          toPage(request, reply, page, (view: SubscriptionView) => toSubscription(ctx, view)),
        );
      },
    );

    app.get(
      '/v1/subscriptions/:subscription',
      {
        config: { scope: 'subscriptions:read' },
        schema: operation({
          operationId: 'getSubscription',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'Read a subscription with its consents',
          description:
            'Up to 100 records of consent and its end, latest first. Each has a proof, which is verified whenever it is read.',
          params: SubscriptionPath,
          answers: { 200: SubscriptionDetails, 304: NOT_MODIFIED },
          errors: ['subscription_not_found'],
        }),
      },
      async (request, reply) => {
        const view = await getSubscription(ctx.store.read, keyed(request), request.params.subscription);
        return sendWithEtag(request, reply, PRIVATE_CACHE, await detailsOf(view));
      },
    );

    app.post(
      '/v1/subscriptions/import',
      {
        bodyLimit: IMPORT_BODY_LIMIT,
        config: { scope: 'subscriptions:write' },
        schema: operation({
          operationId: 'importSubscriptions',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'Import subscribers with their consent',
          description:
            'Up to 1,000 people who have agreed to one of your texts elsewhere: they are active at once. A row that cannot be imported is skipped and reported with its index. Importing the same rows again changes nothing.',
          body: SubscriptionImport,
          answers: { 200: SubscriptionImportResult },
          errors: ['consent_text_not_found', 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const imported = await importSubscribers(
          ctx,
          keyed(request),
          importOf(request),
          retryFrom(ctx, request),
        );
        return reply.header('cache-control', PRIVATE_CACHE).send(imported);
      },
    );

    app.post(
      '/v1/subscriptions/:subscription/end',
      {
        config: { scope: 'subscriptions:write' },
        schema: operation({
          operationId: 'endSubscription',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'End a subscription',
          description:
            'For a person who asked you to. No mail is sent. A subscription that has already ended stays as it is.',
          params: SubscriptionPath,
          body: SubscriptionEnding,
          answers: { 200: SubscriptionDetails },
          errors: ['subscription_not_found', 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const { params, body } = request;
        const retry = retryFrom(ctx, request);
        const view = await endOwnSubscription(ctx, keyed(request), params.subscription, body.reason, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(await detailsOf(view));
      },
    );
    done();
  };

const importOf = ({ body }: FastifyRequest<{ Body: (typeof SubscriptionImport)['static'] }>) => ({
  consentTextId: body.consent_text_id,
  evidence: body.evidence,
  rows: body.rows.map(camelKeys),
});
