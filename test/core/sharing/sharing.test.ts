import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { SHARE_CODE_PATTERN } from '../../../schema/api/common.js';
import { NETWORKS, type Network } from '../../../schema/db/tables/sharing.js';
import { composerUrl } from '../../../src/core/sharing/composers.js';
import { drawGamma } from '../../../src/core/sharing/gamma.js';
import { newShareCode } from '../../../src/core/sharing/share-codes.js';

t.test('codes: of the pattern, without vowels, each character as likely as another', (t) => {
  const pattern = new RegExp(SHARE_CODE_PATTERN);
  const codes = Array.from({ length: 20_000 }, () => newShareCode(randomBytes));
  t.ok(codes.every((code) => pattern.test(code)));
  t.notOk(codes.some((code) => /[aeiouy01l]/.test(code) || /[AEIOUY]/.test(code)));
  t.equal(new Set(codes).size, codes.length);
  const seen = new Map<string, number>();
  for (const letter of codes.join('')) seen.set(letter, (seen.get(letter) ?? 0) + 1);
  const expected = 200_000 / seen.size;
  // Chi-squared with 46 degrees of freedom stays below 100 in all but three of a million runs.
  const chi = [...seen.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  t.equal(seen.size, 47);
  t.ok(chi < 100, `chi² ${chi.toFixed(1)}`);
  t.end();
});

t.test('codes: bytes that would make some characters likelier are drawn again', (t) => {
  const drawn = [255, 240, 235, 0, 46, 47, 234, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const take = (bytes: number) => Buffer.from(drawn.splice(0, bytes));
  t.equal(newShareCode(take), '2Z2Z345678');
  t.end();
});

const URL_OF_LINK = 'https://petitions.example/s/h7Kq2mWz9T';

/** The fields that a composer gets to see, as it would parse them. */
function fieldsOf(network: Network, text: string | null, title = 'Keep the meadows'): Record<string, string> {
  const composer = composerUrl(network, { url: URL_OF_LINK, text, title });
  if (composer === null) return {};
  const url = new URL(composer);
  return Object.fromEntries(new URLSearchParams(network === 'mastodon' ? url.hash.slice(1) : url.search));
}

t.test('composers: what each network gets', (t) => {
  const text = 'I signed. You?';
  const both = `${text} ${URL_OF_LINK}`;
  const expected: Record<Network, [string, Record<string, string>] | null> = {
    facebook: ['https://www.facebook.com/sharer/sharer.php', { u: URL_OF_LINK }],
    x: ['https://x.com/intent/tweet', { text, url: URL_OF_LINK }],
    whatsapp: ['https://wa.me/', { text: both }],
    telegram: ['https://t.me/share/url', { text, url: URL_OF_LINK }],
    bluesky: ['https://bsky.app/intent/compose', { text: both }],
    mastodon: ['https://share.joinmastodon.org/', { text: both }],
    threads: ['https://www.threads.com/intent/post', { text, url: URL_OF_LINK }],
    linkedin: ['https://www.linkedin.com/sharing/share-offsite/', { url: URL_OF_LINK }],
    reddit: ['https://www.reddit.com/submit', { title: text, url: URL_OF_LINK }],
    signal: null,
    sms: ['sms:', { body: both }],
    email: ['mailto:', { subject: 'Keep the meadows', body: `${text}\r\n\r\n${URL_OF_LINK}` }],
    copy: null,
  };
  for (const network of NETWORKS) {
    const composer = composerUrl(network, { url: URL_OF_LINK, text, title: 'Keep the meadows' });
    const wanted = expected[network];
    t.equal(composer?.split(/[?#]/)[0] ?? null, wanted?.[0] ?? null, network);
    t.same(fieldsOf(network, text), wanted?.[1] ?? {}, network);
    const bare = Object.values(fieldsOf(network, null));
    t.notOk(
      bare.some((value) => value.includes('null')),
      `${network} without a text`,
    );
    t.ok(composer === null || bare.includes(URL_OF_LINK), `${network} without a text`);
  }
  t.end();
});

t.test('composers: any text arrives as it was written', (t) => {
  const awkward = [
    '&',
    '#',
    '?',
    '=',
    '+',
    '%',
    '%20',
    '\n',
    '\r\n',
    '"',
    "'",
    '<',
    '>',
    '(',
    ')',
    ' ',
    '🌾',
    '✊🏽',
    'ß',
    '\u2028',
  ];
  const texts = fc.oneof(
    fc
      .array(fc.oneof(fc.constantFrom(...awkward), fc.string({ unit: 'grapheme' })), { maxLength: 40 })
      .map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );
  const lines = (value: string) => value.replace(/\r\n|\r|\n/g, '\n');
  fc.assert(
    fc.property(fc.constantFrom(...NETWORKS), texts, texts, (network, text, title) => {
      const composer = composerUrl(network, { url: URL_OF_LINK, text, title });
      if (composer === null) return network === 'signal' || network === 'copy';
      if (!/^[A-Za-z0-9:/?#&=._~%-]+$/.test(composer)) return false;
      const fields = fieldsOf(network, text, title);
      const { u, url, body, subject } = fields;
      const said = fields['text'] ?? fields['title'] ?? body;
      const linked = u ?? url ?? said ?? '';
      if (!linked.endsWith(URL_OF_LINK)) return false;
      if (network === 'facebook' || network === 'linkedin') return true;
      if (network === 'email' && (subject !== title || /(?<!\r)\n|\r(?!\n)/.test(body ?? ''))) return false;
      const end = network === 'email' ? `\n\n${URL_OF_LINK}` : url === undefined ? ` ${URL_OF_LINK}` : '';
      return network === 'email' ? lines(said ?? '') === lines(text) + end : said === text + end;
    }),
    { numRuns: 3000, examples: [['email', '\r', '']] },
  );
  t.equal(
    fieldsOf('x', 'half \ud83d of one')['text'],
    'half \ufffd of one',
    'half a character does not break it',
  );
  t.end();
});

t.test('gamma: mean and variance are the shape', (t) => {
  for (const shape of [1, 2.5, 40]) {
    const draws = Array.from({ length: 20_000 }, () => drawGamma(randomBytes, shape));
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    // Six standard errors.
    t.ok(Math.abs(mean - shape) < 6 * Math.sqrt(shape / draws.length), `mean ${mean} of ${shape}`);
    t.ok(Math.abs(variance / shape - 1) < 0.2, `variance ${variance} of ${shape}`);
    t.ok(draws.every((x) => x > 0));
  }
  t.end();
});
