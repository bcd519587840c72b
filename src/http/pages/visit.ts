import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Installation } from '../../installation.js';
import type { Catalogue } from '../../mail/catalogue.js';
import type { Locales } from '../../mail/locales.js';
import { PRIVATE_CACHE } from '../answers.js';
import { html, htmlDocument, PAGE_CSP, type Html } from '../html.js';

export type Pages = Catalogue['pages'];

/** What all pages of an installation share. */
export type Site = {
  locales: Locales;
  installation: Installation;
  /** The Content-Security-Policy of its pages. */
  csp: string;
};

/** With a logo, its URL is the only thing that pages load. */
export const createSite = (locales: Locales, installation: Installation): Site => ({
  locales,
  installation,
  csp: installation.logo === '' ? PAGE_CSP : `${PAGE_CSP}; img-src ${installation.logo}`,
});

/** What a page handler works with: the texts in the visitor's language, and a function that sends a page in it. */
export type Visit = {
  words: Pages;
  locale: string;
  /** The languages that this server has texts in. */
  tags: readonly string[];
  /** The address of one of this server's pages, relative to the requested one: proxies may put a prefix before all. */
  at: (path: string) => string;
  send: (
    reply: FastifyReply,
    status: number,
    title: string,
    body: Html,
    options?: { meta?: Html },
  ) => FastifyReply;
};

/** The catalogue for an Accept-Language header, in its order; English where no language of it has one. */
export function languageOf(locales: Locales, header: string | undefined): Catalogue {
  const wanted = (header ?? '')
    .slice(0, 200)
    .split(',')
    .map((part) => part.split(';')[0]?.trim() ?? '');
  const language = (tag: string) => tag.toLowerCase().split('-')[0];
  for (const tag of wanted) {
    const found = locales.pick(tag);
    if (tag !== '' && language(found.locale) === language(tag)) return found;
  }
  return locales.pick('en');
}

/** A path of this server, relative to a requested URL. */
export function relativeTo(url: string, path: string): string {
  const [requested = ''] = url.split(/[?#]/, 1);
  const depth = requested.split('/').length - 2;
  return `${'../'.repeat(Math.max(0, depth))}${path.slice(1)}` || './';
}

export function visitOf(site: Site, request: FastifyRequest): Visit {
  const { locales, installation, csp } = site;
  const { pages: words, dir, locale } = languageOf(locales, request.headers['accept-language']);
  const at = (path: string) => relativeTo(request.url, path);
  const { name } = installation;
  return {
    words,
    locale,
    tags: locales.tags,
    at,
    send: (reply, status, title, body, { meta } = {}) => {
      const document = {
        lang: locale,
        dir,
        title: name === '' || name === title ? title : `${title} – ${name}`,
        head: headOf(installation, at),
        foot: footOf(installation, words, at),
        meta,
      };
      return reply
        .code(status)
        .type('text/html; charset=utf-8')
        .headers({
          'cache-control': PRIVATE_CACHE,
          vary: 'accept-language',
          'content-security-policy': csp,
        })
        .send(htmlDocument(document, body));
    },
  };
}

function headOf({ name, logo }: Installation, at: Visit['at']): Html {
  if (name === '' && logo === '') return html``;
  // The name beside it says what the picture shows.
  const picture = logo === '' ? '' : html`<img src="${logo}" alt="" />`;
  return html`<header class="head">
    <a href="${at('/')}">${picture}<span dir="auto">${name === '' ? new URL(logo).hostname : name}</span></a>
  </header>`;
}

function footOf({ name, imprint, url }: Installation, words: Pages, at: Visit['at']): Html {
  return html`<footer class="foot">
    <nav aria-label="${words.common.more_label}">
      <a href="${at('/manage')}">${words.manage.title}</a>
      <a href="${at('/unsubscribe')}">${words.unsubscribe.title}</a>
      ${url === '' ? '' : html`<a href="${url}" dir="auto">${name === '' ? new URL(url).hostname : name}</a>`}
    </nav>
    ${imprint === '' ? '' : html`<p dir="auto">${imprint}</p>`}
  </footer>`;
}
