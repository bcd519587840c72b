import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingInput, MailingPatch } from '../../../schema/api/mailings/mailing-input.js';
import {
  Mailing,
  MailingListQuery,
  MailingPage,
  MailingPath,
} from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import {
  getWholeMailing,
  listMailings,
  type MailingView,
  type WholeMailing,
} from '../../core/mailings/mailings.js';
import type { MailingVariantRow } from '../../core/mailings/variants.js';
import {
  createMailing,
  deleteMailing,
  updateMailing,
  type MailingPatch as Patch,
} from '../../core/mailings/writing.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys, date, iso } from '../case.js';
import { sendWithEtag, versionOf } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toSummary = (row: MailingView) => ({
  id: row.publicId,
  name: row.name,
  petition_id: row.petitionId,
  source: row.source,
  state: row.state,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
  send_at: iso(row.sendAt),
  time_zone: row.timeZone,
  started_at: iso(row.startedAt),
  finished_at: iso(row.finishedAt),
});

const toVariant = ({ publicId, name, content }: MailingVariantRow) => ({
  id: publicId,
  name,
  sender_name: content.senderName ?? null,
  texts: content.texts ?? {},
});

/** A mailing as its organization sees it. */
export const toMailing = (row: WholeMailing): (typeof Mailing)['static'] => ({
  ...toSummary(row),
  sender: row.content && { name: row.content.senderName, reply_to: row.content.replyTo },
  texts: row.content?.texts ?? {},
  default_locale: row.content?.defaultLocale ?? null,
  variants: row.variants.map(toVariant),
  segment: row.clause,
  count_clicks: row.countClicks === 1,
  test_share: row.testShare,
  metric: row.metric,
  winner: row.winnerChoice,
  decide_after_hours: row.decideAfterHours,
  winner_variant_id: row.variants.find(({ key }) => key === row.winnerKey)?.publicId ?? null,
  decided_at: iso(row.decidedAt),
  expires_at: iso(row.expiresAt),
  pause_reason: row.pauseReason,
});

const patchOf = (body: (typeof MailingPatch)['static']): Patch => {
  const { expiresAt, ...rest } = camelKeys(body);
  return { ...rest, ...(expiresAt === undefined ? {} : { expiresAt: date(expiresAt) }) };
};

const config = { scope: 'mailings:write' } as const;
/** In bytes, for long texts in many languages. */
const MAILING_BODY_LIMIT = 2 * 1024 * 1024;
const path = '/v1/mailings/:mailing';

const WRITING_ERRORS = [
  'petition_not_found',
  'petition_taken_down',
  'not_a_partner',
  'segment_not_found',
] as const;

/** Mailings and what they say. */
export const secretMailingRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/mailings',
      {
        bodyLimit: MAILING_BODY_LIMIT,
        config,
        schema: operation({
          operationId: 'createMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Create a mailing',
          description:
            'With `texts` it is a draft that this server can send to your subscribers. Without, you send it with your own mailer, and this server makes its personal links. Either way it is credited with the signatures that its links bring. What is not ready yet can be stored: `checkMailing` says what is missing.',
          body: MailingInput,
          answers: { 201: Mailing },
          sends: ['ETag'],
          errors: [...WRITING_ERRORS, 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const input = { ...patchOf(request.body), name: request.body.name };
        const mailing = await createMailing(ctx, keyed(request), input, retryFrom(ctx, request));
        return sendWithEtag(request, reply.code(201), PRIVATE_CACHE, toMailing(mailing), mailing.version);
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
          description: 'Latest first, without their texts.',
          querystring: MailingListQuery,
          answers: { 200: MailingPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, state } = request.query;
        const page = await listMailings(ctx.store.read, keyed(request), { state }, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toSummary));
      },
    );

    app.get(
      path,
      {
        config,
        schema: operation({
          operationId: 'getMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Read a mailing',
          description: 'With the ETag that changing it needs.',
          params: MailingPath,
          answers: { 200: Mailing, 304: NOT_MODIFIED },
          errors: ['mailing_not_found'],
        }),
      },
      async (request, reply) => {
        const mailing = await getWholeMailing(ctx.store.read, keyed(request), request.params.mailing);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toMailing(mailing), mailing.version);
      },
    );

    app.patch(
      path,
      {
        bodyLimit: MAILING_BODY_LIMIT,
        config,
        schema: operation({
          operationId: 'updateMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Change a mailing',
          description:
            'A JSON Merge Patch, until the mailing is started: one that is scheduled can still change, and is sent as it is at that moment. Needs `If-Match` with the ETag that you have read.',
          params: MailingPath,
          body: MailingPatch,
          answers: { 200: Mailing },
          errors: [
            ...WRITING_ERRORS,
            'mailing_not_found',
            'mailing_not_editable',
            'precondition_required',
            'precondition_failed',
          ],
        }),
      },
      async (request, reply) => {
        const { mailing: id } = request.params;
        const version = versionOf(request);
        const mailing = await updateMailing(ctx, keyed(request), id, version, patchOf(request.body));
        return sendWithEtag(request, reply, PRIVATE_CACHE, toMailing(mailing), mailing.version);
      },
    );

    app.delete(
      path,
      {
        config,
        schema: operation({
          operationId: 'deleteMailing',
          changes: true,
          tag: 'Mailings',
          access: 'secret',
          summary: 'Delete a mailing',
          description:
            'A draft, or one that was cancelled or missed before it was started. One that has brought signatures stays: they name it.',
          params: MailingPath,
          answers: { 204: { description: 'It is deleted.' } },
          errors: ['mailing_not_found', 'mailing_not_editable', 'storage_full'],
        }),
      },
      async (request, reply) => {
        await deleteMailing(ctx, keyed(request), request.params.mailing);
        return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
      },
    );
    done();
  };
