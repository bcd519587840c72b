import { eq } from 'drizzle-orm';
import { onEveryEngine, publish } from '../../support/helper.js';
import { CHROME } from '../../support/share-requests.js';
import { insertLink, PAGE, setUpSharing } from '../../support/share-rows.js';

onEveryEngine('following a share link', async (t, engine) => {
  const { api, lead, petition } = await setUpSharing(t, engine);
  const link = await insertLink(api, petition.id, { code: 'h7Kq2mWz9T' });
  const withSource = await insertLink(api, petition.id, {
    code: 'bcd2345678',
    source: 'news & more',
    network: 'x',
  });
  const follow = (path: string, headers: Record<string, string> = { 'user-agent': CHROME }, method = 'GET') =>
    api.call(method, path, { headers });

  await t.test('302: to the page, with source and code', async (t) => {
    const { status, headers, text } = await follow(`/s/${link.code}`);
    t.equal(status, 302);
    t.equal(
      headers['location'],
      'https://meadows.example/sign?lang=en&source=share-whatsapp&share=h7Kq2mWz9T#form',
    );
    t.equal(text, '');
    t.equal(headers['cache-control'], 'private, no-store');
    t.equal(headers['referrer-policy'], 'no-referrer');
    t.equal(headers['x-robots-tag'], 'noindex');
    const other = await follow(`/s/${withSource.code}`);
    t.match(other.headers['location'], /&source=news%20%26%20more&share=bcd2345678#form$/);
    const head = await follow(`/s/${link.code}`, { 'user-agent': CHROME }, 'HEAD');
    t.same([head.status, head.headers['location'], head.text], [302, headers['location'], '']);
    for (const agent of ['curl/8.5.0', '', 'python-requests/2.32.3']) {
      t.equal((await follow(`/s/${link.code}`, { 'user-agent': agent })).status, 302, agent);
    }
  });

  await t.test('302: whatever the query says', async (t) => {
    const { headers } = await follow(`/s/${link.code}`);
    const queries = [
      'fbclid=IwAR0x&utm_source=x&utm_medium=y',
      'url=https://evil.example/',
      'url=//evil.example&to=//evil.example&next=%2F%2Fevil.example',
      'source=evil&share=evil&page_url=https%3A%2F%2Fevil.example',
      'a=1&a=2&%5B%5D=%00&=&&%E0%A4%A',
      '__proto__[x]=1&constructor=2',
      '%0d%0aLocation:%20https://evil.example',
    ];
    for (const query of queries) {
      const answer = await follow(`/s/${link.code}?${query}`);
      t.same([answer.status, answer.headers['location']], [302, headers['location']], query);
    }
    const strange = { 'user-agent': CHROME, host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    t.equal((await follow(`/s/${link.code}`, strange)).headers['location'], headers['location']);
  });

  await t.test('404: what is no link leads nowhere', async (t) => {
    const wrong = [
      'h7Kq2mWz9t',
      'h7Kq2mWz9',
      'h7Kq2mWz9TT',
      '...',
      '%2e%2e%2fadmin',
      'h7Kq2mWz9T%2F..%2F..',
      '%2F%2Fevil.example',
      'https:%2F%2Fevil.example',
      '%5C%5Cevil.example',
      '%00',
      '%0d%0aLocation:%20https:%2F%2Fevil.example',
      'ℌ7Kq2mWz9T',
      encodeURIComponent('ℌ7Kq2mWz9T'),
      encodeURIComponent('🎉'.repeat(40)),
      'h7Kq2mWz9T;x',
      'x'.repeat(500),
    ];
    for (const code of wrong) {
      const { status, body, headers, text } = await follow(`/s/${code}`);
      t.same([status, headers['location']], [404, undefined], code);
      t.equal(body.code, 'share_link_not_found', code);
      t.notMatch(text, /evil|h7Kq2mWz9/);
    }
    const odd = [
      '/s/',
      '/s',
      `/s/${link.code}/`,
      '/s//evil.example',
      `/s/${link.code}//evil.example`,
      '/s/%E0%A4%A',
    ];
    for (const path of [...odd, `/s/${'x'.repeat(501)}`, `//evil.example/s/${link.code}`]) {
      const { status, headers } = await follow(path);
      t.ok([400, 404, 414].includes(status), `${path} ${status}`);
      t.equal(headers['location'], undefined, path);
    }
    t.equal((await follow('/s/h7Kq2mWz9t', {}, 'HEAD')).status, 404);
  });

  await t.test('404: petitions in draft', async (t) => {
    const key = lead.secret;
    const fields = { title: 'A draft', statement: 'Not yet.', page_url: PAGE };
    const draft = await api.call('POST', '/v1/petitions', { key, body: fields });
    for (const [id, code] of [[draft.body.id, 'ccc2345678']]) {
      await insertLink(api, id, { code });
      for (const agent of [CHROME, 'Twitterbot/1.0']) {
        const { status, body, text } = await follow(`/s/${code}`, { 'user-agent': agent });
        t.same([status, body.code], [404, 'share_link_not_found']);
        t.notMatch(text, /draft/i);
      }
    }
  });

  await t.test('302: the page’s own URL stays as it is', async (t) => {
    const pages: [string, string][] = [
      ['https://a.example', 'https://a.example/?source=share-sms&share=CODE'],
      ['https://a.example/p?', 'https://a.example/p?source=share-sms&share=CODE'],
      [
        'https://a.example/?flag&q=a%20b+c&q=2',
        'https://a.example/?flag&q=a%20b+c&q=2&source=share-sms&share=CODE',
      ],
      [
        'https://a.example/?share=x&s%6Furce=y&shared=1',
        'https://a.example/?shared=1&source=share-sms&share=CODE',
      ],
      ['https://a.example/#/petition?x=1', 'https://a.example/?source=share-sms&share=CODE#/petition?x=1'],
      [
        'https://münchen.example/straße',
        'https://xn--mnchen-3ya.example/stra%C3%9Fe?source=share-sms&share=CODE',
      ],
    ];
    for (const [i, [url, wanted]] of pages.entries()) {
      const made = await publish(api, lead.secret, { title: `Page ${i}` });
      // As older data may have it, past what the contract lets in.
      await api.store.transact(async (tx) => {
        const { petitions } = tx.tables;
        const rows = await tx.db.select({ key: petitions.key, id: petitions.publicId }).from(petitions);
        const key = rows.find(({ id }) => id === made.id)?.key ?? 0;
        await tx.db.update(petitions).set({ pageUrl: url }).where(eq(petitions.key, key));
      });
      const { code } = await insertLink(api, made.id, { code: `fff234567${i + 2}`, network: 'sms' });
      const { headers } = await follow(`/s/${code}`);
      t.equal(headers['location'], wanted.replace('CODE', code), url);
    }
  });

  await t.test('200: previewers get tags', async (t) => {
    const title = 'Save "the" <script>alert(1)</script> & meadow';
    const statement = `We </title> ask. ${'The river needs room. '.repeat(30)}`;
    const made = await publish(api, lead.secret, { title, statement, page_url: PAGE, locale: 'pt-BR' });
    const { code } = await insertLink(api, made.id, { code: 'ggg2345678' });
    const { status, headers, text } = await follow(`/s/${code}?fbclid=1`, { 'user-agent': 'Twitterbot/1.0' });
    t.equal(status, 200);
    t.equal(headers['content-type'], 'text/html; charset=utf-8');
    t.equal(headers['cache-control'], 'private, no-store');
    t.equal(headers['x-robots-tag'], 'noindex');
    t.match(headers['content-security-policy'], /default-src 'none'/);
    const meta = new Map(
      [...text.matchAll(/<meta (?:property|name)="([^"]+)" content="([^"]*)"/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
    const escaped = 'Save &quot;the&quot; &lt;script&gt;alert(1)&lt;/script&gt; &amp; meadow';
    const url = 'http://undersigned.test/s/ggg2345678';
    const image = `http://undersigned.test/v1/petitions/${made.id}/og.png`;
    t.same(meta.get('og:title'), escaped);
    t.same(meta.get('twitter:title'), escaped);
    t.same(meta.get('og:url'), url);
    t.same(meta.get('og:image'), image);
    t.same(meta.get('twitter:image'), image);
    t.same([meta.get('og:image:width'), meta.get('og:image:height')], ['1200', '630']);
    t.same(meta.get('og:image:alt'), escaped);
    t.same(meta.get('twitter:card'), 'summary_large_image');
    t.same(meta.get('og:locale'), 'pt_BR');
    const description = meta.get('og:description') ?? '';
    t.match(description, /^We &lt;\/title&gt; ask\. The river .*…$/);
    t.ok(description.length < 230);
    t.match(text, `<link rel="canonical" href="${url}" />`);
    t.match(text, '<html lang="pt-BR"');
    t.match(text, '<a href="https://meadows.example/sign?lang=en&amp;source=share-');
    t.match(text, 'share=ggg2345678#form"');
    t.notMatch(text, /<script|<\/title> ask|style=|fbclid/);
    t.equal(headers['location'], undefined);
    const head = await follow(`/s/${code}`, { 'user-agent': 'Slackbot-LinkExpanding 1.0' }, 'HEAD');
    t.same([head.status, head.text, head.headers['location']], [200, '', undefined]);
  });

  await t.test('punctuation around a pasted link is no part of its code', async (t) => {
    const made = await publish(api, lead.secret, { title: 'Pasted', page_url: PAGE });
    const { code } = await insertLink(api, made.id, { code: 'vvv2345678' });
    const wanted = (await follow(`/s/${code}`)).headers['location'];
    for (const around of [`${code}.`, `${code})`, `${code}%3E`, `${code},`, `%20${code}`, `${code}%0D%0A`]) {
      const { status, headers } = await follow(`/s/${around}`);
      t.same([status, headers['location']], [302, wanted], around);
    }
  });

  await t.test('404 and 410 in a browser are pages, for API clients problems', async (t) => {
    const german = { accept: 'text/html,*/*;q=0.8', 'accept-language': 'de' };
    const page = await api.call('GET', '/s/zzz2345678', { headers: german });
    t.match(page, { status: 404, headers: { 'content-type': /^text\/html/ } });
    t.match(page.text, '<h1>Dieser Link führt nirgendwohin</h1>');
    t.match(await api.call('GET', '/s/zzz2345678'), { body: { code: 'share_link_not_found' } });
  });

  await t.test('410: petitions that were taken down', async (t) => {
    const made = await publish(api, lead.secret, { title: 'Gone', page_url: PAGE });
    const { code } = await insertLink(api, made.id, { code: 'jjj2345678' });
    t.equal((await follow(`/s/${code}`)).status, 302);
    const path = `/v1/petitions/${made.id}/transitions`;
    await api.call('POST', path, { key: lead.secret, body: { to: 'taken_down', reason: 'legal' } });
    for (const agent of [CHROME, 'Twitterbot/1.0']) {
      const { status, body, headers, text } = await follow(`/s/${code}`, { 'user-agent': agent });
      t.same([status, body.code, headers['location']], [410, 'petition_taken_down', undefined]);
      t.notMatch(text, /meadows/);
    }
  });

  await t.test('401 and 405', async (t) => {
    const answer = await api.call('GET', `/s/${link.code}`, { key: 'sk_wrong' });
    t.equal(answer.status, 401);
    t.equal((await api.call('POST', `/s/${link.code}`)).status, 405);
  });
});
