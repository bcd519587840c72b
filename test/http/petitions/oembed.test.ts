import t, { type Test } from 'tap';
import { findByUrl } from '../../../src/core/petitions/oembed.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import { drizzleOn } from '../../../src/store/sqlite-drizzle.js';
import { engines, onEveryEngine, publish, start, type Engine } from '../../support/helper.js';

const OURS = 'http://undersigned.test';

onEveryEngine('getOembed', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River & Meadows');
  const ask = (url: string, query = '', headers = {}) =>
    api.call('GET', `/v1/oembed?url=${encodeURIComponent(url)}${query}`, { headers });
  const page = 'https://rivermeadows.example/meadows';
  const petition = await publish(api, lead.secret, {
    title: 'Keep the "Old Mill" <script>alert(1)</script> & meadows',
    slug: 'meadows',
    page_url: page,
  });
  const transition = (id: string, body: object) =>
    api.call('POST', `/v1/petitions/${id}/transitions`, { key: lead.secret, body });

  await t.test('200: everything that a consumer needs, escaped', async (t) => {
    const { status, body, headers } = await ask(page, '&format=json');
    t.equal(status, 200);
    t.match(headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=1, stale-while-revalidate=10',
      'access-control-allow-origin': '*',
      etag: /^"/,
    });
    t.same(body, {
      version: '1.0',
      type: 'rich',
      title: petition.title,
      author_name: 'River & Meadows',
      provider_name: 'Undersigned',
      provider_url: OURS,
      cache_age: 3600,
      html:
        `<script src="${OURS}/embed/v1.js" defer></script><undersigned-petition slug="meadows">` +
        `<a href="${page}">Keep the &quot;Old Mill&quot; &lt;script&gt;alert(1)&lt;/script&gt; &amp; meadows</a>` +
        '</undersigned-petition>',
      width: 600,
      height: 800,
      thumbnail_url: `${OURS}/v1/petitions/${petition.id}/og.png`,
      thumbnail_width: 1200,
      thumbnail_height: 630,
    });
    await api.call('PATCH', '/v1/organization', {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { url: 'https://rivermeadows.example' },
    });
    t.equal((await ask(page)).body.author_url, 'https://rivermeadows.example');
    const picture = await api.app.inject({ method: 'GET', url: new URL(body.thumbnail_url).pathname });
    t.equal(picture.statusCode, 200, 'the picture is there');
  });

  const isIt = async (t: Test, url: string, id: string = petition.id) => {
    const { status, body } = await ask(url);
    t.equal(status, 200, url);
    t.match(body?.thumbnail_url, id, url);
  };

  await t.test('200: the page however it is linked, our own addresses, share links', async (t) => {
    for (const url of [
      `${page}/`,
      `${page}?source=newsletter&code=h7Kq2mWz9T`,
      `${page}#sign`,
      `${page}?a=b#c`,
      'https://RIVERMEADOWS.example/meadows',
      `${OURS}/v1/petitions/meadows`,
      `${OURS}/v1/petitions/${petition.id}`,
      `${OURS}/v1/petitions/meadows/?x=1`,
    ]) {
      await isIt(t, url);
    }
    const { body: link } = await api.call('POST', '/v1/petitions/meadows/share-links', {
      body: { network: 'copy' },
    });
    await isIt(t, link.url);
    await isIt(t, `${link.url}?fbclid=x`);
  });

  await t.test('200: sites that tell their pages by the query', async (t) => {
    const one = await publish(api, lead.secret, { page_url: 'https://site.example/?page=1' });
    const two = await publish(api, lead.secret, { page_url: 'https://site.example/?page=2' });
    await isIt(t, 'https://site.example/?page=1', one.id);
    await isIt(t, 'https://site.example/?page=2&code=abc&utm_source=x#y', two.id);
    t.equal((await ask('https://site.example/?page=3')).status, 404);
  });

  await t.test('200: of two petitions on one page, the one published last', async (t) => {
    const shared = 'https://both.example/';
    api.setClock(new Date('2030-01-02T00:00:00Z'));
    const late = await publish(api, lead.secret, { page_url: shared });
    api.setClock(new Date('2030-01-01T00:00:00Z'));
    const early = await publish(api, lead.secret, { page_url: 'https://both.example' });
    await api.call('PATCH', `/v1/petitions/${early.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { page_url: shared },
    });
    api.setClock(undefined);
    await isIt(t, 'https://both.example?source=x', late.id);
    await transition(late.id, { to: 'taken_down', reason: 'other' });
    await isIt(t, shared, early.id);
  });

  await t.test('200: within maxwidth and maxheight, the picture in proportion', async (t) => {
    t.match((await ask(page, '&maxwidth=400&maxheight=300')).body, {
      width: 400,
      height: 300,
      thumbnail_width: 400,
      thumbnail_height: 210,
    });
    t.match((await ask(page, '&maxwidth=5000&maxheight=63')).body, {
      width: 600,
      height: 63,
      thumbnail_width: 120,
      thumbnail_height: 63,
    });
    t.match((await ask(page, '&maxwidth=1&maxheight=1')).body, { thumbnail_width: 1, thumbnail_height: 1 });
    t.equal((await ask(page, '&dnt=1&origin=x')).status, 200, 'consumers send more');
  });

  await t.test('200 and 304: old slugs, closed petitions, If-None-Match', async (t) => {
    const moved = await publish(api, lead.secret, { slug: 'first-name' });
    await api.call('PATCH', `/v1/petitions/${moved.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { slug: 'second-name' },
    });
    await transition(moved.id, { to: 'closed' });
    const { body, headers } = await ask(`${OURS}/v1/petitions/first-name`);
    t.match(body.html, 'slug="second-name"');
    t.match(body.html, `href="${OURS}/p/second-name"`, 'without a page it links here');
    const again = await ask(`${OURS}/v1/petitions/first-name`, '', {
      'if-none-match': headers['etag'] ?? '',
    });
    t.match({ status: again.status, text: again.text }, { status: 304, text: '' });
  });

  await t.test('400: a url that is missing or none, sizes that are none', async (t) => {
    for (const query of [
      '',
      '?url=',
      '?url=meadows',
      '?url=javascript:alert(1)',
      '?url=ftp%3A%2F%2Fx.example',
      `?url=${encodeURIComponent(page)}&maxwidth=0`,
      `?url=${encodeURIComponent(page)}&maxheight=wide`,
      `?url=https%3A%2F%2Fx.example%2F${'x'.repeat(2100)}`,
      `?url=${encodeURIComponent(page)}&url=${encodeURIComponent(page)}`,
    ]) {
      const answer = await api.call('GET', `/v1/oembed${query}`);
      t.match(answer, { status: 400, body: { code: 'invalid_query' } }, query.slice(0, 60));
    }
  });

  await t.test('404: others, drafts and what was taken down, the same for their own key', async (t) => {
    const { body: draft } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Draft', statement: 'Not yet.', page_url: 'https://draft.example/' },
    });
    const gone = await publish(api, lead.secret, { page_url: 'https://gone.example/' });
    await transition(gone.id, { to: 'taken_down', reason: 'legal' });
    for (const url of [
      'https://elsewhere.example/meadows',
      'https://draft.example/',
      `${OURS}/v1/petitions/${draft.id}`,
      'https://gone.example/',
      `${OURS}/v1/petitions/${gone.id}`,
      `${OURS}/v1/petitions/unknown`,
      `${OURS}/v1/petitions/meadows/og.png`,
      `${OURS}/s/zzzzzzzzzz`,
      `${OURS}/s/%00`,
      'https://undersigned.test/v1/petitions/meadows',
      `https://evil.example/?${OURS}/v1/petitions/meadows`,
      'http://undersigned.test.evil.example/v1/petitions/meadows',
    ]) {
      for (const key of [undefined, lead.secret]) {
        const answer = await api.call('GET', `/v1/oembed?url=${encodeURIComponent(url)}`, { key });
        t.match(answer, { status: 404, body: { code: 'not_found' } }, url);
      }
    }
  });

  await t.test('501: another format', async (t) => {
    for (const format of ['xml', 'yaml']) {
      t.match(await ask(page, `&format=${format}`), { status: 501, body: { code: 'unsupported_format' } });
    }
  });

  await t.test('getPetition says where it is: keyless, with a key, with any title', async (t) => {
    const discovered = async (ref: string, key?: string) => {
      const { status, headers } = await api.call('GET', `/v1/petitions/${ref}`, { key });
      t.equal(status, 200);
      return headers['link'];
    };
    for (const key of [undefined, await api.newKey(lead.key, 'publishable'), lead.secret]) {
      const link = (await discovered('meadows', key)) ?? '';
      const [, url = '', rest] = /^<([^>]+)>; (.*)$/.exec(link) ?? [];
      t.match(rest, /^rel="alternate"; type="application\/json\+oembed"; title\*=UTF-8''Keep%20the%20%22Old/);
      const { pathname, search, origin } = new URL(url);
      t.equal(origin, OURS);
      const answer = await api.call('GET', pathname + search);
      t.match(answer, { status: 200, body: { title: petition.title } });
    }
    await publish(api, lead.secret, { slug: 'plain', title: 'Plain words' });
    t.match(await discovered('plain'), /; title="Plain words"$/);
    await publish(api, lead.secret, { slug: 'greek', title: "Λιβάδια (it's 🐝)" });
    t.match(await discovered('greek'), /; title\*=UTF-8''%CE%9B[%A-F0-9a-z]+%28it%27s%20%F0%9F%90%9D%29$/);

    const { body: draft } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Draft', statement: 'Not yet.' },
    });
    t.equal(await discovered(draft.id, lead.secret), undefined, 'a draft cannot be embedded');
    t.equal(draft.link, undefined);
  });
});

if (engines.some(({ name }) => name === 'sqlite')) {
  t.test('the page of a petition is looked up in an index [sqlite]', async (t) => {
    const engine = engines.find(({ name }) => name === 'sqlite') as Engine;
    const api = await start(t, engine);
    const lead = await api.organization('River Meadows');
    const { id } = await publish(api, lead.secret, { page_url: 'https://rivermeadows.example/' });
    const seen: string[] = [];
    const file = api.url.slice('file:'.length);
    const database = openFile(file, { readonly: true, verbose: (sql) => void seen.push(String(sql)) });
    const explainer = openFile(file, { readonly: true });
    t.teardown(() => void [database, explainer].forEach((connection) => connection.close()));
    const on = {
      db: drizzleOn(database),
      tables: api.store.tables,
    };
    const found = await findByUrl(on, OURS, 'https://rivermeadows.example?x=1');
    t.equal(found.petition.publicId, id);
    t.equal(seen.length, 4, 'the page, that of a translation, the petition, its organization');
    for (const sql of seen) {
      const plan = explainer.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
      const text = plan.map(({ detail }) => detail).join('; ');
      t.notMatch(text, /SCAN/, `${sql}\n${text}`);
      if (sql === seen[0]) t.match(text, /INDEX petitions_page_url/);
    }
  });
}
