import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PublicSignaturePage,
  PublicSignatureQuery,
} from '../../../schema/api/signatures/public-signatures.js';
import {
  ModerationReason,
  Signature,
  SignatureAccepted,
  SignatureInput,
  SignaturePage,
  SignaturePath,
  SignatureQuery,
  SignatureResult,
} from '../../../schema/api/signatures/signatures.js';
import type { Context } from '../../core/context.js';
import { readCounts } from '../../core/counts/counts.js';
import { moderateSignature } from '../../core/signatures/moderations.js';
import type { SignatureView } from '../../core/signatures/signature-views.js';
import {
  getSignature,
  listPublicSignatures,
  listSignatures,
  type PublicSignature,
} from '../../core/signatures/signatures.js';
import { signPetition, type Signed } from '../../core/signatures/signing.js';
import { withFloor } from '../answer-floor.js';
import {
  cacheFor,
  MOVED,
  nextLink,
  NOT_MODIFIED,
  pageBody,
  PRIVATE_CACHE,
  PUBLIC_CACHING,
  toPage,
} from '../answers.js';
import { keyed } from '../auth.js';
import { callerOf } from '../caller.js';
import { camelKeys, iso } from '../case.js';
import { etagOf, sendWithEtag } from '../conditional.js';
import { createHotAnswers } from '../hot-answers.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

const toPublicSignature = ({ displayName, country, signedAt }: PublicSignature) => ({
  display_name: displayName,
  country,
  signed_at: iso(signedAt),
});

export const toSignature = (view: SignatureView): (typeof Signature)['static'] => ({
  id: view.publicId,
  petition_id: view.petitionId,
  // One who was erased has an id and no address: neither is anybody's.
  supporter_id: view.email ? view.supporterId : null,
  status: view.status,
  email: view.email || null,
  // An anonymised signature has none.
  name: view.name || null,
  country: view.country,
  postal_code: view.postalCode,
  postal_address: view.postalAddress,
  phone: view.phone,
  comment: view.comment,
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
  suspicion: view.suspicion,
});

/** What is heard without the truth: nothing in it depends on the address that signed. */
const toAccepted = (
  ctx: Context,
  { petitionId, confirmation, published, signature }: Signed,
  vouched: boolean | undefined,
) => ({
  petition_id: petitionId,
  confirmation,
  next: confirmation === 'email' && !vouched ? 'confirm_email' : 'done',
  count: published,
  receipt: ctx.sealer.receipt(signature.key),
});

const toResult = async (ctx: Context, { petitionKey, petitionId, created, signature }: Signed) => ({
  id: signature.publicId,
  petition_id: petitionId,
  status: signature.status,
  created,
  created_at: iso(signature.createdAt),
  confirmed_at: iso(signature.confirmedAt),
  next: signature.status === 'pending' ? 'confirm_email' : 'done',
  count: (await readCounts(ctx.store.read, petitionKey)).confirmed,
  receipt: ctx.sealer.receipt(signature.key),
});

const ACCEPTED_HEADERS = ['cache-control', PRIVATE_CACHE, 'content-type', 'application/json; charset=utf-8'];

export const openSignatureRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const hot = createHotAnswers(ctx);
    app.post(
      '/v1/petitions/:petition/signatures',
      {
        config: { limit: 'sign' },
        schema: operation({
          operationId: 'signPetition',
          tag: 'Signatures',
          access: 'open',
          summary: 'Sign a petition',
          description:
            'Without a secret key the answer is always 202 and tells nothing about the address. A publishable key attributes the signature to its organization. A secret key learns the truth where it may see it: 200 of an earlier signature that `listSignatures` finds for it by the address; 201 created, if nothing of the petition is hidden from its organization. Else it is 202, too: so a partner does not hear whom others have collected, nor the lead organization whom a partner has whose terms are `names` or `counts`; and an `external_id` that another signature has is left out. Signing again is safe: it never makes a second signature and changes nothing.',
          params: PetitionPath,
          body: SignatureInput,
          answers: { 200: SignatureResult, 201: SignatureResult, 202: SignatureAccepted, 308: MOVED },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'petition_not_published',
            'petition_not_open',
            'petition_closed',
            'not_a_partner',
            'vouching_not_agreed',
            'origin_not_allowed',
            'challenge_required',
            'challenge_invalid',
            'scope_required',
            'external_id_taken',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const { actor, params, body } = request;
        const sign = () =>
          signPetition(
            ctx,
            actor,
            params.petition,
            camelKeys(body),
            retryFrom(ctx, request),
            callerOf(request),
          );
        const signed = await withFloor(ctx, sign, ({ heard }) => heard);
        if (!signed.heard) {
          const accepted = toAccepted(ctx, signed, body.vouched);
          return reply.sendNow(202, ACCEPTED_HEADERS, JSON.stringify(accepted));
        }
        reply.code(signed.created ? 201 : 200).header('cache-control', PRIVATE_CACHE);
        return reply.send(await toResult(ctx, signed));
      },
    );

    app.get(
      '/v1/petitions/:petition/signatures',
      {
        schema: operation({
          operationId: 'listPublicSignatures',
          tag: 'Signatures',
          access: 'open',
          summary: 'List who has signed',
          description: 'Confirmed signatures, latest first, each shown as its signer chose.',
          params: PetitionPath,
          querystring: PublicSignatureQuery,
          answers: { 200: PublicSignaturePage, 304: NOT_MODIFIED, 308: MOVED },
          errors: ['petition_not_found', 'petition_taken_down', 'invalid_cursor'],
        }),
      },
      (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const { actor, params } = request;
        const read = () => listPublicSignatures(ctx, actor, params.petition, { limit, cursor });
        // The first page is what everybody looks at.
        if (actor.kind === 'anonymous' && cursor === undefined) {
          const render = async () => {
            const page = await read();
            const body = JSON.stringify(pageBody(page, toPublicSignature));
            return { body, etag: etagOf(body), until: null, link: nextLink(request, page) };
          };
          return hot.send(request, reply, { ref: request.url, caching: PUBLIC_CACHING, render });
        }
        return read().then((page) =>
          sendWithEtag(request, reply, cacheFor(request), toPage(request, reply, page, toPublicSignature)),
        );
      },
    );
    done();
  };

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
            'In every status, with filters. The lead organization sees all of them: what a partner has collected, only as far as was agreed (`shown`), and by what it does not see it finds nothing. A partner sees those that it has collected from people who let it mail them; all others do not exist for it.',
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
          summary: 'Take a signature out',
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
          summary: 'Put a signature back',
          description:
            'It is again what it was before it was taken out, and counts if it did. Not for one whose signer was erased or anonymised since: nothing would keep the same person from counting twice.',
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
