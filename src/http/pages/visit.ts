import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Image } from '../../../schema/db/tables/petitions.js';
import type { Lead } from '../../core/petitions/lead.js';
import type { Installation } from '../../installation.js';
import type { Catalogue } from '../../mail/catalogue.js';
import type { Locales } from '../../mail/locales.js';
import { wantedIn } from '../accept-language.js';
import { PRIVATE_CACHE } from '../answers.js';
import { html, htmlDocument, pageCsp, type Html } from '../html.js';
import { colorsOf, faceOf, footOf, headOf, originsOf } from './face.js';

export type Pages = Catalogue['pages'];

/** What all pages of an installation share. */
export type Site = {
  locales: Locales;
  installation: Installation;
};

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
    options?: { meta?: Html; picture?: Image | null },
  ) => FastifyReply;
};

/** The catalogue for an Accept-Language header, by its weights; English where no language of it has one. */
export function languageOf(locales: Locales, header: string | undefined): Catalogue {
  const language = (tag: string) => tag.toLowerCase().split('-')[0];
  for (const tag of wantedIn(header)) {
    const found = locales.pick(tag);
    if (language(found.locale) === language(tag)) return found;
  }
  return locales.pick('en');
}

/** A path of this server, relative to a requested URL. */
export function relativeTo(url: string, path: string): string {
  const [requested = ''] = url.split(/[?#]/, 1);
  const depth = requested.split('/').length - 2;
  return `${'../'.repeat(Math.max(0, depth))}${path.slice(1)}` || './';
}

/** `lead`: the organization that the page is about; null: it concerns no single one. */
export function visitOf(site: Site, request: FastifyRequest, lead: Lead | null = null): Visit {
  const { locales, installation } = site;
  const catalogue = languageOf(locales, request.headers['accept-language']);
  const { pages: words, dir, locale } = catalogue;
  const at = (path: string) => relativeTo(request.url, path);
  const face = faceOf(lead, installation, at('/'));
  const colors = colorsOf(face);
  return {
    words,
    locale,
    tags: locales.tags,
    at,
    send: (reply, status, title, body, { meta, picture = null } = {}) => {
      const document = {
        lang: locale,
        dir,
        title: face.name === '' || face.name === title ? title : `${title} – ${face.name}`,
        colors,
        head: headOf(face),
        foot: footOf(face, catalogue, { at, own: installation }),
        meta,
      };
      const csp = pageCsp(colors, originsOf(face.logo, picture?.url ?? ''));
      return reply
        .code(status)
        .type('text/html; charset=utf-8')
        .headers({ 'cache-control': PRIVATE_CACHE, vary: 'accept-language', 'content-security-policy': csp })
        .send(htmlDocument(document, html`${picture && pictureOf(picture)}${body}`));
    },
  };
}

const pictureOf = ({ url, alt }: Image): Html =>
  html`<img class="picture" src="${url}" alt="${alt}" referrerpolicy="no-referrer" />`;
