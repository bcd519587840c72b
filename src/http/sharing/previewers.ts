import type { IncomingHttpHeaders } from 'node:http';
import { isbot } from 'isbot';

/*
 * What sends a request, as far as it says so itself. Nobody is taken for a machine because of what is missing: in-app
 * browsers and old ones send few headers.
 */

/**
 * `previewer`: shows or indexes pages, and wants our card; `program`: a library or tool that says so, or nothing at all;
 * `browser`: calls itself one.
 */
export type Sender = 'previewer' | 'program' | 'browser';

/** Networks and messengers. Most are in isbot's list as well; these must not depend on it. */
const PREVIEWERS = new RegExp(
  [
    // Signal, too. The browser inside WhatsApp has the name at its end.
    '^WhatsApp/',
    // iMessage, too, which calls itself so behind a Safari.
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

/** Libraries and tools: they want to know where the link leads. */
const PROGRAMS =
  /^(?:curl|wget|httpie|python|aiohttp|node|undici|axios|got|deno|bun|go-http|okhttp|java|apache-httpclient|ruby|faraday|php|guzzle|perl|libwww|lwp|dart|reqwest|hyper|postman|insomnia|cfnetwork|dalvik|lightmyrequest)/i;

/** How browsers begin: nearly all of them like this for a quarter of a century, and a few that people still use. */
const BROWSERS = /^(?:Mozilla\/[45]\.0 \(|Opera\/\d|Lynx\/|Links \(|ELinks\/|w3m\/|UCWEB\/|BlackBerry|Nokia)/;
/** So call themselves machines that want to be let in; of browsers only these. */
const COMPATIBLE = /^Mozilla\/[45]\.0 \(compatible; (?!MSIE|Konqueror)/;

/** Names are few, and looking one up in the list takes as long as the rest of a redirect. */
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

/** Whether a GET by a browser opens a page for somebody, by what browsers say of it. */
export function opensPage(headers: IncomingHttpHeaders): boolean {
  for (const name of AHEAD_HEADERS) {
    const value = headers[name];
    if (value !== undefined && AHEAD.test(String(value))) return false;
  }
  const { accept } = headers;
  const dest = headers['sec-fetch-dest'];
  if (dest !== undefined && !PAGES.has(String(dest))) return false;
  return accept === undefined || accept === '' || /text\/html|\*\/\*/.test(accept);
}
