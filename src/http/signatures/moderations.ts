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

/** The operations that decide about quarantine. */
const DECISIONS = {
  release: {
    operationId: 'releaseSignature',
    summary: 'Release a quarantined signature',
    description:
      'Gives the signature the status that it would have had without suspicion: it counts if its mailbox has confirmed it or the petition asks for no confirmation; otherwise the confirmation mail is sent now. A signature that an organiser had quarantined gets its former status back.',
    refusals: ['not_quarantined', 'signer_forgotten'],
  },
  refuse: {
    operationId: 'refuseSignature',
    summary: 'Refuse a quarantined signature',
    description:
      'Invalidates the signature without mailing the signer. If restored, it is quarantined again.',
    refusals: ['not_quarantined'],
  },
  quarantine: {
    operationId: 'quarantineSignature',
    summary: 'Quarantine a signature',
    description:
      'For a pending or confirmed signature: it no longer counts and leaves the public list. Releasing it restores its status.',
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
          summary: 'Preview the moderation of many signatures',
          description:
            'Finds the signatures of a petition that you lead to which the action would apply. It changes nothing. `email_domain` does not find signatures whose address you may not see under the terms of a partner.',
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
            'Applies a preview to those of its signatures that have not changed since. Signatures that were made, confirmed or moderated after the preview are not touched. A request moderates at most 10,000: repeat it while `remaining` is not 0. Repeating it is safe.',
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
