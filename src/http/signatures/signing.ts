import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { ValidateFunction } from 'ajv';
import { PetitionPath } from '../../../schema/api/common.js';
import { isTyped, SignatureInput } from '../../../schema/api/signatures/signing.js';
import { ref } from '../../../schema/api/typebox.js';
import { SignatureAccepted, SignatureResult } from '../../../schema/api/signatures/signing-answers.js';
import type { Context } from '../../core/context.js';
import { ANONYMOUS, type Actor, type Caller } from '../../core/actor.js';
import type { Retry } from '../../core/idempotency.js';
import { named } from '../../core/names.js';
import { readCounts, totalOf } from '../../core/counts/counts.js';
import type { TapInput, Tapped } from '../../core/signatures/one-tap.js';
import type { Signed } from '../../core/signatures/signing.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { isInCrowd, withFloor } from '../answer-floor.js';
import { MOVED, PRIVATE_CACHE } from '../answers.js';
import { callerOf } from '../caller.js';
import { camelKeys, iso } from '../case.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { bodyValidator } from '../validation.js';

type TypedBody = SignatureInput & { email: string; name: string };

/** The answer for callers who must not learn whether an address has signed: nothing in it may depend on the address. */
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

/** The answer to one tap in a mail: of its recipient there is nothing in it, and the receipt is of no signature. */
const toTapped = (ctx: Context, { petitionId, confirmation, published }: Tapped) => ({
  petition_id: petitionId,
  confirmation,
  next: 'confirm_email',
  count: published,
  receipt: ctx.sealer.receipt(0),
});

const toResult = async (ctx: Context, { petitionKey, petitionId, created, signature }: Signed) => ({
  id: signature.publicId,
  petition_id: petitionId,
  status: signature.status,
  created,
  created_at: iso(signature.createdAt),
  confirmed_at: iso(signature.confirmedAt),
  next: signature.status === 'pending' ? 'confirm_email' : 'done',
  count: totalOf(await readCounts(ctx.store.read, petitionKey)),
  receipt: ctx.sealer.receipt(signature.key),
});

const ACCEPTED_HEADERS = ['cache-control', PRIVATE_CACHE, 'content-type', 'application/json; charset=utf-8'];

export const signingRoutes =
  (ctx: Context, verbs: Verbs): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const sign = (
      actor: Actor,
      petition: string,
      body: TypedBody,
      retry: Retry | undefined,
      caller: Caller,
    ) =>
      withFloor(
        ctx,
        () => verbs.sign(actor, petition, named(camelKeys(body)), retry, caller),
        ({ mayLearnOutcome, together }) => mayLearnOutcome || isInCrowd(together),
      );
    app.front.signing.open<SignatureInput>({
      operation: 'signPetition',
      validate: bodyValidator(ref(SignatureInput)) as ValidateFunction<SignatureInput>,
      isTyped,
      headers: ACCEPTED_HEADERS,
      sign: async (petition, body, caller) =>
        JSON.stringify(
          toAccepted(
            ctx,
            await sign(ANONYMOUS, petition, body as TypedBody, undefined, caller),
            body.vouched,
          ),
        ),
    });
    app.post(
      '/v1/petitions/:petition/signatures',
      {
        config: { limit: 'sign', takesSignatures: true },
        schema: operation({
          operationId: 'signPetition',
          tag: 'Signatures',
          access: 'open',
          summary: 'Sign a petition',
          description:
            'Without a secret key the answer is always 202 and reveals nothing about the address. A publishable key attributes the signature to its organization. With a secret key the answer is 200 if the address has already signed and `listSignatures` finds that signature by the address; 201 if the signature is new and no signature of the petition is hidden from your organization. Otherwise it is 202, too, and an `external_id` that another signature has is left out: a partner must not learn which people others have collected, nor the lead organization which people a partner with the terms `names` or `counts` has. Signing again is safe: it never makes a second signature and changes nothing. With `recognition` but neither `email` nor `name` it signs for the recipient of that mail, with one tap. Since mails are forwarded, the answer is always the same 202, whether or not the token works: their mailbox has to confirm it, at most once a day. A tap in a mail of an organization other than the lead leaves nothing to be read before the mailbox has confirmed.',
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
            'form_required',
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
        const retry = retryFrom(ctx, request);
        if (!isTyped(body)) {
          const input = camelKeys(body) as TapInput;
          const tap = () => verbs.signByMail(actor, params.petition, input, retry, callerOf(request));
          const tapped = toTapped(ctx, await withFloor(ctx, tap));
          return reply.sendNow(202, ACCEPTED_HEADERS, JSON.stringify(tapped));
        }
        const signed = await sign(actor, params.petition, body, retry, callerOf(request));
        if (!signed.mayLearnOutcome) {
          const accepted = toAccepted(ctx, signed, body.vouched);
          return reply.sendNow(202, ACCEPTED_HEADERS, JSON.stringify(accepted));
        }
        reply.code(signed.created ? 201 : 200).header('cache-control', PRIVATE_CACHE);
        return reply.send(await toResult(ctx, signed));
      },
    );
    done();
  };
