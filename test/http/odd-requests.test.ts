import t, { type Test } from 'tap';
import { documentOf } from '../../src/http/openapi/openapi.js';
import { engines, publish, start, type Answer, type Engine, type TestApp } from '../support/helper.js';
import { collectLetter, tokenOf } from '../support/mailbox.js';

/*
 * Every operation of the document is asked oddly: with bodies that are none, with parameters that come twice. `call`
 * holds each answer against the document, so that one which is not declared fails the test. Nothing of it reaches the
 * store: one engine tells for both.
 */

type Json = Record<string, any>;
type Asked = { method: string; path: string; key: string | undefined };

async function world(t: Test): Promise<{ api: TestApp; secret: string; session: string }> {
  const api = await start(t, engines[0] as Engine);
  const { secret } = await api.organization('River Meadows');
  await publish(api, secret, { slug: 'meadows', page_url: 'https://meadows.example' });
  const body = { email: 'ada@example.org', name: 'Ada', vouched: true };
  await api.call('POST', '/v1/petitions/meadows/signatures', { key: secret, body });
  await api.call('POST', '/v1/manage-links', { body: { email: 'ada@example.org' } });
  const token = tokenOf(await collectLetter(api, 'ada@example.org'));
  const session = (await api.call('POST', '/v1/sessions', { body: { token } })).body.session_token as string;
  return { api, secret, session };
}

/** One request for each operation, as its examples would have it, with the key that it takes. */
function operationsOf(api: TestApp, keys: Record<string, string>): Asked[] {
  const document = documentOf(api.app) as Json;
  const resolve = (one: Json): Json =>
    typeof one['$ref'] === 'string'
      ? one['$ref']
          .slice(2)
          .split('/')
          .reduce<Json>((node, part) => node[part] as Json, document)
      : one;
  return Object.entries(document['paths'] as Json).flatMap(([template, item]) =>
    Object.entries(item as Json).flatMap(([method, operation]: [string, Json]) => {
      // It never ends.
      if (operation['operationId'] === 'followPetitionCounts') return [];
      const samples = ((operation['parameters'] ?? []) as Json[])
        .map(resolve)
        .map(({ name, schema, example }: Json) => {
          const { examples = [example ?? 'x'] } = resolve(schema as Json);
          return [name as string, String(examples[0])];
        });
      const values = { ...Object.fromEntries(samples), petition: 'meadows' } as Record<string, string>;
      const path = template.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? 'x');
      const [security = {}] = operation['security'] as Json[];
      return [{ method: method.toUpperCase(), path, key: keys[Object.keys(security)[0] ?? ''] }];
    }),
  );
}

const JSON_TYPE = { 'content-type': 'application/json' };
const ODD: [what: string, headers: Record<string, string>, body: string][] = [
  ['broken JSON', JSON_TYPE, '{"a":'],
  ['an empty body', JSON_TYPE, ''],
  ['members that are there twice', JSON_TYPE, '{"a":1,"\\u0061":2}'],
  ['a prototype', JSON_TYPE, '{"__proto__":{"x":1}}'],
  ['something that is no object', JSON_TYPE, 'null'],
  ['bad UTF-8', JSON_TYPE, '\ud800'],
  ['an unknown type', { 'content-type': 'application/xml' }, '<a/>'],
  ['a type that is none', { 'content-type': ';;,' }, 'a'],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=1&a=2'],
  ['too much', JSON_TYPE, JSON.stringify({ a: 'x'.repeat(100_000) })],
];

t.test('what is odd about a request is told as the document says', async (t) => {
  const { api, secret, session } = await world(t);
  const operations = operationsOf(api, { secretKey: secret, session });
  t.ok(operations.length > 60);

  for (const [what, headers, body] of ODD) {
    await t.test(`every operation answers ${what} with something that it declares`, async (t) => {
      for (const { method, path, key } of operations) {
        // What reads has no body, and this would end what the others need.
        if (method === 'GET' || (method === 'DELETE' && path === '/v1/me')) continue;
        const answer = await api.call(method, path, { key, headers, body });
        t.ok(answer.status < 500 || answer.status === 501, `${method} ${path}: ${answer.status}`);
      }
    });
  }

  await t.test('every operation and page takes a query that says something twice', async (t) => {
    const pages = ['/confirm', '/unsubscribe', '/manage', '/email-change', '/email-undo', '/docs/'];
    const files = [
      '/embed/v1.js',
      '/s/h7Kq2mWz9T',
      '/v1/unsubscribe/pu_x',
      '/nothing',
      '/metrics',
      '/problems',
    ];
    // Drawing takes long.
    const asked = operations.filter(({ method, path }) => method === 'GET' && !path.endsWith('.png'));
    const all = [...asked, ...[...pages, ...files].map((path) => ({ method: 'GET', path, key: undefined }))];
    for (const query of [
      'token=A&token=A',
      'token=A&token=B',
      'token[]=A&token[]=B',
      'token[a]=1',
      'petition=meadows&petition=river',
      'limit=1&limit=2',
      'cursor=a&cursor=b',
      'q=a&q=b',
      'url=a&url=b',
      '__proto__=a&__proto__=b',
      'constructor=a&toString=b',
      '%00=a',
      'a=%ff&a=%0d%0a',
      '&&==&',
    ]) {
      for (const { method, path, key } of all) {
        const { status } = await api.call(method, `${path}?${query}`, { key });
        t.ok(status < 500 || status === 501, `${path}?${query}: ${status}`);
      }
    }
  });

  await t.test('a line break in a path is told as the document says', async (t) => {
    for (const path of [
      '/embed/v1/words/de%0d%0aX-Evil:%201.json',
      '/embed/v1/words/.json',
      '/embed/v1/words/a%2f..%2fb.json',
      '/v1/petitions/a%0d%0ab/og.png',
      '/v1/petitions/a%0d%0ab/counts',
      '/s/a%0d%0ab',
      '/s/a%0d%0ab/qr.svg',
      '/s/a%0d%0ab/qr.png',
      '/v1/unsubscribe/a%0d%0ab',
      '/v1/signatures/a%0d%0ab',
    ]) {
      const { status, headers } = await api.call('GET', path, {
        key: path.includes('/signatures/') ? secret : undefined,
      });
      t.ok(status >= 300 && status < 500, `${path}: ${status}`);
      t.notMatch(Object.keys(headers), ['x-evil']);
    }
  });
});

t.test('bodies and their words', async (t) => {
  const { api, secret } = await world(t);
  const create = (body: string, headers = {}): Promise<Answer> =>
    api.call('POST', '/v1/petitions', { key: secret, body, headers });

  await t.test('a byte order mark before a body is no part of it', async (t) => {
    t.match(await create('\ufeff{"title":"T","statement":"S"}'), { status: 201 });
    t.match(await create('\ufeff\ufeff{"title":"T","statement":"S"}'), { status: 400 });
  });

  await t.test('what a body says twice is refused by name, at any depth and in any spelling', async (t) => {
    const rest = '"title":"T","statement":"S"';
    for (const [body, pointer] of [
      [`{"title":"A",${rest}}`, '/title'],
      [`{"t\\u0069tle":"A",${rest}}`, '/title'],
      [`{"metadata":{"plan":"a","plan":"b"},${rest}}`, '/metadata/plan'],
      [`{"targets":[{"name":"a"},{"name":"b", "name" :"b"}],${rest}}`, '/targets/1/name'],
      [`{"background":"\\\\\\"}{,:\\\\","background":null,${rest}}`, '/background'],
      [`{"a/b~c":1,"a/b~c":2,${rest}}`, '/a~1b~0c'],
    ] as const) {
      t.match(
        await create(body),
        { status: 400, body: { code: 'invalid_json', errors: [{ pointer, code: 'duplicate' }] } },
        body,
      );
    }
    t.match(await create(`{"__proto__":1,"__proto__":2,${rest}}`), { status: 400 });
    t.match(await create(`{"background":"\\\\","metadata":{"a":"\\":\\"","b":"x"},${rest}}`), {
      status: 201,
    });
  });

  await t.test(
    'a pointer holds neither line breaks nor what turns or hides text, and has an end',
    async (t) => {
      const names = [
        'a\r\nX-Evil: 1',
        'a\u202eb',
        'a\u200bb\u2028',
        'x'.repeat(5000),
        'sk_'.padEnd(41, 'A'),
        '~/',
        '\u{1F33B}',
      ];
      const body = {
        title: 'T',
        statement: 'S',
        ...Object.fromEntries(names.map((name) => [name, 'value'])),
      };
      const answer = await create(JSON.stringify(body));
      t.equal(answer.status, 422);
      const pointers = answer.body.errors.map(({ pointer }: Json) => pointer as string);
      t.equal(pointers.length, names.length);
      t.ok(pointers.includes('/~0~1'));
      t.ok(pointers.includes('/\u{1F33B}'));
      for (const pointer of pointers) {
        t.notMatch(pointer, /[\p{C}\p{Zl}\p{Zp}]/u);
        t.ok(pointer.length < 100);
      }
      t.notMatch(answer.text, /value|A{38}/);
      const nested = `{"metadata":${'{"a":'.repeat(500)}{"b":1,"b":2}${'}'.repeat(500)},"title":"T","statement":"S"}`;
      const deep = await create(nested);
      t.match(deep, { status: 400, body: { errors: [{ code: 'duplicate' }] } });
      t.ok(deep.body.errors[0].pointer.length <= 300);
    },
  );

  const patch = (path: string, body: Json): Promise<Answer> =>
    api.call('PATCH', path, { key: secret, body, headers: { 'if-match': '*' } });

  await t.test('what nobody can see is no title, no name and no statement, and says so', async (t) => {
    for (const blank of ['\u3164', '\u2800\u00ad', '\u034f\ufe0f', '\u{E0041}', '\u202e']) {
      for (const [field, value] of [
        ['title', blank],
        ['statement', blank],
        ['call_to_action', blank],
        ['targets', [{ name: blank }]],
        ['partners', [{ name: blank }]],
        ['campaigner', { name: blank }],
      ] as const) {
        const { status, body } = await create(JSON.stringify({ title: 'T', statement: 'S', [field]: value }));
        t.equal(status, 422, field);
        t.match(body.errors, [{ code: 'visible', detail: /There is nothing to see/ }], field);
      }
      t.match(await patch('/v1/organization', { name: blank }), { status: 422 });
      t.match(
        await api.call('POST', '/v1/api-keys', { key: secret, body: { kind: 'secret', name: blank } }),
        {
          status: 422,
        },
      );
    }
    const turned = JSON.stringify({ title: '\u200fT\u202e\u2066\u061c', statement: 'S' });
    t.match(await create(turned), { status: 201, body: { title: 'T' } });
    t.match(await create(JSON.stringify({ title: 'نه‌خیر', statement: '🌻' })), {
      status: 201,
      body: { title: 'نه‌خیر' },
    });
  });

  await t.test('no URL holds a user or a password, and the words say so', async (t) => {
    for (const url of [
      'https://user:pass@meadows.example/',
      'https://user@meadows.example',
      'https://@meadows.example',
      'http://bank.example@evil.example',
      'https://a:b@evil.example?x',
    ]) {
      for (const fields of [
        { page_url: url },
        { image: { url, alt: 'A' } },
        { references: [{ number: 1, title: 'R', url }] },
        { partners: [{ name: 'P', url }] },
      ]) {
        const { status, body } = await create(JSON.stringify({ title: 'T', statement: 'S', ...fields }));
        t.equal(status, 422, url);
        t.match(body.errors, [{ detail: /without a user or password/ }], url);
        t.notMatch(JSON.stringify(body), /pass@|bank/);
      }
      t.match(await patch('/v1/organization', { url }), { status: 422 });
    }
    const good = { title: 'T', statement: 'S', page_url: 'https://meadows.example/@us?mail=a@b.example#@' };
    t.match(await create(JSON.stringify(good)), { status: 201 });
  });

  await t.test('an origin with a star is below a domain of its owner', async (t) => {
    for (const [origin, isGood] of [
      ['https://*.org', false],
      ['https://*.co.uk', false],
      ['https://*.github.io', false],
      ['https://*.xn--p1ai', false],
      ['https://*.s3.amazonaws.com:8443', false],
      ['https://*.meadows.github.io', true],
      ['https://*.meadows.org', true],
      ['https://meadows.github.io', true],
      ['http://*.localhost:3000', true],
    ] as const) {
      const petition = await create(JSON.stringify({ title: 'T', statement: 'S', origins: [origin] }));
      t.equal(petition.status, isGood ? 201 : 422, origin);
      const body = { kind: 'publishable', name: 'Site', origins: [origin] };
      const key = await api.call('POST', '/v1/api-keys', { key: secret, body });
      t.equal(key.status, isGood ? 201 : 422, origin);
      const words = [{ pointer: '/origins/0', code: 'own_domain', detail: /a domain of your own/ }];
      if (!isGood) t.match([petition.body.errors, key.body.errors], [words, words]);
    }
  });
});
