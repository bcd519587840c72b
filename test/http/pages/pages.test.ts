import { createHash } from 'node:crypto';
import { desc } from 'drizzle-orm';
import type { Test } from 'tap';
import { onEveryEngine, publish, start, type Answer, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

type PageAnswer = Answer & { path: string };

const open = async (api: TestApp, path: string, headers = {}): Promise<PageAnswer> => ({
  ...(await api.call('GET', path, { headers })),
  path,
});

const submit = async (
  api: TestApp,
  path: string,
  fields: Record<string, string>,
  headers = {},
): Promise<PageAnswer> => ({
  ...(await api.call('POST', path, {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })),
  path,
});

type Form = { action: string; fields: Record<string, string> };

/** The forms of a page, as somebody without scripts would send them. */
const formsOf = ({ text, path }: PageAnswer): Form[] =>
  [...text.matchAll(/<form method="post" action="([^"]+)"[^>]*>([^]*?)<\/form>/g)].map(
    ([, action = '', inside = '']) => ({
      action: new URL(action, `http://undersigned.test${path}`).pathname,
      fields: Object.fromEntries(
        [...inside.matchAll(/<input\s[^>]*?>/g)].flatMap(([input]) => {
          const attribute = (name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(input)?.[1];
          const off = attribute('type') === 'checkbox' && !/\schecked/.test(input);
          return off ? [] : [[attribute('name') ?? '', attribute('value') ?? '']];
        }),
      ),
    }),
  );

/** What every page has to hold: it loads and runs nothing, leaks nothing, and can be read by all. */
function isPage(t: Test, { headers, text }: Answer, lang = 'en') {
  t.match(headers['content-type'], 'text/html; charset=utf-8');
  t.match(
    headers['content-security-policy'],
    /default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
  );
  t.match(headers, { 'cache-control': /no-store/, 'referrer-policy': 'no-referrer' });
  t.match(text, `<html lang="${lang}"`);
  t.equal(text.match(/<h1>/g)?.length, 1, 'one heading of the first level');
  t.notMatch(text, /<script|<img|<link|\son[a-z]+=|https?:\/\/(?!x\.example)/i);
  const ids = [...text.matchAll(/<(?:input|select)[^>]*?\sid="([^"]+)"/g)].map(([, id]) => id);
  const labels = [...text.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id);
  t.same(labels, ids, 'every field has its label');
  t.equal(new Set(ids).size, ids.length);
  t.match(text, /<meta name="viewport"/);
}

onEveryEngine('pages behind the links', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River & Meadows');
  await publish(api, lead.secret, {
    slug: 'meadows',
    title: 'Save <our> "meadows"',
    page_url: 'https://x.example/m',
  });
  const { body: text } = await api.call('POST', '/v1/consent-texts', {
    key: lead.secret,
    body: { locale: 'en', text: 'Yes, <mail> me.' },
  });
  const sign = (email: string, fields = {}) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'Ada <King>', ...fields } });
  const confirmed = async () => (await api.call('GET', '/v1/petitions/meadows/counts')).body.confirmed;
  const optIns = { opt_ins: [{ consent_text_id: text.id, opt_in: true }] };

  await t.test('confirm: GET shows what it is about and changes nothing, POST acts', async (t) => {
    await sign('ada@example.org', optIns);
    const token = tokenOf(await collectLetter(api, 'ada@example.org'));
    for (let i = 0; i < 3; i += 1) {
      const page = await open(api, `/confirm?token=${token}`);
      t.equal(page.status, 200);
      isPage(t, page);
      t.match(page.text, 'Save &lt;our&gt; &quot;meadows&quot;');
      t.match(page.text, 'River &amp; Meadows');
      // A token is random, and may spell a name.
      const rest = page.text.replaceAll(token, '');
      t.notMatch(rest, /ada|King|sig_|sup_/i, 'nothing about the person');
      t.equal((await api.call('HEAD', `/confirm?token=${token}`)).text, '');
    }
    t.equal(await confirmed(), 0);
    const [button, refusal] = formsOf(await open(api, `/confirm?token=${token}`));
    t.same([button?.action, refusal?.action], ['/confirm', '/confirm/refuse']);
    const done = await submit(api, '/confirm', button?.fields ?? {});
    t.equal(done.status, 200);
    isPage(t, done);
    t.match(done.text, 'https://x.example/m');
    t.notMatch(done.text, /ada@|King/);
    t.equal(await confirmed(), 1);
    t.equal((await submit(api, '/confirm', button?.fields ?? {})).status, 200, 'a repeat');
  });

  await t.test('confirm: "this wasn’t me"', async (t) => {
    await sign('victim@example.org');
    const token = tokenOf(await collectLetter(api, 'victim@example.org'));
    const [, refusal] = formsOf(await open(api, `/confirm?token=${token}`));
    const done = await submit(api, refusal?.action ?? '', refusal?.fields ?? {});
    t.equal(done.status, 200);
    isPage(t, done);
    t.equal((await open(api, `/confirm?token=${token}`)).status, 200, 'a second look shows the same page');
    t.equal((await submit(api, '/confirm', { token })).status, 404);
    t.equal(await confirmed(), 1);
  });

  await t.test('confirm: with the code, and the mail once more', async (t) => {
    await sign('code@example.org');
    const { values } = await collectLetter(api, 'code@example.org');
    const { body: petition } = await api.call('GET', '/v1/petitions/meadows');
    const page = await open(api, `/confirm?petition=${petition.id}`);
    isPage(t, page);
    t.same(
      formsOf(page).map(({ action }) => action),
      ['/confirm', '/confirm/resend'],
    );
    const wrong = await submit(api, '/confirm', { email: 'code@example.org', code: '000000' });
    t.equal(wrong.status, 404);
    t.match(wrong.text, 'role="alert"');
    isPage(t, wrong);
    const again = await submit(api, '/confirm/resend', { email: 'code@example.org', petition: petition.id });
    t.equal(again.status, 202);
    const fresh = await collectLetter(api, 'code@example.org');
    t.not(fresh.values.code, values.code);
    const fields = { email: 'code@example.org', code: fresh.values.code ?? '' };
    t.equal((await submit(api, '/confirm', fields)).status, 200);
    t.equal(await confirmed(), 2);
  });

  await t.test(
    'confirm: the code gives the same page as the link, which says later that it counts',
    async (t) => {
      await sign('same@example.org');
      const { values } = await collectLetter(api, 'same@example.org');
      const code = (values.code ?? '').replace(/(...)(...)/, '$1 $2');
      const typed = await submit(api, '/confirm', { email: 'same@example.org', code });
      await sign('link@example.org');
      const token = tokenOf(await collectLetter(api, 'link@example.org'));
      const pressed = await submit(api, '/confirm', { token });
      const plain = ({ text }: PageAnswer) => text.replace(/rc_[A-Za-z0-9_-]+/g, 'RECEIPT');
      t.equal(plain(typed), plain(pressed));
      t.match(typed.text, 'Your signature under “Save &lt;our&gt; &quot;meadows&quot;” is confirmed');
      t.match(typed.text, 'href="https://x.example/m"');
      for (const days of [0, 3]) {
        api.setClock(new Date(Date.now() + days * 86_400_000));
        const again = await open(api, `/confirm?token=${token}`);
        t.equal(again.status, 200);
        isPage(t, again);
        t.match(again.text, 'You have confirmed already');
        t.match(again.text, 'href="https://x.example/m"');
        t.notMatch(again.text, 'Nothing has happened so far');
        t.notMatch(again.text, /link@|King/);
        t.equal((await submit(api, '/confirm', { token })).status, 200, 'an old page that is still open');
      }
      api.setClock(undefined);
    },
  );

  await t.test('thanks: a share link for each network is credited to the signer', async (t) => {
    await sign('share@example.org');
    const token = tokenOf(await collectLetter(api, 'share@example.org'));
    const done = await submit(api, '/confirm', { token });
    const { shareLinks, signatures } = api.store.tables;
    const links = () => api.store.read.db.select().from(shareLinks);
    const before = (await links()).length;
    const buttons = formsOf(done).filter(({ action }) => action === '/share');
    t.ok(buttons.length >= 6);
    await open(api, `/confirm?token=${token}`);
    t.equal((await links()).length, before, 'showing the page makes none');
    for (const { action, fields } of buttons) {
      const shared = await submit(api, action, fields);
      t.equal(shared.status, 200, fields['network'] ?? '');
      t.match(shared.text, /http:\/\/undersigned\.test\/s\/[A-Za-z0-9]{10}/);
      t.equal(/http-equiv="refresh"/.test(shared.text), fields['network'] !== 'copy');
      t.notMatch(shared.text, /share@|rc_|pc_/);
    }
    const made = (await links()).slice(before);
    t.equal(made.length, buttons.length);
    const [signer] = await api.store.read.db.select().from(signatures).orderBy(desc(signatures.key)).limit(1);
    t.same(
      [...new Set(made.map(({ signatureKey }) => signatureKey))],
      [signer?.key],
      'credited to the signer',
    );
    await submit(api, '/share', buttons[0]?.fields ?? {});
    t.equal((await links()).length, before + buttons.length, 'the same button gives the same link');
    t.equal((await submit(api, '/share', { network: 'x', receipt: 'rc_x' })).status, 422);
    t.equal((await submit(api, '/share', { ...buttons[0]?.fields, network: 'nowhere' })).status, 422);
  });

  await t.test('links that mail programs and people have garbled', async (t) => {
    await sign('garbled@example.org');
    const token = tokenOf(await collectLetter(api, 'garbled@example.org'));
    const half = `${token.slice(0, 20)}=%0D%0A${token.slice(20)}`;
    const queries = [
      ...['.', ')', '%3E', '>', ',', '%20', '%0D%0A', '%22', '”', '&lt;', '=', '_', '%E2%80%8B'].map(
        (behind) => `token=${token}${encodeURI(behind).replaceAll('%25', '%')}`,
      ),
      ...[`token=3D${token}`, `token=%3D${token}`, `token=%20${token}`, `token=%3C${token}%3E`],
      ...[`token=${half}`, `petition=x&amp;token=${token}`, `token%3D${token}`, `?token=${token}`],
    ];
    for (const query of queries) {
      const page = await open(api, `/confirm?${query}`);
      t.equal(page.status, 200, query);
      t.equal(formsOf(page)[0]?.fields['token'], token, query);
    }
    for (const path of [
      `/confirm%3Ftoken=${token}`,
      `/confirm.?token=${token}`,
      `/confirm/?token=${token}`,
    ]) {
      const moved = await open(api, path, { accept: 'text/html' });
      t.equal(moved.status, 302, path);
      t.match(moved.headers['location'], new RegExp(`confirm\\?token=${token}$`));
    }
    const wrong = [`${token}A`, token.slice(0, -1), token.replace('pc_', 'pm_'), `${token}Hello`];
    for (const one of wrong) t.equal((await open(api, `/confirm?token=${one}`)).status, 404, one);
    t.equal((await submit(api, '/confirm', { token: ` ${token}.` })).status, 200);
    await sign('api@example.org');
    const other = tokenOf(await collectLetter(api, 'api@example.org'));
    const sent = { body: { token: `https://x.example/c?token=3D${other}\r\n` } };
    t.equal((await api.call('POST', '/v1/confirmations', sent)).status, 200);
  });

  await t.test('a link that does not work leads on', async (t) => {
    const actions = async (path: string) => formsOf(await open(api, path)).map(({ action }) => action);
    t.same(await actions('/confirm?token=pc_x'), ['/confirm', '/confirm/resend']);
    t.same(await actions('/unsubscribe?token=pu_x'), ['/unsubscribe/request']);
    t.same(await actions('/manage?token=pm_x'), ['/manage/request']);
    t.same(await actions('/email-change?token=pe_x'), ['/manage/request']);
    t.same(await actions('/email-undo?token=px_x'), ['/manage/request']);
    const dead = await open(api, '/confirm?token=pc_x');
    for (const page of ['manage', 'unsubscribe']) t.match(dead.text, `href="${page}"`);
    await sign('resend@example.org');
    await collectMail(api);
    const known = await submit(api, '/confirm/resend', { email: 'resend@example.org' });
    const unknown = await submit(api, '/confirm/resend', { email: 'nobody@example.org' });
    t.same([known.status, known.text], [202, unknown.text], 'the same for every address');
    t.match(await collectLetter(api, 'resend@example.org'), { template: 'confirm_signature' });
    for (const path of ['/confirm/refuse', '/manage/act', '/unsubscribe/request']) {
      t.equal((await open(api, path)).status, 302, `${path} reloaded by its address`);
    }
  });

  await t.test('unsubscribe: with a link, and by typing the address', async (t) => {
    const { body: mailing } = await api.call('POST', '/v1/mailings', {
      key: lead.secret,
      body: { name: 'One' },
    });
    const { body: links } = await api.call('GET', `/v1/mailings/${mailing.id}/links`, { key: lead.secret });
    const path = new URL(links.data[0].unsubscribe_url);
    const page = await open(api, `${path.pathname}${path.search}`);
    isPage(t, page);
    t.match(page.text, 'River &amp; Meadows');
    t.notMatch(page.text, /ada|example\.org|sub_/);
    const status = async () =>
      (await api.call('GET', '/v1/subscriptions', { key: lead.secret })).body.data[0].status;
    t.equal(await status(), 'active', 'looking changes nothing');
    const [leave] = formsOf(page);
    t.equal((await submit(api, '/unsubscribe', leave?.fields ?? {})).status, 200);
    t.equal(await status(), 'unsubscribed');
    const again = await open(api, `${path.pathname}${path.search}`);
    t.match(again.text, 'You are not on this list any more');
    t.same(formsOf(again), []);
    t.match(await collectLetter(api, 'ada@example.org'), { template: 'unsubscribed' });

    isPage(t, await open(api, '/unsubscribe'));
    const known = await submit(api, '/unsubscribe/request', { email: 'ada@example.org' });
    const unknown = await submit(api, '/unsubscribe/request', { email: 'who@example.org' });
    t.same([known.status, unknown.status], [202, 202]);
    t.equal(known.text, unknown.text, 'the same for every address');
  });

  await t.test('my data: everything, with forms alone', async (t) => {
    api.setClock(new Date(Date.now() + 2 * 86_400_000));
    isPage(t, await open(api, '/manage'));
    await collectMail(api);
    const known = await submit(api, '/manage/request', { email: 'ada@example.org' });
    const unknown = await submit(api, '/manage/request', { email: 'who@example.org' });
    t.same([known.status, known.text], [202, unknown.text]);
    const token = tokenOf(await collectLetter(api, 'ada@example.org'));
    const door = await open(api, `/manage?token=${token}`);
    isPage(t, door);
    t.notMatch(door.text, /ada@/, 'looking at the link shows nothing');
    t.match(door.text, 'After that you have 15 minutes');
    t.match((await open(api, '/manage')).text, 'a link that works once, for 30 minutes');
    let page = await submit(api, '/manage', { token });
    t.equal(page.status, 200);
    isPage(t, page);
    t.match(page.text, 'ada@example.org');
    t.match(page.text, 'stays open for 15 minutes');
    t.match(page.text, 'Ada &lt;King&gt;');
    t.match(page.text, /<option value="NL"[^>]*>Netherlands<\/option>/);
    t.equal((await open(api, `/manage?token=${token}`)).status, 404, 'a used link leads on');
    t.equal((await submit(api, '/manage', { token })).status, 404, 'the link works once');

    const act = async (name: string, changes: Record<string, string> = {}) => {
      const found = formsOf(page).find(({ fields }) => fields['act'] === name);
      if (!found) throw new Error(`there is no form ${name}`);
      const answer = await submit(api, found.action, { ...found.fields, ...changes });
      if (answer.status === 200 && /text\/html/.test(String(answer.headers['content-type']))) page = answer;
      return answer;
    };
    t.match((await act('subscribe')).text, 'role="status"');
    t.match((await api.call('GET', '/v1/subscriptions', { key: lead.secret })).body.data[0], {
      status: 'active',
    });
    await act('subscription', { frequency: 'weekly', locale: 'de' });
    await act('signature', { display: 'initials', name: 'Ada Lovelace' });
    const { body: listed } = await api.call('GET', '/v1/petitions/meadows/signatures');
    t.ok(listed.data.some((one: any) => one.display_name === 'A. L.'));
    await act('signature', { display: 'public', name: 'Ada Lovelace', hidden: '1' });
    t.notMatch((await api.call('GET', '/v1/petitions/meadows/signatures')).text, 'Lovelace');
    await act('contact', { name: 'Ada', country: 'nl', line: 'Millgate 4', city: 'Ewehaven' });
    t.match(page.text, /value="Millgate 4"/);
    t.equal((await act('contact', { country: 'nowhere' })).status, 422);
    const exported = await act('export');
    t.match(exported.headers['content-disposition'], 'attachment');
    t.match(exported.body.profile, {
      email: 'ada@example.org',
      country: 'NL',
      postal_address: { city: 'Ewehaven' },
    });
    await act('unsubscribe');
    t.match(page.text, 'Unsubscribed');

    const before = await confirmed();
    await act('withdraw');
    t.equal(await confirmed(), before, 'it asks first');
    await act('withdraw');
    t.equal(await confirmed(), before - 1);

    await collectMail(api);
    await act('email', { email: 'new@example.org' });
    const letters = await collectMail(api);
    t.same(letters.map(({ template, to }) => `${template} ${to}`).sort(), [
      'email_apply new@example.org',
      'email_notice ada@example.org',
    ]);
    const link = (template: string) =>
      tokenIn(letters.find((letter) => letter.template === template)?.values.link ?? '');
    isPage(t, await open(api, `/email-change?token=${link('email_apply')}`));
    t.equal((await submit(api, '/email-change', { token: link('email_apply') })).status, 200);
    t.equal((await act('export')).status, 401, 'sessions end with the address');
    t.match((await open(api, `/email-change?token=${link('email_apply')}`)).text, 'Your address is changed');
    isPage(t, await open(api, `/email-undo?token=${link('email_notice')}`));
    t.equal((await submit(api, '/email-undo', { token: link('email_notice') })).status, 200);
    api.setClock(undefined);
  });

  await t.test('my data: leaving and erasing', async (t) => {
    const enter = async (days: number) => {
      api.setClock(new Date(Date.now() + days * 86_400_000));
      await submit(api, '/manage/request', { email: 'code@example.org' });
      const letters = (await collectMail(api)).filter(({ template }) => template === 'manage');
      const page = await submit(api, '/manage', { token: tokenIn(letters[0]?.values.link ?? '') });
      return (
        formsOf(page).find(({ fields }) => fields['act'] === 'look' || fields['act'] === 'leave')?.fields ??
        {}
      );
    };
    const first = await enter(5);
    t.equal((await submit(api, '/manage/act', { ...first, act: 'leave' })).status, 200);
    t.equal((await submit(api, '/manage/act', { ...first, act: 'look' })).status, 401);
    const second = await enter(7);
    const asked = await submit(api, '/manage/act', { ...second, act: 'erase' });
    t.match(asked.text, 'type="checkbox"');
    t.match((await submit(api, '/manage/act', { ...second, act: 'erase', asked: '1' })).text, 'role="alert"');
    const before = await confirmed();
    const done = await submit(api, '/manage/act', { ...second, act: 'erase', asked: '1', sure: '1' });
    t.equal(done.status, 200);
    isPage(t, done);
    t.equal(await confirmed(), before, 'the count keeps its number');
    t.equal((await submit(api, '/manage/act', { ...second, act: 'look' })).status, 401);
    api.setClock(undefined);
  });

  await t.test('a token that a mail program repeats is one; of two that differ neither works', async (t) => {
    await sign('twice@example.org');
    const token = tokenOf(await collectLetter(api, 'twice@example.org'));
    const twice = await open(api, `/confirm?token=${token}&token=${token}&utm_source=a&utm_source=b`);
    t.equal(twice.status, 200);
    t.same(formsOf(twice)[0]?.fields, { token });
    for (const path of ['/confirm', '/unsubscribe', '/manage', '/email-change', '/email-undo']) {
      const answer = await open(api, `${path}?token=${token}&token=A&token=${token}`);
      t.equal(answer.status, 404, path);
      isPage(t, answer);
      t.notMatch(answer.text, token);
    }
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const send = (body: string) => api.call('POST', '/confirm', { body, headers: type });
    t.equal((await send(`token=${token}&token=A`)).status, 404);
    t.equal((await send(`token=${token}&token=${token}`)).status, 200);
  });

  await t.test('what is wrong is said in words, in the reader’s language', async (t) => {
    const german = { 'accept-language': 'fr;q=0.9, de-AT, en;q=0.1' };
    const page = await open(api, '/confirm?token=pc_nothing', german);
    t.equal(page.status, 404);
    isPage(t, page, 'de');
    for (const path of ['/confirm?token=', '/unsubscribe?token=pu_x', '/email-change', '/email-undo']) {
      const answer = await open(api, path);
      t.ok(answer.status === 404 || answer.status === 422, path);
      isPage(t, answer);
    }
    for (const path of [
      '/confirm',
      '/confirm/refuse',
      '/confirm/resend',
      '/unsubscribe',
      '/manage',
      '/manage/act',
      '/manage/request',
      '/email-change',
      '/email-undo',
    ]) {
      const answer = await submit(api, path, { token: '', act: 'constructor' });
      t.ok([401, 404, 422].includes(answer.status), `${path}: ${answer.status}`);
      isPage(t, answer);
      t.equal((await api.call('POST', path, { body: { token: 'x' } })).status, 415, 'forms alone');
    }
    t.equal((await submit(api, '/confirm', { token: 'x'.repeat(20_000) })).status, 413);
  });

  await t.test('429 in words', async (t) => {
    const rate = (requests: number) => ({ requests, seconds: 60 });
    const limits = { ...enough, confirm: rate(1) };
    const limited = await start(t, engine, { limits });
    await submit(limited, '/confirm', { token: 'x' });
    const answer = await submit(limited, '/confirm', { token: 'x' });
    t.equal(answer.status, 429);
    t.match(answer.headers['retry-after'], /^\d+$/);
    isPage(t, answer);
  });
});

onEveryEngine('pages of an organization', async (t, engine) => {
  const installation = {
    name: 'River League',
    imprint: 'League e.V.',
    url: 'https://league.example/',
    logo: '',
  };
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null, installation };
  const api = await start(t, engine, { build: { config } });
  const lead = await api.organization('River & Meadows');
  const other = await api.organization('Anglers');
  const patch = {
    url: 'https://meadows.example',
    logo_url: 'https://pictures.example/logo.png?a=b;c',
    color: '#7a1f5c',
    imprint: 'Meadows e.V.\nMillgate 4',
    privacy_url: 'https://meadows.example/privacy',
  };
  const change = { key: lead.secret, headers: { 'if-match': '*' }, body: patch };
  t.match(await api.call('PATCH', '/v1/organization', change), { status: 200 });
  const image = { url: 'https://images.example/mill.jpg', alt: 'The "mill"' };
  const { id } = await publish(api, lead.secret, { slug: 'meadows', image });
  await publish(api, other.secret, { slug: 'fish' });
  const consent = async (key: string) =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } })).body.id;
  const optIns = { opt_ins: [{ consent_text_id: await consent(lead.secret), opt_in: true }] };
  const sign = async (email: string, slug = 'meadows', fields = {}) => {
    await api.call('POST', `/v1/petitions/${slug}/signatures`, { body: { email, name: 'Ada', ...fields } });
    return tokenOf(await collectLetter(api, email));
  };
  /** That the page has the organization's face, and loads pictures of these origins alone. */
  const speaks = (page: PageAnswer, origins = 'https://pictures.example') => {
    const { text, headers } = page;
    const csp = headers['content-security-policy'] ?? '';
    t.ok(csp.endsWith(`; img-src ${origins}`), csp);
    const [, colors = ''] = /<style>(:root\{--act:#7a1f5c[^<]*)<\/style>/.exec(text) ?? [];
    t.ok(csp.includes(`'sha256-${createHash('sha256').update(colors).digest('base64')}'`), 'its colours');
    t.match(text, /<title>[^<]+ – River &amp; Meadows<\/title>/);
    t.match(text, '<a class="who" href="https://meadows.example">');
    t.match(text, 'Meadows e.V.\nMillgate 4');
    t.match(text, '<a href="https://meadows.example/privacy">Privacy notice of River &amp; Meadows</a>');
    t.match(text, 'https://league.example/', 'who runs the server');
    t.notMatch(text, 'League e.V.');
    for (const [tag] of text.matchAll(/<img[^>]*>/g)) t.match(tag, 'referrerpolicy="no-referrer"');
    t.equal(headers['referrer-policy'], 'no-referrer');
  };
  const isOurs = ({ text, headers }: PageAnswer) => {
    t.match(text, 'League e.V.');
    t.notMatch(text, /Millgate|#7a1f5c|<img/);
    t.notMatch(headers['content-security-policy'], 'img-src');
  };

  await t.test('confirming: with the petition’s picture once a button was pressed', async (t) => {
    const token = await sign('ada@example.org', 'meadows', optIns);
    const question = await open(api, `/confirm?token=${token}`);
    speaks(question);
    t.notMatch(question.text, 'images.example');
    const done = await submit(api, '/confirm', { token });
    speaks(done, 'https://pictures.example https://images.example');
    t.match(
      done.text,
      '<img class="picture" src="https://images.example/mill.jpg" alt="The &quot;mill&quot;"',
    );
    const again = await open(api, `/confirm?token=${token}`);
    speaks(again);
    t.notMatch(again.text, 'images.example', 'the address holds a token');
    speaks(await submit(api, '/confirm', { token }), 'https://pictures.example https://images.example');
    const refused = await submit(api, '/confirm/refuse', { token: await sign('victim@example.org') });
    speaks(refused);
    t.match(refused.text, 'Thank you for telling us');
  });

  await t.test('the page for codes, where the mail says of which petition', async () => {
    speaks(await open(api, `/confirm?petition=${id}`));
    speaks(await submit(api, '/confirm', { email: 'a@example.org', code: '000000', petition: id }));
    speaks(await submit(api, '/confirm/resend', { email: 'a@example.org', petition: id }));
    const draft = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Draft', statement: 'Not yet.' },
    });
    for (const petition of [draft.body.id, 'nothing', '']) {
      isOurs(await open(api, `/confirm?petition=${petition}`));
    }
    isOurs(await open(api, '/confirm'));
    isOurs(await open(api, '/confirm?token=pc_x'));
  });

  await t.test('unsubscribing: that of the list', async (t) => {
    const { body: mailing } = await api.call('POST', '/v1/mailings', {
      key: lead.secret,
      body: { name: 'One' },
    });
    const links = await api.call('GET', `/v1/mailings/${mailing.id}/links`, { key: lead.secret });
    const { search, searchParams } = new URL(links.body.data[0].unsubscribe_url);
    const token = searchParams.get('token') ?? '';
    speaks(await open(api, `/unsubscribe${search}`));
    speaks(await submit(api, '/unsubscribe', { token }));
    const left = await open(api, `/unsubscribe${search}`);
    t.match(left.text, 'not on this list any more');
    speaks(left);
    isOurs(await open(api, '/unsubscribe'));
    await collectMail(api);
  });

  await t.test('my data: where all of it is with one organization', async () => {
    const enter = async () => {
      await submit(api, '/manage/request', { email: 'ada@example.org' });
      const token = tokenOf(await collectLetter(api, 'ada@example.org'));
      isOurs(await open(api, `/manage?token=${token}`));
      return submit(api, '/manage', { token });
    };
    const mine = await enter();
    speaks(mine);
    const session = formsOf(mine)[0]?.fields['session'] ?? '';
    speaks(await submit(api, '/manage/act', { session, act: 'erase' }));
    await submit(api, '/confirm', { token: await sign('ada@example.org', 'fish') });
    const several = await submit(api, '/manage/act', { session, act: 'look' });
    isOurs(several);
  });
});

onEveryEngine('pages of the installation', async (t, engine) => {
  const installation = {
    name: 'River <League>',
    imprint: 'River League e.V.\nMillgate 4, Ewehaven',
    url: 'https://x.example/',
    logo: 'https://x.example/logo.png',
  };
  const publicUrl = 'https://petitions.test/campaign';
  const config = { publicUrl, trustProxy: [], limits: null, installation, SECURITY_CONTACT: 'sec@x.example' };
  const api = await start(t, engine, { build: { config } });
  const lead = await api.organization('River & Meadows');
  const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

  await t.test('/ says who runs it, and links to petitions that can be signed', async (t) => {
    await publish(api, lead.secret, { slug: 'one', title: 'Keep <it>', page_url: 'https://x.example/one' });
    await publish(api, lead.secret, { slug: 'two', title: 'Without a page' });
    await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'A draft', statement: 'Not yet.', page_url: 'https://x.example/draft' },
    });
    const home = await open(api, '/', browser);
    t.equal(home.status, 200);
    t.match(home.headers['content-security-policy'], /img-src https:\/\/x\.example$/);
    t.match(home.text, 'River &lt;League&gt;');
    t.match(home.text, 'Millgate 4, Ewehaven');
    t.match(home.text, '<a href="https://x.example/one">Keep &lt;it&gt;</a>');
    t.match(home.text, 'href="docs/"');
    t.notMatch(home.text, /A draft|Without a page/);
    t.match(await api.call('GET', '/'), { status: 404, body: { code: 'not_found' } }, 'API clients');
  });

  await t.test('unknown paths, and the files that programs look for', async (t) => {
    const page = await open(api, '/no/such/page', browser);
    t.match(page, { status: 404, headers: { 'content-type': /^text\/html/ } });
    t.match(page.text, 'href="../../manage"');
    t.match(await api.call('GET', '/no/such/page'), { status: 404, body: { code: 'not_found' } });
    t.equal((await open(api, '/v1/nothing', browser)).status, 404);
    t.match((await api.call('GET', '/robots.txt')).text, 'Disallow: /campaign/manage');
    t.notMatch((await api.call('GET', '/robots.txt')).text, /\/s\/?\n|\/v1/);
    t.match(await api.call('GET', '/favicon.ico'), { status: 200, headers: { 'content-type': /svg/ } });
    const { text } = await api.call('GET', '/.well-known/security.txt');
    t.match(text, /^Contact: mailto:sec@x\.example\nExpires: \d{4}-/);
    t.match(text, 'Canonical: https://petitions.test/campaign/.well-known/security.txt');
    const unset = await start(t, engine);
    t.equal((await unset.call('GET', '/.well-known/security.txt')).status, 404);
    t.match((await open(api, '/docs/', browser)).text, '<title>API of River &lt;League&gt;</title>');
  });

  await t.test('Location keeps the path of PUBLIC_URL', async (t) => {
    const created = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Elsewhere', statement: 'A statement.', slug: 'old-name' },
    });
    t.match(created.headers['location'], `/campaign/v1/petitions/${created.body.id}`);
    await api.call('POST', `/v1/petitions/${created.body.id}/transitions`, {
      key: lead.secret,
      body: { to: 'published' },
    });
    const { headers } = await api.call('GET', '/v1/petitions/old-name', { key: lead.secret });
    const renamed = await api.call('PATCH', `/v1/petitions/${created.body.id}`, {
      key: lead.secret,
      headers: { 'if-match': headers['etag'] ?? '' },
      body: { slug: 'new-name' },
    });
    t.equal(renamed.status, 200);
    t.match(await api.call('GET', '/v1/petitions/old-name'), {
      status: 308,
      headers: { location: '/campaign/v1/petitions/new-name' },
    });
  });
});
