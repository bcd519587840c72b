import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PetitionTranslation,
  PetitionTranslationInput,
  PetitionTranslationList,
  PetitionTranslationPath,
} from '../../../schema/api/petitions/translations.js';
import type { Context } from '../../core/context.js';
import {
  deleteTranslation,
  getTranslation,
  listTranslations,
  putTranslation,
  type TranslationTexts,
  type TranslationView,
} from '../../core/petitions/translations.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { operation } from '../openapi/operation.js';

const toTranslation = (row: TranslationView): (typeof PetitionTranslation)['static'] => ({
  locale: row.locale,
  title: row.title,
  statement: row.statement,
  call_to_action: row.callToAction,
  background: row.background,
  image_alt: row.imageAlt,
  share_texts: row.shareTexts,
  page_url: row.pageUrl,
  fixed: row.fixed,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});

const fromInput = (body: PetitionTranslationInput): TranslationTexts => ({
  title: body.title,
  statement: body.statement,
  callToAction: body.call_to_action ?? null,
  background: body.background ?? null,
  imageAlt: body.image_alt ?? null,
  shareTexts: body.share_texts ?? [],
  pageUrl: body.page_url ?? null,
});

const send = (request: FastifyRequest, reply: FastifyReply, row: TranslationView) =>
  sendWithEtag(
    request,
    reply.header('content-language', row.locale),
    PRIVATE_CACHE,
    toTranslation(row),
    row.version,
  );

const config = { scope: 'petitions:write' } as const;
const path = '/v1/petitions/:petition/translations/:locale';
/** In bytes: a background has up to 20,000 characters. */
const BODY_LIMIT = 256 * 1024;

/** One petition in several languages: for the lead organization. */
export const translationRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/translations',
      {
        config,
        schema: operation({
          operationId: 'listPetitionTranslations',
          tag: 'Petitions',
          access: 'secret',
          summary: 'List the translations of a petition',
          description:
            'The texts in all further languages. What readers get in one of them says `getPetition` with `locale`.',
          params: PetitionPath,
          answers: { 200: PetitionTranslationList, 304: NOT_MODIFIED },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const rows = await listTranslations(ctx.store.read, keyed(request), request.params.petition);
        return sendWithEtag(request, reply, PRIVATE_CACHE, { data: rows.map(toTranslation) });
      },
    );

    app.get(
      path,
      {
        config,
        schema: operation({
          operationId: 'getPetitionTranslation',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Read a translation',
          description: 'With the ETag that replacing it needs.',
          params: PetitionTranslationPath,
          answers: { 200: PetitionTranslation, 304: NOT_MODIFIED },
          sends: ['Content-Language'],
          errors: ['petition_not_found', 'translation_not_found'],
        }),
      },
      async (request, reply) => {
        const { petition, locale } = request.params;
        return send(request, reply, await getTranslation(ctx.store.read, keyed(request), petition, locale));
      },
    );

    app.put(
      path,
      {
        bodyLimit: BODY_LIMIT,
        config,
        schema: operation({
          operationId: 'writePetitionTranslation',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Write a translation',
          description:
            'The texts of the petition in a further language: readers get them by `locale` or `Accept-Language`, and all signatures count as one. Replacing a translation needs `If-Match` with the ETag that you have read; the first one into a language needs none. Once somebody has signed in it, its title and statement cannot change. Write the language as you like, `de-at` or `pt_BR`.',
          params: PetitionTranslationPath,
          body: PetitionTranslationInput,
          answers: { 200: PetitionTranslation, 201: PetitionTranslation },
          sends: ['ETag', 'Content-Language'],
          errors: [
            'petition_not_found',
            'own_language',
            'statement_fixed',
            'precondition_required',
            'precondition_failed',
            'too_many_translations',
          ],
        }),
      },
      async (request, reply) => {
        const version = request.headers['if-match'] === undefined ? undefined : versionOf(request);
        const at = { ...request.params, version };
        const texts = fromInput(request.body);
        const { translation, created } = await putTranslation(ctx, keyed(request), at, texts);
        return send(request, reply.code(created ? 201 : 200), translation);
      },
    );

    app.delete(
      path,
      {
        config,
        schema: operation({
          operationId: 'deletePetitionTranslation',
          changes: true,
          tag: 'Petitions',
          access: 'secret',
          summary: 'Delete a translation',
          description:
            'From then on its readers get the closest other language, or the one that the petition was written in. Once somebody has signed in it, it stays.',
          params: PetitionTranslationPath,
          answers: { 204: { description: 'It is deleted.' } },
          errors: ['petition_not_found', 'translation_not_found', 'translation_signed', 'storage_full'],
        }),
      },
      async (request, reply) => {
        const { petition, locale } = request.params;
        await deleteTranslation(ctx, keyed(request), petition, locale);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
