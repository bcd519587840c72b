import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { startRedis, type RedisServer } from '../../../scripts/redis.js';
import type { BuildOptions } from '../../../src/build-options.js';
import { engines, publish, start, type Engine, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { until } from '../../support/until.js';

/*
 * Limits that several processes share, on a real Redis. What each process counts on its own is in service.test.ts. How
 * they are counted has nothing to do with the database, so one engine will do.
 */
const engine = engines[0] as Engine;
const HOUR = 3600;

type Line = { level: string; text: string };

/** An app that counts in Redis, under limits of its own. */
async function join(t: Test, url: string, limits: Partial<typeof enough>) {
  const lines: Line[] = [];
  const log = (level: string) => (_: unknown, text?: string) =>
    void lines.push({ level, text: text ?? String(_) });
  const logger = Object.assign(
    Object.fromEntries(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => [level, log(level)]),
    ),
    { level: 'info', silent: () => undefined, child: () => logger },
  ) as unknown as NonNullable<BuildOptions['logger']>;
  const all = { ...enough, ...limits };
  const config = {
    publicUrl: 'http://undersigned.test',
    trustProxy: ['127.0.0.1'],
    limits: all,
    REDIS_URL: url,
  };
  const api = await start(t, engine, { build: { config, logger } });
  return { ...api, lines };
}

/** What is not there: answers that caches share do not say how many requests are left. */
const look = (api: TestApp, client: string) =>
  api.call('GET', '/v1/petitions/nothing', { headers: { 'x-forwarded-for': client } });

let asked = 0;
/** As somebody else each time: the probes have a limit too. */
const readiness = (api: TestApp) =>
  api.call('GET', '/readyz', { headers: { 'x-forwarded-for': `198.51.100.${(asked += 1)}` } });

const isShared = async (api: TestApp) => (await readiness(api)).body.limits === 'shared';

/** Stands where Redis was, and hangs up on so many connections. */
async function attempts(redis: RedisServer, many: number): Promise<void> {
  let vain = 0;
  const server = createServer((socket) => {
    vain += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(Number(new URL(redis.url).port), '127.0.0.1', resolve));
  await until(() => vain >= many, 'attempts to come back');
  await new Promise((resolve) => server.close(resolve));
}

t.test('limits that processes share', async (t) => {
  const redis: RedisServer | undefined = await startRedis();
  if (!redis) {
    const missing = 'no redis-server was found: install it (Debian: redis-server)';
    if (process.env['REQUIRE_REDIS'] === '1') return t.fail(missing);
    return void t.pass('skipped', { skip: missing });
  }
  t.teardown(() => redis.stop());
  const spy = new Redis(redis.url);
  spy.on('error', () => undefined);
  t.teardown(() => spy.disconnect());
  t.beforeEach(() => spy.flushall());
  const client = { requests: 5, seconds: 60 };
  const few = { client, signBurst: { requests: 2, seconds: 60 } };
  const [one, other] = [await join(t, redis.url, few), await join(t, redis.url, few)];
  const lead = await one.organization('River Meadows');
  for (const slug of ['meadows', 'mill']) await publish(one, lead.secret, { slug });

  await t.test('404 and 429: two processes have one bucket', async (t) => {
    t.ok(await isShared(one));
    t.match((await look(one, '203.0.113.1')).headers, {
      'ratelimit-policy': '"client";q=5;w=60',
      ratelimit: '"client";r=4;t=60',
    });
    t.match((await look(other, '203.0.113.1')).headers, { ratelimit: /^"client";r=3;t=(?:60|59)$/ });
    for (const api of [one, other, one]) t.equal((await look(api, '203.0.113.1')).status, 404);
    for (const api of [one, other]) {
      t.match(await look(api, '203.0.113.1'), {
        status: 429,
        body: { code: 'rate_limited', detail: /^Wait (?:60|5\d) seconds\.$/ },
        headers: { 'retry-after': /^(?:60|5\d)$/ },
      });
    }
    t.equal((await look(other, '203.0.113.2')).status, 404, 'another client has a bucket of its own');
    t.match((await look(one, '2001:db8::1')).headers, { ratelimit: /r=4/ });
    t.match((await look(other, '2001:db8::2')).headers, { ratelimit: /r=3/ }, 'a /64 is one client');
  });

  await t.test(
    '202 and 429: the tightest of several policies, by petition; guessing keys counts',
    async (t) => {
      const sign = (slug: string) =>
        one.call('POST', `/v1/petitions/${slug}/signatures`, {
          body: { email: 'ada@example.org', name: 'Ada' },
          headers: { 'x-forwarded-for': '203.0.113.3' },
        });
      t.match(await sign('meadows'), { status: 202, headers: { ratelimit: '"sign-burst";r=1;t=60' } });
      t.equal((await sign('meadows')).status, 202);
      t.match(await sign('meadows'), { status: 403, body: { code: 'challenge_required' } });
      const path = '/v1/petitions/meadows/challenge';
      const headers = { 'x-forwarded-for': '203.0.113.3' };
      const asked = await one.call('GET', path, { headers });
      t.match(asked.body, { required: true }, 'Redis tells without counting');
      t.equal((await sign('mill')).status, 202, 'another petition has a bucket of its own');
      const statuses = [];
      for (let i = 0; i < 6; i += 1) {
        statuses.push((await other.call('GET', '/v1/petitions', { key: 'sk_guess' })).status);
      }
      t.same(statuses, [401, 401, 401, 401, 401, 429]);
    },
  );

  await t.test('all keys expire, and none holds an address, a petition or a key', async (t) => {
    const brief = await join(t, redis.url, {
      client: { requests: 3, seconds: 60 },
      signSustained: { requests: 100, seconds: HOUR },
    });
    const second = await brief.organization('River Meadows');
    await publish(brief, second.secret, { slug: 'meadows' });
    await brief.call('POST', '/v1/petitions/meadows/signatures', {
      body: { email: 'ada@example.org', name: 'Ada' },
      headers: { 'x-forwarded-for': '203.0.113.4' },
    });
    const keys = await spy.keys('*');
    t.same(
      keys.map((key) => key.replace(/:[\w-]{24}$/, '')).sort(),
      [
        ...['client', 'client-net', 'key', 'sign-burst', 'sign-burst-net', 'sign-most', 'sign-most-net'],
        ...['sign-sustained', 'sign-sustained-net'],
      ].map((name) => `undersigned:limit:${name}`),
    );
    t.notMatch(keys.join(' '), /203\.0|113|ada@|meadows|sk_|key_/);
    for (const key of keys) {
      const [left, value] = [await spy.pttl(key), await spy.get(key)];
      t.ok(left > 0 && left <= HOUR * 1000, `${key} has ${left} ms left`);
      t.match(value, /^\d+$/, 'a number, and nothing else');
    }
    await spy.flushall();
    for (let i = 0; i < 3; i += 1) t.equal((await look(brief, '203.0.113.5')).status, 404);
    const [bucket = ''] = await spy.keys('undersigned:limit:client:*');
    await spy.pexpire(bucket, 30_000);
    for (let i = 0; i < 2; i += 1) t.equal((await look(brief, '203.0.113.5')).status, 429);
    t.ok((await spy.pttl(bucket)) <= 30_000, 'refused requests do not make the window longer');
    // The window ends.
    await spy.pexpire(bucket, 0);
    t.match(await look(brief, '203.0.113.5'), { status: 404, headers: { ratelimit: '"client";r=2;t=60' } });
  });

  await t.test('Redis stops in mid-run: nobody is refused for it, limits hold in each process', async (t) => {
    for (let i = 0; i < 5; i += 1) t.equal((await look(one, '203.0.113.6')).status, 404);
    t.equal((await look(other, '203.0.113.6')).status, 429);
    await redis.down();
    for (const api of [one, other]) {
      const statuses = [];
      for (let i = 0; i < 6; i += 1) statuses.push((await look(api, '203.0.113.6')).status);
      t.same(statuses, [404, 404, 404, 404, 404, 429]);
      t.match(await readiness(api), { status: 200, body: { limits: 'alone' } });
      const { text } = await api.call('GET', '/metrics');
      t.match(text, '\nlimits_shared 0\n');
      t.match(text, '\nlimits_redis_outages_total 1\n');
      t.match(text, '\nlimits_counted_alone_total 8\n');
    }
    await attempts(redis, 6);
    await redis.up();
    for (const api of [one, other]) {
      await until(() => isShared(api), 'back');
      t.match((await api.call('GET', '/metrics')).text, '\nlimits_shared 1\n');
      t.same(
        api.lines.map(({ level }) => level),
        ['warn', 'info'],
        'one line when it is lost, one when it is back',
      );
      t.notMatch(JSON.stringify(api.lines), /203\.0|127\.0/);
    }
    t.match((await look(one, '203.0.113.6')).headers, { ratelimit: '"client";r=4;t=60' });
    t.match((await look(other, '203.0.113.6')).headers, { ratelimit: /r=3/ }, 'again in one bucket');
  });

  await t.test('Redis hangs: the first wait a moment, the others not at all', async (t) => {
    process.kill(redis.pid(), 'SIGSTOP');
    try {
      const asked = performance.now();
      const first = await Promise.all(Array.from({ length: 5 }, () => look(one, '203.0.113.7')));
      t.same(new Set(first.map(({ status }) => status)), new Set([404]));
      const waited = performance.now() - asked;
      t.ok(waited >= 100 && waited < 15_000, `they waited ${waited} ms`);
      const times: number[] = [];
      for (let i = 0; i < 10; i += 1) {
        const next = performance.now();
        t.equal((await look(one, '203.0.113.7')).status, 429, 'those who waited were counted');
        times.push(performance.now() - next);
      }
      // The patience with Redis is 100 ms; a busy machine alone is never as slow ten times in a row.
      t.ok(Math.min(...times) < 90, `${Math.min(...times)} ms`);
    } finally {
      process.kill(redis.pid(), 'SIGCONT');
    }
    await until(() => isShared(one), 'back');
  });

  await t.test('a Redis that takes no more writes is lost, though it answers', async (t) => {
    one.lines.length = 0;
    await spy.config('SET', 'maxmemory', '1');
    t.equal((await look(one, '203.0.113.8')).status, 404);
    const refusals = async () =>
      Number(/^errorstat_OOM:count=(\d+)/m.exec(await spy.info('errorstats'))?.[1] ?? 0);
    const before = await refusals();
    await until(async () => (await refusals()) >= before + 2, 'attempts to come back');
    t.match(await readiness(one), { status: 200, body: { limits: 'alone' } });
    t.equal(one.lines.length, 1);
    await spy.config('SET', 'maxmemory', '0');
    await until(() => isShared(one), 'back');
  });

  await t.test('without Redis at the start it starts nevertheless', async (t) => {
    await redis.down();
    const late = await join(t, redis.url, { client });
    t.match(await readiness(late), { status: 200, body: { limits: 'alone' } });
    t.match((await look(late, '203.0.113.9')).headers, { ratelimit: '"client";r=4;t=60' });
    await redis.up();
    await until(() => isShared(late), 'back');
  });
});
