import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { MailingSchedule } from '../../../schema/api/mailings/life.js';
import { Mailing, MailingPath } from '../../../schema/api/mailings/mailings.js';
import type { Context } from '../../core/context.js';
import {
  cancelMailing,
  pauseMailing,
  resumeMailing,
  unscheduleMailing,
  type Move,
} from '../../core/mailings/life.js';
import { scheduleMailing } from '../../core/mailings/schedule.js';
import type { Compile } from '../../core/mailings/source.js';
import { startMailing } from '../../core/mailings/starting.js';
import type { ErrorCode } from '../../errors.js';
import { PRIVATE_CACHE } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys } from '../case.js';
import { requiredRetryFrom, retryFrom } from '../idempotency.js';
import { operation } from '../openapi/operation.js';
import { toMailing } from './mailings.js';

const config = { scope: 'mailings:send' } as const;

const ERRORS: ErrorCode[] = [
  'mailing_not_found',
  'mailing_transition_not_allowed',
  'idempotency_key_reused',
  'invalid_header',
];

/** The moves without a body. */
const MOVES: { path: string; operationId: string; summary: string; description: string; move: Move }[] = [
  {
    path: 'unschedule',
    operationId: 'unscheduleMailing',
    summary: 'Make a scheduled mailing a draft again',
    description: 'Also one that was missed: then it can be changed, scheduled again or started.',
    move: unscheduleMailing,
  },
  {
    path: 'pause',
    operationId: 'pauseMailing',
    summary: 'Pause a mailing',
    description:
      'Within a second no process sends any more of it. The few mails that are under way at that moment still arrive.',
    move: pauseMailing,
  },
  {
    path: 'resume',
    operationId: 'resumeMailing',
    summary: 'Let a paused mailing go on',
    description:
      'With the recipients who are left. If it paused by itself because too much came back, it is not paused again for what you have seen: only for what comes from now on.',
    move: resumeMailing,
  },
  {
    path: 'cancel',
    operationId: 'cancelMailing',
    summary: 'End a mailing for good',
    description:
      'Recipients who are left are skipped, with the reason `cancelled`. `finished_at` says when all of them are.',
    move: cancelMailing,
  },
];

/** What organisers do with a mailing from its start on. */
export const mailingLifeRoutes =
  (ctx: Context, compile: Compile): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/mailings/:mailing/start',
      {
        config,
        schema: operation({
          operationId: 'startMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Start a mailing now',
          description:
            'What it says is fixed now; its audience is who is subscribed at this moment. Needs an `Idempotency-Key`. Anything that is missing is listed in `errors` of `mailing_not_ready`.',
          params: MailingPath,
          changes: true,
          needs: ['Idempotency-Key'],
          answers: { 200: Mailing },
          errors: [...ERRORS, 'mailing_not_ready'],
        }),
      },
      async (request, reply) => {
        const retry = requiredRetryFrom(ctx, request);
        const mailing = await startMailing(ctx, keyed(request), request.params.mailing, compile, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(toMailing(mailing));
      },
    );

    app.post(
      '/v1/mailings/:mailing/schedule',
      {
        config,
        schema: operation({
          operationId: 'scheduleMailing',
          tag: 'Mailings',
          access: 'secret',
          summary: 'Schedule a mailing, or move its schedule',
          description:
            'It begins at `send_at`, and until then can still be changed. If the server cannot begin it within an hour, or it has expired by then, it is `missed` and not sent.',
          params: MailingPath,
          body: MailingSchedule,
          answers: { 200: Mailing },
          errors: [...ERRORS, 'mailing_not_ready'],
        }),
      },
      async (request, reply) => {
        const { mailing: id } = request.params;
        const when = camelKeys(request.body);
        const retry = retryFrom(ctx, request);
        const mailing = await scheduleMailing(ctx, keyed(request), id, when, compile, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(toMailing(mailing));
      },
    );

    for (const one of MOVES) addMove(app, ctx, one);
    done();
  };

function addMove(app: FastifyInstance, ctx: Context, { path, move, ...about }: (typeof MOVES)[number]): void {
  app.post<{ Params: (typeof MailingPath)['static'] }>(
    `/v1/mailings/:mailing/${path}`,
    {
      config,
      schema: operation({
        ...about,
        tag: 'Mailings',
        access: 'secret',
        params: MailingPath,
        changes: true,
        answers: { 200: Mailing },
        errors: ERRORS,
      }),
    },
    async (request, reply) => {
      const mailing = await move(ctx, keyed(request), request.params.mailing, retryFrom(ctx, request));
      return reply.header('cache-control', PRIVATE_CACHE).send(toMailing(mailing));
    },
  );
}
