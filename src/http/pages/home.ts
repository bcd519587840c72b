import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { ANONYMOUS } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { listPetitions } from '../../core/petitions/petition-list.js';
import { ApiError } from '../../errors.js';
import { html, type Html } from '../html.js';
import { sendErrorPage } from './error-pages.js';
import { relativeTo, visitOf, type Site, type Visit } from './visit.js';

const SHOWN = 20;

/** Whether a person in a browser asks. API clients do not name HTML. */
export const wantsPage = ({ method, headers }: FastifyRequest): boolean =>
  (method === 'GET' || method === 'HEAD') && /\btext\/html\b/i.test(headers.accept ?? '');

/** Shows people in a browser an error of the catalogue as a page. Undefined for API clients and other errors. */
export const createErrorPage =
  (site: Site) =>
  (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined =>
    wantsPage(request) && error instanceof ApiError
      ? sendErrorPage(site, request, reply, error.code, error.status)
      : undefined;

/** The pages that only show what was done by a form: reloading one by its address leads to where it began. */
const AFTER_FORMS: Record<string, string> = {
  '/confirm/refuse': '/confirm',
  '/confirm/resend': '/confirm',
  '/unsubscribe/request': '/unsubscribe',
  '/manage/act': '/manage',
  '/manage/request': '/manage',
  '/share': '/',
};

/** `/` for people: who runs this server, and which petitions can be signed. API clients get a 404, as before. */
export const homeRoutes =
  (ctx: Context, site: Site): FastifyPluginCallback =>
  (app, _options, done) => {
    const hidden = { schema: { hide: true } };
    const errorPage = createErrorPage(site);
    app.setErrorHandler((error, request, reply) => {
      const page = errorPage(error, request, reply);
      if (!page) throw error;
      return page;
    });
    app.get('/', hidden, async (request, reply) => {
      if (!wantsPage(request)) {
        throw new ApiError('not_found', { detail: 'See /docs or /openapi.yaml for what there is.' });
      }
      const visit = visitOf(site, request);
      const title = site.installation.name || visit.words.home.title;
      const { items } = await listPetitions(
        ctx,
        ANONYMOUS,
        { statuses: ['published'] },
        { limit: 100, sort: '-created_at' },
      );
      const petitions = items.flatMap(({ title, pageUrl, locale, organization }) =>
        pageUrl === null ? [] : [{ title, pageUrl, locale, organization: organization.name }],
      );
      return visit.send(reply, 200, title, homePage(visit, title, petitions.slice(0, SHOWN)));
    });
    for (const [path, start] of Object.entries(AFTER_FORMS)) {
      app.get(path, hidden, (request, reply) => reply.redirect(relativeTo(request.url, start), 302));
    }
    done();
  };

type Shown = { title: string; pageUrl: string; locale: string; organization: string };

function homePage(visit: Visit, title: string, petitions: Shown[]): Html {
  const { home: words } = visit.words;
  const items = petitions.map(
    (one) =>
      html`<li lang="${one.locale}" dir="auto">
        <a href="${one.pageUrl}">${one.title}</a> – <bdi>${one.organization}</bdi>
      </li>`,
  );
  return html`<h1 dir="auto">${title}</h1>
    <p>${words.explanation}</p>
    <h2>${words.petitions_heading}</h2>
    ${
      items.length === 0
        ? html`<p>${words.none}</p>`
        : html`<ul>
            ${items}
          </ul>`
    }
    <h2>${words.developers_heading}</h2>
    <p><a href="${visit.at('/docs/')}" lang="en">${words.reference}</a></p>`;
}
