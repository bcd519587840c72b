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

/** Asking for another address, within a session. */
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
            'Mails a link to the new address, which has to say yes, and a notice to the old one, which can undo it for 7 days. The answer is the same whether or not the new address is somebody else’s. At most three a day have an effect; a new one replaces one that nobody has answered.',
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

/** The answers of both mailboxes. */
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
          summary: 'Say yes from the new address',
          description:
            'From now on the supporter is mailed there. Links and sessions that were made before are void. A repeat within 24 hours gets the same answer. Whatever is wrong with a link is one and the same 404.',
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
          summary: 'Say no from the old address',
          description:
            'The address is as it was before the change, whether or not the new mailbox has said yes; changes that came later are undone, too. Links and sessions that were made before are void. A repeat within 24 hours gets the same answer.',
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
