import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PetitionWords,
  PetitionWordsInput,
  PetitionWordsList,
  PetitionWordsPath,
  PetitionWordsPreview,
} from '../../../schema/api/words/petition-words.js';
import type { Context } from '../../core/context.js';
import { exampleConfirmation } from '../../core/letters/example-letter.js';
import {
  deleteWords,
  getWords,
  listWords,
  putWords,
  type OwnWords,
  type PetitionWords as Row,
} from '../../core/words/petition-words.js';
import { fillIn, fillInHtml, wordsHtml } from '../../core/words/words-markdown.js';
import { placeholdersOf } from '../../mail/blocks.js';
import type { Render } from '../../mail/render.js';
import { NOT_MODIFIED, PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { operation } from '../openapi/operation.js';

const toWords = (row: Row): (typeof PetitionWords)['static'] => ({
  locale: row.locale,
  confirmation: row.confirmation,
  confirmation_subject: row.confirmationSubject,
  thanks: row.thanks,
  button: row.button,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});

const fromInput = (body: (typeof PetitionWordsInput)['static']): OwnWords => ({
  confirmation: body.confirmation ?? null,
  confirmationSubject: body.confirmation_subject ?? null,
  thanks: body.thanks ?? null,
  button: body.button ?? null,
});

const send = (request: FastifyRequest, reply: FastifyReply, row: Row) =>
  sendWithEtag(request, reply, PRIVATE_CACHE, toWords(row), row.version);

const config = { scope: 'petitions:write' } as const;
const path = '/v1/petitions/:petition/words/:locale';

/** Own words for mails and forms: for the lead organization. */
export const secretWordsRoutes =
  (ctx: Context, render: Render): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/words',
      {
        config,
        schema: operation({
          operationId: 'listPetitionWords',
          tag: 'Petitions',
          access: 'secret',
          summary: 'List your own words',
          description: 'The words that your organization has written for the petition, in all languages.',
          params: PetitionPath,
          answers: { 200: PetitionWordsList, 304: NOT_MODIFIED },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const rows = await listWords(ctx.store.read, keyed(request), request.params.petition);
        return sendWithEtag(request, reply, PRIVATE_CACHE, { data: rows.map(toWords) });
      },
    );

    app.get(
      path,
      {
        config,
        schema: operation({
          operationId: 'getPetitionWords',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Read your own words in a language',
          description: 'With the ETag that replacing them needs.',
          params: PetitionWordsPath,
          answers: { 200: PetitionWords, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'words_not_found'],
        }),
      },
      async (request, reply) => {
        const { petition, locale } = request.params;
        return send(request, reply, await getWords(ctx.store.read, keyed(request), petition, locale));
      },
    );

    app.put(
      path,
      {
        config,
        schema: operation({
          operationId: 'writePetitionWords',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Write your own words in a language',
          description:
            'For the mail that asks to confirm a signature, for the thanks after it, and for the button. Replacing words needs `If-Match` with the ETag that you have read; the first words in a language need none. Signers get the words in their own language, else in the language of the petition, else ours. Mails that wait get the words of the moment when they are sent.',
          params: PetitionWordsPath,
          body: PetitionWordsInput,
          answers: { 200: PetitionWords, 201: PetitionWords },
          sends: ['ETag'],
          errors: [
            'petition_not_found',
            'precondition_required',
            'precondition_failed',
            'too_many_languages',
          ],
        }),
      },
      async (request, reply) => {
        const version = request.headers['if-match'] === undefined ? undefined : versionOf(request);
        const at = { ...request.params, version };
        const { words, created } = await putWords(ctx, keyed(request), at, fromInput(request.body));
        return send(request, reply.code(created ? 201 : 200), words);
      },
    );

    app.delete(
      path,
      {
        config,
        schema: operation({
          operationId: 'deletePetitionWords',
          changes: true,
          tag: 'Petitions',
          access: 'secret',
          summary: 'Delete your own words in a language',
          description: 'From then on signers get those in the language of the petition, or ours.',
          params: PetitionWordsPath,
          answers: { 204: { description: 'They are deleted.' } },
          errors: ['petition_not_found', 'words_not_found', 'storage_full'],
        }),
      },
      async (request, reply) => {
        const { petition, locale } = request.params;
        await deleteWords(ctx, keyed(request), petition, locale);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );

    app.post(
      `${path}/preview`,
      {
        config,
        schema: operation({
          operationId: 'previewPetitionWords',
          tag: 'Petitions',
          access: 'secret',
          summary: 'See how words would look',
          description:
            'The mail and the thanks with the words of the body, for an example signer. Nothing is stored and nothing is sent; its link and its code do not work. An empty body shows our own words.',
          params: PetitionWordsPath,
          body: PetitionWordsInput,
          answers: { 200: PetitionWordsPreview },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const words = fromInput(request.body);
        const letter = await exampleConfirmation(ctx, keyed(request), request.params, words);
        const { subject, text, html } = render(letter);
        const values = placeholdersOf(letter);
        return reply.header('cache-control', PRIVATE_CACHE).send({
          mail: { subject, text, html },
          thanks_html: words.thanks === null ? null : fillInHtml(wordsHtml(words.thanks), values),
          button: words.button === null ? null : fillIn(words.button, values),
        });
      },
    );
    done();
  };
