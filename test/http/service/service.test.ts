import { once } from 'node:events';
import { connect } from 'node:net';
import helmet from '@fastify/helmet';
import Fastify from 'fastify';
import t from 'tap';
import { ERRORS } from '../../../src/errors.js';
import { clientOf, networkOf } from '../../../src/http/caller.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { inTime } from '../../support/until.js';

/** Speaks raw HTTP, for what no client library would send. */
async function raw(api: TestApp, text: string): Promise<{ status: number; headers: string; body: string }> {
  if (!api.app.server.listening) await api.app.listen({ port: 0, host: '127.0.0.1' });
  const address = api.app.server.address();
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  await inTime(once(socket, 'close'), 'the end of the connection');
  socket.destroy();
  const [headers = '', body = ''] = answer.split('\r\n\r\n');
  return { status: Number(answer.split(' ')[1]), headers, body };
}

onEveryEngine('service', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });

  await t.test('getLiveness, getReadiness 200', async (t) => {
    t.match(await api.call('GET', '/livez'), {
      status: 200,
      body: { status: 'ok' },
      headers: { 'cache-control': 'no-store' },
    });
    t.match(await api.call('GET', '/readyz'), {
      status: 200,
      body: {
        status: 'ok',
        engine: engine.name,
        waiting: 0,
        limits: 'process',
        mail: { queued: 0, oldest_seconds: null },
      },
    });
  });

  await t.test('getMetrics 200: operations and statuses, no callers', async (t) => {
    await api.call('POST', '/v1/petitions/meadows/signatures', {
      body: { email: 'metric@example.org', name: 'M' },
    });
    const { status, text } = await api.call('GET', '/metrics');
    t.equal(status, 200);
    t.match(text, 'http_request_duration_seconds_count{operation="signPetition",status="202"} 1');
    const queued = (await api.call('GET', '/readyz')).body.mail.queued as number;
    t.match(text, `\nmail_queued ${queued}\n`);
    t.match(text, /\nmail_oldest_seconds \d/);
    t.match(text, /store_commits_total \d+/);
    t.notMatch(text, /metric@|meadows|sk_|pet_/);
  });

  await t.test('getOpenApiJson, getOpenApiYaml, getProblems 200', async (t) => {
    t.match((await api.call('GET', '/openapi.json')).body, { openapi: '3.1.0' });
    t.match((await api.call('GET', '/openapi.yaml')).text, /^openapi: 3\.1\.0/);
    const { text: page, headers } = await api.call('GET', '/problems');
    for (const code of Object.keys(ERRORS)) t.match(page, `id="${code}"`);
    t.match(headers['content-security-policy'], /style-src 'sha256-/, 'its style is taken');
  });

  await t.test('whoever takes gzip gets large answers packed, and small ones as they are', async (t) => {
    const packed = async (url: string) => {
      const { headers } = await api.app.inject({ url, headers: { 'accept-encoding': 'gzip' } });
      return headers['content-encoding'];
    };
    t.equal(await packed('/openapi.json'), 'gzip');
    t.equal(await packed('/problems'), 'gzip');
    t.equal(await packed('/livez'), undefined);
  });

  await t.test('404 and 405 are problems, with Allow', async (t) => {
    t.match(await api.call('GET', '/v1/nothing'), {
      status: 404,
      body: { code: 'not_found', status: 404 },
      headers: { 'content-type': /^application\/problem\+json/ },
    });
    const wrong = await api.call('PUT', '/v1/petitions/meadows', { body: 'not even json' });
    t.match(wrong, {
      status: 405,
      body: { code: 'method_not_allowed' },
      headers: { allow: 'GET, HEAD, PATCH, OPTIONS' },
    });
    t.match(await api.call('DELETE', '/livez'), { status: 405 });
    t.match(await api.call('POST', '/v1/petitions/meadows/counts', { body: {} }), { status: 405 });
    t.notMatch((await api.call('GET', '/v1/<script>alert(1)</script>')).text, 'script', 'no echo');
  });

  await t.test('400, 414, 431: what is no request is a problem too', async (t) => {
    t.match(await api.call('GET', '/v1/petitions/%zz'), { status: 400, body: { code: 'invalid_request' } });
    t.match(await api.call('GET', `/v1/petitions?q=${'x'.repeat(5000)}`), {
      status: 414,
      body: { code: 'uri_too_long' },
    });
    const big = await raw(api, `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    t.match(big, { status: 431, headers: 'application/problem+json', body: '"code":"headers_too_large"' });
    const junk = await raw(api, 'NONSENSE\r\n\r\n');
    t.match(junk, { status: 400, body: '"code":"invalid_request"' });
    const hosts = await raw(api, 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n');
    t.match(hosts, { status: 400, body: '"code":"invalid_request"' });
    t.match(JSON.parse(big.body), { type: /problems#headers_too_large$/, status: 431, request_id: /./ });
  });

  await t.test(
    'documents have the headers that helmet would give, data those that matter to it; all are open to other origins',
    async (t) => {
      const app = Fastify();
      await app.register(helmet, {
        contentSecurityPolicy: {
          useDefaults: false,
          directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
        },
        crossOriginResourcePolicy: { policy: 'cross-origin' },
        referrerPolicy: { policy: 'no-referrer' },
      });
      app.get('/', () => 'x');
      const { headers: wanted } = await app.inject('/');
      const own = new Set(['content-type', 'content-length', 'date', 'connection']);
      const security = Object.entries(wanted).filter(([name]) => !own.has(name));
      t.ok(security.length > 8);
      for (const path of ['/openapi.yaml', '/embed/v1.js', '/metrics']) {
        const { headers } = await api.call('GET', path);
        for (const [name, value] of security) t.equal(headers[name], value, `${path} ${name}`);
        t.equal(headers['access-control-allow-origin'], '*', path);
      }
      const forData = new Set([
        'content-security-policy',
        'referrer-policy',
        'strict-transport-security',
        'x-content-type-options',
        'x-frame-options',
      ]);
      const data = ['/livez', '/v1/petitions/nope', '/nothing', '/v1/petitions/%zz', '/v1/organization'];
      for (const path of ['/v1/petitions', '/v1/petitions/meadows', ...data]) {
        const { headers } = await api.call('GET', path);
        for (const [name, value] of security) {
          t.equal(headers[name], forData.has(name) ? value : undefined, `${path} ${name}`);
        }
        t.equal(headers['access-control-allow-origin'], '*', path);
        // Caches share the answers to the others.
        const id = data.includes(path) ? /^[0-9a-f-]{36}-\d+$/ : undefined;
        t.match({ id: headers['x-request-id'] }, { id }, path);
      }
    },
  );

  await t.test('preflight: what a page of another origin may send', async (t) => {
    const { status, headers } = await api.call('OPTIONS', '/v1/petitions/meadows/signatures', {
      headers: { origin: 'https://site.example', 'access-control-request-method': 'POST' },
    });
    t.equal(status, 204);
    t.match(headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': /POST/,
      'access-control-allow-headers': /Authorization.*Idempotency-Key/,
    });
    t.equal(headers['access-control-allow-credentials'], undefined);
  });

  await t.test('request ids: given ones are kept if they are harmless', async (t) => {
    const withId = (id: string) => api.call('GET', '/nothing', { headers: { 'x-request-id': id } });
    t.match(await withId('trace-12345678'), {
      headers: { 'x-request-id': 'trace-12345678' },
      body: { request_id: 'trace-12345678' },
    });
    t.match((await withId('<script>')).headers['x-request-id'], /^[0-9a-f-]{36}-\d+$/);
  });

  await t.test(
    'reading limits: headers on answers for one caller, 429 with Retry-After, and guessing keys counts',
    async (t) => {
      const rate = { requests: 4, seconds: 60 };
      const limited = await start(t, engine, { limits: { ...enough, client: rate } });
      const first = await limited.call('GET', '/v1/petitions/nope');
      t.match(first.headers, {
        'ratelimit-policy': '"client";q=4;w=60, "client-net";q=20;w=60',
        ratelimit: '"client";r=3;t=60',
      });
      const statuses = [];
      for (let i = 0; i < 4; i += 1) {
        statuses.push((await limited.call('GET', '/v1/petitions', { key: 'sk_guess' })).status);
      }
      t.same(statuses, [401, 401, 401, 429]);
      t.match(await limited.call('GET', '/v1/petitions'), {
        status: 429,
        body: { code: 'rate_limited' },
        headers: { 'retry-after': /^\d+$/ },
      });
      const probe = { status: 200, headers: { 'ratelimit-policy': '"service";q=20;w=60' } };
      t.match(await limited.call('GET', '/livez'), probe, 'probes have a bucket of their own');
    },
  );

  await t.test('draining: not ready, in-flight requests answered, then closed', async (t) => {
    const stopping = await start(t, engine);
    stopping.app.drain();
    t.match(await stopping.call('GET', '/readyz'), {
      status: 503,
      body: { code: 'shutting_down' },
      headers: { 'retry-after': '1' },
    });
    t.match(await stopping.call('GET', '/livez'), { status: 200, headers: { connection: 'close' } });
  });
});

onEveryEngine('counts and history', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none', goals: [2, 4] });
  const sign = (email: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'N' } });
  const counts = (headers = {}) => api.call('GET', '/v1/petitions/meadows/counts', { headers });
  const history = (query: string) => api.call('GET', `/v1/petitions/meadows/history?${query}`);

  await t.test('getPetitionCounts 200 and 304', async (t) => {
    t.same((await counts()).body, {
      confirmed: 0,
      paper: 0,
      offset: 0,
      total: 0,
      pending: null,
      invalidated: 0,
      goal: 4,
      next_milestone: 2,
      updated_at: null,
    });
    const instants = [
      '2026-03-01T23:10:00.000Z',
      '2026-03-01T23:50:00.000Z',
      '2026-03-02T00:05:00.000Z',
      '2026-03-03T12:00:00.000Z',
    ];
    for (const [i, instant] of instants.entries()) {
      api.setClock(new Date(instant));
      t.equal((await sign(`s${i}@example.org`)).status, 202);
    }
    const { body, headers } = await counts();
    t.same(body, {
      confirmed: 4,
      paper: 0,
      offset: 0,
      total: 4,
      pending: null,
      invalidated: 0,
      goal: 4,
      next_milestone: null,
      updated_at: null,
    });
    t.match((await counts({ authorization: `Bearer ${lead.secret}` })).body, {
      pending: 0,
      updated_at: instants[3],
    });
    t.match(headers['cache-control'], 'stale-while-revalidate');
    t.match(await counts({ 'if-none-match': headers['etag'] }), { status: 304 });
  });

  await t.test('getPetitionHistory 200: by hour and by day, UTC', async (t) => {
    t.same((await history('bucket=hour')).body, {
      bucket: 'hour',
      data: [
        { from: '2026-03-01T23:00:00.000Z', confirmed: 2 },
        { from: '2026-03-02T00:00:00.000Z', confirmed: 1 },
        { from: '2026-03-03T12:00:00.000Z', confirmed: 1 },
      ],
    });
    t.same(
      (await history('')).body.data.map((item: any) => [item.from.slice(0, 10), item.confirmed]),
      [
        ['2026-03-01', 2],
        ['2026-03-02', 1],
        ['2026-03-03', 1],
      ],
    );
    t.equal(
      (await history('bucket=hour&from=2026-03-02T00:00:00Z&before=2026-03-03T00:00:00Z')).body.data.length,
      1,
    );
    const etag = (await history('')).headers['etag'] ?? '';
    t.match(await api.call('GET', '/v1/petitions/meadows/history', { headers: { 'if-none-match': etag } }), {
      status: 304,
    });
  });

  await t.test(
    'getPetitionHistory 200: a signature that is taken out leaves the hour in which it was confirmed',
    async (t) => {
      const [{ id }] = (
        await api.call('GET', '/v1/signatures?petition=meadows&email=s0@example.org', { key: lead.secret })
      ).body.data;
      api.setClock(new Date('2026-03-05T00:00:00Z'));
      await api.call('POST', `/v1/signatures/${id}/invalidate`, { key: lead.secret, body: { reason: 'x' } });
      t.same(
        (await history('')).body.data.map((item: any) => item.confirmed),
        [1, 1, 1],
      );
      await api.call('POST', `/v1/signatures/${id}/restore`, { key: lead.secret, body: { reason: 'x' } });
      t.same(
        (await history('')).body.data.map((item: any) => item.confirmed),
        [2, 1, 1],
      );
    },
  );

  await t.test('getPetitionHistory 200: the first and the last hour that a time can name', async (t) => {
    for (const bucket of ['hour', 'day']) {
      for (const query of [
        'before=0001-01-01T00:00:01Z',
        'from=9999-12-01T00:00:00Z&before=9999-12-31T23:59:59Z',
      ]) {
        t.match(
          await history(`bucket=${bucket}&${query}`),
          { status: 200, body: { bucket, data: [] } },
          query,
        );
      }
    }
  });

  await t.test('400, 401, 404', async (t) => {
    for (const query of [
      'bucket=week',
      'from=x',
      'from=2026-01-02T00:00:00Z&before=2026-01-01T00:00:00Z',
      'bucket=hour&from=2000-01-01T00:00:00Z',
      'x=1',
    ]) {
      t.match(await history(query), { status: 400, body: { code: 'invalid_query' } }, query);
    }
    t.match(await api.call('GET', '/v1/petitions/nope/counts'), {
      status: 404,
      body: { code: 'petition_not_found' },
    });
    t.match(await api.call('GET', '/v1/petitions/nope/history'), { status: 404 });
    t.match(await api.call('GET', '/v1/petitions/meadows/counts', { key: 'x' }), { status: 401 });
  });

  await t.test(
    'milestones: a jump crosses several, once, and a changed ladder is looked at again',
    async (t) => {
      const read = async () =>
        (await api.call('GET', '/v1/petitions/meadows')).body.milestones.map((item: any) => item.value);
      t.same(await read(), [2, 4]);
      await api.call('PATCH', '/v1/petitions/meadows', {
        key: lead.secret,
        headers: { 'if-match': '*' },
        body: { goals: [1, 3, 5] },
      });
      t.same(await read(), [1, 2, 3, 4], 'what is reached when the ladder changes is reached then');
      await sign('s5@example.org');
      t.same(await read(), [1, 2, 3, 4, 5]);
    },
  );
});

t.test('one client is an IPv4 address or an IPv6 /64', (t) => {
  for (const [ip, client] of [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:2::', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ] as const) {
    t.equal(clientOf(ip), client, ip);
  }
  t.end();
});

t.test('one network is a /24 of IPv4 or a /48 of IPv6', (t) => {
  for (const [ip, network] of [
    ['203.0.113.7', '203.0.113'],
    ['::ffff:203.0.113.7', '203.0.113'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1'],
    ['2001:db8::1', '2001:db8:0'],
  ] as const) {
    t.equal(networkOf(clientOf(ip)), network, ip);
  }
  t.end();
});
