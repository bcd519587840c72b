import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailRequestAccepted } from '../../../schema/api/confirmation/confirmations.js';
import {
  EmailChangeConfirmation,
  EmailChangeInput,
  EmailChangeResult,
  EmailChangeUndo,
} from '../../../schema/api/my-data/email-changes.js';
import type { Context } from '../../core/context.js';
import { confirmEmailChange, requestEmailChange, undoEmailChange } from '../../core/my-data/email-changes.js';
import { PRIVATE_CACHE } from '../answers.js';
import { ACCEPTED } from '../answers.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';

/** Requests a change of address, within a session. */
export const myEmailChangeRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/me/email-changes',
      {
        schema: operation({
          operationId: 'createEmailChange',
          tag: 'My data',
          access: 'session',
          summary: 'Use another address',
          description:
            'Mails a link to the new address, which has to confirm the change, and a notice to the old one, which can undo it for 7 days. The answer is the same whether or not another supporter has the new address. At most three requests a day have an effect; a new one replaces one that was not answered.',
          body: EmailChangeInput,
          answers: { 202: MailRequestAccepted },
          errors: ['idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        await requestEmailChange(ctx, sessionOf(request), request.body.email, retryFrom(ctx, request));
        return reply.code(202).header('cache-control', PRIVATE_CACHE).send(ACCEPTED);
      },
    );
    done();
  };

/** Confirms a change from the new mailbox, or undoes it from the old one. */
export const emailChangeRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/email-changes/confirm',
      {
        config: { limit: 'confirm' },
        schema: operation({
          operationId: 'confirmEmailChange',
          tag: 'My data',
          access: 'open',
          summary: 'Confirm the change from the new address',
          description:
            'From then on the supporter is mailed at the new address. Earlier links and sessions become void. Repeating the call within 24 hours returns the same answer. Every invalid link gets the same 404, whatever the reason.',
          body: EmailChangeConfirmation,
          answers: { 200: EmailChangeResult },
          errors: ['link_not_found'],
        }),
      },
      async (request, reply) => {
        await confirmEmailChange(ctx, request.body.token);
        return reply.header('cache-control', PRIVATE_CACHE).send({ status: 'applied' });
      },
    );

    app.post(
      '/v1/email-changes/undo',
      {
        config: { limit: 'confirm' },
        schema: operation({
          operationId: 'undoEmailChange',
          tag: 'My data',
          access: 'open',
          summary: 'Undo the change from the old address',
          description:
            'Restores the address from before the change, whether or not the new mailbox has confirmed it; later changes are undone, too. Earlier links and sessions become void. Repeating the call within 24 hours returns the same answer.',
          body: EmailChangeUndo,
          answers: { 200: EmailChangeResult },
          errors: ['link_not_found'],
        }),
      },
      async (request, reply) => {
        await undoEmailChange(ctx, request.body.token);
        return reply.header('cache-control', PRIVATE_CACHE).send({ status: 'undone' });
      },
    );
    done();
  };
