import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  ModerationInput,
  ModerationPreview,
  ModerationPreviewInput,
  ModerationResult,
  type ModerationFilter as FilterInput,
} from '../../../schema/api/signatures/moderations.js';
import { ModerationReason, Signature, SignaturePath } from '../../../schema/api/signatures/signatures.js';
import type { Context } from '../../core/context.js';
import { moderateMany } from '../../core/signatures/bulk-moderations.js';
import type { ModerationFilter } from '../../core/signatures/moderation-filters.js';
import { previewModeration } from '../../core/signatures/moderation-previews.js';
import { moderateSignature } from '../../core/signatures/moderations.js';
import type { ErrorCode } from '../../errors.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { date } from '../case.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { toSignature } from './signatures.js';

const toFilter = (filter: (typeof FilterInput)['static']): ModerationFilter => ({
  statuses: filter.status,
  signals: filter.signals,
  source: filter.source,
  collectorId: filter.collector,
  importId: filter.import,
  createdFrom: date(filter.created_from),
  createdBefore: date(filter.created_before),
  emailDomain: filter.email_domain,
});

/** What is decided about quarantine. */
const DECISIONS = {
  release: {
    operationId: 'releaseSignature',
    summary: 'Release a quarantined signature',
    description:
      'It is what it would have been without suspicion: it counts if its mailbox has confirmed it or the petition asks nobody; else its mailbox is asked now. One that an organiser quarantined is what it was.',
    refusals: ['not_quarantined', 'signer_forgotten'],
  },
  refuse: {
    operationId: 'refuseSignature',
    summary: 'Refuse a quarantined signature',
    description: 'It is invalidated, and nobody is mailed. Restored, it is quarantined again.',
    refusals: ['not_quarantined'],
  },
  quarantine: {
    operationId: 'quarantineSignature',
    summary: 'Quarantine a signature',
    description:
      'A pending or confirmed one: it no longer counts and leaves the public list. Released, it is what it was.',
    refusals: ['already_quarantined', 'already_invalidated', 'signature_withdrawn'],
  },
} as const satisfies Record<string, { refusals: readonly ErrorCode[] } & Record<string, unknown>>;

export const secretModerationRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const config = { scope: 'signatures:moderate' } as const;

    for (const action of ['release', 'refuse', 'quarantine'] as const) {
      const { refusals, ...words } = DECISIONS[action];
      app.post(
        `/v1/signatures/:signature/${action}`,
        {
          config,
          schema: operation({
            ...words,
            tag: 'Signatures',
            access: 'secret',
            params: SignaturePath,
            body: ModerationReason,
            answers: { 200: Signature },
            errors: ['signature_not_found', ...refusals, 'idempotency_key_reused', 'invalid_header'],
          }),
        },
        async (request, reply) => {
          const { params, body } = request;
          const verdict = { action, reason: body.reason };
          const retry = retryFrom(ctx, request);
          const view = await moderateSignature(ctx, keyed(request), params.signature, verdict, retry);
          return reply.header('cache-control', PRIVATE_CACHE).send(toSignature(view));
        },
      );
    }

    app.post(
      '/v1/signature-moderations/preview',
      {
        config,
        schema: operation({
          operationId: 'previewModeration',
          tag: 'Signatures',
          access: 'secret',
          summary: 'See what a moderation of many would do',
          description:
            'Finds the signatures of a petition that you lead which the action would move. It changes nothing. What you are not shown of a signature under the terms of a partner you do not find by `email_domain`.',
          body: ModerationPreviewInput,
          answers: { 200: ModerationPreview },
          errors: ['petition_not_found'],
        }),
      },
      async (request, reply) => {
        const { petition, action, filter } = request.body;
        const previewed = await previewModeration(ctx, keyed(request), petition, action, toFilter(filter));
        const { matched, sample, token } = previewed;
        reply.header('cache-control', PRIVATE_CACHE);
        return reply.send({ matched, sample: sample.map(toSignature), preview_token: token });
      },
    );

    app.post(
      '/v1/signature-moderations',
      {
        config,
        schema: operation({
          operationId: 'moderateSignatures',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Moderate many signatures',
          description:
            'Does what a preview has shown, to those of it that are still what they were then. What has been signed, confirmed or moderated since is not touched. At most 10,000 in a request: repeat it while `remaining` is not 0. Repeating it moves nothing twice.',
          body: ModerationInput,
          answers: { 200: ModerationResult },
          errors: ['preview_outdated'],
        }),
      },
      async (request, reply) => {
        const { preview_token: token, reason } = request.body;
        const result = await moderateMany(ctx, keyed(request), token, reason);
        return reply.header('cache-control', PRIVATE_CACHE).send(result);
      },
    );
    done();
  };
