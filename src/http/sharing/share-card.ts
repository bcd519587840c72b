import type { ShareCard } from '../../core/sharing/share-target.js';
import { html } from '../html.js';

/** The picture size that social networks show largest. */
const [WIDTH, HEIGHT] = [1200, 630];

export type CardPage = ShareCard & {
  /** The share link itself: what networks show and pass on keeps its code. */
  shareUrl: string;
  /** The petition's page, with the code. */
  location: string;
  imageUrl: string;
};

/** A page with Open Graph and Twitter tags, for previewers. It loads nothing, and links to the petition's page. */
export const cardPage = ({ title, description, locale, shareUrl, location, imageUrl }: CardPage): string =>
  html`<!doctype html>
    <html lang="${locale}" prefix="og: https://ogp.me/ns#">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <meta name="description" content="${description}" />
        <meta name="robots" content="noindex" />
        <link rel="canonical" href="${shareUrl}" />
        <meta property="og:type" content="website" />
        <meta property="og:url" content="${shareUrl}" />
        <meta property="og:title" content="${title}" />
        <meta property="og:description" content="${description}" />
        <meta property="og:locale" content="${locale.replaceAll('-', '_')}" />
        <meta property="og:image" content="${imageUrl}" />
        <meta property="og:image:type" content="image/png" />
        <meta property="og:image:width" content="${WIDTH}" />
        <meta property="og:image:height" content="${HEIGHT}" />
        <meta property="og:image:alt" content="${title}" />
        <meta name="twitter:card" content="summary_large_image" />
        <meta name="twitter:title" content="${title}" />
        <meta name="twitter:description" content="${description}" />
        <meta name="twitter:image" content="${imageUrl}" />
        <meta name="twitter:image:alt" content="${title}" />
      </head>
      <body dir="auto">
        <h1><a href="${location}">${title}</a></h1>
        <p>${description}</p>
      </body>
    </html> `.markup;
