import type { FastifyReply, FastifyRequest } from 'fastify';
import { mailedTokenIn } from '../../core/links/mailed-token.js';
import { sendErrorPage } from './error-pages.js';
import { wantsPage } from './home.js';
import { relativeTo, type Site } from './visit.js';

/** The page of a mailed link at the start of a path, whose rest mail programs have garbled. */
const MAILED = /^\/(confirm|unsubscribe|manage|email-change|email-undo)(?![a-z0-9_])/i;

/** What people in a browser get at an unknown path. Undefined for API clients. */
export const createNotFoundPage =
  (site: Site) =>
  (request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined => {
    if (!wantsPage(request)) return undefined;
    const page = MAILED.exec(request.url)?.[1]?.toLowerCase();
    if (page === undefined) return sendErrorPage(site, request, reply, 'not_found', 404);
    const token = mailedTokenIn(request.url);
    const location = relativeTo(request.url, `/${page}`) + (token === undefined ? '' : `?token=${token}`);
    return reply.header('cache-control', 'no-store').redirect(location, 302);
  };
