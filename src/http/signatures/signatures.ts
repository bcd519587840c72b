import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  ModerationReason,
  Signature,
  SignaturePage,
  SignaturePath,
  SignatureQuery,
} from '../../../schema/api/signatures/signatures.js';
import type { Context } from '../../core/context.js';
import { e164Of } from '../../core/phones.js';
import { moderateSignature } from '../../core/signatures/moderations.js';
import type { SignatureView } from '../../core/signatures/signature-views.js';
import { getSignature, listSignatures } from '../../core/signatures/signatures.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

export const toSignature = (view: SignatureView): (typeof Signature)['static'] => ({
  id: view.publicId,
  petition_id: view.petitionId,
  // An erased supporter still has a row with an id, but no address: the id identifies no person any more.
  supporter_id: view.email ? view.supporterId : null,
  status: view.status,
  email: view.email || null,
  // Empty in an anonymised signature.
  name: view.name || null,
  given_name: view.givenName,
  family_name: view.familyName,
  country: view.country,
  postal_code: view.postalCode,
  postal_address: view.postalAddress,
  phone: view.phone,
  phone_e164: e164Of(view.phone, view.country, view.petitionLocale),
  comment: view.comment,
  answers: view.answers,
  display: view.display,
  source: view.source,
  utm: view.utm,
  collector_id: view.collectorId,
  shown: view.shown,
  mailing_id: view.mailingId,
  hidden: view.hidden === 1,
  external_id: view.externalId,
  created_at: iso(view.createdAt),
  confirmed_at: iso(view.confirmedAt),
  withdrawn_at: iso(view.withdrawnAt),
  signed_locale: view.signedLocale,
  suspicion: suspicionOf(view),
});

const suspicionOf = ({ suspicionScore: score, suspicionSignals: signals }: SignatureView) =>
  score === null || signals === null ? null : { score, signals };

export const secretSignatureRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/signatures',
      {
        config: { scope: 'signatures:read' },
        schema: operation({
          operationId: 'listSignatures',
          tag: 'Signatures',
          access: 'secret',
          summary: 'List the signatures of one of your petitions',
          description:
            'In every status, with filters. The lead organization sees all of them; of signatures that a partner has collected it sees only what was agreed (`shown`), and filters by hidden members do not find them. A partner sees the signatures that it has collected from people who let it mail them, and no others.',
          querystring: SignatureQuery,
          answers: { 200: SignaturePage, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const {
          petition,
          limit = 20,
          cursor,
          sort = '-created_at',
          status,
          email,
          source,
          ...rest
        } = request.query;
        const filter = {
          statuses: status,
          email,
          source,
          externalId: rest.external_id,
          collectorId: rest.collector,
          createdFrom: rest.created_from === undefined ? undefined : new Date(rest.created_from),
          createdBefore: rest.created_before === undefined ? undefined : new Date(rest.created_before),
        };
        const oldestFirst = sort === 'created_at';
        const page = await listSignatures(ctx, keyed(request), petition, filter, {
          limit,
          cursor,
          oldestFirst,
        });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toSignature));
      },
    );

    app.get(
      '/v1/signatures/:signature',
      {
        config: { scope: 'signatures:read' },
        schema: operation({
          operationId: 'getSignature',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Read a signature',
          description: 'One signature that `listSignatures` lists for you.',
          params: SignaturePath,
          answers: { 200: Signature, 304: NOT_MODIFIED },
          errors: ['signature_not_found'],
        }),
      },
      async (request, reply) => {
        const view = await getSignature(ctx, keyed(request), request.params.signature);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toSignature(view));
      },
    );

    app.post(
      '/v1/signatures/:signature/invalidate',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'invalidateSignature',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Invalidate a signature',
          description:
            'It no longer counts and leaves the public list. The reason is kept. It can be restored.',
          params: SignaturePath,
          body: ModerationReason,
          answers: { 200: Signature },
          errors: [
            'signature_not_found',
            'already_invalidated',
            'signature_withdrawn',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { signature } = request.params;
        const verdict = { action: 'invalidate', reason: request.body.reason } as const;
        const retry = retryFrom(ctx, request);
        const view = await moderateSignature(ctx, keyed(request), signature, verdict, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(toSignature(view));
      },
    );

    app.post(
      '/v1/signatures/:signature/restore',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'restoreSignature',
          tag: 'Signatures',
          access: 'secret',
          summary: 'Restore a signature',
          description:
            'Gives an invalidated signature its former status back; it counts if it counted before. Not possible if its signer was erased or anonymised since: the same person could then count twice.',
          params: SignaturePath,
          body: ModerationReason,
          answers: { 200: Signature },
          errors: [
            'signature_not_found',
            'not_invalidated',
            'signer_forgotten',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { signature } = request.params;
        const verdict = { action: 'restore', reason: request.body.reason } as const;
        const retry = retryFrom(ctx, request);
        const view = await moderateSignature(ctx, keyed(request), signature, verdict, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(toSignature(view));
      },
    );
    done();
  };
