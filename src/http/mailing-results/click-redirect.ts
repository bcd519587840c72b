import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClickPath, PersonalClickPath } from '../../../schema/api/mailing-results/clicks.js';
import type { Context } from '../../core/context.js';
import {
  createClickTargets,
  locationOf,
  type ClickTarget,
} from '../../core/mailing-results/click-targets.js';
import { PRIVATE_CACHE } from '../answers.js';
import { clientOf } from '../caller.js';
import { operation } from '../openapi/operation.js';
import { writeClicks } from '../sharing/click-writer.js';
import { kindOf, senderOf } from '../sharing/previewers.js';

const HEADERS = ['cache-control', PRIVATE_CACHE, 'x-robots-tag', 'noindex'];

/** Shows people in a browser an error as a page; undefined: no person asks. */
type ErrorPage = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined;

const ANSWERS = { 302: { description: 'To the page that the link is for: see `Location`.' } };
const ERRORS = ['mailing_link_not_found', 'petition_taken_down'] as const;

/** Follows the links of mailings, and counts the clicks: by link and hour, never by person. */
export const clickRedirectRoutes =
  (ctx: Context, errorPage: ErrorPage): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const targets = createClickTargets(ctx.store, ctx.links);
    writeClicks(app, ctx.mailingClicks);

    app.setErrorHandler((error, request, reply) => {
      const page = errorPage(error, request, reply);
      if (!page) throw error;
      return page;
    });

    const answer = (request: FastifyRequest, reply: FastifyReply, code: string, token?: string) => {
      const found = targets.find(code);
      // Synchronous where the target is known: a promise would cost as much as the lookup.
      return found instanceof Promise
        ? found.then((target) => follow(request, reply, target, token))
        : follow(request, reply, found, token);
    };

    app.get(
      '/l/:code',
      {
        schema: operation({
          operationId: 'followMailingLink',
          tag: 'Mailing results',
          access: 'open',
          summary: 'Follow a link of a mailing',
          description: `Redirects to where the link leads, and counts the click for the link and the hour. Nothing about the person is stored.

Any query is accepted and ignored. HEAD works, too, and is no click. About ten seconds later it is decided whether it was a person’s: programs, prefetches, and scanners that open the links of a mail one after the other count as machines.`,
          params: ClickPath,
          anyQuery: true,
          answers: ANSWERS,
          errors: ERRORS,
        }),
      },
      (request, reply) => answer(request, reply, request.params.code),
    );

    app.get(
      '/l/:code/:recognition',
      {
        schema: operation({
          operationId: 'followPersonalMailingLink',
          tag: 'Mailing results',
          access: 'open',
          summary: 'Follow a link of a mailing to its petition',
          description:
            'Like `followMailingLink`. The page of the petition gets the token as `r`, for `recognition` of a signature, with the mailing’s `source`.',
          params: PersonalClickPath,
          anyQuery: true,
          answers: ANSWERS,
          errors: ERRORS,
        }),
      },
      (request, reply) => answer(request, reply, request.params.code, request.params.recognition),
    );

    function follow(
      request: FastifyRequest,
      reply: FastifyReply,
      target: ClickTarget,
      token: string | undefined,
    ): void {
      const agent = request.headers['user-agent'] ?? '';
      const kind = kindOf(request.method, request.headers, senderOf(agent));
      const network = clientOf(request.ip);
      ctx.mailingClicks.note({ link: target.linkKey, mail: target.variantKey, kind, network, agent });
      return reply.sendNow(302, [...HEADERS, 'location', locationOf(target, token)], '');
    }
    done();
  };
