import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { bytesOf, comparable, requests } from '../support/front-requests.js';
import {
  body,
  cli,
  FAST,
  get,
  home,
  load,
  oneLine,
  PETITION,
  post,
  query,
  secretKeyIn,
  serve,
  SIGNERS,
  type Env,
  type Running,
} from '../support/process.js';
import { RawClient, type RawAnswer } from '../support/raw-client.js';
import { until } from '../support/until.js';

/* Real processes: a server with workers in front of it. More requests of readers: WORKER_REQUESTS=100000. */

const REQUESTS = Number(process.env['WORKER_REQUESTS'] ?? 2500);
const ROOT_KEY = Buffer.alloc(32, 7).toString('base64');
const MANY = '100000000/60';
const PUBLIC_URL = 'http://undersigned.test';

const portOf = ({ url }: Running): number => Number(new URL(url).port);

function client(t: Test, server: Running): RawClient {
  const made = new RawClient(portOf(server));
  t.teardown(() => made.close());
  return made;
}

/** Which limit has the fewest requests left depends on the requests before. */
const exceptLimit = (answer: RawAnswer) => {
  const { headers, ...rest } = comparable(answer);
  return {
    ...rest,
    headers: headers.map((line) => line.replace(/^ratelimit: "[a-z-]+"/, 'ratelimit: "any"')),
  };
};

/** The processes of the workers. */
const workersOf = ({ process: { pid } }: Running): number[] =>
  execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .map(Number)
    .filter((one) => one > 0 && existsSync(`/proc/${one}/fd`));

const request = (url: string, ...headers: string[]): string =>
  `GET ${url} HTTP/1.1\r\nhost: undersigned.test\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

async function started(t: Test, env: Env = {}) {
  const folder = home(t);
  const server = await serve(t, folder, { ...FAST, ROOT_KEY, PUBLIC_URL, WORKERS: '2', ...env });
  return { folder, server, secret: secretKeyIn(server.output()) };
}

/** Changes the title of the petition. */
async function change(server: Running, secret: string, title: string): Promise<void> {
  const changed = await fetch(`${server.url}${PETITION}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${secret}`, 'if-match': '*', 'content-type': 'application/json' },
    body: JSON.stringify({ title }),
  });
  assert.equal(changed.status, 200, await changed.text());
}

/** Publishes a petition in three languages. */
async function translate(server: Running, secret: string, path: string): Promise<void> {
  const send = async (method: string, at: string, value: object) => {
    const answer = await fetch(`${server.url}${at}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(value),
    });
    assert.ok(answer.ok, await answer.text());
  };
  const slug = path.split('/').at(-1);
  await send('POST', '/v1/petitions', { slug, title: 'In English', statement: 'In English.' });
  for (const locale of ['de', 'ar']) {
    await send('PUT', `${path}/translations/${locale}`, {
      title: `In ${locale}`,
      statement: `In ${locale}.`,
    });
  }
  await send('POST', `${path}/transitions`, { to: 'published' });
}

t.test('through a worker a request is answered as by the server itself', async (t) => {
  const limits = { RATE_LIMIT: 'true', RATE_LIMIT_CLIENT: MANY, RATE_LIMIT_KEY: MANY, CHALLENGE_ABOVE: MANY };
  const signing = {
    RATE_LIMIT_SIGN_BURST: MANY,
    RATE_LIMIT_SIGN_SUSTAINED: MANY,
    RATE_LIMIT_SIGN_MOST: MANY,
  };
  const env = { ...limits, ...signing, RATE_LIMIT_SHARE: MANY };
  const { folder, server, secret } = await started(t, env);
  const translated = '/v1/petitions/in-three-languages';
  await translate(server, secret, translated);
  // Another server on the same database, without workers.
  const straight = await serve(t, folder, { ...FAST, ROOT_KEY, PUBLIC_URL, ...env });
  const link = await post(`${server.url}${PETITION}/share-links`, { network: 'whatsapp' });
  const { code } = (await link.json()) as { code: string };
  const counts = await fetch(`${server.url}${PETITION}/counts`);
  const { id } = (await get(`${server.url}${PETITION}`)).json;
  const readers = {
    key: secret,
    etag: counts.headers.get('etag') ?? '',
    urls: [
      ...[PETITION, `${PETITION}/counts`, `${PETITION}/signatures`, `/v1/petitions/${id}`, '/embed/v1.js'],
      ...[`/s/${code}`, `${PETITION}?utm_source=mail`, `${PETITION}?${'x'.repeat(5000)}`, '/s/nothing'],
      ...[`${PETITION}/counts?limit=3`, `${PETITION}/counts/`, `${PETITION}/signatures?cursor=x`],
      ...[translated, `${translated}?locale=de`, `${translated}?locale=ar`, `${PETITION}?locale=de`],
      ...['/v1/petitions/nothing', PETITION.toUpperCase(), `/${PETITION}`, `${PETITION}#x`, '/v1/signatures'],
      ...['/embed/v1.js?ver=6.4', '/livez', '/', '/v1/x\ty', '/p/save-the-old-mill-meadows'],
    ],
  };
  const [through, direct] = [client(t, server), client(t, straight)];
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(requests(readers), async (one) => {
      asked += 1;
      if (asked % 50 === 0) {
        const signed = await post(`${server.url}${PETITION}/signatures`, body(`p${asked}@example.org`));
        assert.equal(signed.status, 202);
      }
      const bytes = bytesOf(one);
      const isHead = one.method === 'HEAD';
      const [first, second] = [await through.ask(bytes, { isHead }), await direct.ask(bytes, { isHead })];
      assert.deepEqual(comparable(first), comparable(second));
      assert.doesNotMatch(JSON.stringify(first.headers), /undersigned-(?:keep|from)/);
    }),
    { numRuns: REQUESTS },
  );
  t.comment(`${asked} requests`);
  for (const odd of [
    'GET / HTTP/1.1\r\n\r\n',
    'NONSENSE\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    `POST ${PETITION}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\r\n`,
    `POST ${PETITION}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n`,
    `POST ${PETITION}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    `POST ${PETITION}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
    `GET ${PETITION} HTTP/1.1\r\nhost: x\r\nundersigned-from: 203.0.113.9\r\n\r\n`,
  ]) {
    const [first, second] = [await through.ask(odd), await direct.ask(odd)];
    t.same(exceptLimit(first), exceptLimit(second), odd.slice(0, 40));
  }
});

t.test('a body that is too large is refused before it has come', async (t) => {
  const { server } = await started(t);
  const reader = client(t, server);
  for (let n = 0; n < 20; n += 1) {
    const length = 100_000;
    const head = `POST ${PETITION}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    const sent = `${head}content-length: ${length}\r\n\r\n${'x'.repeat(length)}`;
    t.match(await reader.ask(sent), { status: 413, body: /body_too_large/ });
  }
});

t.test('what one worker has changed, the other shows at once', async (t) => {
  const { server, secret } = await started(t);
  const readers = [client(t, server), client(t, server)];
  // Connections are given to the workers in turn.
  for (const reader of readers) await reader.ask(request(PETITION));
  for (let n = 0; n < 200; n += 1) {
    await change(server, secret, `The ${n}th title`);
    for (const reader of [...readers, ...readers]) {
      const { body } = await reader.ask(request(PETITION));
      assert.equal((JSON.parse(body) as { title: string }).title, `The ${n}th title`);
    }
  }
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const read = /http_request_duration_seconds_count\{operation="getPetition",status="200"\} (\d+)/.exec(
    metrics,
  );
  t.ok(Number(read?.[1]) >= 700, `${read?.[1]} of 802 readings are in the metrics at once`);
});

t.test('a client has one limit, however many workers answer it', async (t) => {
  const { server } = await started(t, { RATE_LIMIT: 'true', RATE_LIMIT_CLIENT: '400/3600' });
  const readers = [client(t, server), client(t, server)];
  let answered = 0;
  for (let n = 0; n < 800; n += 1) {
    const { status } = await (readers[n % 2] as RawClient).ask(request(PETITION));
    if (status === 200) answered += 1;
    else assert.equal(status, 429);
  }
  // What two workers answer in 50 ms may be too many.
  t.ok(answered >= 395 && answered <= 500, `${answered} of 400 were answered`);
  t.match(await readers[0]?.ask(request(PETITION)), { status: 429 }, 'and none any more');
  t.match(await readers[1]?.ask(request(PETITION, 'x-forwarded-for: 203.0.113.9')), { status: 429 });
  const forged = request(PETITION, 'undersigned-from: 203.0.113.9');
  t.match(await readers[1]?.ask(forged), { status: 429 }, 'no header names another client');
  const forgedToo = request('/v1/petitions/nothing', 'undersigned-from: 203.0.113.9');
  t.match(await readers[0]?.ask(forgedToo), { status: 429 });
});

t.test('behind a proxy that is trusted, the client is the one that it names', async (t) => {
  const limits = { RATE_LIMIT: 'true', RATE_LIMIT_CLIENT: '20/3600' };
  const { server } = await started(t, { ...limits, TRUST_PROXY: '127.0.0.1' });
  const reader = client(t, server);
  const read = async (from: string) => (await reader.ask(request('/v1/petitions/x', from))).status;
  for (let n = 0; n < 20; n += 1) t.equal(await read('x-forwarded-for: 203.0.113.9'), 404);
  t.equal(await read('x-forwarded-for: 203.0.113.9'), 429);
  t.equal(await read('x-forwarded-for: 198.51.100.1, 203.0.113.9'), 429);
  t.equal(await read('x-forwarded-for: 203.0.113.9, 198.51.100.1'), 404, 'another client');
});

t.test('what has a key, a cookie or an error is not kept', async (t) => {
  const { server, secret } = await started(t);
  const reader = client(t, server);
  const key = `authorization: Bearer ${secret}`;
  for (let n = 0; n < 3; n += 1) {
    const [open, keyed] = [await reader.ask(request(PETITION)), await reader.ask(request(PETITION, key))];
    t.match(new Map(open.headers).get('cache-control'), /^public/);
    t.match(new Map(keyed.headers).get('cache-control'), /^private/);
    t.match(await reader.ask(request('/v1/petitions/later')), { status: 404 });
    t.match(await reader.ask(request(PETITION, 'cookie: a=b')), { status: 200 });
  }
  const made = await post(
    `${server.url}/v1/petitions`,
    { slug: 'later', title: 'Later', statement: 'Later.', goals: [100] },
    { authorization: `Bearer ${secret}` },
  );
  t.equal(made.status, 201);
  const publish = { to: 'published' };
  const moved = await post(`${server.url}/v1/petitions/later/transitions`, publish, {
    authorization: `Bearer ${secret}`,
  });
  t.equal(moved.status, 200);
  t.match(await reader.ask(request('/v1/petitions/later')), { status: 200 });
});

/** Follows live counts, and waits for the first event. Returns what has been heard. */
async function follow(t: Test, server: Running): Promise<() => string> {
  const live = createConnection(portOf(server), '127.0.0.1');
  t.teardown(() => live.destroy());
  let heard = '';
  live.on('data', (data) => (heard += String(data)));
  live.write(request(`${PETITION}/counts/live`));
  await until(() => /event: counts/.test(heard), 'the first event');
  return () => heard;
}

t.test('streams go both ways through a worker', async (t) => {
  const { server, secret } = await started(t);
  const heard = await follow(t, server);
  const rows = Array.from({ length: 3000 }, (_, n) => `stall-${n}@paper.example,Dan ${n},NL\n`).join('');
  const imported = await fetch(`${server.url}/v1/signatures/import?petition=save-the-old-mill-meadows`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${secret}` },
    body: `email,name,country\n${rows}`,
  });
  t.match(await imported.json(), { created: 3000 });
  const exported = await fetch(
    `${server.url}/v1/signatures/export?petition=save-the-old-mill-meadows&format=ndjson`,
    { headers: { authorization: `Bearer ${secret}` } },
  );
  t.equal((await exported.text()).trim().split('\n').length, 3000);
  await until(() => /"confirmed":3000/.test(heard()), 'the event of the import');
});

t.test('an import may take longer than a request to arrive', async (t) => {
  const { server, secret } = await started(t);
  const slow = createConnection(portOf(server), '127.0.0.1');
  t.teardown(() => slow.destroy());
  let answer = '';
  slow.on('data', (data) => (answer += String(data))).on('error', () => undefined);
  const rows = Array.from({ length: 18 }, (_, n) => `slow-${n}@paper.example,Dan ${n},NL\n`);
  const text = `email,name,country\n${rows.join('')}`;
  slow.write(
    `POST /v1/signatures/import?petition=save-the-old-mill-meadows HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n` +
      `authorization: Bearer ${secret}\r\ncontent-length: ${text.length}\r\n\r\nemail,name,country\n`,
  );
  // Real time is what is tried: a request has 15 seconds to arrive.
  for (const row of rows) {
    await sleep(1000);
    slow.write(row);
  }
  await until(() => answer.includes('"created"'), 'the report of the import');
  t.match(answer, /^HTTP\/1\.1 200 [^]*"created":18,/);
});

t.test('while the server cannot be reached a worker says so, and sends what it keeps', async (t) => {
  const { server } = await started(t, { WORKERS: '1' });
  const reader = client(t, server);
  for (let n = 0; n < 2; n += 1) t.match(await reader.ask(request(PETITION)), { status: 200 });
  // It takes the connection to the server that is open.
  await follow(t, server);
  const socket = /listening at (\S+\/server\.sock)/.exec(server.output())?.[1] ?? '';
  rmSync(socket);
  const refused = await reader.ask(request('/livez'));
  t.match(refused, { status: 503, body: /"code":"storage_unavailable"/ });
  t.match(new Map(refused.headers), new Map([['retry-after', '1']]));
  t.notMatch(refused.body, /undersigned-|\.sock/, 'not where the server is');
  t.match(await reader.ask(request(PETITION)), { status: 200 }, 'what is kept');
});

t.test('a worker that is killed is started again, and the others go on', async (t) => {
  const { server } = await started(t);
  const first = workersOf(server);
  t.equal(first.length, 2, 'two workers');
  const readers = Array.from({ length: 4 }, () => client(t, server));
  const statuses = new Map<string, number>();
  let isOver = false;
  const reading = readers.map(async (reader) => {
    while (!isOver) {
      const answer = await reader.ask(request(PETITION)).catch((error: Error) => error);
      const what = answer instanceof Error ? 'lost' : String(answer.status);
      statuses.set(what, (statuses.get(what) ?? 0) + 1);
    }
  });
  await until(() => (statuses.get('200') ?? 0) > 100, 'readings');
  process.kill(first[0] ?? 0, 'SIGKILL');
  await until(() => workersOf(server).length === 2 && !workersOf(server).includes(first[0] ?? 0), 'another');
  const before = statuses.get('200') ?? 0;
  await until(() => (statuses.get('200') ?? 0) > before + 200, 'more readings');
  isOver = true;
  await Promise.all(reading);
  t.same(
    [...statuses.keys()].filter((what) => what !== '200' && what !== 'lost'),
    [],
  );
  t.ok((statuses.get('lost') ?? 0) <= 4, `${statuses.get('lost') ?? 0} of 4 connections were lost`);
  t.match(server.output(), /a worker ended: another one is started/);
  const [one] = workersOf(server);
  process.kill(server.process.pid ?? 0, 'SIGKILL');
  await until(() => one !== undefined && !existsSync(`/proc/${one}`), 'workers end with their server');
});

t.test('SIGTERM under load: every request is answered or refused', async (t) => {
  const folder = home(t);
  const DATABASE_URL = `file:${join(folder, 'term.db')}`;
  const before = readdirSync(tmpdir()).filter((name) => /^undersigned-\w{6}$/.test(name));
  const server = await serve(t, folder, { ...FAST, DATABASE_URL, WORKERS: '2' });
  const all = [...workersOf(server), server.process.pid ?? 0];
  const running = load(server.url, { clients: 20, prefix: 'term' });
  await until(() => running.acknowledged.size > 50, '50 that are acknowledged');
  // As a service manager does: to all of its processes.
  for (const pid of all) process.kill(pid, 'SIGTERM');
  await running.done;
  t.same(await server.exit, { code: 0, signal: null }, server.output());
  const { ECONNREFUSED, '503 shutting_down': refused, ...others } = running.others;
  t.same(others, {}, `nobody was left without an answer (${ECONNREFUSED}, ${refused})`);
  const stored = (await query(DATABASE_URL, SIGNERS)).map(({ delivery }) => String(delivery));
  t.same(stored.sort(), [...running.acknowledged].sort(), 'what is stored is what was acknowledged');
  for (const pid of all) t.notOk(existsSync(`/proc/${pid}`), 'no process is left');
  const after = readdirSync(tmpdir()).filter((name) => /^undersigned-\w{6}$/.test(name));
  t.ok(after.length <= before.length, 'nor its folder');
});

t.test('what cannot be is refused by name', async (t) => {
  const folder = home(t);
  const refused = (env: Env) => cli(folder, { WORKERS: '2', ...env }, 'serve');
  const postgres = await refused({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
  oneLine(t, postgres, /WORKERS is for SQLite/, 'PostgreSQL');
  oneLine(
    t,
    await refused({ DATABASE_URL: 'file::memory:' }),
    /WORKERS needs a database in a file/,
    'memory',
  );
  oneLine(t, await refused({ REDIS_URL: 'redis://127.0.0.1:1' }), /WORKERS and REDIS_URL/, 'Redis');
  const { server } = await started(t);
  const taken = await refused({ PORT: String(portOf(server)) });
  t.match(taken.stderr, new RegExp(`port ${portOf(server)} is taken: set PORT to another`));
  t.equal(taken.code, 1);
});
