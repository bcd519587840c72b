/*
 * What follows a share link, as it was seen in the wild: the requests of previewers, checkers, prefetchers and people.
 * Times are milliseconds from the first request; addresses are names, to which a test gives real ones.
 */

export type ShareRequest = { at: number; method?: 'HEAD'; from: string; headers: Record<string, string> };
export type Pattern = { name: string; requests: ShareRequest[]; people: number };

export const SAFARI_IOS =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
export const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
export const FIREFOX = 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const CHROME_ANDROID =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36';

const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const NAVIGATION = { accept: HTML, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };

const get = (at: number, agent: string, headers: Record<string, string> = {}, from = 'a'): ShareRequest => ({
  at,
  from,
  headers: { ...(agent === '' ? {} : { 'user-agent': agent }), ...headers },
});
const head = (at: number, agent: string, from = 'a'): ShareRequest => ({
  ...get(at, agent, {}, from),
  method: 'HEAD',
});

/** The user agents of previewers, each with one GET. */
const PREVIEWERS: Record<string, string> = {
  'a machine that hides badly': 'Mozilla/5.0',
  'Facebook, Messenger and Instagram':
    'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'Meta, for its models':
    'meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)',
  X: 'Twitterbot/1.0',
  'WhatsApp on Android': 'WhatsApp/2.23.20.0 A',
  'WhatsApp on iOS': 'WhatsApp/2.24.8.77 i',
  Signal: 'WhatsApp/2',
  'iMessage, from the phone of a person':
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0',
  Telegram: 'TelegramBot (like TwitterBot)',
  'Bluesky, as a browser':
    'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app) Chrome/W.X.Y.Z Safari/537.36',
  'Bluesky, plainly': 'Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)',
  'Bluesky, in between': 'web:app.bsky:v0.0.1 (by support@bsky.app)',
  'Mastodon 4.2': 'http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.social/)',
  'Mastodon 4.3': 'Mastodon/4.3.0 (http.rb/5.2.0; +https://mastodon.social/) Bot',
  Misskey: 'Mozilla/5.0 (compatible; Misskey/13.14.2)',
  Matrix: 'Synapse (bot; +https://github.com/matrix-org/synapse)',
  Discord: 'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
  Slack: 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'Slack, for pictures': 'Slack-ImgProxy (+https://api.slack.com/robots)',
  'Teams and Skype':
    'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com',
  LinkedIn: 'LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)',
  Snapchat:
    'Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots)',
  Pinterest: 'Pinterest/0.2 (+http://www.pinterest.com/bot.html)',
  'Google’s messages': 'Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)',
  Bing: 'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b',
  Outlook:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) MicrosoftPreview/2.0 +https://aka.ms/MicrosoftPreview Chrome/98.0.4758.102 Safari/537.36',
  Iframely: 'Iframely/1.3.1 (+https://iframely.com/docs/about)',
  Embedly: 'Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)',
  Reddit: 'Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)',
  Viber: 'Viber/20.5.0',
  VK: 'Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)',
  Google: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'a browser without a window':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36',
};

/** Whether a request gets the page with the tags. */
export const getsCard = ({ headers }: ShareRequest): boolean =>
  Object.values(PREVIEWERS).includes(headers['user-agent'] ?? '');

/** The user agents of people, in the apps where they tap links. Some of these names are those of bots as well. */
const IN_APPS: Record<string, string> = {
  'Facebook for iOS':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/464.0.0.39.105;FBBV/600000000;FBDV/iPhone14,2;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone;FBLC/en_US;FBOP/5]',
  'Facebook for Android':
    'Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0.6367.82 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/462.0.0.47.85;]',
  Instagram:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 330.0.3.29.93 (iPhone14,2; iOS 17_4; en_US; en; scale=3.00; 1170x2532; 597000000)',
  X: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Twitter for iPhone/10.30',
  WhatsApp:
    'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 WhatsApp/2.24.3.78',
  Telegram:
    'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36 Telegram-Android/10.12.0 (Google Pixel 8; Android 14; SDK 34; HIGH)',
  Snapchat:
    'Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 Snapchat/12.70.0.32 (Pixel 7; Android 13)',
  Pinterest:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E219 [Pinterest/iOS]',
  LinkedIn:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.29',
  TikTok:
    'Mozilla/5.0 (Linux; Android 12; M2101K6G) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 trill_330 musical_ly_2023 BytedanceWebview/d8a21c6',
  'a phone called Cubot':
    'Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36',
  'Opera Mini': 'Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16',
  'an old iPad':
    'Mozilla/5.0 (iPad; CPU OS 9_3_5 like Mac OS X) AppleWebKit/601.1.46 (KHTML, like Gecko) Version/9.0 Mobile/13G36 Safari/601.1',
};

const PROGRAMS = ['curl/8.5.0', 'python-requests/2.32.3', 'Go-http-client/2.0', 'node', 'okhttp/4.12.0', ''];

export const PATTERNS: Pattern[] = [
  ...Object.entries(PREVIEWERS).map(([name, agent]): Pattern => ({
    name: `previewer: ${name}`,
    requests: [get(0, agent)],
    people: 0,
  })),
  ...Object.entries(IN_APPS).map(([name, agent]): Pattern => ({
    name: `in-app: ${name}`,
    requests: [get(0, agent)],
    people: 1,
  })),
  ...PROGRAMS.map((agent): Pattern => ({
    name: `program: ${agent || 'without a name'}`,
    requests: [get(0, agent)],
    people: 0,
  })),
  { name: 'a person', requests: [get(0, CHROME, NAVIGATION)], people: 1 },
  {
    name: 'a person in a frame',
    requests: [get(0, CHROME, { ...NAVIGATION, 'sec-fetch-dest': 'iframe' })],
    people: 1,
  },
  {
    name: 'a person whose browser takes anything',
    requests: [get(0, SAFARI_IOS, { accept: '*/*' })],
    people: 1,
  },
  {
    name: 'a person who reloads',
    requests: [
      get(0, FIREFOX, NAVIGATION),
      get(4000, FIREFOX, NAVIGATION),
      get(600_000, FIREFOX, NAVIGATION),
    ],
    people: 1,
  },
  { name: 'a person who comes again', requests: [get(0, FIREFOX), get(1_800_000, FIREFOX)], people: 2 },
  {
    name: 'two at one table, in two browsers',
    requests: [get(0, FIREFOX, NAVIGATION), get(900, SAFARI_IOS, NAVIGATION)],
    people: 2,
  },
  {
    name: 'Chrome prefetches, then somebody taps',
    requests: [
      get(0, CHROME_ANDROID, { ...NAVIGATION, 'sec-purpose': 'prefetch' }),
      get(3000, CHROME_ANDROID, NAVIGATION),
    ],
    people: 1,
  },
  {
    name: 'Chrome prerenders',
    requests: [get(0, CHROME_ANDROID, { ...NAVIGATION, 'sec-purpose': 'prefetch;prerender' })],
    people: 0,
  },
  {
    name: 'Chrome prefetches through a proxy',
    requests: [get(0, CHROME_ANDROID, { ...NAVIGATION, 'sec-purpose': 'prefetch;anonymous-client-ip' })],
    people: 0,
  },
  { name: 'an older Chrome prefetches', requests: [get(0, CHROME, { purpose: 'prefetch' })], people: 0 },
  { name: 'Firefox prefetches', requests: [get(0, FIREFOX, { 'x-moz': 'prefetch' })], people: 0 },
  { name: 'Safari shows a preview', requests: [get(0, SAFARI_IOS, { 'x-purpose': 'preview' })], people: 0 },
  {
    name: 'Facebook’s app prefetches',
    requests: [
      get(0, IN_APPS['Facebook for iOS'] ?? '', { 'x-purpose': 'preview', 'x-fb-http-engine': 'Liger' }),
    ],
    people: 0,
  },
  {
    name: 'a page shows it as a picture, and a script fetches it',
    requests: [
      get(0, CHROME, { accept: 'image/avif,image/webp,*/*;q=0.8', 'sec-fetch-dest': 'image' }),
      get(100, CHROME, { accept: '*/*', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' }),
      get(200, CHROME, { accept: 'application/json' }),
    ],
    people: 0,
  },
  {
    name: 'a post on X: its bot, and three HEADs under the names of browsers',
    requests: [
      get(0, 'Twitterbot/1.0'),
      head(400, SAFARI_IOS, 'b'),
      head(700, CHROME, 'c'),
      head(1200, '', 'd'),
    ],
    people: 0,
  },
  {
    name: 'a post on X, and somebody who is quick',
    requests: [
      get(0, 'Twitterbot/1.0'),
      head(400, SAFARI_IOS, 'b'),
      head(700, CHROME, 'c'),
      head(1200, '', 'd'),
      get(1500, SAFARI_IOS, NAVIGATION, 'home'),
    ],
    people: 1,
  },
  {
    name: 'a checker: one GET and three HEADs as a browser',
    requests: [get(0, CHROME, { accept: HTML }), head(300, CHROME), head(800, CHROME), head(1600, CHROME)],
    people: 0,
  },
  {
    name: 'a checker with an address for each request',
    requests: [
      get(0, CHROME, { accept: HTML }),
      head(300, SAFARI_IOS, 'b'),
      head(800, CHROME, 'c'),
      head(1600, CHROME_ANDROID, 'd'),
    ],
    people: 0,
  },
  {
    name: 'a checker that asks first, and looks at its leisure',
    requests: [head(0, CHROME), head(1000, CHROME), head(2000, CHROME), get(9000, CHROME, { accept: HTML })],
    people: 0,
  },
  {
    name: 'a scanner of mails with several browsers',
    requests: [
      get(0, CHROME, NAVIGATION),
      get(700, FIREFOX, NAVIGATION),
      get(1500, SAFARI_IOS, NAVIGATION),
      get(2200, CHROME_ANDROID, NAVIGATION),
    ],
    people: 0,
  },
  { name: 'a watchman with HEADs', requests: [0, 60_000, 120_000].map((at) => head(at, CHROME)), people: 0 },
  {
    name: 'the sender’s own phone shows a preview, then they try it',
    requests: [get(0, 'WhatsApp/2.23.20.0 A'), get(4000, CHROME_ANDROID, NAVIGATION)],
    people: 1,
  },
];
