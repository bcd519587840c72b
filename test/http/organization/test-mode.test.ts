import { eq } from 'drizzle-orm';
import { recountPeople } from '../../../src/core/counts/recount-people.js';
import { recount } from '../../../src/core/counts/recount.js';
import { takeMailEvent } from '../../../src/core/subscriptions/mail-events.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { until } from '../../support/until.js';

const PETITION = {
  title: 'Leave the meadows',
  statement: 'Leave them to the river.',
  locale: 'en',
  page_url: 'https://meadows.example/sign',
};
const MAILBOX = 'tests@meadows.example';

/** An organization with keys of both kinds in both worlds. */
async function meadows(api: TestApp, name = 'River Meadows') {
  const organization = await api.organization(name);
  const { secret } = organization;
  const set = await api.call('PATCH', '/v1/organization', {
    key: secret,
    headers: { 'if-match': '*' },
    body: { test_email: MAILBOX, color: '#0b6b50', reply_to: 'hello@meadows.example' },
  });
  if (set.status !== 200) throw new Error(set.text);
  const made = async (body: object, key = secret) => {
    const answer = await api.call('POST', '/v1/api-keys', { key, body: { name: 'made', ...body } });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body as { id: string; token: string; test: boolean };
  };
  const testKey = await made({ kind: 'secret', test: true });
  const publishable = await made({ kind: 'publishable', test: true });
  return { ...organization, test: testKey.token, testKey, publishable: publishable.token, made };
}

async function publish(api: TestApp, key: string, more: object = {}) {
  const created = await api.call('POST', '/v1/petitions', { key, body: { ...PETITION, ...more } });
  if (created.status !== 201) throw new Error(created.text);
  const { id } = created.body as { id: string };
  await api.call('POST', `/v1/petitions/${id}/transitions`, { key, body: { to: 'published' } });
  return { id, slug: created.body.slug as string, body: created.body };
}

onEveryEngine('keys for tests', async (t, engine) => {
  const api = await start(t, engine);
  const { secret, key, id } = await api.organization('River Meadows');
  const make = (body: object, as = secret) =>
    api.call('POST', '/v1/api-keys', { key: as, body: { name: 'made', kind: 'secret', ...body } });

  await t.test('they need a mailbox for their mails', async (t) => {
    t.match(await make({ test: true }), {
      status: 422,
      body: { errors: [{ pointer: '/test', code: 'test_email_missing', detail: /test_email/ }] },
    });
    t.match(await make({ test: false }), {
      status: 201,
      body: { test: false, token: /^sk_[0-9A-Za-z]{38}$/ },
    });
  });

  await api.call('PATCH', '/v1/organization', {
    key: secret,
    headers: { 'if-match': '*' },
    body: { test_email: MAILBOX },
  });
  const test = await make({ test: true });
  const own = () => api.call('GET', '/v1/organization', { key: test.body.token });

  await t.test('they show what they are, and are keys of an organization of their own', async (t) => {
    t.match(test, { status: 201, body: { test: true, token: /^sk_test_[0-9A-Za-z]{38}$/ } });
    const pk = await make({ test: true, kind: 'publishable' });
    t.match(pk, { status: 201, body: { test: true, token: /^pk_test_[0-9A-Za-z]{38}$/ } });
    const again = await make({ test: true });
    const organization = await own();
    t.match(organization, { status: 200, body: { test: true, name: 'River Meadows', test_email: MAILBOX } });
    t.not(organization.body.id, id);
    t.match(await api.call('GET', '/v1/organization', { key: again.body.token }), {
      body: { id: organization.body.id },
    });
    t.match(await api.call('GET', '/v1/organization', { key: secret }), { body: { id, test: false } });
    const mistyped = `${test.body.token.slice(0, -1)}${test.body.token.endsWith('0') ? '1' : '0'}`;
    t.match(await api.call('GET', '/v1/organization', { key: mistyped }), { status: 401 });
  });

  await t.test('they make nothing but test keys', async (t) => {
    t.match(await make({}, test.body.token), { status: 201, body: { test: true, token: /^sk_test_/ } });
    t.match(await make({ test: false }, test.body.token), {
      status: 422,
      body: { errors: [{ pointer: '/test', code: 'test_key' }] },
    });
  });

  await t.test('real keys list and revoke them, and they no real ones', async (t) => {
    const ids = async (as: string) =>
      (await api.call('GET', '/v1/api-keys?limit=100', { key: as })).body.data.map(
        ({ id }: { id: string }) => id,
      );
    const real = await ids(secret);
    t.ok(real.includes(test.body.id));
    const theirs = await ids(test.body.token);
    t.ok(theirs.includes(test.body.id));
    const isTest = (await api.call('GET', '/v1/api-keys?limit=100', { key: test.body.token })).body.data;
    t.ok(isTest.every((one: { test: boolean }) => one.test));
    const notTheirs = real.find((one: string) => !theirs.includes(one));
    t.match(await api.call('DELETE', `/v1/api-keys/${notTheirs}`, { key: test.body.token }), { status: 404 });
    const other = await make({ test: true });
    t.match(await api.call('DELETE', `/v1/api-keys/${other.body.id}`, { key: secret }), { status: 200 });
    t.match(await api.call('GET', '/v1/organization', { key: other.body.token }), { status: 401 });
    const neighbour = await api.organization('Neighbours');
    t.match(await api.call('DELETE', `/v1/api-keys/${test.body.id}`, { key: neighbour.secret }), {
      status: 404,
    });
  });

  await t.test('the test organization follows the real one', async (t) => {
    const set = (as: string, body: object) =>
      api.call('PATCH', '/v1/organization', { key: as, headers: { 'if-match': '*' }, body });
    t.match(await set(test.body.token, { name: 'Other' }), { status: 403, body: { code: 'test_key' } });
    t.match(await set(secret, { name: 'Wide Meadows', color: '#333333', imprint: 'Millgate 4' }), {
      status: 200,
    });
    t.match(await own(), {
      body: { name: 'Wide Meadows', color: '#333333', imprint: 'Millgate 4', test: true },
    });
    t.ok(key);
  });
});

onEveryEngine('test petitions are apart', async (t, engine) => {
  const api = await start(t, engine);
  const { secret, test, publishable, made } = await meadows(api);
  const neighbours = await meadows(api, 'Neighbours');
  const real = await publish(api, secret, { slug: 'real' });
  const trial = await publish(api, test, { slug: 'trial' });
  const read = (ref: string, key?: string) => api.call('GET', `/v1/petitions/${ref}`, { key });

  await t.test('they say so', async (t) => {
    t.match(trial.body, { test: true });
    t.match(real.body, { test: false });
    t.match(await read('trial'), {
      status: 200,
      body: { test: true, organization: { name: 'River Meadows' } },
    });
  });

  await t.test('each key finds those of its own world', async (t) => {
    for (const key of [test, publishable, undefined]) t.match(await read('trial', key), { status: 200 });
    const { token } = await made({ kind: 'publishable' });
    for (const key of [secret, token, neighbours.secret, neighbours.test, neighbours.publishable]) {
      t.match(await read('trial', key), { status: 404, body: { code: 'petition_not_found' } });
      t.match(await read(trial.id, key), { status: 404 });
    }
    for (const key of [test, publishable, neighbours.test]) t.match(await read('real', key), { status: 404 });
    for (const key of [secret, token, neighbours.secret, undefined]) {
      t.match(await read('real', key), { status: 200 });
    }
    const counted = (ref: string, key: string) => api.call('GET', `/v1/petitions/${ref}/counts`, { key });
    t.match(await counted('trial', token), { status: 404 });
    t.match(await counted('real', publishable), { status: 404 });
    const signing = (ref: string, key: string) =>
      api.call('POST', `/v1/petitions/${ref}/signatures`, {
        key,
        body: { name: 'Ada', email: 'ada@example.org' },
      });
    t.match(await signing('trial', secret), { status: 404 });
    t.match(await signing('real', test), { status: 404 });
    for (const [ref, key] of [
      ['trial', secret],
      ['real', test],
    ] as const) {
      for (const path of [`/v1/petitions/${ref}/partners`, `/v1/signatures?petition=${ref}`]) {
        t.match(await api.call('GET', path, { key }), { status: 404 }, path);
      }
    }
  });

  await t.test('no list of real ones has them', async (t) => {
    const slugs = async (key?: string, query = '') =>
      (await api.call('GET', `/v1/petitions?limit=100${query}`, { key })).body.data.map(
        ({ slug }: { slug: string }) => slug,
      );
    for (const key of [undefined, secret, neighbours.secret]) t.same(await slugs(key), ['real']);
    for (const key of [test, publishable]) t.same(await slugs(key), ['trial']);
    for (const key of [neighbours.test, neighbours.publishable]) t.same(await slugs(key), []);
    t.same(await slugs(undefined, '&q=meadows'), ['real']);
    const home = await api.app.inject({ url: '/', headers: { accept: 'text/html' } });
    t.equal(home.statusCode, 200);
    t.match(home.body, /Leave the meadows/);
    t.equal(home.body.split('<li ').length, 2, 'one petition');
  });

  await t.test('their pages say so, and no search engine keeps them', async (t) => {
    const note = 'Test: nothing here counts';
    const page = async (slug: string) => (await api.app.inject({ url: `/p/${slug}` })).body;
    t.match(await page('trial'), note);
    t.match(await page('trial'), /name="robots" content="noindex"/);
    t.notMatch(await page('real'), note);
    t.notMatch(await page('real'), /noindex/);
    const embedded = (slug: string) =>
      api.call('GET', `/v1/oembed?url=${encodeURIComponent(`http://undersigned.test/p/${slug}`)}`);
    t.match(await embedded('trial'), { status: 200, headers: { 'x-robots-tag': 'noindex' } });
    t.equal((await embedded('real')).headers['x-robots-tag'], undefined);
    // Both have this page.
    const { body } = await api.call('GET', `/v1/oembed?url=${encodeURIComponent(PETITION.page_url)}`);
    t.match(body.html, 'slug="real"');
  });

  await t.test('no coalition spans both worlds', async (t) => {
    const invite = (ref: string, organization: string, key: string) =>
      api.call('POST', `/v1/petitions/${ref}/partners`, { key, body: { organization } });
    const { id } = (await api.call('GET', '/v1/organization', { key: neighbours.test })).body;
    t.match(await invite('real', id, secret), { status: 404, body: { code: 'organization_not_found' } });
    for (const one of [id, neighbours.id]) {
      t.match(await invite('trial', one, test), { status: 403, body: { code: 'test_key' } });
    }
  });
});

onEveryEngine('a test touches nobody', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { secret, test, publishable } = await meadows(api);
  const real = await publish(api, secret, { slug: 'real' });
  const trial = await publish(api, test, { slug: 'trial' });
  const text = async (key: string) =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Mail me.' } })).body.id;
  const [realText, testText] = [await text(secret), await text(test)];
  const sign = (ref: string, email: string, more: object = {}, key?: string) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, {
      key,
      body: { name: 'Ada', email, ...more },
    });
  const confirm = (token: string) => api.call('POST', '/v1/confirmations', { body: { token } });
  const optIn = (id: string) => ({ opt_ins: [{ consent_text_id: id, opt_in: true }] });
  const person = async (email: string) => {
    const { supporters: t } = api.store.tables;
    return api.store.read.db.select().from(t).where(eq(t.delivery, email)).orderBy(t.key);
  };
  const counts = async (ref: string) => (await api.call('GET', `/v1/petitions/${ref}/counts`)).body;

  t.match(await sign('real', 'ada@example.org', optIn(realText)), { status: 202 });
  const [asked] = await collectMail(api);
  t.match(asked, { to: 'ada@example.org' });
  t.notOk(asked?.testFor);
  t.match(await confirm(tokenOf(asked!)), { status: 200 });
  const [before] = await person('ada@example.org');
  t.ok(before?.provenAt);

  await t.test('mails go to the mailbox for tests, and their links work', async (t) => {
    t.match(await sign('trial', 'ada@example.org', { name: 'Mallory', ...optIn(testText) }), { status: 202 });
    const letters = await collectMail(api);
    t.match(letters, [
      { to: MAILBOX, testFor: 'ada@example.org', organization: { replyTo: 'hello@meadows.example' } },
    ]);
    const page = await api.app.inject({ url: `/confirm?token=${tokenOf(letters[0]!)}` });
    t.match(page.body, 'Test: nothing here counts');
    t.match(await confirm(tokenOf(letters[0]!)), { status: 200, body: { petition_id: trial.id } });
    await until(async () => (await counts('trial')).confirmed === 1, 'the count');
    t.match(await counts('real'), { confirmed: 1 });
  });

  await t.test('the real supporter stays as they were', async (t) => {
    const [same, other, ...more] = await person('ada@example.org');
    t.same(same, before);
    t.match(other, { name: 'Mallory', identity: /^test:\d+:ada@example\.org$/ });
    t.same(more, []);
    const subscribed = async (key: string) =>
      (await api.call('GET', '/v1/subscriptions?email=ada@example.org', { key })).body.data.length;
    t.same([await subscribed(secret), await subscribed(test)], [1, 1]);
    const signed = async (ref: string, key: string) =>
      (await api.call('GET', `/v1/signatures?petition=${ref}&email=ada@example.org`, { key })).body.data;
    t.match(await signed('trial', test), [{ name: 'Mallory', email: 'ada@example.org' }]);
    t.match(await signed('real', secret), [{ name: 'Ada' }]);
  });

  await t.test('codes are of the petition that they were asked for', async (t) => {
    await sign('trial', 'code@example.org');
    const [letter] = await collectMail(api);
    const { code } = letter!.values;
    const body = { email: 'code@example.org', code };
    t.match(await api.call('POST', '/v1/confirmations', { body }), { status: 404 });
    t.match(await api.call('POST', '/v1/confirmations', { body: { ...body, petition_id: real.id } }), {
      status: 404,
    });
    t.match(await api.call('POST', '/v1/confirmations', { body: { ...body, petition_id: trial.id } }), {
      status: 200,
    });
    await sign('trial', 'again@example.org');
    await collectMail(api);
    const resend = (petition_id: string) =>
      api.call('POST', '/v1/confirmations/resend', { body: { email: 'again@example.org', petition_id } });
    t.match(await resend(real.id), { status: 202 });
    t.same(await collectMail(api), []);
    t.match(await resend(trial.id), { status: 202 });
    t.match(await collectMail(api), [{ to: MAILBOX, testFor: 'again@example.org' }]);
  });

  await t.test('“my data” is of one world', async (t) => {
    const session = async (key?: string) => {
      t.match(await api.call('POST', '/v1/manage-links', { key, body: { email: 'ada@example.org' } }), {
        status: 202,
      });
      const [letter] = await collectMail(api);
      const { body } = await api.call('POST', '/v1/sessions', { body: { token: tokenOf(letter!) } });
      return { letter, key: body.session_token as string };
    };
    const mine = await session();
    t.match(mine.letter, { to: 'ada@example.org' });
    const theirs = await session(publishable);
    t.match(theirs.letter, { to: MAILBOX, testFor: 'ada@example.org' });
    const signatures = async (key: string) =>
      (await api.call('GET', '/v1/me/signatures', { key })).body.data.map(
        (one: { name: string }) => one.name,
      );
    t.same(await signatures(mine.key), ['Ada']);
    t.same(await signatures(theirs.key), ['Mallory']);
    t.match(await api.call('GET', '/v1/me', { key: theirs.key }), { body: { email: 'ada@example.org' } });
    // A real person's proven address is free in a test.
    await sign('real', 'bo@example.org');
    const [bo] = await collectMail(api);
    await confirm(tokenOf(bo!));
    const change = await api.call('POST', '/v1/me/email-changes', {
      key: theirs.key,
      body: { email: 'bo@example.org' },
    });
    t.match(change, { status: 202 });
    const letters = await collectMail(api);
    t.same(
      letters.map(({ to, template, testFor }) => ({ to, template, testFor })),
      [
        { to: MAILBOX, template: 'email_apply', testFor: 'bo@example.org' },
        { to: MAILBOX, template: 'email_notice', testFor: 'ada@example.org' },
      ],
    );
    t.match(await api.call('POST', '/v1/email-changes/confirm', { body: { token: tokenOf(letters[0]!) } }), {
      status: 200,
    });
    const named = (await person('bo@example.org')).map(({ identity }) => identity).sort();
    t.match(named, ['bo@example.org', /^test:\d+:bo@example\.org$/]);
  });

  await t.test('a test stops no real mail', async (t) => {
    t.match(
      await api.call('POST', '/v1/unsubscribe', { key: publishable, body: { email: 'bo@example.org' } }),
      { status: 202 },
    );
    const [letter] = await collectMail(api);
    t.match(letter, { to: MAILBOX, testFor: 'bo@example.org' });
    const link = letter!.values.subscriptions![0]!.link;
    const token = new URL(link).searchParams.get('token')!;
    t.match(await api.call('POST', `/v1/unsubscribe/${token}`, { body: undefined }), { status: 200 });
    const status = async (key: string, email: string) =>
      (await api.call('GET', `/v1/subscriptions?email=${email}`, { key })).body.data[0]?.status;
    t.equal(await status(test, 'bo@example.org'), 'unsubscribed');
    t.equal(await status(secret, 'ada@example.org'), 'active');
    await collectMail(api);
    // Caps are of each world: three a day for strangers.
    for (let i = 0; i < 4; i += 1) await sign('trial', 'capped@example.org');
    t.equal((await collectMail(api)).length, 3);
    await sign('real', 'capped@example.org');
    t.match(await collectMail(api), [{ to: 'capped@example.org' }]);
  });

  await t.test('imports and vouched subscriptions stay in the test', async (t) => {
    const imported = await api.call('POST', '/v1/signatures/import?petition=trial', {
      key: test,
      headers: { 'content-type': 'text/csv' },
      body: 'email,name\nada@example.org,Ida\nimported@example.org,Ida\n',
    });
    t.match(imported, { status: 200 });
    t.match(await person('imported@example.org'), [{ identity: /^test:/ }]);
    t.equal((await person('imported@example.org')).length, 1);
    const bulk = await api.call('POST', '/v1/subscriptions/import', {
      key: test,
      body: {
        consent_text_id: testText,
        evidence: { source: 'paper' },
        rows: [{ email: 'listed@example.org' }],
      },
    });
    t.match(bulk, { status: 200 }, bulk.text);
    t.match(await person('listed@example.org'), [{ identity: /^test:/ }]);
    const foreign = (key: string, consent_text_id: string) =>
      api.call('POST', '/v1/subscriptions', { key, body: { email: 'x@example.org', consent_text_id } });
    t.match(await foreign(publishable, realText), { status: 404 });
    t.match(await foreign(secret, testText), { status: 404 });
    t.match(await foreign(publishable, testText), { status: 202 });
    t.match(await collectMail(api), [{ to: MAILBOX, testFor: 'x@example.org' }]);
  });

  await t.test(
    'the mailbox for tests is not flooded, nor mailed against the will of its owner',
    async (t) => {
      await collectMail(api);
      const day = new Date(Date.now() + 86_400_000 * 2);
      api.setClock(day);
      for (let i = 0; i < 201; i += 1) await sign('trial', `many-${i}@example.org`);
      t.equal((await collectMail(api)).length, 200);
      await sign('real', 'unhindered@example.org');
      t.match(await collectMail(api), [{ to: 'unhindered@example.org' }]);
      api.setClock(new Date(day.getTime() + 86_400_000 * 2));
      await sign('trial', 'later@example.org');
      t.match(await collectMail(api), [{ to: MAILBOX, testFor: 'later@example.org' }]);
      const { doNotContact } = api.store.tables;
      await takeMailEvent(ctx, { type: 'complaint', email: MAILBOX });
      await sign('trial', 'none@example.org');
      t.same(await collectMail(api), []);
      await api.store.transact(async (tx) => void (await tx.db.delete(doNotContact)));
      api.setClock(undefined);
    },
  );

  await t.test('all of it is deleted at once, and nothing else', async (t) => {
    const clear = (key: string) => api.call('DELETE', '/v1/organization/test-data', { key });
    t.match(await api.call('DELETE', '/v1/organization/test-data'), { status: 401 });
    const weak = await api.newKey((await api.organization('Weak')).key, 'secret', ['petitions:write']);
    t.match(await clear(weak), { status: 403, body: { code: 'scope_required' } });
    const untouched = await person('ada@example.org');
    const made = (path: string, body: object, method: 'POST' | 'PUT' = 'POST') =>
      api.call(method, `/v1/petitions/trial/${path}`, { key: test, body });
    const paper = await made('paper-signatures', { signatures: [{ name: 'Pia Paper' }, { name: 'Wrong' }] });
    const invalidate = `/v1/paper-signatures/${paper.body.created[1]}/invalidate`;
    t.match(await api.call('POST', invalidate, { key: test, body: { reason: 'Private' } }), { status: 200 });
    const file = await api.call('POST', '/v1/paper-signatures/import?petition=trial', {
      key: test,
      headers: { 'content-type': 'text/csv' },
      body: `name\n${Array.from({ length: 501 }, (_, i) => `Paper ${i}`).join('\n')}`,
    });
    t.match(file, { status: 200, body: { created: 501 } });
    for (const count of [30, 12]) t.match(await made('offsets', { count, source: 'Town' }), { status: 201 });
    t.match(await made('words/en', { button: 'Save it' }, 'PUT'), { status: 201 });
    const german = { title: 'Rettet sie', statement: 'Rettet sie.' };
    t.match(await made('translations/de', german, 'PUT'), { status: 201 });
    const asked = await api.call('PATCH', '/v1/petitions/trial', {
      key: test,
      headers: { 'if-match': '*' },
      body: { form_fields: [{ name: 'why', kind: 'text', label: 'Why?' }] },
    });
    t.match(asked, { status: 200 }, asked.text);
    t.match(await counts('trial'), { paper: 502, offset: 42 });
    const deleted = await clear(secret);
    t.match(deleted, {
      status: 200,
      body: { petitions: 1, signatures: 209, imports: 1, share_links: 0, mailings: 0 },
    });
    t.ok(deleted.body.supporters >= 7, deleted.text);
    t.ok(deleted.body.subscriptions >= 2, deleted.text);
    t.ok(deleted.body.mails >= 8, deleted.text);
    for (const key of [undefined, test, publishable]) {
      for (const ref of ['trial', trial.id]) {
        t.match(await api.call('GET', `/v1/petitions/${ref}`, { key }), { status: 404 }, ref);
      }
    }
    t.same((await api.call('GET', '/v1/petitions', { key: test })).body.data, []);
    t.same((await api.call('GET', '/v1/subscriptions', { key: test })).body.data, []);
    t.same(
      (await person('ada@example.org')).map(({ key }) => key),
      [untouched[0]!.key],
    );
    const { supporters: s } = api.store.tables;
    const left = await api.store.read.db.select().from(s);
    t.notMatch(JSON.stringify(left), /test:\d/);
    const { paperBatches, paperSignatures, offsets, petitions, ...tables } = api.store.tables;
    const { petitionTranslations, petitionWords } = tables;
    for (const table of [paperBatches, paperSignatures, offsets, petitionTranslations, petitionWords]) {
      t.same(await api.store.read.db.select().from(table), []);
    }
    const buried = await api.store.read.db.select().from(petitions).where(eq(petitions.publicId, trial.id));
    t.match(buried, [{ title: '', formFields: [], translations: [] }]);
    t.match(await clear(test), {
      status: 200,
      body: { petitions: 0, signatures: 0, supporters: 0, mails: 0 },
    });
    t.match(await counts('real'), { confirmed: 2 });
    t.same(await recount(api.store.read), []);
    t.same(await recountPeople(api.store.read, ctx.secrets), []);
    const again = await publish(api, test, { slug: 'trial' });
    t.not(again.id, trial.id);
    t.match(await sign('trial', 'ada@example.org', {}, test), { status: 201, body: { created: true } });
  });

  await t.test('without tests there is nothing to delete', async (t) => {
    const { secret: other } = await api.organization('Others');
    t.match(await api.call('DELETE', '/v1/organization/test-data', { key: other }), {
      status: 200,
      body: { petitions: 0, supporters: 0 },
    });
  });
});
