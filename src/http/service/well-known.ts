import type { FastifyPluginCallback } from 'fastify';
import { DAY_MS } from '../../time.js';

/** A pen stroke over a line. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b57d0"/><path d="M6 19c3-9 7-11 7-7s-4 9-1 8 4-6 6-5 0 4 3 3 3-2 5-2" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/><path d="M6 25h20" stroke="#fff" stroke-width="2"/></svg>`;

/** Pages that only people with a mailed link need. Share links and pictures stay open: previewers obey this file. */
const PRIVATE = ['/confirm', '/unsubscribe', '/manage', '/email-change', '/email-undo'];

/** RFC 9116 wants a date at which the file is looked at again, less than a year ahead. */
const EXPIRES_MS = 180 * DAY_MS;

type WellKnownOptions = { publicUrl: string; contact: string; now: () => Date };

/** The files that browsers, crawlers and security researchers look for. */
export const wellKnownRoutes =
  ({ publicUrl, contact, now }: WellKnownOptions): FastifyPluginCallback =>
  (app, _options, done) => {
    const schema = { hide: true };
    const base = new URL(publicUrl).pathname.replace(/\/$/, '');
    const robots = ['User-agent: *', ...PRIVATE.map((path) => `Disallow: ${base}${path}`), ''].join('\n');
    for (const path of ['/favicon.ico', '/favicon.svg']) {
      app.get(path, { schema }, (_request, reply) =>
        reply.header('cache-control', 'public, max-age=86400').type('image/svg+xml').send(ICON),
      );
    }
    app.get('/robots.txt', { schema }, (_request, reply) =>
      reply.header('cache-control', 'public, max-age=86400').type('text/plain; charset=utf-8').send(robots),
    );
    if (contact !== '') {
      app.get('/.well-known/security.txt', { schema }, (_request, reply) => {
        const today = Math.floor(now().getTime() / DAY_MS) * DAY_MS;
        const lines = [
          `Contact: ${/^(?:mailto:|https:)/.test(contact) ? contact : `mailto:${contact}`}`,
          `Expires: ${new Date(today + EXPIRES_MS).toISOString()}`,
          `Canonical: ${publicUrl}/.well-known/security.txt`,
        ];
        return reply.type('text/plain; charset=utf-8').send(`${lines.join('\n')}\n`);
      });
    }
    done();
  };
