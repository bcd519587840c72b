import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { inflateSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { isPublicAddress, publicLookup } from '../../../src/public-addresses.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { until } from '../../support/until.js';

type Chunk = { type: string; data: Buffer };

/** The chunks of a PNG. Throws if it is none. */
function chunksOf(png: Buffer): Chunk[] {
  if (png.subarray(0, 8).toString('hex') !== '89504e470d0a1a0a') throw new Error('no PNG');
  const chunks: Chunk[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    chunks.push({
      type: png.toString('latin1', at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
    });
    at += length + 12;
  }
  return chunks;
}

function sizeOf(png: Buffer): { width: number; height: number } {
  const [header] = chunksOf(png);
  if (header?.type !== 'IHDR') throw new Error('no header');
  return { width: header.data.readUInt32BE(0), height: header.data.readUInt32BE(4) };
}

/** How many different bytes the pixels are made of: one colour would have a handful. */
function variety(png: Buffer): number {
  const data = chunksOf(png).filter(({ type }) => type === 'IDAT');
  return new Set(inflateSync(Buffer.concat(data.map((chunk) => chunk.data)))).size;
}

type Shown = { status: number; png: Buffer; headers: Record<string, string | undefined> };

async function show(
  { app }: TestApp,
  ref: string,
  options: { key?: string; method?: string; query?: string; headers?: Record<string, string> } = {},
): Promise<Shown> {
  const { key, method = 'GET', query = '', headers = {} } = options;
  const answer = await app.inject({
    method: method as 'GET',
    url: `/v1/petitions/${ref}/og.png${query}`,
    headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
  });
  return {
    status: answer.statusCode,
    png: answer.rawPayload,
    headers: answer.headers as Record<string, string>,
  };
}

/** The threads that are started from now on. */
function threads(t: Test): Worker[] {
  const started: Worker[] = [];
  const note = (worker: Worker) => void started.push(worker);
  process.on('worker', note);
  t.teardown(() => process.off('worker', note));
  return started;
}

async function drawn({ call }: TestApp): Promise<number> {
  const { text } = await call('GET', '/metrics');
  return Number(/^pictures_total\{outcome="drawn"\} (\d+)$/m.exec(text)?.[1]);
}

onEveryEngine('getPetitionPicture', async (t, engine) => {
  const started = threads(t);
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  const fields = { confirmation: 'none', goals: [10, 100], slug: 'meadow' };
  const petition = await publish(api, lead.secret, fields);
  const path = `/v1/petitions/${petition.id}`;
  const sign = (n: number) =>
    api.call('POST', `${path}/signatures`, {
      key: lead.secret,
      body: { name: 'Ada', email: `a${n}@example.org`, country: 'NL' },
    });
  const noon = new Date('2030-01-01T12:00:00.000Z');
  const after = (seconds: number) => api.setClock(new Date(noon.getTime() + seconds * 1000));
  api.setClock(noon);

  await t.test('200: a PNG of 1200 × 630 with something on it, by slug and by id', async (t) => {
    t.equal(started.length, 0, 'no thread before the first picture');
    const { status, png, headers } = await show(api, 'meadow');
    t.equal(status, 200);
    t.match(headers, {
      'content-type': 'image/png',
      'content-length': String(png.length),
      'cache-control': 'public, max-age=60, stale-while-revalidate=3600',
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
      etag: /^"[\w-]+"$/,
    });
    t.same(sizeOf(png), { width: 1200, height: 630 });
    t.ok(variety(png) > 50);
    const again = await show(api, petition.id, { query: '?v=2&fbclid=x' });
    t.equal(again.headers['etag'], headers['etag']);
    t.ok(again.png.equals(png));
    t.equal(await drawn(api), 1);
    t.equal(started.length, 1);
  });

  await t.test('200 and 304: HEAD, If-None-Match', async (t) => {
    const { headers, png } = await show(api, 'meadow');
    const etag = headers['etag'] ?? '';
    const head = await show(api, 'meadow', { method: 'HEAD' });
    t.match(head, { status: 200, headers: { etag, 'content-length': String(png.length) } });
    t.equal(head.png.length, 0);
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await show(api, 'meadow', { headers: { 'if-none-match': value } });
      t.match(same, { status: 304, headers: { etag } }, value);
      t.equal(same.png.length, 0);
    }
    t.match(await show(api, 'meadow', { headers: { 'if-none-match': '"other"' } }), { status: 200 });
    t.equal(await drawn(api), 1, 'nothing was drawn for it');
  });

  await t.test('200: many at the same time share one drawing', async (t) => {
    const fresh = await publish(api, lead.secret, { title: 'Many look at once' });
    const before = await drawn(api);
    const all = await Promise.all(Array.from({ length: 20 }, () => show(api, fresh.id)));
    t.ok(all.every(({ status }) => status === 200));
    t.equal(new Set(all.map(({ headers }) => headers['etag'])).size, 1);
    t.equal((await drawn(api)) - before, 1);
    t.equal(started.length, 1, 'in the same thread');
  });

  await t.test(
    '200: a changed count shows after a minute, and an unchanged one is not drawn again',
    async (t) => {
      const { headers } = await show(api, 'meadow');
      await sign(1);
      after(59);
      t.equal((await show(api, 'meadow')).headers['etag'], headers['etag'], 'a picture may be a minute old');
      after(60);
      const moved = await show(api, 'meadow');
      t.not(moved.headers['etag'], headers['etag']);
      const before = await drawn(api);
      after(600);
      t.equal((await show(api, 'meadow')).headers['etag'], moved.headers['etag']);
      t.equal(await drawn(api), before);
    },
  );

  await t.test('200: changed words show at once, the name of the organization too', async (t) => {
    const { headers } = await show(api, 'meadow');
    const patched = await api.call('PATCH', path, {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { title: 'Keep the meadow wet' },
    });
    t.equal(patched.status, 200);
    const renamed = await show(api, 'meadow');
    t.not(renamed.headers['etag'], headers['etag']);
    await api.call('PATCH', '/v1/organization', {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { name: 'River Meadows Alliance' },
    });
    t.not((await show(api, 'meadow')).headers['etag'], renamed.headers['etag']);
  });

  await t.test('200: a thread that dies is replaced, under way and idle', async (t) => {
    const before = started.length;
    await started.at(-1)?.terminate();
    const one = await publish(api, lead.secret, { title: 'After the thread has died' });
    t.equal((await show(api, one.id)).status, 200);
    t.equal(started.length, before + 1);

    const two = await publish(api, lead.secret, { title: 'While the thread dies' });
    const underway = show(api, two.id);
    while (Number(await waitingIn(api)) === 0) await new Promise((resolve) => setImmediate(resolve));
    await started.at(-1)?.terminate();
    const { status, headers } = await underway;
    t.equal(status, 503);
    t.equal(headers['retry-after'], '1');
    t.equal((await show(api, two.id)).status, 200, 'the next one is drawn');
  });

  await t.test('200: titles of all kinds', async (t) => {
    const titled = async (title: string) => {
      const { id } = await publish(api, lead.secret, { title });
      const { status, png } = await show(api, id);
      t.equal(status, 200, title);
      t.same(sizeOf(png), { width: 1200, height: 630 });
      return png;
    };
    const titles = [
      '<script>alert(1)</script> & "quotes"',
      'Σώστε τα λιβάδια',
      'Сохраним луга',
      'Giữ lại đồng cỏ',
      'احموا المروج 2026',
      'שמרו על כרי הדשא',
      'नदी को बचाओ',
      'word '.repeat(40).trim(),
      'W'.repeat(200),
      'e\u0301\u0301\u0301\u200d\u00ad'.repeat(33),
    ];
    const pictures = [];
    for (const title of titles) pictures.push(await titled(title));
    const different = new Set(pictures.map((png) => png.toString('latin1')));
    t.equal(different.size, titles.length, 'each shows its title');

    const chinese = await titled('保护老磨坊草地');
    t.ok(chinese.equals(await titled('กอบกู้ทุ่งหญ้า')), 'letters that no font has leave the title out: no boxes');
    t.ok(
      (await titled('Save the 🐝 bees ❤️ 👩‍👩‍👧 🇳🇱')).equals(await titled('Save the bees')),
      'emoji are left out',
    );
    t.ok(chinese.equals(await titled('🐝🐝🐝')), 'a title of nothing else too');
  });

  await t.test('200: nothing of this machine is fetched, whatever the petition names', async (t) => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.png`;
    const { id } = await publish(api, lead.secret, {
      title: `<img src="${url}"> <style>@import url(${url})</style> url(${url})`,
      image: { url, alt: 'X' },
      page_url: url,
    });
    t.equal((await show(api, id)).status, 200);
    t.equal(requests, 0);
  });

  await t.test('200: in the language of the petition', async (t) => {
    const words = { title: 'Wiese', confirmation: 'none' };
    const german = await show(api, (await publish(api, lead.secret, { ...words, locale: 'de' })).id);
    const english = await show(api, (await publish(api, lead.secret, { ...words, locale: 'en' })).id);
    t.not(german.headers['etag'], english.headers['etag']);
  });

  await t.test('200 and 404: drafts are there for their own key', async (t) => {
    const { body: draft } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'A draft', statement: 'Not yet.' },
    });
    const own = await show(api, draft.id, { key: lead.secret });
    t.match(own, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    for (const key of [undefined, other.secret, await api.newKey(lead.key, 'publishable')]) {
      const answer = await api.call('GET', `/v1/petitions/${draft.id}/og.png`, { key });
      t.match(answer, { status: 404, body: { code: 'petition_not_found' } });
    }
    t.match(await api.call('GET', '/v1/petitions/unknown/og.png'), { status: 404 });
  });

  await t.test('308: an old slug', async (t) => {
    await api.call('PATCH', path, {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { slug: 'wet-meadow' },
    });
    const answer = await show(api, 'meadow', { query: '?v=1' });
    t.match(answer, { status: 308, headers: { location: '/v1/petitions/wet-meadow/og.png?v=1' } });
    t.equal((await show(api, 'wet-meadow')).status, 200);
  });

  await t.test('400, 401 and 405: a path that is none, a bad key, another method', async (t) => {
    t.match(await api.call('GET', '/v1/petitions/NO!/og.png'), {
      status: 400,
      body: { code: 'invalid_query' },
    });
    t.match(await show(api, 'wet-meadow', { key: 'sk_x' }), { status: 401 });
    t.match(await show(api, 'wet-meadow', { method: 'POST' }), { status: 405 });
  });

  await t.test('410: what was taken down has no picture any more', async (t) => {
    await api.call('POST', `${path}/transitions`, {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'legal' },
    });
    const answer = await api.call('GET', '/v1/petitions/wet-meadow/og.png');
    t.match(answer, { status: 410, body: { code: 'petition_taken_down' } });
  });

  await t.test('the thread ends with the app', async (t) => {
    const last = started.at(-1);
    t.ok((last?.threadId ?? -1) > 0);
    await api.app.close();
    t.equal(last?.threadId, -1);
  });
});

const waitingIn = async ({ call }: TestApp): Promise<string | undefined> => {
  const { text } = await call('GET', '/metrics');
  return /^pictures_waiting (\d+)$/m.exec(text)?.[1];
};

onEveryEngine('the campaign’s picture in the picture', async (t, engine) => {
  const api = await start(t, engine, { build: { pictures: { loopback: true } } });
  const lead = await api.organization('River Meadows');
  const { png: photo } = await show(api, (await publish(api, lead.secret, { title: 'A photo' })).id);
  const big = Buffer.from(photo);
  big.writeUInt32BE(50_000, 16);
  const asked: string[] = [];
  let isUp = true;
  const answers: Record<string, () => { status?: number; body?: Buffer; location?: string }> = {
    '/photo.png': () => (isUp ? { body: photo } : { status: 500 }),
    '/moved': () => ({ status: 302, location: '/photo.png' }),
    '/inside': () => ({ status: 302, location: 'https://169.254.169.254/latest/meta-data' }),
    '/file': () => ({ status: 302, location: 'file:///etc/passwd' }),
    '/round': () => ({ status: 302, location: '/round' }),
    '/heavy': () => ({ body: Buffer.concat([photo, Buffer.alloc(6_000_000)]) }),
    '/huge': () => ({ body: big }),
    '/broken': () => ({ body: photo.subarray(0, 200) }),
    '/page': () => ({ body: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'.padEnd(100)) }),
    '/gone': () => ({ status: 404 }),
  };
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    t.notOk(request.headers.cookie ?? request.headers.referer);
    const { status = 200, body, location } = answers[request.url ?? '']?.() ?? { status: 404 };
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const pictured = async (url: string | null) => {
    const { id } = await publish(api, lead.secret, {
      title: 'Keep the meadow',
      confirmation: 'none',
      image: url && { url, alt: 'The mill' },
    });
    const shown = await show(api, id);
    t.equal(shown.status, 200, url ?? 'none');
    return { id, ...shown };
  };
  const without = (await pictured(null)).png;

  await t.test('200: with it, fetched once for all', async (t) => {
    const { png } = await pictured(at('/photo.png'));
    t.same(sizeOf(png), { width: 1200, height: 630 });
    t.notOk(png.equals(without));
    const moved = await pictured(at('/moved'));
    t.ok(moved.png.equals(png), 'behind a redirection too');
    asked.length = 0;
    t.ok((await pictured(at('/photo.png'))).png.equals(png));
    t.same(asked, []);
  });

  await t.test('200: without it where it cannot be had, whatever the reason', async (t) => {
    for (const path of ['/inside', '/file', '/round', '/heavy', '/huge', '/broken', '/page', '/gone']) {
      t.ok((await pictured(at(path))).png.equals(without), path);
    }
    t.equal(asked.filter((one) => one === '/round').length, 4, 'three redirections');
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    for (const url of [
      `http://127.0.0.1:${port}/x.png`,
      'http://localhost/x.png',
      `https://localhost:${port}/x.png`,
      'https://[::1]/x.png',
      'https://10.0.0.1/x.png',
      'https://0x7f.1/x.png',
      'https://no-such-host.invalid/x.png',
    ]) {
      t.ok((await pictured(url)).png.equals(without), url);
    }
  });

  await t.test('200: tried again later, while the picture without it is shown', async (t) => {
    isUp = false;
    const begin = Date.now();
    const after = (minutes: number) => api.setClock(new Date(begin + minutes * 60_000));
    after(25 * 60);
    const { id, png } = await pictured(at('/photo.png?late'));
    t.ok(png.equals(without));
    isUp = true;
    answers['/photo.png?late'] = () => ({ body: photo });
    after(25 * 60 + 9);
    t.ok((await show(api, id)).png.equals(without), 'not yet');
    after(25 * 60 + 11);
    t.ok((await show(api, id)).png.equals(without), 'nobody waits for it');
    await until(async () => !(await show(api, id)).png.equals(without), 'the picture with it');
    api.setClock(undefined);
  });

  await t.test('200: a new count waits neither for the next try nor for its answer', async (t) => {
    const begin = Date.now();
    const after = (minutes: number) => api.setClock(new Date(begin + minutes * 60_000));
    after(50 * 60);
    const pair = [await pictured(at('/photo.png?later')), await pictured(null)] as const;
    after(50 * 60 + 11);
    answers['/photo.png?later'] = () => ({ body: photo });
    for (const { id, png } of pair) {
      t.ok(png.equals(without));
      const body = { name: 'Ada', email: 'ada@example.org', country: 'NL' };
      const { status } = await api.call('POST', `/v1/petitions/${id}/signatures`, { key: lead.secret, body });
      t.equal(status, 201);
    }
    const counted = (await show(api, pair[1].id)).png;
    t.notOk(counted.equals(without));
    t.ok((await show(api, pair[0].id)).png.equals(counted), 'the new count, without the picture');
    await until(async () => !(await show(api, pair[0].id)).png.equals(counted), 'the picture with it');
    api.setClock(undefined);
  });
});

t.test('only public addresses are connected to', async (t) => {
  for (const address of ['93.184.215.14', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '2a00:1450::5']) {
    t.ok(isPublicAddress(address), address);
  }
  for (const address of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    '2001:db8::1',
    '2002:a00:1::1',
    'localhost',
    '',
  ]) {
    t.notOk(isPublicAddress(address), address);
  }
  const found = await new Promise((resolve) =>
    publicLookup('localhost', { all: true }, (error, address) => resolve(error?.message ?? address)),
  );
  t.equal(found, 'the address is not public', 'a name is judged by its addresses');
});
