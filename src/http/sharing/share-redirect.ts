import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ShareRedirectPath } from '../../../schema/api/sharing/share-redirect.js';
import type { Context } from '../../core/context.js';
import { createShareTargets, readShareCard, type ShareTarget } from '../../core/sharing/share-target.js';
import { PRIVATE_CACHE } from '../answers.js';
import { clientOf } from '../caller.js';
import { operation } from '../openapi/operation.js';
import { writeClicks } from './click-writer.js';
import { kindOf, senderOf } from './previewers.js';
import { cardPage } from './share-card.js';

const CARD = {
  description: 'What previewers and crawlers get: a page with Open Graph and Twitter tags, and nothing else.',
  content: {
    'text/html': {
      schema: Type.String({
        maxLength: 50_000,
        pattern: '^[^\\u0000]*$',
        description: 'The tags, and a link to the page of the petition.',
      }),
    },
  },
};

const HEADERS = ['cache-control', PRIVATE_CACHE, 'x-robots-tag', 'noindex'];

/** Shows people in a browser an error as a page; undefined: no person asks. */
type ErrorPage = (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined;

/** Follows share links, and records the clicks: see core/sharing/clicks.ts. */
export const shareRedirectRoutes =
  (ctx: Context, publicUrl: string, errorPage: ErrorPage): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const targets = createShareTargets(ctx.store, ctx.links);
    writeClicks(app, ctx.clicks);
    app.setErrorHandler((error, request, reply) => {
      const page = errorPage(error, request, reply);
      if (!page) throw error;
      return page;
    });

    app.get(
      '/s/:code',
      {
        schema: operation({
          operationId: 'followShareLink',
          tag: 'Sharing',
          access: 'open',
          summary: 'Follow a share link',
          description: `Redirects to the petition’s \`page_url\` (without one, to its page on this server), with the link’s \`source\` (\`share-<network>\` if it has none) and its code as \`share\` in the query: send that code as \`share_code\` with a signature. The target does not depend on the request.

Any query is accepted and ignored: networks append their own parameters (\`fbclid\`). HEAD works, too.

Each call adds to \`requests\`. It also becomes a click, about ten seconds later, if it looks like a person’s.`,
          params: ShareRedirectPath,
          anyQuery: true,
          answers: { 200: CARD, 302: { description: 'To the page of the petition: see `Location`.' } },
          errors: ['share_link_not_found', 'petition_taken_down'],
        }),
      },
      (request, reply) => {
        const found = targets.find(request.params.code);
        // Synchronous where the target is known: a promise would cost as much as the lookup.
        return found instanceof Promise
          ? found.then((target) => follow(request, reply, target))
          : follow(request, reply, found);
      },
    );

    function follow(request: FastifyRequest, reply: FastifyReply, target: ShareTarget): void | Promise<void> {
      const agent = request.headers['user-agent'] ?? '';
      const sender = senderOf(agent);
      const network = clientOf(request.ip);
      ctx.clicks.note({
        link: target.linkKey,
        kind: kindOf(request.method, request.headers, sender),
        network,
        agent,
      });
      if (sender === 'previewer') return sendCard(reply, target);
      return reply.sendNow(302, [...HEADERS, 'location', target.location], '');
    }

    async function sendCard(
      reply: FastifyReply,
      { petitionKey, code, location }: ShareTarget,
    ): Promise<void> {
      const card = await readShareCard(ctx.store.read, petitionKey);
      const imageUrl = `${publicUrl}/v1/petitions/${card.petitionId}/og.png`;
      const body = cardPage({ ...card, shareUrl: ctx.links.share(code), location, imageUrl });
      return reply.sendNow(200, [...HEADERS, 'content-type', 'text/html; charset=utf-8'], body);
    }
    done();
  };
