import type { IncomingMessage } from 'node:http';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ShareRedirectPath } from '../../../schema/api/sharing/share-redirect.js';
import type { Context } from '../../core/context.js';
import { createShareTargets, readShareCard, type ShareTarget } from '../../core/sharing/share-target.js';
import { PRIVATE_CACHE } from '../answers.js';
import { clientOf } from '../caller.js';
import type { Finished } from '../front/leaving.js';
import { finished } from '../front/send-now.js';
import { operation } from '../openapi/operation.js';
import { operationOf } from '../request-times.js';
import { pictureUrl } from '../petitions/picture-url.js';
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

const headersOf = ({ location }: ShareTarget) => [...HEADERS, 'location', location];

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
          description: `Redirects to the petition’s \`page_url\` (without one, to its page on this server; of a translation, to that), with the link’s \`source\` (\`share-<network>\` if it has none) and its code as \`share\` in the query: send that code as \`share_code\` with a signature. The target does not depend on the request.

Any query is accepted and ignored: networks append their own parameters (\`fbclid\`). HEAD works, too.

Each call adds to \`requests\`. It also becomes a click, about ten seconds later, if it looks like a person’s.`,
          params: ShareRedirectPath,
          anyQuery: true,
          answers: { 200: CARD, 302: { description: 'To the page of the petition: see `Location`.' } },
          errors: ['share_link_not_found', 'petition_taken_down'],
        }),
      },
      (request, reply) => {
        const { code } = request.params;
        const found = targets.find(code);
        // Synchronous where the target is known: a promise would cost as much as the lookup.
        return found instanceof Promise
          ? found.then((target) => follow(request, reply, code, target))
          : follow(request, reply, code, found);
      },
    );

    function follow(
      request: FastifyRequest,
      reply: FastifyReply,
      code: string,
      target: ShareTarget,
    ): void | Promise<void> {
      note(request.raw, request.ip, target);
      if (senderOf(request.headers['user-agent']) === 'previewer') return sendCard(reply, target);
      keepInFront(request, code);
      return reply.sendNow(302, headersOf(target), '');
    }

    const redirects = new WeakMap<ShareTarget, Finished>();
    function redirectTo(target: ShareTarget): Finished {
      const known = redirects.get(target);
      if (known) return known;
      const made = finished(app.constant, 302, headersOf(target), '');
      redirects.set(target, made);
      return made;
    }

    /** Records the request as a click. */
    function note(
      { method = '', headers }: IncomingMessage,
      address: string,
      { linkKey }: ShareTarget,
    ): void {
      const agent = headers['user-agent'] ?? '';
      const kind = kindOf(method, headers, senderOf(agent));
      ctx.clicks.note({ link: linkKey, kind, network: clientOf(address), agent });
    }

    /** From now on the front redirects, too, as long as the target is known and no previewer asks. */
    function keepInFront(request: FastifyRequest, code: string): void {
      const path = request.url.split('?', 1)[0] ?? '';
      app.front.keep(path, {
        operation: operationOf(request),
        find: ({ request: raw }) => {
          if (senderOf(raw.headers['user-agent']) === 'previewer') return undefined;
          const target = targets.known(code);
          return target && redirectTo(target);
        },
        sent: (raw, address) => {
          const target = targets.known(code);
          if (target) note(raw, address, target);
        },
        isShared: false,
        anyQuery: true,
      });
    }

    async function sendCard(reply: FastifyReply, { code, location, ...target }: ShareTarget): Promise<void> {
      const card = await readShareCard(ctx.store.read, target);
      const imageUrl = pictureUrl(publicUrl, card.petitionId, card.translation);
      const body = cardPage({ ...card, shareUrl: ctx.links.share(code), location, imageUrl });
      return reply.sendNow(200, [...HEADERS, 'content-type', 'text/html; charset=utf-8'], body);
    }
    done();
  };
