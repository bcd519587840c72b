import type { Network } from '../../../schema/db/tables/sharing.js';

/* The URLs that open each network's own composer, with the link, and with the text where the network accepts one. */

export type Share = {
  /** The short link. */
  url: string;
  /** The petition's share text for this network. */
  text: string | null;
  /** The petition's title, for networks that need some text. */
  title: string;
};

/** By RFC 3986: escapes everything that has a meaning in URLs, HTML or Markdown. */
const encode = (value: string): string =>
  encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const query = (values: Record<string, string | null>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === null ? [] : `${name}=${encode(value)}`))
    .join('&');

/** For networks with a single field for text and link. */
const joined = ({ text, url }: Share, between = ' '): string => (text === null ? url : text + between + url);

/** RFC 6068: lines end with CRLF. */
const crlf = (text: string): string => text.replace(/\r\n|\r|\n/g, '\r\n');

const COMPOSERS: Record<Network, ((share: Share) => string) | null> = {
  // https://developers.facebook.com/docs/plugins/share-button: takes the link alone, and reads the page's tags.
  facebook: ({ url }) => `https://www.facebook.com/sharer/sharer.php?${query({ u: url })}`,
  // https://docs.x.com/x-for-websites/post-button/guides/web-intent
  x: ({ text, url }) => `https://x.com/intent/tweet?${query({ text, url })}`,
  // https://faq.whatsapp.com/general/26000030: without a number, the sharer picks the chat.
  whatsapp: (share) => `https://wa.me/?${query({ text: joined(share) })}`,
  // https://core.telegram.org/widgets/share
  telegram: ({ text, url }) => `https://t.me/share/url?${query({ url, text })}`,
  // https://docs.bsky.app/docs/advanced-guides/intent-links
  bluesky: (share) => `https://bsky.app/intent/compose?${query({ text: joined(share) })}`,
  // https://blog.joinmastodon.org/2026/03/a-new-share-button: the official page, which leads users to their own server.
  // A fragment works too; browsers do not send it, so not even that page's server learns who shares what.
  mastodon: (share) => `https://share.joinmastodon.org/#${query({ text: joined(share) })}`,
  // https://developers.facebook.com/documentation/threads/threads-web-intents
  threads: ({ text, url }) => `https://www.threads.com/intent/post?${query({ text, url })}`,
  // What the button of https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/plugins/share-plugin
  // opens: it takes the link only.
  linkedin: ({ url }) => `https://www.linkedin.com/sharing/share-offsite/?${query({ url })}`,
  // GET_submit in https://github.com/reddit-archive/reddit/blob/master/r2/r2/controllers/front.py: a post needs a title.
  reddit: ({ text, title, url }) => `https://www.reddit.com/submit?${query({ url, title: text ?? title })}`,
  // Signal has no composer that a web page could open with a text.
  signal: null,
  // RFC 5724 wants `?body`, iOS reads only `&body`: this form works for both.
  sms: (share) => `sms:?&${query({ body: joined(share) })}`,
  // RFC 6068
  email: (share) => `mailto:?${query({ subject: share.title, body: crlf(joined(share, '\r\n\r\n')) })}`,
  // The petition's page copies the link itself.
  copy: null,
};

/** The URL that opens a network's composer, with everything that it accepts; null if it has none. */
export const composerUrl = (network: Network, share: Share): string | null =>
  COMPOSERS[network]?.(share) ?? null;
