import { createHash } from 'node:crypto';
import { onEveryEngine, publish, start } from '../../support/helper.js';

const DAY = 86_400_000;

onEveryEngine('getPetitionHistoryPicture', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const title = 'Keep <the> "Old" & new</svg><script>alert(1)</script>';
  const promise = 'The <b>council</b> replies';
  await publish(api, lead.secret, {
    slug: 'meadows',
    title,
    locale: 'de',
    confirmation: 'none',
    goals: [2, 3, 100],
    thresholds: [{ value: 3, promise }],
  });
  const show = (query = '', headers: Record<string, string> = {}, ref = 'meadows', key?: string) =>
    api.call('GET', `/v1/petitions/${ref}/history.svg${query}`, { headers, key });
  const signAll = async (names: readonly string[]) => {
    for (const name of names) {
      const body = { email: `${name}@example.org`, name: 'Ada Okonkwo', display: 'public' };
      await api.call('POST', '/v1/petitions/meadows/signatures', { key: lead.secret, body });
    }
  };
  const words = (svg: string, tag: 'title' | 'desc') =>
    new RegExp(`<${tag} id="${tag}">(.*?)</${tag}>`).exec(svg)?.[1];

  await t.test('200: nobody has signed', async (t) => {
    const { status, headers, text } = await show('?locale=en');
    t.equal(status, 200);
    t.equal(headers['content-type'], 'image/svg+xml; charset=utf-8');
    t.match(text, />Be the first to sign</);
    t.equal(headers['cache-control'], 'public, max-age=60, stale-while-revalidate=3600');
    t.equal(headers['cross-origin-resource-policy'], 'cross-origin', 'other sites may embed it');
  });

  await t.test('200: the facts stand in its words, and nothing of strangers runs or is told', async (t) => {
    await signAll(['ada', 'ben', 'cleo']);
    api.setClock(new Date(Date.now() + 5 * DAY));
    const { text, headers } = await show('?locale=en');
    t.match(words(text, 'title'), 'How “Keep &lt;the&gt; &quot;Old&quot; &amp; new');
    const said = words(text, 'desc') ?? '';
    t.match(said, /^\d.*–.*\d: 3 signatures\. Goal of 2 reached: \d.*\. Goal of 3 reached: /);
    t.match(said, '3 reached: The &lt;b&gt;council&lt;/b&gt; replies (');
    t.match(said, /Next goal: 100\.$/);
    t.notMatch(text, /<script|<b>|Okonkwo|ada@|href="[^#]|url\(|@import/);
    t.match(text, / role="img" aria-labelledby="title desc" /);
    t.ok(Buffer.byteLength(text) < 10_000, `${Buffer.byteLength(text)} bytes`);
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    t.equal(headers['content-security-policy'], `default-src 'none'; style-src 'sha256-${hash}'; sandbox`);
    t.notMatch(text, / style="/, 'which the policy would not allow');
  });

  await t.test(
    '200: its words are in the language that is asked for, else preferred, else the petition’s',
    async (t) => {
      const german = await show();
      t.match(german, { headers: { 'content-language': 'de', vary: /accept-language/i } });
      t.match(german.text, />3 Unterschriften</);
      const french = await show('', { 'accept-language': 'fr-CH, en;q=0.5' });
      t.match(french, { headers: { 'content-language': 'fr', vary: /accept-language/i } });
      t.match(french.text, />3 signatures</);
      const arabic = await show('?locale=ar', { 'accept-language': 'fr' });
      t.match(arabic.headers, { 'content-language': 'ar' });
      t.notMatch(arabic.headers['vary'] ?? '', /accept-language/i);
      t.match(arabic.text, 'xml:lang="ar" direction="rtl"');
      t.not(german.headers['etag'], french.headers['etag']);
    },
  );

  await t.test('200: light and dark, or as the reader’s system prefers', async (t) => {
    const auto = (await show('?locale=en')).text;
    const light = (await show('?locale=en&theme=light')).text;
    const dark = (await show('?locale=en&theme=dark')).text;
    t.match(auto, 'prefers-color-scheme:dark');
    for (const fixed of [light, dark]) t.notMatch(fixed, /prefers-color-scheme/);
    t.match([light, dark], [/\.back\{fill:#fff\}/, /\.back\{fill:#14181e\}/]);
  });

  await t.test('304: the reader’s copy is up to date', async (t) => {
    const { headers } = await show('?locale=en');
    const again = await show('?locale=en', { 'if-none-match': String(headers['etag']) });
    t.match(again, { status: 304, text: '' });
  });

  await t.test('it is at most a minute old', async (t) => {
    await signAll(['dora']);
    t.match((await show('?locale=en')).text, />3 signatures</);
    api.setClock(new Date(Date.now() + 5 * DAY + 61_000));
    t.match((await show('?locale=en')).text, />4 signatures</);
  });

  await t.test('200: after the end it stands still, without a goal', async (t) => {
    const to = { key: lead.secret, body: { to: 'closed' } };
    t.equal((await api.call('POST', '/v1/petitions/meadows/transitions', to)).status, 200);
    const { text } = await show('?locale=en');
    t.notMatch(text, /Next goal|Be the first/);
    api.setClock(new Date(Date.now() + 50 * DAY));
    t.equal((await show('?locale=en')).text, text);
    api.setClock(undefined);
  });

  await t.test('308, 404, 410, 400', async (t) => {
    await publish(api, lead.secret, { slug: 'old-name' });
    const { headers } = await api.call('GET', '/v1/petitions/old-name', { key: lead.secret });
    const match = { 'if-match': String(headers['etag']) };
    await api.call('PATCH', '/v1/petitions/old-name', {
      key: lead.secret,
      body: { slug: 'new-name' },
      headers: match,
    });
    t.match(await show('', {}, 'old-name'), {
      status: 308,
      headers: { location: /\/v1\/petitions\/new-name\/history\.svg$/ },
    });
    t.match(await show('', {}, 'nothing'), { status: 404, body: { code: 'petition_not_found' } });
    const draft = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'D', statement: 'S' },
    });
    t.match(await show('', {}, draft.body.id), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await show('', {}, draft.body.id, lead.secret), {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
    });
    const down = { key: lead.secret, body: { to: 'taken_down', reason: 'legal' } };
    await api.call('POST', '/v1/petitions/new-name/transitions', down);
    t.match(await show('', {}, 'new-name'), { status: 410, body: { code: 'petition_taken_down' } });
    for (const query of ['?theme=red', '?locale=%22', '?size=9']) {
      t.match(await show(query), { status: 400, body: { code: 'invalid_query' } }, query);
    }
  });
});
