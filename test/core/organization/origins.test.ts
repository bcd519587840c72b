import fc from 'fast-check';
import t from 'tap';
import { isListed } from '../../../src/core/organization/origins.js';

const label = fc.constantFrom('a', 'b', 'www', 'example', 'evil', 'evil-example', 'org', 'xn--bcher-kva');
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const scheme = fc.constantFrom('http', 'https');
const port = fc.constantFrom('', '', ':80', ':443', ':8443');
const origin = fc.tuple(scheme, host, port).map(([s, h, p]) => `${s}://${h}${p}`);
const entry = fc.oneof(
  origin,
  origin.map((one) => one.replace('//', '//*.')),
);

/** What an attacker, or a slip, makes of an origin. */
const TWISTS: ((one: string) => string)[] = [
  (one) => one,
  (one) => one.toUpperCase(),
  (one) => `${one}.`,
  (one) => `${one}/`,
  (one) => `${one}/path`,
  (one) => `${one}?q`,
  (one) => `${one}#f`,
  (one) => `${one}:`,
  (one) => `${one}.evil.test`,
  (one) => `${one}@evil.test`,
  (one) => `${one}, https://evil.test`,
  (one) => ` ${one}`,
  (one) => `${one}\t`,
  (one) => `${one}%00`,
  (one) => one.replace('//', '//user@'),
  (one) => one.replace('//', '//user:pass@'),
  (one) => one.replace('//', '//.'),
  (one) => one.replace('//', '//*.'),
  (one) => one.replace('//', '//evil-'),
  (one) => one.replace('//', '//evil'),
  (one) => one.replace('//', '//sub.'),
  (one) => one.replace('//', '//deep.er.sub.'),
  (one) => one.replace('//', '//evil.test\\.'),
  (one) => one.replace('//', '/'),
  (one) => one.replace('.', '..'),
  (one) => one.replace('.', '。'),
  (one) => one.replace('.', 'x'),
  (one) => one.replace('e', 'е'),
  (one) => one.replace('xn--bcher-kva', 'bücher'),
  (one) => one.replace(/^https?/, 'file'),
  (one) => one.replace(/^https?/, 'chrome-extension'),
  (one) => one.replace(/^https?:/, ''),
  () => 'null',
  () => '',
  () => '*',
];

/** The same question asked of the URL parser that browsers have, by whole labels. */
function expected(listed: string, page: string): boolean {
  if (!URL.canParse(page) || /[^!-~]/.test(page)) return false;
  const theirs = new URL(page);
  const { protocol, hostname } = theirs;
  const plain = [`${protocol}//${theirs.host}`, `${protocol}//${hostname}:${portOf(theirs)}`];
  if (!/^https?:$/.test(protocol) || !plain.includes(page.toLowerCase())) return false;
  const wild = listed.includes('*.');
  const ours = new URL(listed.replace('*.', ''));
  if (ours.protocol !== protocol || portOf(ours) !== portOf(theirs)) return false;
  const [mine, labels] = [ours.hostname.split('.'), hostname.split('.')];
  if (!wild) return mine.join() === labels.join();
  return (
    labels.length > mine.length &&
    labels.slice(-mine.length).join() === mine.join() &&
    labels.every((one) => /^[a-z0-9-]+$/.test(one))
  );
}

const portOf = ({ port, protocol }: URL) => port || (protocol === 'https:' ? '443' : '80');

t.test(
  'an origin is listed when scheme, host and port are the same, or it is below a wildcard',
  async (t) => {
    let listed = 0;
    const close = fc
      .tuple(entry, fc.option(origin, { freq: 3 }), fc.constantFrom(...TWISTS))
      .map(([one, other, twist]) => [one, twist(other ?? one.replace('*.', ''))] as const)
      // No Punycode, so no host that a browser could be on: the URL parser refuses it, and nothing depends on us.
      .filter(([, page]) => !/xn--bcher-kva[a-z0-9]/i.test(page));
    fc.assert(
      fc.property(close, ([one, page]) => {
        const found = isListed([one], page);
        if (found) listed += 1;
        return found === expected(one, page);
      }),
      { numRuns: 20_000 },
    );
    t.ok(listed > 500 && listed < 15_000, `some are and some are not: ${listed}`);
  },
);

t.test('any text at all: only an entry itself is listed, and nothing throws', async (t) => {
  const list = ['https://example.org', 'https://*.example.org', 'http://localhost:3000'];
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl()), (text) => {
      t.equal(
        isListed(list, text),
        list.some((one) => expected(one, text)),
      );
    }),
    { numRuns: 2000 },
  );
});

t.test('cases', async (t) => {
  const cases: [listed: string, page: string | null, found: boolean][] = [
    ['https://example.org', 'https://example.org', true],
    ['https://example.org', 'HTTPS://Example.ORG', true],
    ['https://example.org', 'https://example.org:443', true],
    ['https://example.org:443', 'https://example.org', true],
    ['http://example.org', 'http://example.org:80', true],
    ['http://localhost:3000', 'http://localhost:3000', true],
    ['https://*.example.org', 'https://a.example.org', true],
    ['https://*.example.org', 'https://a.b.c.example.org', true],
    ['https://*.example.org:8443', 'https://a.example.org:8443', true],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example', true],
    ['https://example.org', null, false],
    ['https://example.org', 'null', false],
    ['https://example.org', '', false],
    ['https://example.org', 'http://example.org', false],
    ['https://example.org', 'https://example.org:80', false],
    ['https://example.org', 'https://example.org:8443', false],
    ['https://example.org', 'https://www.example.org', false],
    ['https://example.org', 'https://example.org.evil.test', false],
    ['https://example.org', 'https://evil-example.org', false],
    ['https://example.org', 'https://example.org@evil.test', false],
    ['https://example.org', 'https://evil.test@example.org', false],
    ['https://example.org', 'https://example.org.', false],
    ['https://example.org', 'https://example.org/', false],
    ['https://example.org', 'https://example.org, https://evil.test', false],
    ['https://example.org', 'https://exаmple.org', false],
    ['https://xn--bcher-kva.example', 'https://bücher.example', false],
    // The Kelvin sign, whose lower case is a plain k.
    ['https://ok.example', 'https://o\u212a.example', false],
    ['https://*.example.org', 'https://example.org', false],
    ['https://*.example.org', 'https://.example.org', false],
    ['https://*.example.org', 'https://*.example.org', false],
    ['https://*.example.org', 'https://evilexample.org', false],
    ['https://*.example.org', 'https://evil-example.org', false],
    ['https://*.example.org', 'https://a.example.org.evil.test', false],
    ['https://*.example.org', 'https://evil.test\\.example.org', false],
    ['https://*.example.org', 'https://evil.test/.example.org', false],
    ['https://*.example.org', 'https://evil.test?.example.org', false],
    ['https://*.example.org', 'https://evil.test#.example.org', false],
    ['https://*.example.org', 'https://a.example.org:444', false],
    ['https://*.example.org', 'http://a.example.org', false],
  ];
  for (const [listed, page, found] of cases) {
    t.equal(isListed([listed], page), found, `${listed} and ${page}`);
    t.equal(isListed(['https://other.test', listed], page), found, 'beside another');
  }
  t.equal(isListed([], 'https://example.org'), false);
});
