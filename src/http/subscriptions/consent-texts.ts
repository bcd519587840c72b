import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  ConsentText,
  ConsentTextInput,
  ConsentTextPage,
  ConsentTextPath,
  ConsentTextQuery,
  PetitionConsentTexts,
} from '../../../schema/api/subscriptions/consent-texts.js';
import type { Context } from '../../core/context.js';
import {
  createConsentText,
  getConsentText,
  listConsentTexts,
  listPetitionConsentTexts,
  type ConsentText as Row,
} from '../../core/subscriptions/consent-texts.js';
import { cacheFor, MOVED, NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toConsentText = (row: Row) => ({
  id: row.publicId,
  organization_id: row.organization.publicId,
  version: row.version,
  locale: row.locale,
  text: row.text,
  sha256: row.hash.toString('hex'),
  created_at: iso(row.createdAt),
});

const toShown = ({ publicId, organization, locale, version, text }: Row) => ({
  id: publicId,
  organization: {
    id: organization.publicId,
    slug: organization.slug,
    name: organization.name,
    url: organization.url,
  },
  locale,
  version,
  text,
  privacy_url: organization.privacyUrl,
});

/** Reading consent texts: open to all callers, so that supporters can read what they agreed to. */
export const openConsentTextRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/consent-texts/:consent_text',
      {
        schema: operation({
          operationId: 'getConsentText',
          tag: 'Subscriptions',
          access: 'open',
          summary: 'Read a consent text',
          description: 'The exact text of one version. It never changes.',
          params: ConsentTextPath,
          answers: { 200: ConsentText, 304: NOT_MODIFIED },
          errors: ['consent_text_not_found'],
        }),
      },
      async (request, reply) => {
        const text = await getConsentText(ctx.store.read, request.params.consent_text);
        return sendWithEtag(request, reply, cacheFor(request), toConsentText(text));
      },
    );

    app.get(
      '/v1/petitions/:petition/consent-texts',
      {
        schema: operation({
          operationId: 'listPetitionConsentTexts',
          tag: 'Subscriptions',
          access: 'open',
          summary: 'List the consent texts of a signing form',
          description:
            'The latest text of each organization of the petition that asks to mail its signers, in the language of the petition if available. Send the answers as `opt_ins` of `signPetition`.',
          params: PetitionPath,
          answers: { 200: PetitionConsentTexts, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      async (request, reply) => {
        const texts = await listPetitionConsentTexts(ctx.store.read, request.actor, request.params.petition);
        return sendWithEtag(request, reply, cacheFor(request), { data: texts.map(toShown) });
      },
    );
    done();
  };

export const secretConsentTextRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/consent-texts',
      {
        config: { scope: 'consents:write' },
        schema: operation({
          operationId: 'createConsentText',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'Create a version of your consent text',
          description:
            'Creates the next version in its language, which forms show from then on. Earlier consents keep the version that they were given to. If the text equals the latest version, that one is returned (200).',
          body: ConsentTextInput,
          answers: { 200: ConsentText, 201: ConsentText },
          errors: ['idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const retry = retryFrom(ctx, request);
        const { text, created } = await createConsentText(ctx, keyed(request), request.body, retry);
        reply.code(created ? 201 : 200).header('cache-control', PRIVATE_CACHE);
        return reply.send(toConsentText(text));
      },
    );

    app.get(
      '/v1/consent-texts',
      {
        config: { scope: 'consents:write' },
        schema: operation({
          operationId: 'listConsentTexts',
          tag: 'Subscriptions',
          access: 'secret',
          summary: 'List your consent texts',
          description: 'Every version in every language, latest first.',
          querystring: ConsentTextQuery,
          answers: { 200: ConsentTextPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const page = await listConsentTexts(ctx.store.read, keyed(request), { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toConsentText));
      },
    );
    done();
  };
