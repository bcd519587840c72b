import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { RawMail, ReceivedMail } from '../../../schema/api/mailing-results/mail-reports.js';
import type { Context } from '../../core/context.js';
import { MOST_BYTES } from '../../core/mailing-results/mail-report.js';
import { receiveMail } from '../../core/mailing-results/receiving.js';
import { PRIVATE_CACHE } from '../answers.js';
import { operation } from '../openapi/operation.js';
import { createWebhookCheck } from '../subscriptions/webhook-signatures.js';

const MAIL = 'message/rfc822';

/** Takes the mails that come to the envelope senders of mailings, from the pipe of a mail server. */
export const mailReportRoutes =
  (ctx: Context, secret: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const webhook = createWebhookCheck(secret);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(MAIL, { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    const compile = app.validatorCompiler;
    app.post<{ Body: Buffer }>(
      '/v1/mail-events/raw',
      {
        bodyLimit: MOST_BYTES,
        // The schema of the body is for the document: a mail is bytes, and any are taken.
        validatorCompiler: (part) =>
          part.httpPart === 'body' ? () => true : (compile?.(part as never) as () => boolean),
        schema: operation({
          operationId: 'receiveMail',
          tag: 'Mailing results',
          access: 'open',
          summary: 'Hand in a mail that came back',
          description:
            'For mail servers: what comes to the envelope senders of mailings, as it is. Bounces (RFC 3464, and those of qmail and Exim) and complaints (RFC 5965) are credited to the mailing and the recipient whom a signed code names; everything else is ignored, and says why. Signed as in https://www.standardwebhooks.com, or with MAIL_WEBHOOK_SECRET in the header `Webhook-Secret`. Repeating the call changes nothing.',
          files: { [MAIL]: { schema: RawMail } },
          answers: { 200: ReceivedMail },
          errors: ['invalid_webhook'],
        }),
        preHandler(request, _reply, next) {
          webhook.signedOrTrusted(request, request.body);
          next();
        },
      },
      async (request, reply) => {
        const received = await receiveMail(ctx, request.body);
        return reply.header('cache-control', PRIVATE_CACHE).send(received);
      },
    );
    done();
  };
