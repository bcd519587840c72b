import { mkdtempSync, rmSync } from 'node:fs';
import { get, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { createConnection, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Test } from 'tap';
import { build } from '../../../src/app.js';
import { erasureJournalFile } from '../../../src/erasure-journal-file.js';
import {
  onEveryEngine,
  openTestStore,
  publish,
  ROOT_KEY,
  start,
  type TestApp,
} from '../../support/helper.js';
import { until } from '../../support/until.js';

/*
 * Over real sockets: what `inject` hands out is not a stream. Fast paces, except where the pace itself is looked at.
 */
const FAST = { restMs: 30, lookMs: 60_000, heartbeatMs: 60_000 };

const COUNTS = {
  confirmed: 0,
  pending: null,
  invalidated: 0,
  goal: null,
  next_milestone: null,
  updated_at: null,
};

type Event = { event?: string; id?: string; retry?: string; data?: any; at: number };

type Listening = {
  status: number;
  headers: IncomingHttpHeaders;
  events: Event[];
  text: () => string;
  request: ClientRequest;
  ended: Promise<void>;
  isOver: () => boolean;
  /** Waits until something holds. */
  until: (holds: () => boolean, what: string) => Promise<unknown>;
};

async function serve(app: TestApp['app']): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

function listen(
  t: Test,
  port: number,
  { headers = {}, petition = 'meadows' }: { headers?: Record<string, string>; petition?: string } = {},
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const path = `/v1/petitions/${petition}/counts/live`;
    const request = get({ port, host: '127.0.0.1', path, headers, agent: false }, (response) => {
      const events: Event[] = [];
      let text = '';
      let left = '';
      let over = false;
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        left += part;
        for (let end = left.indexOf('\n\n'); end >= 0; end = left.indexOf('\n\n')) {
          const event = parse(left.slice(0, end));
          left = left.slice(end + 2);
          if (event) events.push(event);
        }
      });
      const ended = new Promise<void>((done) => {
        response.once('close', () => {
          over = true;
          done();
        });
      });
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        events,
        text: () => text,
        request,
        ended,
        isOver: () => over,
        until,
      });
    });
    request.on('error', reject);
    t.teardown(() => request.destroy());
  });
}

/** As browsers read them; undefined for what is nothing but comments. */
function parse(block: string): Event | undefined {
  const event: Event = { at: performance.now() };
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name === 'data') event.data = JSON.parse(value);
    else if (name === 'event' || name === 'id' || name === 'retry') event[name] = value;
  }
  return Object.keys(event).length > 1 ? event : undefined;
}

const confirmedIn = ({ events }: Listening) => events.map(({ data }) => data?.confirmed as number);
const lastOf = ({ events }: Listening) => events.at(-1)?.data?.confirmed as number;

/** Another process on the same database, as far as the database can tell. */
async function anotherApp(t: Test, api: TestApp): Promise<TestApp['app']> {
  const store = await openTestStore(api.url);
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  const app = await build({
    config: { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null },
    store,
    rootKey: ROOT_KEY,
    erasures: erasureJournalFile(join(folder, 'erasures.log')),
    live: FAST,
  });
  t.teardown(async () => {
    await app.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return app;
}

const signAs = async (api: TestApp, email: string, petition = 'meadows') => {
  const path = `/v1/petitions/${petition}/signatures`;
  const { status } = await api.call('POST', path, { body: { email, name: 'Ada Okonkwo' } });
  if (status !== 202) throw new Error(`signing answered ${status}`);
};

const gauge = async (api: TestApp, name: string) =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await api.call('GET', '/metrics')).text)?.[1]);

onEveryEngine('live counts', async (t, engine) => {
  const api = await start(t, engine, { build: { live: FAST } });
  const lead = await api.organization('River Meadows');
  const open = (slug: string, fields = {}) =>
    publish(api, lead.secret, { slug, confirmation: 'none', ...fields });
  const port = await serve(api.app);

  await t.test('200: the counts at once, with the headers of a stream', async (t) => {
    await open('meadows', { goals: [2, 100] });
    const page = await listen(t, port, {
      headers: { 'accept-encoding': 'gzip, br', origin: 'https://a.example' },
    });
    t.equal(page.status, 200);
    t.match(page.headers, {
      'content-type': /^text\/event-stream/,
      'cache-control': /^no-store/,
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'x-request-id': String,
    });
    t.notOk(page.headers['content-encoding'] ?? page.headers['transfer-encoding'], 'bytes as they come');
    await page.until(() => page.events.length === 1, 'the first event');
    const [first] = page.events;
    t.match(first, {
      event: 'counts',
      retry: '3000',
      data: { ...COUNTS, goal: 100, next_milestone: 2 },
    });
    const now = await api.call('GET', '/v1/petitions/meadows/counts');
    t.same(first?.data, now.body, 'as everybody reads them');
    t.equal(`"${first?.id}"`, now.headers['etag']);

    await signAs(api, 'ada@example.org');
    await page.until(() => lastOf(page) === 1, 'the signature');
    t.match(page.events[1], { event: 'counts', data: { confirmed: 1, pending: null, updated_at: null } });
    t.notMatch(page.text(), /example\.org|Ada|sig_|sup_/, 'nothing of persons');
  });

  await t.test('200: a key changes nothing, and HEAD ends', async (t) => {
    const page = await listen(t, port, { headers: { authorization: `Bearer ${lead.secret}` } });
    await page.until(() => page.events.length === 1, 'the first event');
    t.match(page.events[0]?.data, { confirmed: 1, pending: null, updated_at: null });
    const { headers, statusCode, payload } = await api.app.inject({
      method: 'HEAD',
      url: '/v1/petitions/meadows/counts/live',
    });
    t.match({ headers, statusCode, payload }, { statusCode: 200, payload: '' });
    t.match(headers, { 'content-type': /^text\/event-stream/ });
  });

  await t.test('200: who comes again is sent what is new, and else nothing', async (t) => {
    const page = await listen(t, port);
    await page.until(() => page.events.length === 1, 'the first event');
    const id = page.events[0]?.id ?? '';
    page.request.destroy();

    const again = await listen(t, port, { headers: { 'last-event-id': id } });
    await again.until(() => again.text().includes('\n\n'), 'a comment');
    t.notMatch(again.text(), /data:/, 'it has them already');
    again.request.destroy();
    await signAs(api, 'grace@example.org');
    const later = await listen(t, port, { headers: { 'last-event-id': id } });
    await later.until(() => lastOf(later) === 2, 'what was missed');
    t.equal(later.events.length, 1);
    const wrong = await listen(t, port, { headers: { 'last-event-id': 'ünknown' } });
    await wrong.until(() => lastOf(wrong) === 2, 'whatever it says it has');
  });

  await t.test('200: what only the organiser sees moves nothing', async (t) => {
    await open('quiet', { confirmation: 'email' });
    const page = await listen(t, port, { petition: 'quiet' });
    await page.until(() => page.events.length === 1, 'the first event');
    for (let i = 0; i < 5; i += 1) await signAs(api, `waits-${i}@example.org`, 'quiet');
    // The counts are read in turns: by the second event elsewhere, one that came of the five would be here.
    const other = await listen(t, port);
    const before = lastOf(other) ?? 0;
    for (let i = 1; i <= 2; i += 1) {
      await signAs(api, `elsewhere-${i}@example.org`);
      await other.until(() => lastOf(other) === before + i, 'an event elsewhere');
    }
    other.request.destroy();
    t.equal(page.events.length, 1, 'a pending signature is no event');
    const body = { to: 'closed' };
    await api.call('POST', '/v1/petitions/quiet/transitions', { key: lead.secret, body });
    await page.ended;
  });

  await t.test('200: a new ladder is news', async (t) => {
    const page = await listen(t, port);
    await page.until(() => page.events.length === 1, 'the first event');
    await api.call('PATCH', '/v1/petitions/meadows', {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { goals: [500] },
    });
    await page.until(() => page.events.at(-1)?.data?.goal === 500, 'the new goal');
  });

  await t.test('200, then 204: a petition that is closed says so, and is over', async (t) => {
    await open('closing');
    const page = await listen(t, port, { petition: 'closing' });
    await page.until(() => page.events.length === 1, 'the first event');
    const old = page.events[0]?.id ?? '';
    await signAs(api, 'last@example.org', 'closing');
    const body = { to: 'closed' };
    await api.call('POST', '/v1/petitions/closing/transitions', { key: lead.secret, body });
    await page.ended;
    t.match(page.events.at(-1), { event: 'closed', data: { status: 'closed' } });
    t.notOk(page.events.at(-1)?.id, 'what it has stays what it has');
    t.equal(page.events.at(-2)?.data.confirmed, 1, 'the last counts come first');

    const live = '/v1/petitions/closing/counts/live';
    const missed = await api.call('GET', live, { headers: { 'last-event-id': old } });
    t.match(missed, {
      status: 200,
      text: /"confirmed":1[^]*event: closed\ndata: \{"status":"closed"\}\n\n$/,
    });
    const id = page.events.at(-2)?.id ?? '';
    const over = await api.call('GET', live, { headers: { 'last-event-id': id } });
    t.match(over, { status: 204, text: '' });
  });

  await t.test('410: a petition that is taken down ends all streams', async (t) => {
    await open('gone');
    const page = await listen(t, port, { petition: 'gone' });
    await page.until(() => page.events.length === 1, 'the first event');
    const body = { to: 'taken_down', reason: 'legal' };
    await api.call('POST', '/v1/petitions/gone/transitions', { key: lead.secret, body });
    await page.ended;
    t.match(page.events.at(-1), { event: 'closed', data: { status: 'taken_down' } });
    t.match(await api.call('GET', '/v1/petitions/gone/counts/live'), {
      status: 410,
      body: { code: 'petition_taken_down' },
    });
  });

  await t.test('308: an old slug', async (t) => {
    await open('before');
    const changes = { key: lead.secret, headers: { 'if-match': '*' }, body: { slug: 'after' } };
    await api.call('PATCH', '/v1/petitions/before', changes);
    t.match(await api.call('GET', '/v1/petitions/before/counts/live'), {
      status: 308,
      headers: { location: '/v1/petitions/after/counts/live' },
    });
  });

  await t.test('400, 401, 404', async (t) => {
    t.match(await api.call('GET', '/v1/petitions/meadows/counts/live?x=1'), { status: 400 });
    t.match(await api.call('GET', '/v1/petitions/meadows/counts/live', { key: 'x' }), { status: 401 });
    const { body: draft } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Not yet', statement: 'Nobody knows of it.' },
    });
    for (const petition of ['nope', draft.slug]) {
      t.match(await api.call('GET', `/v1/petitions/${petition}/counts/live`), {
        status: 404,
        body: { code: 'petition_not_found' },
      });
    }
  });

  await t.test('metrics tell how many listen', async (t) => {
    const pages = await Promise.all([listen(t, port), listen(t, port)]);
    t.ok((await gauge(api, 'live_listeners')) >= 2);
    for (const page of pages) page.request.destroy();
  });
});

onEveryEngine('counts for a CDN', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.newKey(lead.key, 'publishable');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const counts = (options = {}) => api.call('GET', '/v1/petitions/meadows/counts', options);

  await t.test('200 and 304 without a key: for everybody to keep', async (t) => {
    const first = await counts({ headers: { 'accept-encoding': 'gzip' } });
    t.match(first, {
      status: 200,
      headers: {
        'cache-control': 'public, max-age=1, stale-while-revalidate=10, stale-if-error=300',
        'cdn-cache-control': 'max-age=2, stale-while-revalidate=30, stale-if-error=300',
        vary: /authorization/,
        'access-control-allow-origin': '*',
      },
      body: COUNTS,
    });
    t.notOk(first.headers['content-encoding'], 'zipped it would be longer');
    const etag = first.headers['etag'] ?? '';
    t.match(await counts({ headers: { 'if-none-match': etag } }), {
      status: 304,
      text: '',
      headers: { etag, 'cache-control': /^public/, 'cdn-cache-control': /max-age/ },
    });
    await signAs(api, 'ada@example.org');
    t.match(await counts({ headers: { 'if-none-match': etag } }), { status: 200, body: { confirmed: 1 } });
  });

  await t.test('200 with a key: for its caller alone', async (t) => {
    for (const key of [lead.secret, partner]) {
      const { status, headers } = await counts({ key });
      t.match({ status, headers }, { status: 200, headers: { 'cache-control': 'private, no-store' } });
      t.notOk(headers['cdn-cache-control']);
    }
    t.match((await counts({ key: lead.secret })).body, { confirmed: 1, pending: 0 });
    t.match((await counts({ key: partner })).body, { confirmed: 1, pending: null });
  });

  await t.test('308, 404, 410: as ever, and kept by nobody else', async (t) => {
    const changes = { key: lead.secret, headers: { 'if-match': '*' }, body: { slug: 'fields' } };
    await api.call('PATCH', '/v1/petitions/meadows', changes);
    t.match(await counts(), { status: 308, headers: { location: '/v1/petitions/fields/counts' } });
    const body = { to: 'taken_down', reason: 'legal' };
    t.match(await api.call('GET', '/v1/petitions/fields/counts'), { status: 200 });
    await api.call('POST', '/v1/petitions/fields/transitions', { key: lead.secret, body });
    const gone = await api.call('GET', '/v1/petitions/fields/counts');
    t.match(gone, { status: 410, headers: { 'cache-control': 'no-store' } });
  });
});

onEveryEngine('the pace of live counts', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const port = await serve(api.app);
  const page = await listen(t, port);
  await page.until(() => page.events.length === 1, 'the first event');
  const begun = performance.now();
  await signAs(api, 'first@example.org');
  const signed = performance.now();
  await page.until(() => lastOf(page) === 1, 'one signature');
  // The first reading rests for a second, too.
  t.ok(performance.now() - signed < 10_000, `after ${Math.round(performance.now() - signed)} ms`);
  // Real time: how many events a second of it brings is what is tried.
  for (let i = 0; i < 50; i += 1) {
    await signAs(api, `many-${i}@example.org`);
    await sleep(20);
  }
  await page.until(() => lastOf(page) === 51, 'the last of many');
  const seconds = (performance.now() - begun) / 1000;
  const events = page.events.length - 1;
  t.ok(
    events <= seconds + 1,
    `51 signatures in ${events} events and ${seconds} s: ${confirmedIn(page).join(', ')}`,
  );
});

/** The sockets of a server by the ports of their clients. */
function socketsOf(app: TestApp['app']): Map<number, Socket> {
  const sockets = new Map<number, Socket>();
  app.server.on('connection', (socket: Socket) => sockets.set(socket.remotePort ?? 0, socket));
  return sockets;
}

onEveryEngine('who reads late is sent the latest', async (t, engine) => {
  // It is sent at the next beat. Two are the patience with it, which a busy machine may need.
  const api = await start(t, engine, { build: { live: { ...FAST, heartbeatMs: 2000 } } });
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const sockets = socketsOf(api.app);
  const port = await serve(api.app);
  const late = createConnection({ port, host: '127.0.0.1' });
  t.teardown(() => late.destroy());
  late.write('GET /v1/petitions/meadows/counts/live HTTP/1.1\r\nhost: x\r\n\r\n');
  await new Promise((resolve) => late.once('readable', resolve));
  const socket = sockets.get(late.localPort ?? 0) as Socket;
  socket.write(Buffer.alloc(8 * 1024 * 1024, ':'));
  await signAs(api, 'late@example.org');
  let text = '';
  late.setEncoding('latin1').on('data', (part: string) => (text = (text + part).slice(-2000)));
  await until(() => text.includes('"confirmed":1'), 'the latest counts');
  t.pass();
});

onEveryEngine('live counts and a busy or silent world', async (t, engine) => {
  const api = await start(t, engine, {
    // Two beats are the patience with who does not read: more than a busy machine takes to read a little.
    build: { live: { restMs: 20, lookMs: 60, heartbeatMs: 250, most: 4, mostOfOne: 3 } },
  });
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const sockets = socketsOf(api.app);
  const port = await serve(api.app);

  await t.test('a silent stream beats', async (t) => {
    const page = await listen(t, port);
    await page.until(() => page.text().split(':\n\n').length > 3, 'heartbeats');
    t.equal(page.events.length, 1, 'which are no events');
    page.request.destroy();
    await eventuallyFree(api);
  });

  await t.test('429 and 503: too many of one network, too many at all', async (t) => {
    const pages = await Promise.all([1, 2, 3].map(() => listen(t, port)));
    t.match(await api.call('GET', '/v1/petitions/meadows/counts/live'), {
      status: 429,
      body: { code: 'rate_limited' },
      headers: { 'retry-after': '30' },
    });
    const other = await otherNetwork(t, port);
    const last = await api.app.inject({
      url: '/v1/petitions/meadows/counts/live',
      remoteAddress: '203.0.113.9',
    });
    t.match(last, { statusCode: 503, headers: { 'retry-after': '30' } });
    t.match(last.json(), { code: 'too_many_listeners' });
    for (const page of pages) page.request.destroy();
    other.destroy();
    await eventuallyFree(api);
    const page = await listen(t, port);
    t.equal(page.status, 200, 'who leaves makes room');
    page.request.destroy();
    await eventuallyFree(api);
  });

  await t.test(
    'a seat for a stream that waits in line for its connection is given back with it',
    async (t) => {
      const greedy = createConnection({ port, host: '127.0.0.1' });
      greedy.on('error', () => undefined);
      greedy.write('GET /v1/petitions/meadows/counts/live HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3));
      await until(async () => (await gauge(api, 'live_listeners')) === 3, 'all seats');
      greedy.destroy();
      await eventuallyFree(api);
      const page = await listen(t, port);
      t.equal(page.status, 200, 'there is room');
      page.request.destroy();
      await eventuallyFree(api);
    },
  );

  await t.test('who does not read is left out, and then cut off', async (t) => {
    const reader = await listen(t, port);
    const idle = createConnection({ port, host: '127.0.0.1' });
    t.teardown(() => idle.destroy());
    idle.on('error', () => undefined);
    idle.write('GET /v1/petitions/meadows/counts/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => idle.once('readable', resolve));
    idle.pause();
    const socket = sockets.get(idle.localPort ?? 0) as Socket;
    // More than the kernel takes: from now on the stream has a backlog.
    socket.write(Buffer.alloc(32 * 1024 * 1024, ':'));
    const backlog = socket.writableLength;
    t.ok(backlog > 0);
    await signAs(api, 'slow@example.org');
    await reader.until(() => lastOf(reader) === 1, 'the others hear it');
    t.ok(socket.writableLength <= backlog, 'nothing is added to what it does not read');
    await until(() => socket.destroyed, 'the end of its patience');
    t.equal(await gauge(api, 'live_dropped_total'), 1);
    t.notOk(reader.isOver(), 'the others stay');
    reader.request.destroy();
    await eventuallyFree(api);
  });

  await t.test('a closing time that comes ends the streams', async (t) => {
    const closesAt = new Date(Date.now() + 3_600_000);
    await publish(api, lead.secret, {
      slug: 'timed',
      confirmation: 'none',
      closes_at: closesAt.toISOString(),
    });
    const page = await listen(t, port, { petition: 'timed' });
    await page.until(() => page.events.length === 1, 'the first event');
    api.setClock(new Date(closesAt.getTime() + 1));
    await page.ended;
    api.setClock(undefined);
    t.match(page.events.at(-1), { event: 'closed', data: { status: 'closed' } });
  });
});

/** Behind no proxy, another loopback address is another client. */
function otherNetwork(t: Test, port: number): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const path = '/v1/petitions/meadows/counts/live';
    const request = get({ port, host: '127.0.0.1', localAddress: '127.0.0.2', path, agent: false });
    request.once('response', (response) => {
      response.resume().on('error', () => undefined);
      resolve(request);
    });
    request.on('error', reject);
    t.teardown(() => request.destroy());
  });
}

async function eventuallyFree(api: TestApp): Promise<void> {
  await until(async () => (await gauge(api, 'live_listeners')) === 0, 'that nobody listens');
}

onEveryEngine('live counts at the end of a process', async (t, engine) => {
  const api = await start(t, engine, { build: { live: FAST } });
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const port = await serve(api.app);
  const pages = await Promise.all(Array.from({ length: 250 }, () => listen(t, port)));
  await Promise.all(pages.map((page) => page.until(() => page.events.length === 1, 'the first event')));
  const begun = performance.now();
  api.app.drain();
  t.match(await api.call('GET', '/v1/petitions/meadows/counts/live'), {
    status: 503,
    body: { code: 'shutting_down' },
  });
  await Promise.all(pages.map(({ ended }) => ended));
  await api.app.close();
  t.ok(performance.now() - begun < 15_000, `after ${Math.round(performance.now() - begun)} ms`);
  const pauses = new Set(pages.map(({ events }) => events.at(-1)?.retry));
  t.ok(pauses.size > 20, 'they are told to come again, not all at one time');
  t.notOk(pages.some(({ events }) => events.at(-1)?.event === 'closed'));
});

onEveryEngine('live counts across processes', async (t, engine) => {
  const api = await start(t, engine, { build: { live: FAST } });
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  await publish(api, lead.secret, { slug: 'other', confirmation: 'none' });
  const here = await listen(t, await serve(api.app));
  const otherPort = await serve(await anotherApp(t, api));
  const there = await listen(t, otherPort);
  await here.until(() => here.events.length === 1 && there.events.length === 1, 'the first events');

  await t.test('one hears what is signed at the other', async (t) => {
    const begun = performance.now();
    await signAs(api, 'here@example.org');
    await there.until(() => lastOf(there) === 1, 'the other process');
    t.ok(performance.now() - begun < 15_000, `after ${Math.round(performance.now() - begun)} ms`);
    t.equal(lastOf(here), 1);
  });

  await t.test('and that it was closed', async (t) => {
    const closing = await listen(t, otherPort, { petition: 'other' });
    t.equal(closing.status, 200);
    const body = { to: 'closed' };
    await api.call('POST', '/v1/petitions/other/transitions', { key: lead.secret, body });
    await closing.ended;
    t.pass();
  });

  if (engine.name !== 'postgres') return;
  await t.test('a connection that is lost is made anew, and what was missed is seen', async (t) => {
    const client = new pg.Client({ connectionString: api.url });
    await client.connect();
    t.teardown(() => client.end());
    const listeners = async () =>
      (
        await client.query<{ pid: number }>(
          `select pid from pg_stat_activity
           where datname = current_database() and application_name = 'undersigned notify'`,
        )
      ).rows.map(({ pid }) => pid);
    const before = await listeners();
    t.equal(before.length, 2, 'one for each process');
    await Promise.all(before.map((pid) => client.query('select pg_terminate_backend($1)', [pid])));
    // Told into the void, or seen at the first look after it.
    await signAs(api, 'meanwhile@example.org');
    await there.until(() => lastOf(there) === 2, 'what came meanwhile');
    await signAs(api, 'afterwards@example.org');
    await there.until(() => lastOf(there) === 3, 'what comes afterwards');
    const after = await listeners();
    t.equal(after.length, 2);
    t.notOk(
      after.some((pid) => before.includes(pid)),
      'new ones',
    );
  });
});
