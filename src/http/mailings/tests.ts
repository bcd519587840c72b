import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MailingTestAnswer, MailingTestInput } from '../../../schema/api/mailings/mailing-checks.js';
import { MailingPath } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import { testMailing } from '../../core/mailings/testing.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys } from '../case.js';
import { retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';

/** Tests of a mailing, to the organization's own people. */
export const mailingTestRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/mailings/:mailing/test',
      {
        config: { scope: 'mailings:send' },
        schema: operation({
          operationId: 'testMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Send a test of a mailing',
          description:
            'Every variant, to up to ten of your own people: each address has to be an active subscriber of yours, so nobody gets a test who has not agreed to your mails. The subject says that it is a test. Links lead straight to where they lead, and count nothing; those to unsubscribe work. At most 200 in a day, and 40 to one mailbox. A test says what the mailing says when it is sent, also with errors: `checkMailing` names them.',
          params: MailingPath,
          body: MailingTestInput,
          answers: { 202: MailingTestAnswer },
          errors: [
            'mailing_not_found',
            'mailing_not_ready',
            'variant_not_found',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const asked = camelKeys(request.body);
        const { mailing } = request.params;
        const answer = await testMailing(ctx, keyed(request), mailing, asked, retryFrom(ctx, request));
        return reply.code(202).header('cache-control', PRIVATE_CACHE).send(answer);
      },
    );
    done();
  };
