import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { LoadMeter } from '../src/http/limits/admission.js';
import { engines, onEveryEngine, publish, start, type TestApp } from './support/helper.js';
import { limits } from './support/high-limits.js';
import { inTime, until } from './support/until.js';

const MAX_WAITING = 20;

onEveryEngine('a full queue: early 503 for what can be put off, and room for the rest', async (t, engine) => {
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits, MAX_WAITING };
  const api = await start(t, engine, { store: { maxWaiting: MAX_WAITING }, build: { config } });
  const { secret } = await api.organization('Meadows');
  const petition = await publish(api, secret, { confirmation: 'none' });
  const path = `/v1/petitions/${petition.id}/signatures`;
  const sign = (email: string) => api.call('POST', path, { body: { name: 'Ada Okonkwo', email } });
  const text = await api.call('POST', '/v1/consent-texts', {
    key: secret,
    body: { locale: 'en', text: 'Yes.' },
  });
  await api.call('POST', '/v1/subscriptions/import', {
    key: secret,
    body: {
      consent_text_id: text.body.id,
      evidence: { source: 'stall' },
      rows: [{ email: 'grace@example.org' }],
    },
  });
  const mailing = await api.call('POST', '/v1/mailings', { key: secret, body: { name: 'News' } });
  const links = await api.call('GET', `/v1/mailings/${mailing.body.id}/links`, { key: secret });
  const leave = /(\/v1\/unsubscribe\/.*)>/.exec(links.body.data[0].list_unsubscribe as string)?.[1] ?? '';
  t.equal((await sign('first@example.org')).status, 202);

  // A disk that takes its time: nothing ends before the gate is opened.
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const held: Promise<unknown>[] = [];
  while (api.store.stats().waiting < 0.9 * MAX_WAITING) {
    held.push(api.store.transact(() => gate));
    await turn();
    await turn();
  }

  const refused = await sign('second@example.org');
  t.match(refused, {
    status: 503,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': /^[1-5]$/,
      'access-control-allow-origin': '*',
      'x-request-id': refused.body.request_id,
    },
    body: { status: 503, code: 'overloaded', type: 'http://undersigned.test/problems#overloaded' },
  });
  t.notMatch(refused.text, 'second@example.org');
  const broken = await api.call('POST', path, { body: '{"email":' });
  t.equal(broken.status, 503, 'before the body is looked at');
  const unknown = await api.call('POST', '/v1/petitions', { key: 'sk_unknown', body: {} });
  t.equal(unknown.status, 503, 'and before the key');
  t.equal((await api.call('GET', '/livez')).status, 200);
  if (engine.name === 'sqlite') {
    t.equal((await api.call('GET', `/v1/petitions/${petition.id}`)).status, 200, 'reading goes on');
  }
  const leaving = api.call('POST', leave);
  await turn();

  while (api.store.stats().waiting < MAX_WAITING) {
    held.push(api.store.transact(() => gate));
    await turn();
    await turn();
  }
  const resent = { body: { petition_id: petition.id, email: 'first@example.org' } };
  t.match(await api.call('POST', '/v1/confirmations/resend', resent), {
    status: 503,
    headers: { ratelimit: /^"client";r=/ },
    body: { code: 'overloaded' },
  });

  open();
  await Promise.all(held);
  t.equal((await leaving).status, 200, 'leaving a list waits, and is not refused');
  t.equal((await sign('second@example.org')).status, 202, 'it recovers by itself');
  const counts = await api.call('GET', `/v1/petitions/${petition.id}/counts`);
  t.equal(counts.body.confirmed, 2, 'who was refused had not signed');
});

t.test('the load tells how long the next request would wait', (t) => {
  const load = new LoadMeter();
  t.equal(load.waitBehind(5000, 0), 0, 'nothing is known yet');
  let now = 1000;
  for (let i = 0; i < 400; i += 1) load.enter(now);
  // One leaves each millisecond, and another comes.
  const pass = (milliseconds: number, served: boolean) => {
    for (const end = now + milliseconds; now < end;) {
      now += 1;
      load.leave(now, served);
      load.enter(now);
    }
  };
  pass(2000, true);
  t.ok(Math.abs(load.waitBehind(400, now) - 400) < 10, `${load.waitBehind(400, now)} ms behind 400`);
  t.ok(Math.abs(load.waitBehind(2000, now) - 2000) < 50);
  t.equal(load.waitBehind(99, now), 0, 'a few are let in, whatever is known');
  pass(3000, false);
  t.ok(load.waitBehind(400, now) > 5000, 'when nobody is served any more');
  const afterwards = Object.assign(new LoadMeter(), { capacity: load.capacity });
  for (let i = 0; i < 20; i += 1) {
    for (let n = 0; n < 90; n += 1) afterwards.enter(now);
    now += 50;
    for (let n = 0; n < 90; n += 1) afterwards.leave(now, true);
  }
  t.ok(
    afterwards.waitBehind(400, now) < 300,
    'the few who are let in after a standstill show that it goes on',
  );
  pass(4000, true);
  t.ok(load.waitBehind(400, now) < 450, 'and again when it goes on');
  for (let i = 0; i < 400; i += 1) load.leave(now, true);
  t.ok(load.waitBehind(400, (now += 60_000)) < 900, 'a lull says nothing of what can be done');
  t.end();
});

t.test('a process that has just started is not taken for a slow one', (t) => {
  const load = new LoadMeter();
  let now = 1000;
  for (let i = 0; i < 500; i += 1) load.enter(now);
  // One leaves each ten milliseconds, and another comes.
  const pass = (milliseconds: number) => {
    for (const end = now + milliseconds; now < end;) {
      now += 10;
      load.leave(now, true);
      load.enter(now);
    }
  };
  pass(1500);
  t.ok(load.waitBehind(500, now) <= 500, `${load.waitBehind(500, now)} ms behind 500`);
  t.ok(load.waitBehind(5000, now) > 1000, 'but not for one that can do everything');
  pass(4000);
  t.ok(load.waitBehind(500, now) > 3000, 'if it stays slow, it is');
  t.end();
});

/** A server on which nobody is to wait longer than 50 ms, with a petition to sign at `path`. */
async function impatient(t: Test) {
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null, MAX_WAIT_MS: 50 };
  const api = await start(t, engines[0]!, { build: { config } });
  const { secret } = await api.organization('Meadows');
  const { id } = await publish(api, secret, { confirmation: 'none' });
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  return { api, path: `/v1/petitions/${id}/signatures`, port };
}

t.test('whoever is slow to send takes nobody’s place', async (t) => {
  const { api, path, port } = await impatient(t);
  const begin = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`;
  let arrived = 0;
  api.app.server.on('request', () => (arrived += 1));
  const sockets = Array.from({ length: 300 }, () => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.on('error', () => undefined).write(begin);
  await until(() => arrived === sockets.length, 'all of them');
  // Longer than the window in which high load would be noticed.
  const now = performance.now.bind(performance);
  t.intercept(performance, 'now', { value: () => now() + 700 });
  const { status } = await api.call('POST', path, {
    body: { name: 'Ada Okonkwo', email: 'ada@example.org' },
  });
  t.equal(status, 202);
  for (const socket of sockets) socket.destroy();
});

t.test('who hangs up, even with requests that are still in line, takes nobody’s place', async (t) => {
  const { api, path, port } = await impatient(t);
  const HEADS = { 'in front': '', 'through the framework': 'connection: keep-alive, x\r\n' };
  const IN_LINE = [1, 3];
  let now = performance.now();
  t.intercept(performance, 'now', { value: () => now });
  for (const [how, head] of Object.entries(HEADS)) {
    for (const inLine of IN_LINE) {
      let arrived = 0;
      const count = () => (arrived += 1);
      api.app.server.on('request', count);
      const sockets = Array.from({ length: 150 }, () => connect(port, '127.0.0.1'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      for (const [i, socket] of sockets.entries()) {
        const all = Array.from({ length: inLine }, (_, n) => {
          const body = JSON.stringify({ name: 'Ada', email: `p${i}.${n}.${inLine}@example.org` });
          return `POST ${path} HTTP/1.1\r\nhost: x\r\n${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
        });
        socket.on('error', () => undefined).write(all.join(''));
      }
      await until(() => arrived === sockets.length * inLine, 'all of them');
      api.app.server.off('request', count);
      for (const socket of sockets) socket.destroy();
      await until(async () => api.store.stats().waiting === 0 && (await connections(api)) === 0, 'the end');
      for (let i = 0; i < 10; i += 1) {
        now += 700;
        const body = { name: 'Ada Okonkwo', email: `later${i}@example.org` };
        const { status } = await api.call('POST', path, { body });
        if (status !== 202) t.fail(`${how}, ${inLine} in line: ${status} in window ${i}`);
      }
      t.pass(`${how}, ${inLine} in line`);
    }
  }
});

const connections = ({ app }: TestApp): Promise<number> =>
  new Promise((resolve, reject) =>
    app.server.getConnections((error, open) => (error ? reject(error) : resolve(open))),
  );

t.test('slow clients are ended', async (t) => {
  const delivered = await start(t, engines[0]!);
  const limits = { requestTimeout: 15_000, headersTimeout: 15_000, connectionsCheckingInterval: 1000 };
  t.match(delivered.app.server, limits, 'as it is delivered');
  const api = await start(t, engines[0]!, { build: { arrival: { mostMs: 300, lookMs: 50 } } });
  const { server } = api.app;
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.address() as AddressInfo;
  const post = 'POST /v1/unsubscribe HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  const slow = {
    'half of the headers': post,
    'a body that does not come': `${post}content-length: 40\r\n\r\n{"email":"`,
  };
  for (const [what, sent] of Object.entries(slow)) {
    const socket = connect(port, '127.0.0.1', () => socket.write(sent));
    // Only after the first bytes, which wait for the connection.
    const drip = setInterval(() => !socket.connecting && socket.writable && socket.write('x'), 40);
    let answer = '';
    socket.on('error', () => undefined).on('data', (data) => (answer += String(data)));
    await inTime(once(socket, 'close'), `${what}: ended`, 5000);
    clearInterval(drip);
    socket.destroy();
    t.match(answer, /^HTTP\/1\.1 408 [^]*"code":"request_timeout"/, what);
    t.match(answer, /\r\nconnection: close\r\n/);
  }
});
