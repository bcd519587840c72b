import type { Json } from './document.js';
import type { Random } from './random.js';
import type { Credentials, Sent } from './requests.js';
import { MARK } from './values.js';

type Mutate = (random: Random, sent: Sent, who: Credentials) => void;

const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202eabc',
  '\u200b',
  '\ufeff',
  '\u00ad',
  '\u2800',
  'a\r\nb: c',
  '../../etc/passwd',
  '%00',
  "' or 1=1 --",
  '"',
  '{{7*7}}',
  '${jndi:x}',
  '<script>',
  '__proto__',
  'constructor',
  '𝕳𝖎',
  '👩‍👩‍👧‍👦',
  'İ',
  'ß',
  'NaN',
  'null',
  '-0',
  '1e999',
  '9999-12-31T23:59:59Z',
  '0000-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2016-12-31T23:59:60Z',
  '-271821-04-20T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  `a@odd.example`,
  `${'a'.repeat(64)}@odd.example`,
  `"quoted"@odd.example`,
  `ü@odd.example`,
  `x@[127.0.0.1]`,
  'x'.repeat(300),
  'x'.repeat(5000),
  'http://user:pw@x.example',
  'javascript:alert(1)',
  'https://*.org',
  '\ud83d',
  'ￋ',
  '\u0130\u0131',
];
const oddValue = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => null,
    () => true,
    () => 0,
    () => -1,
    () => 1.5,
    () => 1e308,
    () => 9_007_199_254_740_993,
    () => -2_147_483_649,
    () => 2_147_483_648,
    () => [],
    () => ({}),
    () => [null],
    () => [[[[]]]],
    () => ({ a: { b: { c: [] } } }),
    () => random.pick(ODD_TEXTS),
    () => random.pick(ODD_TEXTS),
    () => random.pick(ODD_TEXTS),
  ])();

/** Changes one place in the body, however deep. */
function inside(random: Random, sent: Sent, change: (parent: Json, name: string) => void): void {
  const lines = sent.body?.toString().split('\n') ?? [];
  const at = random.below(Math.max(1, lines.length - 1));
  let root: Json;
  try {
    root = JSON.parse(lines[at] ?? '') as Json;
  } catch {
    return;
  }
  if (root === null || typeof root !== 'object') return;
  let parent = root;
  for (;;) {
    const names = Object.keys(parent);
    if (names.length === 0) return change(parent, 'unknown');
    const name = random.pick(names);
    const child = parent[name] as Json | null;
    if (child === null || typeof child !== 'object' || random.chance(0.5)) {
      change(parent, name);
      break;
    }
    parent = child;
  }
  lines[at] = JSON.stringify(root);
  sent.body = Buffer.from(lines.join('\n'));
}

const rawBody =
  (make: (random: Random, body: Buffer) => Buffer | string): Mutate =>
  (random, sent) => {
    sent.body = Buffer.from(make(random, sent.body ?? Buffer.from('{}')) as Buffer);
    sent.headers['content-type'] ??= 'application/json';
  };
const header =
  (name: string, values: string[]): Mutate =>
  (random, sent) =>
    void (sent.headers[name] = random.pick(values));

/** A parameter of the query that is repeated, empty, odd or unknown. */
function inQuery(random: Random, sent: Sent): void {
  const [path = '', query = ''] = sent.target.split('?');
  const names = [
    ...sent.operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name),
    'unknown',
    '_',
    'utm_source',
    'page[size]',
    '__proto__',
  ];
  const name = encodeURIComponent(random.pick(names));
  const odd = encodeURIComponent(random.pick(ODD_TEXTS).toWellFormed());
  const added = random.pick([
    `${name}=${odd}`,
    `${name}=1&${name}=2`,
    `${name}`,
    `${name}=`,
    `${name}=%`,
    `${name}=%ff%fe`,
    `${name}=%00`,
    `${name}=-1`,
    `${name}=1e9`,
    `=x`,
    `&&`,
    `${name}=a+b%20c`,
  ]);
  sent.target = `${path}?${random.chance(0.5) ? added : `${query}&${added}`}`;
}

function inPath(random: Random, sent: Sent): void {
  const [path = '', query] = sent.target.split('?');
  const parts = path.split('/');
  const templates = sent.operation.path.split('/');
  const places = parts.map((_, i) => i).filter((i) => templates[i]?.includes('{'));
  const at = places.length > 0 ? random.pick(places) : 1 + random.below(parts.length - 1);
  const old = parts[at] ?? '';
  const odd = random.pick<() => [string, boolean]>([
    () => [encodeURIComponent(random.pick(ODD_TEXTS).toWellFormed()), false],
    () => [`${old}%`, false],
    () => [`${old}%ff`, false],
    () => ['..', false],
    () => ['%2e%2e', false],
    () => [`${old}%2F${old}`, false],
    () => ['', false],
    () => [`${old}%0d%0a`, false],
    () => [old.toUpperCase(), false],
    () => [`${old};a=b`, false],
    () => [`%00${old}`, false],
    () => [old.replace(/[a-z]/, (c) => `%${c.charCodeAt(0).toString(16)}`), places.length > 0],
    () => ['x'.repeat(600), false],
    () => ['x'.repeat(4200), false],
  ])();
  parts[at] = odd[0];
  sent.target = parts.join('/') + (query === undefined ? '' : `?${query}`);
  sent.fits &&= odd[1];
}

/** What may go wrong with a request, by name; the first ones more often. */
const MUTANTS: [string, number, Mutate][] = [
  ['a value', 6, (random, sent) => inside(random, sent, (parent, name) => (parent[name] = oddValue(random)))],
  ['a missing field', 2, (random, sent) => inside(random, sent, (parent, name) => delete parent[name])],
  [
    'an unknown field',
    2,
    (random, sent) =>
      inside(random, sent, (parent) =>
        Object.defineProperty(
          parent,
          random.pick([...ODD_TEXTS.slice(0, 30), 'id', 'status', 'organization_id']),
          { value: oddValue(random), enumerable: true },
        ),
      ),
  ],
  [
    'a field that comes twice',
    1,
    rawBody((_, body) => body.toString().replace('{', '{"name":"x","email":null,').replace(',}', '}')),
  ],
  ['half a body', 1, rawBody((random, body) => body.subarray(0, random.below(body.length + 1)))],
  [
    'bytes that are no text',
    1,
    rawBody((random, body) =>
      Buffer.concat([
        body.subarray(0, 5),
        Buffer.from([random.pick([0xff, 0xc0, 0xed, 0x00]), 0xa0, 0x80]),
        body.subarray(5),
      ]),
    ),
  ],
  ['a byte order mark', 1, rawBody((_, body) => `\ufeff${body.toString()}`)],
  [
    'another body',
    2,
    rawBody((random) =>
      random.pick([
        '',
        'null',
        '[]',
        '"x"',
        '0',
        '{}',
        '{"a":',
        `${'['.repeat(20_000)}`,
        `{"a":${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}}`,
        `{"x":"${'x'.repeat(70_000)}"}`,
        'a=b&c=d',
        `{"__proto__":{"x":1}}`,
        `{"constructor":{"prototype":{"x":1}}}`,
        '\n\n\n',
        `{"email":"e@${MARK}.example"}x`,
      ]),
    ),
  ],
  [
    'the media type',
    2,
    (random, sent) => {
      const type = random.pick([
        '',
        'text/plain',
        'application/json; charset=utf-16',
        'application/json;charset=UTF-8',
        'APPLICATION/JSON',
        'multipart/form-data; boundary=x',
        'multipart/form-data',
        'application/x-www-form-urlencoded',
        'application/xml',
        '*/*',
        'application/json, text/csv',
        'x'.repeat(300),
        'application/jsonx',
        'text/csv; header=absent',
      ]);
      if (type === '') delete sent.headers['content-type'];
      else sent.headers['content-type'] = type;
    },
  ],
  ['the query', 3, inQuery],
  ['the path', 2, inPath],
  [
    'the method',
    1,
    (random, sent) => {
      sent.method = random.pick(
        ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'].filter(
          (one) => one !== sent.method,
        ),
      );
      sent.fits = false;
    },
  ],
  [
    'a body where none belongs',
    1,
    (random, sent) => {
      sent.body = Buffer.from(random.pick(['{}', '{"a":1}', 'x', 'null', '{"a":']));
      sent.headers['content-type'] = random.pick([
        'application/json',
        'text/plain',
        'application/merge-patch+json',
      ]);
    },
  ],
  [
    'another credential',
    1,
    (random, sent, who) => {
      const [as, token] = random.pick([...who]);
      sent.as = as;
      if (token === undefined) delete sent.headers['authorization'];
      else sent.headers['authorization'] = `Bearer ${token}`;
    },
  ],
  [
    'a broken credential',
    1,
    (random, sent) => {
      sent.as = 'broken';
      sent.headers['authorization'] = random.pick([
        'Bearer',
        'Bearer ',
        'Basic YTpi',
        'Bearer sk_x',
        `bearer ${'x'.repeat(41)}`,
        'Bearer sk_0123456789ABCDEFGHIJKLMNOPQRSTUV0a8xJq',
        `Bearer ps_${'A'.repeat(44)}`,
        'sk_a',
        `Bearer ${'é'}`,
        'Bearer a b',
      ]);
    },
  ],
  [
    'Idempotency-Key',
    1,
    header('idempotency-key', ['a', '"a"', '"', '', 'x'.repeat(300), 'é', 'a b', '"a","b"', 'b']),
  ],
  [
    'If-Match',
    1,
    header('if-match', [
      '*',
      '"1"',
      'W/"1"',
      '1',
      '',
      '"1", "2"',
      '"',
      'é',
      `"${'1'.repeat(70)}"`,
      '"99999999999999999999"',
    ]),
  ],
  [
    'If-None-Match',
    1,
    header('if-none-match', ['*', '"a"', 'W/"a"', '', '"', 'x'.repeat(2000), '"a", W/"b"', 'é']),
  ],
  [
    'Accept',
    1,
    header('accept', [
      'text/html',
      'text/event-stream',
      'application/x-ndjson',
      'x',
      '',
      '*/*;q=0',
      'image/png',
      'é',
      'a/b;q=x',
    ]),
  ],
  [
    'Accept-Encoding',
    1,
    header('accept-encoding', ['gzip', 'br', 'identity;q=0', '*;q=0', 'gzip;q=9', '', 'é']),
  ],
  [
    'Accept-Language',
    1,
    header('accept-language', ['de', 'xx-XX', '*', '', 'de;q=x', 'a'.repeat(2000), '../..', 'é']),
  ],
  [
    'Origin',
    1,
    header('origin', [
      'null',
      'https://evil.example',
      'x',
      '',
      'https://*.org',
      'https://evil.example:99999',
      'é',
    ]),
  ],
  ['Content-Encoding', 1, header('content-encoding', ['gzip', 'identity', 'br', 'x'])],
  [
    'X-Forwarded-For',
    1,
    header('x-forwarded-for', ['1.2.3.4', '::1', 'x', '1.2.3.4, x', '999.1.1.1', '', 'é']),
  ],
  [
    'other headers',
    1,
    (random, sent) =>
      void Object.assign(
        sent.headers,
        random.pick([
          { range: 'bytes=0-1' },
          { 'x-http-method-override': 'DELETE' },
          { 'x-request-id': 'a b' },
          { 'x-request-id': 'x'.repeat(65) },
          { 'last-event-id': 'é' },
          { 'sec-purpose': 'prefetch' },
          { 'user-agent': '' },
          { 'user-agent': 'WhatsApp/2.0' },
          { cookie: 'a=b' },
          { host: 'evil.example' },
          { referer: `https://x.example/?e=a@${MARK}.example` },
          { forwarded: 'for=x' },
          { 'x-forwarded-host': 'evil.example' },
          { 'if-modified-since': 'x' },
          { 'access-control-request-method': 'DELETE' },
        ]),
      ),
  ],
];
const WEIGHTED = MUTANTS.flatMap(([name, weight, mutate]) =>
  Array.from({ length: weight }, () => ({ name, mutate })),
);

/** Makes a request wrong in one way, or in two. */
export function mutate(random: Random, sent: Sent, who: Credentials): Sent {
  const mutant = { ...sent, headers: { ...sent.headers }, mutants: [] as string[] };
  for (let i = random.chance(0.25) ? 2 : 1; i > 0; i -= 1) {
    const { name, mutate: change } = random.pick(WEIGHTED);
    change(random, mutant, who);
    mutant.mutants.push(name);
  }
  return mutant;
}
