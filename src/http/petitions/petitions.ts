import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import { PetitionInput, PetitionPatch } from '../../../schema/api/petitions/petition-input.js';
import { PetitionLocaleQuery, PetitionQuery } from '../../../schema/api/petitions/petition-queries.js';
import { Petition, PetitionPage, PetitionTransition } from '../../../schema/api/petitions/petitions.js';
import type { DisclosedField } from '../../../schema/db/tables/petitions.js';
import { ANONYMOUS, type Actor } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { countsShownTo, publicCounts } from '../../core/partners/shown-counts.js';
import { closestTo } from '../../core/petitions/languages.js';
import { nextTurn } from '../../core/petitions/petition-life.js';
import { listPetitions } from '../../core/petitions/petition-list.js';
import {
  createPetition,
  getPetition,
  patchPetition,
  transitionPetition,
} from '../../core/petitions/petitions.js';
import type { Transition } from '../../core/petitions/petitions.js';
import { foldWords } from '../../core/petitions/search-words.js';
import { shownWords } from '../../core/words/choosing-words.js';
import { invalidBody } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { cacheFor, invalidQuery, MOVED, NOT_MODIFIED, PUBLIC_CACHING, toPage } from '../answers.js';
import { chosenBy } from '../accept-language.js';
import { keyed } from '../auth.js';
import { camelKeys, date } from '../case.js';
import { etagOf, sendWithEtag, versionOf } from '../conditional.js';
import { HotAnswers } from '../front/hot-answers.js';
import { readFor, rendered } from '../published.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { discoveryOf } from './oembed.js';
import { sayLanguages, sendPetition, toPetition, toSummary } from './petition-view.js';

/** Reading petitions: open to all callers. The lead organization sees more. */
export const openPetitionRoutes =
  (ctx: Context, publicUrl: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions',
      {
        schema: operation({
          operationId: 'listPetitions',
          tag: 'Petitions',
          access: 'open',
          summary: 'List petitions',
          description:
            'Published petitions; with a secret key also your organization’s drafts. Each in the language that `locale` asks for, or else `Accept-Language`, where there is a translation.',
          querystring: PetitionQuery,
          answers: { 200: PetitionPage, 304: NOT_MODIFIED },
          sends: ['Age', 'Content-Language'],
          takes: ['Accept-Language'],
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, sort = '-created_at', ...filter } = request.query;
        const { status: statuses, external_id: externalId, ...rest } = filter;
        if (rest.q !== undefined && foldWords(rest.q).length === 0) {
          throw invalidQuery('/q', 'no_words', 'It holds no words: send letters or digits.');
        }
        const { actor } = request;
        const choose = chosenBy(rest.locale, request.headers['accept-language']);
        const { page, shown } = await readFor(ctx, request, reply, async (read) => {
          const from = { store: { read }, now: ctx.now };
          const wanted = { statuses, externalId, ...rest };
          const found = await listPetitions(from, actor, wanted, { limit, cursor, sort }, choose);
          return { page: found, shown: await countsShownTo(read, actor, found.items) };
        });
        const now = ctx.now();
        const body = toPage(request, reply, page, (item) =>
          toSummary(item, shown(item.key, item.counts), now),
        );
        sayLanguages(reply, page.items);
        return sendWithEtag(request, reply, cacheFor(request), body);
      },
    );

    const hot = new HotAnswers(ctx, app);
    const render = async (on: Reader, actor: Actor, ref: string, locale: string | undefined) => {
      const view = await getPetition(on, actor, ref, closestTo(locale));
      const now = ctx.now();
      const words = await shownWords(on, view.petition, view.organization);
      const seen = { actor: ANONYMOUS, now };
      const body = JSON.stringify(toPetition(view, words, publicCounts(view.counts), seen));
      return {
        body,
        etag: etagOf(body, view.petition.version),
        until: nextTurn(view.petition, now),
        link: discoveryOf(view.petition, publicUrl),
        languages: { all: view.petition.locales, shown: view.petition.locale },
      };
    };

    app.get(
      '/v1/petitions/:petition',
      {
        schema: operation({
          operationId: 'getPetition',
          tag: 'Petitions',
          access: 'open',
          summary: 'Read a petition',
          description:
            'The petition with its counts. Members that only its lead organization sees are null for other callers. Where it is translated, `locale` chooses the language, or else `Accept-Language`.',
          params: PetitionPath,
          querystring: PetitionLocaleQuery,
          answers: { 200: Petition, 304: NOT_MODIFIED, 308: MOVED },
          sends: ['Link', 'Age', 'Content-Language'],
          takes: ['Accept-Language'],
          errors: ['petition_not_found', 'petition_taken_down'],
        }),
      },
      (request, reply) => {
        const { actor } = request;
        const { petition: ref } = request.params;
        const { locale: asked } = request.query;
        if (actor.kind === 'anonymous' || (actor.kind === 'publishable' && !actor.test)) {
          // All real publishable keys share an answer, which is the public one or, for tests, none.
          const isAnonymous = actor.kind === 'anonymous';
          const published = (locale: string | undefined) =>
            isAnonymous
              ? rendered(ctx.store.published((on) => render(on, actor, ref, locale)))
              : render(ctx.store.read, actor, ref, locale);
          const key = isAnonymous ? ref : `key ${ref}`;
          return hot.send(request, reply, { ref: key, asked, caching: PUBLIC_CACHING, render: published });
        }
        const choose = chosenBy(asked, request.headers['accept-language']);
        return getPetition(ctx.store.read, actor, ref, choose).then((view) => {
          sayLanguages(reply, [view.petition]);
          // Drafts cannot be embedded.
          if (view.petition.status !== 'draft') reply.header('link', discoveryOf(view.petition, publicUrl));
          return sendPetition(ctx, request, reply, view);
        });
      },
    );
    done();
  };

/** Creating and changing petitions: for the lead organization. */
export const secretPetitionRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/petitions',
      {
        bodyLimit: PETITION_BODY_LIMIT,
        config: { scope: 'petitions:write' },
        schema: operation({
          operationId: 'createPetition',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Create a petition',
          description: 'Creates a draft, led by your organization. Publish it with a transition.',
          body: PetitionInput,
          answers: { 201: Petition },
          sends: ['ETag', 'Location'],
          errors: ['slug_taken', 'external_id_taken', 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const actor = keyed(request);
        const view = await createPetition(ctx, actor, fromInput(request.body), retryFrom(ctx, request));
        const { base } = request.server.ownPages;
        reply.code(201).header('location', `${base}/v1/petitions/${view.petition.publicId}`);
        return sendPetition(ctx, request, reply, view);
      },
    );

    app.patch(
      '/v1/petitions/:petition',
      {
        bodyLimit: PETITION_BODY_LIMIT,
        config: { scope: 'petitions:write' },
        schema: operation({
          operationId: 'updatePetition',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Change a petition',
          description:
            'A JSON Merge Patch. Needs `If-Match` with the ETag that you have read. The statement cannot change after the first signature.',
          params: PetitionPath,
          body: PetitionPatch,
          answers: { 200: Petition, 308: MOVED },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'precondition_required',
            'precondition_failed',
            'slug_taken',
            'external_id_taken',
            'statement_fixed',
          ],
        }),
      },
      async (request, reply) => {
        const actor = keyed(request);
        const patch = fromInput(request.body);
        const view = await patchPetition(ctx, actor, request.params.petition, versionOf(request), patch);
        return sendPetition(ctx, request, reply, view);
      },
    );

    app.post(
      '/v1/petitions/:petition/transitions',
      {
        config: { scope: 'petitions:write' },
        schema: operation({
          operationId: 'transitionPetition',
          tag: 'Petitions',
          access: 'secret',
          summary: 'Change the status of a petition',
          description:
            'draft → published → closed → archived, and taken_down from any status. Closing takes an optional outcome and response; taking down needs a reason.',
          params: PetitionPath,
          body: PetitionTransition,
          answers: { 200: Petition, 308: MOVED },
          sends: ['ETag'],
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'transition_not_allowed',
            'precondition_failed',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const actor = keyed(request);
        const transition = toTransition(request.body);
        const view = await transitionPetition(
          ctx,
          actor,
          request.params.petition,
          transition,
          retryFrom(ctx, request),
        );
        return sendPetition(ctx, request, reply, view);
      },
    );
    done();
  };

/** In bytes: a petition may have 20,000 characters of background and a hundred references. */
const PETITION_BODY_LIMIT = 512 * 1024;

type Written<Form> = { opens_at?: string | null; closes_at?: string | null; form?: Form };

/** The petition as core knows it: what is disclosed is no rule of the form there. */
const fromInput = <Form extends { discloses?: DisclosedField[] | null }, Body extends Written<Form & object>>(
  body: Body & Written<Form>,
) => {
  const { opens_at: opensAt, closes_at: closesAt, form, ...rest } = body;
  const { discloses, ...rules } = form ?? {};
  return {
    ...camelKeys(rest),
    ...(form === undefined ? {} : { form: rules as Omit<Form, 'discloses'> }),
    ...(discloses === undefined ? {} : { discloses }),
    ...(opensAt === undefined ? {} : { opensAt: date(opensAt) }),
    ...(closesAt === undefined ? {} : { closesAt: date(closesAt) }),
  };
};

/** Checks which members go with which status, which the schema does not express. Throws `invalid_body`. */
function toTransition({ to, outcome, response, reason }: (typeof PetitionTransition)['static']): Transition {
  const misplaced = [
    ...(to === 'closed'
      ? []
      : Object.entries({ outcome, response }).filter(([, value]) => value !== undefined)),
    ...(to === 'taken_down' || reason === undefined ? [] : [['reason']]),
  ].map(([name]) => ({
    pointer: `/${String(name)}`,
    code: 'misplaced',
    detail: `It does not go with ${to}: leave it out.`,
  }));
  if (misplaced.length > 0) throw invalidBody(...misplaced);
  if (to === 'taken_down') {
    if (reason === undefined) {
      throw invalidBody({ pointer: '/reason', code: 'required', detail: 'Say why it is taken down.' });
    }
    return { to, reason };
  }
  if (to === 'closed') {
    return { to, ...(outcome ? { outcome } : {}), ...(response === undefined ? {} : { response }) };
  }
  return { to };
}
