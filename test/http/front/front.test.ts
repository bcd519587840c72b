import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import type { Test } from 'tap';
import { onEveryEngine, publish, start, type StartOptions, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { BROWSER, bytesOf, comparable, requests } from '../../support/front-requests.js';
import { RawClient } from '../../support/raw-client.js';

/*
 * The front against Fastify: the same request through both gives the same status, headers and bytes. More requests:
 * FRONT_REQUESTS=100000.
 */

const REQUESTS = Number(process.env['FRONT_REQUESTS'] ?? 4000);
/** On PostgreSQL little is kept, so that most pairs are the same way twice. */
const requestsOn = ({ store }: TestApp): number => (store.engine === 'sqlite' ? REQUESTS : REQUESTS / 8);
/** Two servers of one app: one with the front, and one that is Fastify alone. */
async function twoServers(t: Test, { app }: TestApp) {
  let reached = 0;
  const listen = async (server: Server) => {
    // Longer than the test may rest in between.
    server.keepAliveTimeout = 72_000;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = new RawClient((server.address() as AddressInfo).port);
    t.teardown(() => {
      client.close();
      server.close();
    });
    return client;
  };
  const fronted = createServer((request, response) => {
    reached += 1;
    app.routing(request, response);
  });
  app.front.standBefore(fronted);
  const plain = createServer((request, response) => app.routing(request, response));
  return { fronted: await listen(fronted), plain: await listen(plain), reached: () => reached };
}

type World = { api: TestApp; urls: string[]; etag: string; slug: string; key: string };

async function world(api: TestApp): Promise<World> {
  const { key, secret } = await api.organization('Meadows');
  const { id, slug } = await publish(api, secret, {
    confirmation: 'none',
    page_url: 'https://meadows.example/?x=1',
  });
  const other = await publish(api, secret, { title: 'Schützt die Auen — auch im Süden', locale: 'de' });
  for (const locale of ['en', 'ar']) {
    const body = { title: `In ${locale}`, statement: `In ${locale}.` };
    const path = `/v1/petitions/${other.id}/translations/${locale}`;
    const made = await api.call('PUT', path, { key: secret, body });
    assert.equal(made.status, 201, made.text);
  }
  const link = await api.call('POST', `/v1/petitions/${id}/share-links`, {
    key: secret,
    body: { network: 'whatsapp' },
  });
  assert.equal(link.status, 201, link.text);
  const { code } = link.body;
  const path = `/v1/petitions/${slug}`;
  const counts = await api.call('GET', `${path}/counts`);
  return {
    api,
    slug,
    etag: counts.headers['etag'] ?? '',
    key: await api.newKey(key, 'publishable'),
    urls: [
      ...[path, `/v1/petitions/${other.slug}`, `${path}/counts`, `${path}/signatures`, `/s/${code}`],
      ...[`/v1/petitions/${id}`, `${path}?utm_source=mail`, `${path}?fbclid=`, `${path}?${'x'.repeat(5000)}`],
      ...[`/v1/petitions/${other.slug}?locale=ar`, `${path}?locale=ar`, `${path}?locale=nonsense-`],
      ...[`${path}/counts?utm_medium=x`, `${path}/counts?limit=3`, `${path}/counts/`],
      ...[`${path}/signatures?limit=1`, `${path}/signatures?cursor=x`],
      ...[`/s/${code}?fbclid=1`, `/s/${code}?`, `/s/${code}).`, `/s/%28${code}`, '/s/nothing'],
      ...['/v1/petitions/nothing', path.toUpperCase(), `/${path}`, path.replace('k', '%6b'), `${path}#x`],
      ...['/embed/v1.js', '/embed/v1.js?ver=6.4', '/livez'],
    ],
  };
}

async function compare(t: Test, api: TestApp): Promise<void> {
  const here = await world(api);
  const { fronted, plain, reached } = await twoServers(t, api);
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(requests(here), async (request) => {
      asked += 1;
      // Something is committed now and then: then what the front keeps is out of date.
      if (asked % 50 === 0) {
        const body = { name: `Zoë ${asked}`, email: `p${asked}@example.org` };
        const signed = await api.call('POST', `/v1/petitions/${here.slug}/signatures`, { body });
        assert.equal(signed.status, 202, signed.text);
      }
      const bytes = bytesOf(request);
      const isHead = request.method === 'HEAD';
      const [first, second] = [await fronted.ask(bytes, { isHead }), await plain.ask(bytes, { isHead })];
      assert.deepEqual(comparable(first), comparable(second));
    }),
    { numRuns: requestsOn(api) },
  );
  const answered = asked - reached();
  t.comment(`${asked} requests, ${answered} of them answered by the front`);
  if (api.store.engine === 'sqlite') t.ok(answered > asked / 5, `the front answered ${answered} of ${asked}`);
  else t.ok(answered < asked / 20, 'PostgreSQL has no generation: nothing is kept but files');
}

type Posted = { path: string; headers: string[]; type: string; body: string; cut: number };

const posts = (refs: readonly string[]): fc.Arbitrary<Posted> => {
  const person = fc.record(
    {
      name: fc.constantFrom('Zoë', 'Ada Okonkwo', '', 'www.spam.example', ' '.repeat(3)),
      email: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 99_999 }).map((n) => `p${n}@example.org`) },
        fc.constantFrom('nonsense', 'ZOË@exämple.org', ' p1@example.org ', 'p1+x@gmail.com'),
      ),
      country: fc.constantFrom('NL', 'nl', 'XX', null),
      display: fc.constantFrom('initials', 'name', 'no'),
      comment: fc.constantFrom('a', 'x'.repeat(6000), '\\u0000'),
      website: fc.constantFrom('', 'https://x.example'),
      locale: fc.constantFrom('de', 'nonsense-'),
      source: fc.constantFrom('mail', 'a b'),
      vouched: fc.constantFrom(true, false),
      external_id: fc.constantFrom('1'),
      recognition: fc.constantFrom('pr_x'),
      share_code: fc.constantFrom('x'),
      bogus: fc.constantFrom(1),
    },
    { requiredKeys: ['name', 'email'] },
  );
  // Nearly all people send nothing but what the form asks.
  const plain = person.map(({ name, email }) => JSON.stringify({ name, email }));
  const any = person.map((body) => JSON.stringify(body));
  const broken = fc.constantFrom(
    '',
    '{',
    'null',
    '[]',
    '{"name":"Z","name":"Z","email":"p1@example.org"}',
    '{"__proto__":1}',
    `${'['.repeat(70)}${']'.repeat(70)}`,
  );
  return fc.record({
    path: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...refs.map((ref) => `/v1/petitions/${ref}/signatures`)) },
      fc.constantFrom(
        `/v1/petitions/${refs[0]}/signatures?x=1`,
        `/v1/petitions/${refs[0]}/signatures/`,
        '/v1/nothing',
      ),
    ),
    headers: fc.array(
      fc.constantFrom(
        'Origin: https://partner.example',
        'X-Request-Id: trace-12345678',
        'Accept: */*',
        'User-Agent: curl/8',
        'Authorization: Bearer nonsense',
        'Idempotency-Key: 4f1c',
        'Connection: keep-alive',
        'Connection: close',
        'Expect: 100-continue',
        'Host: other.example',
        'Content-Encoding: gzip',
        'X-Forwarded-For: 203.0.113.9',
      ),
      { maxLength: 2 },
    ),
    type: fc.oneof(
      { weight: 8, arbitrary: fc.constant('application/json') },
      fc.constantFrom('application/json; charset=utf-8', 'text/plain', 'application/json;charset=latin1', ''),
    ),
    body: fc.oneof({ weight: 8, arbitrary: plain }, { weight: 4, arbitrary: any }, broken),
    // In one packet, or in two.
    cut: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 40 })),
  });
};

const postOf = ({ path, headers, type, body }: Posted): string => {
  const lines = [...headers, ...(type === '' ? [] : [`Content-Type: ${type}`])].map((line) => `${line}\r\n`);
  const bytes = Buffer.from(body).toString('latin1');
  return `POST ${path} HTTP/1.1\r\nhost: undersigned.test\r\n${lines.join('')}content-length: ${bytes.length}\r\n\r\n${bytes}`;
};

async function compareSigning(t: Test, api: TestApp): Promise<void> {
  const { secret } = await api.organization('Meadows');
  const free = await publish(api, secret, { confirmation: 'none' });
  const asked = await publish(api, secret, { confirmation: 'email', form: { country: 'required' } });
  const draft = await api.call('POST', '/v1/petitions', {
    key: secret,
    body: { title: 'T', statement: 'S' },
  });
  const closed = await publish(api, secret);
  const close = { key: secret, body: { to: 'closed' } };
  t.match(await api.call('POST', `/v1/petitions/${closed.id}/transitions`, close), { status: 200 });
  const most = Array.from({ length: 5 }, () => free.slug as string);
  const refs = [...most, free.id, asked.slug, closed.slug, draft.body.id, 'nothing'];
  const { fronted, plain, reached } = await twoServers(t, api);
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(posts(refs), async (post) => {
      sent += 1;
      const bytes = postOf(post);
      const at = post.cut === 0 ? bytes.length : Math.max(1, bytes.length - post.cut);
      const ask = (client: RawClient) => client.ask(bytes.slice(0, at), { late: bytes.slice(at) });
      const [first, second] = [await ask(fronted), await ask(plain)];
      assert.deepEqual(withoutReceipt(comparable(first)), withoutReceipt(comparable(second)));
      assert.doesNotMatch(first.body, /p\d+@example/, 'no answer repeats an address');
    }),
    { numRuns: requestsOn(api) / 2 },
  );
  const taken = sent - reached();
  t.comment(`${sent} signings, ${taken} of them in front`);
  t.ok(taken > sent / 12, `${taken} of ${sent} were signed in front`);
}

/** Receipts are sealed with random numbers, and two signings in a row may see another count. */
const withoutReceipt = ({ body, ...rest }: ReturnType<typeof comparable>) => ({
  ...rest,
  // Which limit has the fewest requests left depends on the requests before.
  headers: rest.headers
    .filter((line) => !line.startsWith('content-length'))
    .map((line) => line.replace(/^ratelimit: "[a-z-]+"/, 'ratelimit: "any"')),
  body: body.replace(/"receipt":"[\w-]+"/, '"receipt":"r"').replace(/"count":\d+/, '"count":n'),
});

const config = (trustProxy: string[]): StartOptions => ({
  build: { config: { publicUrl: 'http://undersigned.test', trustProxy, limits: enough } },
});

onEveryEngine('the front answers as Fastify does', async (t, engine) => {
  await compare(t, await start(t, engine, config([])));
});

onEveryEngine('behind a proxy, too', async (t, engine) => {
  await compare(t, await start(t, engine, config(['127.0.0.1', '10.0.0.0/8'])));
});

onEveryEngine('signing in front is signing', async (t, engine) => {
  await compareSigning(t, await start(t, engine, config([])));
});

onEveryEngine('what was committed shows at once', async (t, engine) => {
  const api = await start(t, engine);
  const { secret } = await api.organization('Meadows');
  const { slug } = await publish(api, secret, { confirmation: 'none' });
  const { fronted, reached } = await twoServers(t, api);
  const read = async () => {
    const { status, body } = await fronted.ask(
      `GET /v1/petitions/${slug}/counts HTTP/1.1\r\nhost: undersigned.test\r\n\r\n`,
    );
    return status === 200 ? (JSON.parse(body) as { total: number }).total : status;
  };
  for (let n = 0; n < 5; n += 1) {
    t.equal(await read(), n);
    t.equal(await read(), n);
    const body = { name: 'Zoë', email: `p${n}@example.org` };
    t.match(await api.call('POST', `/v1/petitions/${slug}/signatures`, { body }), { status: 202 });
  }
  if (engine.name === 'sqlite') t.equal(reached(), 5, 'the front answered every second one');
  const down = { key: secret, body: { to: 'taken_down', reason: 'legal' } };
  t.match(await api.call('POST', `/v1/petitions/${slug}/transitions`, down), { status: 200 });
  t.equal(await read(), 410, 'taken down');
});

onEveryEngine('a request counts once, and one too many is refused', async (t, engine) => {
  const limits = { ...enough, client: { requests: 5, seconds: 3600 } };
  const api = await start(t, engine, { limits });
  const { secret } = await api.organization('Meadows');
  const { slug } = await publish(api, secret);
  const { fronted, plain } = await twoServers(t, api);
  const request = `GET /v1/petitions/${slug} HTTP/1.1\r\nhost: undersigned.test\r\n\r\n`;
  const statuses = [];
  for (const client of [fronted, fronted, plain, fronted, fronted, fronted, plain, fronted]) {
    statuses.push((await client.ask(request)).status);
  }
  t.same(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
  const { headers, body } = await fronted.ask(request);
  t.match(new Map(headers).get('ratelimit'), /^"client";r=0;t=\d+$/);
  t.match(JSON.parse(body), { code: 'rate_limited' });
});

onEveryEngine('people who follow a link are counted, previewers get its card', async (t, engine) => {
  const api = await start(t, engine);
  const { urls } = await world(api);
  const path = urls.find((url) => url.startsWith('/s/')) ?? '';
  const { fronted, reached } = await twoServers(t, api);
  const follow = (agent: string, query = '') =>
    fronted.ask(`GET ${path}${query} HTTP/1.1\r\nhost: undersigned.test\r\nuser-agent: ${agent}\r\n\r\n`);
  for (let n = 0; n < 4; n += 1) {
    const { status, headers } = await follow(BROWSER, `?fbclid=${n}`);
    t.equal(status, 302);
    t.match(new Map(headers).get('x-request-id'), /-\d+$/);
  }
  if (engine.name === 'sqlite') t.equal(reached(), 1, 'every query is the same link');
  t.match(await follow('Twitterbot/1.0'), { status: 200, body: /og:title/ });
  await api.app.ctx.clicks.flush();
  const { shareCounts } = api.store.tables;
  const [counts] = await api.store.read.db.select({ requests: shareCounts.requests }).from(shareCounts);
  t.equal(counts?.requests, 5);
});

onEveryEngine('who goes away in the middle of signing leaves nothing behind', async (t, engine) => {
  const api = await start(t, engine, config([]));
  const { secret } = await api.organization('Meadows');
  const { slug } = await publish(api, secret, { confirmation: 'none' });
  const { fronted } = await twoServers(t, api);
  const body = JSON.stringify({ name: 'Zoë', email: 'p1@example.org' });
  const post = (length: number) =>
    `POST /v1/petitions/${slug}/signatures HTTP/1.1\r\nhost: undersigned.test\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const bytes = Buffer.from(body).toString('latin1');
  // The first is known to the limits only after it was signed once.
  t.match(await fronted.ask(post(bytes.length) + bytes), { status: 202 });
  for (const sent of [post(bytes.length), post(bytes.length) + bytes.slice(0, 9)]) {
    const left = fronted.ask(sent);
    await new Promise((resolve) => setImmediate(resolve));
    fronted.close();
    await t.rejects(left, /closed/);
  }
  t.match(await fronted.ask(post(bytes.length) + bytes), { status: 202 }, 'others go on');
  const { signatures } = api.store.tables;
  t.equal((await api.store.read.db.select({ key: signatures.key }).from(signatures)).length, 1);
});

onEveryEngine('while it shuts down, every answer closes its connection', async (t, engine) => {
  const api = await start(t, engine);
  const { secret } = await api.organization('Meadows');
  const { slug } = await publish(api, secret);
  const { fronted } = await twoServers(t, api);
  const request = `GET /v1/petitions/${slug} HTTP/1.1\r\nhost: undersigned.test\r\n\r\n`;
  await fronted.ask(request);
  api.app.drain();
  const { status, headers } = await fronted.ask(request);
  t.match({ status, connection: new Map(headers).get('connection') }, { status: 200, connection: 'close' });
});
