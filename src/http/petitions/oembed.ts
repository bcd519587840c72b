import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { OEmbed, OEmbedQuery } from '../../../schema/api/petitions/oembed.js';
import type { Context } from '../../core/context.js';
import { findByUrl, type Embedded } from '../../core/petitions/oembed.js';
import { ApiError } from '../../errors.js';
import { escapeHtml } from '../../escape-html.js';
import { PICTURE_HEIGHT, PICTURE_WIDTH } from '../../pictures/content.js';
import { cacheFor, NOT_MODIFIED } from '../answers.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { pictureUrl } from './picture-url.js';

/** The size of the form in one column. The element adapts to less. */
const WIDTH = 600;
const HEIGHT = 800;
const CACHE_SECONDS = 3600;

type Room = { maxwidth?: number; maxheight?: number; iframe?: boolean };

type Drawn = Pick<Embedded['petition'], 'slug' | 'title' | 'pageUrl'> & Pick<Embedded, 'translation'>;

const ownPage = (publicUrl: string, slug: string, translation: string | null): string =>
  `${publicUrl}/p/${slug}${translation === null ? '' : `?locale=${translation}`}`;

/** The element, with a link in it for pages where scripts do not run. */
const elementOf = ({ slug, title, pageUrl, translation }: Drawn, publicUrl: string): string =>
  [
    `<script src="${escapeHtml(`${publicUrl}/embed/v1.js`)}" defer></script>`,
    `<undersigned-petition slug="${escapeHtml(slug)}"${translation === null ? '' : ` locale="${escapeHtml(translation)}"`}>`,
    `<a href="${escapeHtml(pageUrl ?? ownPage(publicUrl, slug, translation))}">${escapeHtml(title)}</a>`,
    '</undersigned-petition>',
  ].join('');

/** The petition's page of this server in a frame, for sites that strip scripts. */
const frameOf = (
  { slug, title, translation }: Drawn,
  publicUrl: string,
  width: number,
  height: number,
): string =>
  `<iframe src="${escapeHtml(ownPage(publicUrl, slug, translation))}" title="${escapeHtml(title)}" width="${width}" height="${height}" frameborder="0" style="border:0;max-width:100%"></iframe>`;

function toOEmbed({ petition, lead, translation }: Embedded, publicUrl: string, room: Room): OEmbed {
  const { maxwidth = Infinity, maxheight = Infinity, iframe = false } = room;
  const { publicId, title } = petition;
  const drawn = { ...petition, translation };
  const width = Math.min(WIDTH, maxwidth);
  const height = Math.min(HEIGHT, maxheight);
  // The picture is scaled down to fit, in its own proportions.
  const scale = Math.min(1, maxwidth / PICTURE_WIDTH, maxheight / PICTURE_HEIGHT);
  const scaled = (length: number) => Math.max(1, Math.floor(length * scale));
  return {
    version: '1.0',
    type: 'rich',
    title,
    author_name: lead.name,
    ...(lead.url === null ? {} : { author_url: lead.url }),
    provider_name: 'Undersigned',
    provider_url: publicUrl,
    cache_age: CACHE_SECONDS,
    html: iframe ? frameOf(drawn, publicUrl, width, height) : elementOf(drawn, publicUrl),
    width,
    height,
    // By id: a new slug does not change it.
    thumbnail_url: pictureUrl(publicUrl, publicId, translation),
    thumbnail_width: scaled(PICTURE_WIDTH),
    thumbnail_height: scaled(PICTURE_HEIGHT),
  };
}

/** The value of the `Link` header with which oEmbed consumers find the embedding of a petition. */
export function discoveryOf(
  { slug, title, locale, locales }: { slug: string; title: string; locale: string; locales: string[] },
  publicUrl: string,
): string {
  const inIt = locale === locales[0] ? '' : `?locale=${locale}`;
  const query = new URLSearchParams({ url: `${publicUrl}/v1/petitions/${slug}${inIt}`, format: 'json' });
  // Headers are ASCII: other titles are encoded as in RFC 8187.
  const named = /^[ !#-[\]-~]*$/.test(title) ? `title="${title}"` : `title*=UTF-8''${encodeExtended(title)}`;
  return `<${publicUrl}/v1/oembed?${query.toString()}>; rel="alternate"; type="application/json+oembed"; ${named}`;
}

const encodeExtended = (text: string): string =>
  encodeURIComponent(text).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** oEmbed, for sites and editors that turn a pasted URL into the petition. */
export const oembedRoutes =
  (ctx: Context, publicUrl: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/oembed',
      {
        schema: operation({
          operationId: 'getOembed',
          tag: 'Sharing',
          access: 'open',
          summary: 'Get a petition as oEmbed',
          description:
            'For sites that turn a pasted URL into the petition itself (https://oembed.com). 404 for every URL that is not of a published petition, including drafts and petitions that were taken down. If several petitions share a page, the one published last is returned. Where the URL is of a translation (`?locale=` of a page here, a share link, or its own `page_url`), all is in that language. Sites that strip scripts, like WordPress, get a frame with `iframe=true`; the page of a petition on this server (`/p/…`) names that to them. Unknown parameters are ignored, since consumers add their own.',
          querystring: OEmbedQuery,
          answers: { 200: OEmbed, 304: NOT_MODIFIED },
          errors: ['not_found', 'unsupported_format'],
        }),
      },
      async (request, reply) => {
        const { url, format = 'json', ...room } = request.query;
        if (format !== 'json') {
          throw new ApiError('unsupported_format', { detail: 'Ask for `format=json`, or leave it out.' });
        }
        const found = await findByUrl(ctx.store.read, publicUrl, url);
        if (found.petition.test === 1) reply.header('x-robots-tag', 'noindex');
        return sendWithEtag(request, reply, cacheFor(request), toOEmbed(found, publicUrl, room));
      },
    );
    done();
  };
