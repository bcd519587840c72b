import type { IncomingHttpHeaders } from 'node:http';
import { isbot } from 'isbot';
import type { LinkRequest } from '../../core/sharing/clicks.js';

/*
 * Classifies the sender of a request by what it says about itself. A missing header must never make it a machine:
 * in-app browsers and old browsers send few headers.
 */

/**
 * `previewer`: shows or indexes pages, and gets the share card; `program`: a library or tool, or no User-Agent at all;
 * `browser`: claims to be one.
 */
export type Sender = 'previewer' | 'program' | 'browser';

/** Social networks and messengers. Most are in isbot's list as well, but these must not depend on it. */
const PREVIEWERS = new RegExp(
  [
    // Also used by Signal. The browser inside WhatsApp has the name at the end instead.
    '^WhatsApp/',
    // Also iMessage, which appends this to a Safari User-Agent.
    'facebookexternalhit|Facebot|facebookcatalog|meta-external',
    'Twitterbot|TelegramBot|Discordbot|LinkedInBot|redditbot|Applebot|vkShare|^Viber',
    'Slackbot|Slack-ImgProxy',
    // Skype and Teams.
    'SkypeUriPreview|BingPreview|MicrosoftPreview',
    'Bluesky Cardyb|app\\.bsky',
    'Mastodon/|Misskey/|Pleroma|Akkoma|Friendica|Synapse',
    'Snap URL Preview',
    // The app's own browser says [Pinterest/iOS].
    'Pinterestbot|^Pinterest/0',
    'Google-PageRenderer|Google-InspectionTool|Iframely|Embedly',
  ].join('|'),
  'i',
);

/** Libraries and tools: they get the redirect. */
const PROGRAMS =
  /^(?:curl|wget|httpie|python|aiohttp|node|undici|axios|got|deno|bun|go-http|okhttp|java|apache-httpclient|ruby|faraday|php|guzzle|perl|libwww|lwp|dart|reqwest|hyper|postman|insomnia|cfnetwork|dalvik|lightmyrequest)/i;

/** How the User-Agent of a browser begins: nearly all with Mozilla, and a few others that are still in use. */
const BROWSERS = /^(?:Mozilla\/[45]\.0 \(|Opera\/\d|Lynx\/|Links \(|ELinks\/|w3m\/|UCWEB\/|BlackBerry|Nokia)/;
/** Crawlers use this form; of browsers only Internet Explorer and Konqueror do. */
const COMPATIBLE = /^Mozilla\/[45]\.0 \(compatible; (?!MSIE|Konqueror)/;

/** A cache: matching a User-Agent takes as long as the rest of a redirect. */
const known = new Map<string, Sender>();
const MOST_KNOWN = 1000;

export function senderOf(userAgent: string | undefined): Sender {
  if (!userAgent) return 'program';
  let sender = known.get(userAgent);
  if (sender === undefined) {
    sender = read(userAgent);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(userAgent, sender);
  }
  return sender;
}

function read(userAgent: string): Sender {
  if (PREVIEWERS.test(userAgent)) return 'previewer';
  if (PROGRAMS.test(userAgent)) return 'program';
  if (isbot(userAgent)) return 'previewer';
  return BROWSERS.test(userAgent) && !COMPATIBLE.test(userAgent) ? 'browser' : 'program';
}

const AHEAD = /prefetch|preview|prerender/i;
const AHEAD_HEADERS = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'] as const;
const PAGES = new Set(['document', 'iframe', 'frame', 'fencedframe']);

/** Whether a GET by a browser opens a page for a person, rather than a prefetch or a subresource, by its headers. */
function opensPage(headers: IncomingHttpHeaders): boolean {
  for (const name of AHEAD_HEADERS) {
    const value = headers[name];
    if (value !== undefined && AHEAD.test(String(value))) return false;
  }
  const { accept } = headers;
  const dest = headers['sec-fetch-dest'];
  if (dest !== undefined && !PAGES.has(String(dest))) return false;
  return accept === undefined || accept === '' || /text\/html|\*\/\*/.test(accept);
}

/** What a request of a link is, as far as it says so itself. */
export function kindOf(method: string, headers: IncomingHttpHeaders, sender: Sender): LinkRequest['kind'] {
  if (method === 'HEAD') return sender === 'previewer' ? 'declared_probe' : 'probe';
  return sender === 'browser' && opensPage(headers) ? 'visit' : 'machine';
}
