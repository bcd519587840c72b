import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailRequestAccepted } from '../../../schema/api/confirmation/confirmations.js';
import { ManageLinkInput, Session, SessionInput } from '../../../schema/api/my-data/sessions.js';
import { worldOf } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { createSession, requestManageLink } from '../../core/my-data/sessions.js';
import { withFloor } from '../answer-floor.js';
import { PRIVATE_CACHE } from '../answers.js';
import { ACCEPTED } from '../answers.js';
import { iso } from '../case.js';
import { operation } from '../openapi/operation.js';

/** The mailed link to "my data", and the session that it is exchanged for. */
export const manageLinkRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/manage-links',
      {
        config: { limit: 'mail' },
        schema: operation({
          operationId: 'createManageLink',
          tag: 'My data',
          access: 'open',
          summary: 'Have the link to “my data” mailed',
          description:
            'If the address is known, a link for `createSession` is mailed to it, at most once in 15 minutes and three times a day. Further requests make the unused links of the last 24 hours valid for another 30 minutes. Signatures and subscriptions under the address do not use up these mails. The answer is the same for every address.',
          body: ManageLinkInput,
          answers: { 202: MailRequestAccepted },
        }),
      },
      async (request, reply) => {
        const { email, locale } = request.body;
        await withFloor(ctx, () => requestManageLink(ctx, email, locale, worldOf(request.actor)));
        return reply.code(202).header('cache-control', PRIVATE_CACHE).send(ACCEPTED);
      },
    );

    app.post(
      '/v1/sessions',
      {
        config: { limit: 'confirm' },
        schema: operation({
          operationId: 'createSession',
          tag: 'My data',
          access: 'open',
          summary: 'Begin a session with the mailed link',
          description:
            'The link works once, for 30 minutes. It is exchanged for a session of 15 minutes, which may read and change what is kept about its supporter. Every invalid link gets the same 404, whatever the reason.',
          body: SessionInput,
          answers: { 201: Session },
          errors: ['link_not_found'],
        }),
      },
      async (request, reply) => {
        const { token, expiresAt } = await createSession(ctx, request.body.token);
        reply.code(201).header('cache-control', PRIVATE_CACHE);
        return reply.send({ session_token: token, expires_at: iso(expiresAt) });
      },
    );
    done();
  };
