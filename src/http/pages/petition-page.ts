import { createHash } from 'node:crypto';
import type { FastifyPluginCallback } from 'fastify';
import { SignatureInput } from '../../../schema/api/signatures/signing.js';
import { ANONYMOUS } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { readCounts, totalOf, type Counts } from '../../core/counts/counts.js';
import { listThresholds, type Threshold } from '../../core/counts/milestones.js';
import { disclosedNow } from '../../core/petitions/disclosures.js';
import { findLead, type Lead } from '../../core/petitions/lead.js';
import { isOpenAt } from '../../core/petitions/petition-life.js';
import { findPetition, Moved } from '../../core/petitions/petition-lookup.js';
import type { PetitionRow } from '../../core/petitions/petition-rules.js';
import { responsesOf } from '../../core/petitions/responses.js';
import { inLanguage, type InLanguage } from '../../core/petitions/translated.js';
import { isTappable } from '../../core/signatures/signing-rules.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { mailedToken } from '../../core/links/mailed-token.js';
import { localeOf } from '../../core/typed-text.js';
import type { Catalogue } from '../../mail/catalogue.js';
import { disclosedSentence } from '../../mail/disclosed.js';
import { say } from '../../mail/words.js';
import { PICTURE_HEIGHT, PICTURE_WIDTH } from '../../pictures/content.js';
import { chosenBy } from '../accept-language.js';
import { withFloor } from '../answer-floor.js';
import { PRIVATE_CACHE, PUBLIC_CACHE } from '../answers.js';
import { callerOf } from '../caller.js';
import { button, form, html, Html } from '../html.js';
import { sayLanguages } from '../petitions/petition-view.js';
import { pictureUrl } from '../petitions/picture-url.js';
import { answersView, promisesView, type Answered } from './promises-and-answers.js';
import { checked, needToken, setUpPages, type Fields } from './setup.js';
import { told } from './told.js';
import { visitOf, type Site } from './visit.js';

/*
 * The page of a petition for campaigns that have no site, and for frames in sites that take no scripts. What is in the
 * element is shown until its script has loaded, and without scripts it is the whole page. What to do then is said late, so
 * that it does not flicker while the script loads.
 */

const CSS = `:root{color-scheme:light dark}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:40rem;margin:0 auto;padding:1rem}
.test{border:1px dashed;padding:.5rem .75rem;font-weight:600}
.title{font-size:1.6rem;line-height:1.25;font-weight:700;margin:1rem 0;overflow-wrap:anywhere}
.statement{white-space:pre-line;overflow-wrap:anywhere}
.elsewhere{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.late button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.25rem}
.late{animation:appear 0s 2s both}@keyframes appear{from{visibility:hidden}}undersigned-petition:defined .late{display:none}`;
const STYLE = new Html(`<style>${CSS}</style>`);
const STYLE_HASH = createHash('sha256').update(CSS).digest('base64');

/** The pictures that the element loads, by their origins. */
const pictureOrigins = ({ image }: PetitionRow, { logoUrl }: Lead): string[] =>
  [image?.url, logoUrl].flatMap((url) => (url && URL.canParse(url) ? [new URL(url).origin] : []));

/** Only scripts of this server run, and only pages of the petition's list may frame it; without a list all may. */
function policyOf({ petition, lead, tap }: Shown, publicUrl: string): string {
  const frames = petition.origins.length === 0 ? ['*'] : ["'self'", ...petition.origins];
  const pictures = pictureOrigins(petition, lead);
  return [
    "default-src 'none'",
    `script-src ${publicUrl}/embed/v1.js`,
    `connect-src ${publicUrl}/v1/ ${publicUrl}/embed/`,
    `style-src 'sha256-${STYLE_HASH}'`,
    `img-src ${pictures.length === 0 ? "'none'" : [...new Set(pictures)].join(' ')}`,
    `form-action ${tap === null ? "'none'" : "'self'"}`,
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types undersigned',
    `frame-ancestors ${frames.join(' ')}`,
  ].join('; ');
}

type Shown = {
  petition: InLanguage<PetitionRow>;
  /** The language of the translation that is shown; null: the petition's own text. */
  translation: string | null;
  lead: Lead;
  counts: Counts;
  thresholds: readonly Threshold[];
  responses: readonly Answered[];
  /** Its own page elsewhere, or this one. */
  canonical: string;
  /** The language of the form, where the query asks for one. */
  locale: string | undefined;
  isOpen: boolean;
  /** What the form for signing with one tap sends; null: the page was not opened from a mail, or one tap is not enough. */
  tap: Record<string, string> | null;
};

const LONGEST_TOKEN = 200;
const LONGEST_SOURCE = 100;

/** Without scripts there is no proof of work either. */
function tapOf(petition: PetitionRow, { r, source, locale }: Fields, isOpen: boolean) {
  const token = mailedToken(r ?? '');
  const isOffered = isOpen && petition.challenge !== 'always' && isTappable(petition);
  if (token === '' || token.length > LONGEST_TOKEN || !isOffered) return null;
  return {
    r: token,
    ...(source ? { source: source.slice(0, LONGEST_SOURCE) } : {}),
    ...(locale ? { locale } : {}),
  };
}

/** The languages as links of this page, for search engines. */
const alternates = ({ slug, locales }: Shown['petition'], publicUrl: string): Html[] =>
  locales.length < 2
    ? []
    : locales.map(
        (one) => html`<link rel="alternate" hreflang="${one}" href="${publicUrl}/p/${slug}?locale=${one}" />`,
      );

/** The way to the other languages, without scripts. */
function languagesView({ slug, locale, locales }: Shown['petition'], publicUrl: string): Html {
  if (locales.length < 2) return html``;
  const links = locales
    .filter((one) => one !== locale)
    .map(
      (one) =>
        html`<a href="${publicUrl}/p/${slug}?locale=${one}" lang="${one}" hreflang="${one}"
          >${nameOf(one)}</a
        > `,
    );
  return html`<nav>${links}</nav>`;
}

/** What a language calls itself. */
const nameOf = (locale: string): string =>
  new Intl.DisplayNames([locale], { type: 'language' }).of(locale) ?? locale;

function headOf({ petition, translation, lead, canonical }: Shown, publicUrl: string): Html {
  const { publicId, slug, title, statement, locale } = petition;
  const page = `${publicUrl}/p/${slug}${translation === null ? '' : `?locale=${translation}`}`;
  const about = new URLSearchParams({ url: page, format: 'json', iframe: 'true' });
  const description = [...statement.replace(/\s+/g, ' ')].slice(0, 200).join('');
  return html`<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    ${petition.test === 1 ? html`<meta name="robots" content="noindex" />` : ''}
    <title>${title} – ${lead.name}</title>
    <meta name="description" content="${description}" />
    <link rel="canonical" href="${canonical}" />
    ${alternates(petition, publicUrl)}
    <link
      rel="alternate"
      type="application/json+oembed"
      href="${publicUrl}/v1/oembed?${about.toString()}"
      title="${title}"
    />
    <meta property="og:type" content="website" />
    <meta property="og:url" content="${canonical}" />
    <meta property="og:site_name" content="${lead.name}" />
    <meta property="og:title" content="${title}" />
    <meta property="og:description" content="${description}" />
    <meta property="og:locale" content="${locale.replaceAll('-', '_')}" />
    <meta property="og:image" content="${pictureUrl(publicUrl, publicId, translation)}" />
    <meta property="og:image:width" content="${PICTURE_WIDTH}" />
    <meta property="og:image:height" content="${PICTURE_HEIGHT}" />
    <meta name="twitter:card" content="summary_large_image" />
    ${STYLE}
    <script src="${publicUrl}/embed/v1.js" defer></script>`;
}

function pageOf(shown: Shown, catalogue: Catalogue, publicUrl: string): string {
  const { pages, embed, dir, locale: spoken } = catalogue;
  const { petition, lead, counts, thresholds, responses, locale, isOpen, tap } = shown;
  const total = totalOf(counts);
  const plural = new Intl.PluralRules(spoken).select(total);
  const numbers = new Intl.NumberFormat(spoken);
  const count = say(embed[`count_${plural}`] ?? embed.count_other, { count: numbers.format(total) });
  const parts = [
    ...(counts.paper > 0 ? [say(embed.on_paper, { count: numbers.format(counts.paper) })] : []),
    ...(counts.offsets > 0 ? [say(embed.from_elsewhere, { count: numbers.format(counts.offsets) })] : []),
  ];
  const others = say(embed.including, { parts: new Intl.ListFormat(spoken).format(parts) });
  const disclosed = disclosedSentence(catalogue, disclosedNow(petition), petition.targets);
  // All but the texts of a translation is in the language that the petition was written in.
  const [writtenIn = petition.locale] = petition.locales;
  const targets = petition.targets.map(({ name }) => name).join('; ');
  return html`<!doctype html>
    <html lang="${spoken}" dir="${dir}" prefix="og: https://ogp.me/ns#">
      <head>
        ${headOf(shown, publicUrl)}
      </head>
      <body>
        <main>
          <h1 class="elsewhere">${petition.title}</h1>
          <undersigned-petition slug="${petition.slug}" ${locale ? html`locale="${locale}"` : ''}>
            ${petition.test === 1 ? html`<p class="test">${embed.test_note}</p>` : ''}
            ${languagesView(petition, publicUrl)}
            <div lang="${petition.locale}" dir="auto">
              <p>${lead.name}</p>
              <p class="title" aria-hidden="true">${petition.title}</p>
              ${targets === '' ? '' : html`<p>${embed.to_label} ${targets}</p>`}
              <p class="statement">${petition.statement}</p>
            </div>
            <p><strong>${count}</strong></p>
            ${parts.length === 0 ? '' : html`<p>${others}</p>`}
            ${promisesView(thresholds, { isOpen, total, locale: writtenIn }, catalogue)}
            ${answersView(responses, writtenIn, catalogue)}
            ${
              tap &&
              html`<div class="late">
                <p>${embed.one_tap_text}</p>
                ${disclosed === null ? '' : html`<p>${disclosed}</p>`}
                ${form(`${publicUrl}/p/${petition.slug}`, tap, button(embed.one_tap_button))}
              </div>`
            }
            <p class="late">${isOpen ? pages.common.no_script : embed.closed}</p>
          </undersigned-petition>
        </main>
      </body>
    </html> `.markup;
}

export const petitionPageRoutes =
  (ctx: Context, verbs: Verbs, site: Site, publicUrl: string): FastifyPluginCallback =>
  (app, _options, done) => {
    setUpPages(app, site, ctx.store.explain);
    app.decorateReply('pagePolicy', null);
    // After the hook of all pages, whose policy allows neither scripts nor frames.
    app.addHook('onSend', (_request, reply, payload, next) => {
      if (reply.pagePolicy !== null) {
        reply.header('content-security-policy', reply.pagePolicy).removeHeader('x-frame-options');
        // With `no-referrer`, browsers would send `Origin: null` when somebody signs here.
        reply.header('referrer-policy', 'same-origin');
      }
      next(null, payload);
    });
    app.get<{ Params: { petition: string }; Querystring: Fields }>(
      '/p/:petition',
      { schema: { hide: true } },
      async (request, reply) => {
        const on = ctx.store.read;
        const petition = await findOrMoved(ctx, request.params.petition);
        if (petition instanceof Moved) {
          const [, query] = request.url.split('?');
          return reply.redirect(`${publicUrl}/p/${petition.slug}${query ? `?${query}` : ''}`, 308);
        }
        const { locale: asked } = request.query;
        const wanted = asked === undefined ? undefined : (localeOf(asked) ?? '');
        const found = await inLanguage(on, petition, chosenBy(wanted, request.headers['accept-language']));
        const translation = found.locale === petition.locale ? null : found.locale;
        // So that the element shows the same.
        const locale = asked ?? (found.locales.length > 1 ? found.locale : undefined);
        const lead = await findLead(on, petition);
        const counts = await readCounts(on, petition.key);
        const thresholds = await listThresholds(on, petition.key);
        const responses = await responsesOf(on, petition.key);
        const isOpen = isOpenAt(petition, ctx.now());
        const tap = tapOf(petition, request.query, isOpen);
        const canonical = ctx.links.petition({ ...found, translation });
        const said = { counts, thresholds, responses };
        const shown: Shown = { petition: found, translation, lead, ...said, canonical, locale, isOpen, tap };
        sayLanguages(reply, [found]);
        reply.pagePolicy = policyOf(shown, publicUrl);
        return reply
          .type('text/html; charset=utf-8')
          .header('cache-control', tap === null ? PUBLIC_CACHE : PRIVATE_CACHE)
          .send(pageOf(shown, site.locales.pick(locale ?? found.locale), publicUrl));
      },
    );
    // One tap in a mail, without scripts. Opening the page changes nothing: mail scanners open every link.
    app.post<{ Params: { petition: string }; Body: Fields }>(
      '/p/:petition',
      { config: { limit: 'sign', takesSignatures: true }, schema: { hide: true } },
      async (request, reply) => {
        const petition = await findOrMoved(ctx, request.params.petition);
        if (petition instanceof Moved) return reply.redirect(`${publicUrl}/p/${petition.slug}`, 308);
        const { source = null, locale = null } = request.body;
        const input = { recognition: needToken(request.body.r), source, locale };
        checked(request, SignatureInput, input);
        const tap = () => verbs.signByMail(ANONYMOUS, petition.slug, input, undefined, callerOf(request));
        await withFloor(ctx, tap);
        const visit = visitOf(site, request, await findLead(ctx.store.read, petition));
        const { embed } = site.locales.pick(visit.locale);
        const back = html`<p>
          <a href="${ctx.links.petition(petition)}">${visit.words.common.to_petition}</a>
        </p>`;
        const page = told(embed.confirm_heading, embed.one_tap_done, back);
        return visit.send(reply, 202, embed.confirm_heading, page);
      },
    );
    done();
  };

const findOrMoved = (ctx: Context, ref: string): Promise<PetitionRow | Moved> =>
  findPetition(ctx.store.read, ANONYMOUS, ref).catch((error: unknown) => {
    if (error instanceof Moved) return error;
    throw error;
  });

declare module 'fastify' {
  interface FastifyReply {
    /** The Content-Security-Policy of a page with the element; null: that of all pages. */
    pagePolicy: string | null;
  }
}
