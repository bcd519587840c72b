import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  MailRequestAccepted,
  ConfirmationInput,
  ConfirmationRefusal,
  ConfirmationResend,
  ConfirmationResult,
} from '../../../schema/api/confirmation/confirmations.js';
import type { Confirmed } from '../../core/confirmation/answering.js';
import type { MailboxProof } from '../../core/confirmation/confirmations.js';
import { refuseRequest } from '../../core/confirmation/refusing.js';
import { resendConfirmation, type RequestTarget } from '../../core/confirmation/resending.js';
import type { Context } from '../../core/context.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { invalidBody } from '../../errors.js';
import { withFloor } from '../answer-floor.js';
import { ACCEPTED } from '../answers.js';
import { PRIVATE_CACHE } from '../answers.js';
import { operation } from '../openapi/operation.js';

const toResult = ({ kind, petitionId }: Confirmed) => ({ kind, petition_id: petitionId });

/** Checked here, not with `oneOf` in the schema, which SDK generators handle badly. Throws `invalid_body`. */
function proofOf({
  token,
  email,
  code,
  petition_id: petitionId,
}: (typeof ConfirmationInput)['static']): MailboxProof {
  if (token !== undefined && email === undefined && code === undefined) return { token };
  if (token === undefined && email !== undefined && code !== undefined) return { email, code, petitionId };
  throw invalidBody({ pointer: '', code: 'either', detail: 'Send either token, or email and code.' });
}

function placeOf({
  petition_id: petitionId,
  organization_id: organizationId,
}: (typeof ConfirmationResend)['static']): RequestTarget {
  if (petitionId !== undefined && organizationId === undefined) return { petitionId };
  if (petitionId === undefined && organizationId !== undefined) return { organizationId };
  throw invalidBody({ pointer: '', code: 'either', detail: 'Send either petition_id or organization_id.' });
}

export const confirmationRoutes =
  (ctx: Context, verbs: Verbs): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/confirmations',
      {
        config: { limit: 'confirm' },
        schema: operation({
          operationId: 'confirmEmail',
          tag: 'Confirmation',
          access: 'open',
          summary: 'Confirm a request made under an address',
          description:
            'Takes the token of the mailed link, or the address and the code. It confirms that one request: a signature, the opt-ins that came with it, or a subscription. Repeating the call within 24 hours returns the same answer. Every invalid link gets the same 404, whatever the reason. Signatures that were made in time can be confirmed for 24 hours after their petition has closed.',
          body: ConfirmationInput,
          answers: { 200: ConfirmationResult },
          errors: ['link_not_found'],
        }),
      },
      async (request, reply) => {
        const proof = proofOf(request.body);
        const confirmed = await withFloor(ctx, () => verbs.confirm(proof));
        return reply.header('cache-control', PRIVATE_CACHE).send(toResult(confirmed));
      },
    );

    app.post(
      '/v1/confirmations/refuse',
      {
        config: { limit: 'confirm' },
        schema: operation({
          operationId: 'refuseConfirmation',
          tag: 'Confirmation',
          access: 'open',
          summary: 'Say that it was not you',
          description:
            'Ends the request: its signature is withdrawn before it counts, its subscriptions never begin, and nothing more is mailed about that petition for 30 days. Repeating the call within 24 hours returns the same answer.',
          body: ConfirmationRefusal,
          answers: { 200: ConfirmationResult },
          errors: ['link_not_found'],
        }),
      },
      async (request, reply) => {
        const refused = await withFloor(ctx, () => refuseRequest(ctx, request.body.token));
        return reply.header('cache-control', PRIVATE_CACHE).send(toResult(refused));
      },
    );

    app.post(
      '/v1/confirmations/resend',
      {
        config: { limit: 'mail' },
        schema: operation({
          operationId: 'resendConfirmation',
          tag: 'Confirmation',
          access: 'open',
          summary: 'Send the confirmation mail again',
          description:
            'If a request under this address waits to be confirmed there, its mail is sent again, within caps for each mailbox: three a day, ten a week, five about one petition. If others have used up these mails, request the link to “my data” (`createManageLink`) and confirm there (`confirmMySignature`). The answer is the same for every address.',
          body: ConfirmationResend,
          answers: { 202: MailRequestAccepted },
        }),
      },
      async (request, reply) => {
        const place = placeOf(request.body);
        await withFloor(ctx, () => resendConfirmation(ctx, request.body.email, place));
        return reply.code(202).header('cache-control', PRIVATE_CACHE).send(ACCEPTED);
      },
    );
    done();
  };
