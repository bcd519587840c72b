import fc from 'fast-check';
import type { Test } from 'tap';
import { changeCounts, readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import type { Letter } from '../../../src/core/letters/letter.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { withdrawMySignature } from '../../../src/core/my-data/my-signatures.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { onEveryEngine, publish, start, type Engine } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

type Keyed = { key?: string | undefined; headers?: Record<string, string> };

async function world(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  await publish(api, lead.secret, { slug: 'mailed' });
  await publish(api, lead.secret, { slug: 'direct', confirmation: 'none', goals: [1, 2, 3] });
  const sign = (
    ref: string,
    email: string,
    more: Record<string, unknown> = {},
    { key, headers = {} }: Keyed = {},
  ) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, {
      key,
      headers,
      body: { email, name: 'Ada King', ...more },
    });
  const find = async (ref: string, email: string) =>
    (
      await api.call('GET', `/v1/signatures?petition=${ref}&email=${encodeURIComponent(email)}`, {
        key: lead.secret,
      })
    ).body.data[0];
  const act = (id: string, action: string, key = lead.secret, reason = 'I looked at it') =>
    api.call('POST', `/v1/signatures/${id}/${action}`, { key, body: { reason } });
  const preview = (body: Record<string, unknown>, key = lead.secret) =>
    api.call('POST', '/v1/signature-moderations/preview', { key, body: { filter: {}, ...body } });
  const apply = (preview_token: string, key = lead.secret) =>
    api.call('POST', '/v1/signature-moderations', { key, body: { preview_token, reason: 'In bulk' } });
  const formToken = async (ref: string) =>
    (await api.call('GET', `/v1/petitions/${ref}/challenge`)).body.form_token as string;
  const counts = async (ref: string) => {
    const { petitions } = api.store.tables;
    const [row] = (await api.store.read.db.select().from(petitions)).filter(({ slug }) => slug === ref);
    const { updatedAt: _updatedAt, ...numbers } = await readCounts(api.store.read, row?.key ?? 0);
    return Object.fromEntries(Object.entries(numbers).filter(([, number]) => number !== 0));
  };
  return { api, lead, partner, sign, find, act, preview, apply, formToken, counts };
}

const HONEYPOT = { website: 'https://spam.example' };

onEveryEngine('what makes a signing suspicious', async (t, engine) => {
  const { api, lead, sign, find, act, formToken, counts } = await world(t, engine);
  const from = Date.now();
  const at = (ms: number) => api.setClock(new Date(from + ms));
  t.teardown(() => api.setClock(undefined));
  at(0);
  const [ours, theirs] = [await formToken('mailed'), await formToken('direct')];
  const browser = { headers: { origin: 'https://site.example' } };
  const plain = (await sign('mailed', 'plain@example.org')).body;

  type Case = [
    what: string,
    more: Record<string, unknown>,
    suspicion: unknown,
    options?: Keyed & { after?: number; email?: string },
  ];
  const quarantined: Case[] = [
    ['the field that people do not see', HONEYPOT, { score: 100, signals: ['honeypot'] }],
    ['sent at once', { form_token: ours }, { score: 60, signals: ['too_fast'] }, { after: 1999 }],
    ['a link in the name', { name: 'Buy at pills.example.com' }, { score: 60, signals: ['link_in_name'] }],
    [
      'a form of another petition, and a throw-away mailbox',
      { form_token: theirs },
      { score: 70, signals: ['no_form', 'disposable_domain'] },
      { after: 5000, email: 'x@mailinator.com' },
    ],
    [
      'a form that is too old, and below a throw-away domain',
      { form_token: ours },
      { score: 70, signals: ['no_form', 'disposable_domain'] },
      { after: 49 * 3_600_000, email: 'y@sub.mailinator.com' },
    ],
    [
      'a form token that is none, and another spelling',
      { form_token: `ft_${'A'.repeat(59)}` },
      { score: 80, signals: ['no_form', 'alias_of_signer'] },
      { email: 'plain+2@example.org' },
    ],
  ];
  for (const [
    what,
    more,
    suspicion,
    { after = 5000, email = `${what.length}@example.net`, ...options } = {},
  ] of quarantined) {
    await t.test(`202: quarantined: ${what}`, async (t) => {
      at(after);
      const answer = await sign('mailed', email, more, options);
      t.equal(answer.status, 202);
      const { receipt: _receipt, ...body } = answer.body;
      t.match(body, {
        petition_id: plain.petition_id,
        confirmation: 'email',
        next: 'confirm_email',
        count: 0,
      });
      t.same(Object.keys(answer.body), Object.keys(plain));
      t.match(await find('mailed', email), { status: 'quarantined', suspicion, confirmed_at: null });
    });
  }

  const harmless: Case[] = [
    ['two seconds after the form', { form_token: ours }, null, { after: 2000 }],
    ['a browser without a form', {}, null, browser],
    [
      'a browser without a form, in a throw-away mailbox',
      {},
      null,
      { ...browser, email: 'z@mailinator.com' },
    ],
    ['another spelling', {}, null, { email: 'plain+3@example.org' }],
    ['an empty field that people do not see', { website: '' }, null],
    ['a name with dots', { name: 'Dipl.Ing. J.R.R. van der Berg-O’Neil Jr.' }, null],
  ];
  for (const [
    what,
    more,
    ,
    { after = 5000, email = `${what.length}@example.com`, ...options } = {},
  ] of harmless) {
    await t.test(`202: not suspicious: ${what}`, async (t) => {
      at(after);
      t.equal((await sign('mailed', email, more, options)).status, 202);
      t.match(await find('mailed', email), { status: 'pending', suspicion: null });
    });
  }

  await t.test('202: more than 20 addresses from one network in an hour, and something else', async (t) => {
    await publish(api, lead.secret, { slug: 'crowded' });
    const bad = { form_token: `ft_${'A'.repeat(59)}` };
    at(10_000);
    for (let i = 1; i <= 20; i += 1) await sign('crowded', `c${i}@example.org`, bad);
    for (let i = 0; i < 3; i += 1) await sign('crowded', 'c20@example.org', bad);
    t.match(await counts('crowded'), { pending: 20 }, 'the same address again is not one more');
    await sign('crowded', 'c21@example.org', bad);
    t.match(await find('crowded', 'c21@example.org'), {
      status: 'quarantined',
      suspicion: { score: 80, signals: ['no_form', 'many_from_one_network'] },
    });
    await sign('crowded', 'c22@example.org');
    t.match(await find('crowded', 'c22@example.org'), { status: 'pending' }, 'alone it is harmless');
    at(10_000 + 3_600_000);
    await sign('crowded', 'c23@example.org', bad);
    t.match(await find('crowded', 'c23@example.org'), { status: 'pending' }, 'an hour later it begins anew');
  });

  await t.test('202, 201 and 200: publishable keys are looked at, secret ones are not', async (t) => {
    const publishable = await api.newKey(lead.key, 'publishable');
    await sign('mailed', 'pk@example.org', HONEYPOT, { key: publishable });
    t.match(await find('mailed', 'pk@example.org'), { status: 'quarantined' });
    const body = { ...HONEYPOT, name: 'www.spam.example', form_token: `ft_${'A'.repeat(59)}` };
    const created = await sign('mailed', 'sk@mailinator.com', body, { key: lead.secret });
    t.match(created, { status: 201, body: { status: 'pending' } });
    const vouched = await sign('mailed', 'vk@example.org', { ...body, vouched: true }, { key: lead.secret });
    t.match(vouched, { status: 201, body: { status: 'confirmed' } });
    const again = await sign('mailed', 'pk@example.org', {}, { key: lead.secret });
    t.match(again, { status: 200, body: { status: 'quarantined', next: 'done' } });
  });

  await t.test('202: what came through an isolated key', async (t) => {
    await publish(api, lead.secret, { slug: 'isolating', challenge: 'off' });
    const publishable = await api.newKey(lead.key, 'publishable');
    const { apiKeys, petitions, keyIsolations } = api.store.tables;
    const key = (await api.store.read.db.select().from(apiKeys)).at(-1)?.key ?? 0;
    const petitionKey = (await api.store.read.db.select().from(petitions)).at(-1)?.key ?? 0;
    const isolation = { petitionKey, apiKeyKey: key, asked: 200, confirmed: 1, isolatedAt: new Date() };
    await api.store.transact((tx) => tx.db.insert(keyIsolations).values(isolation).returning());
    await sign('isolating', 'iso@example.org', {}, { key: publishable });
    t.match(await find('isolating', 'iso@example.org'), {
      status: 'quarantined',
      suspicion: { score: 100, signals: ['isolated_key'] },
    });
    await sign('isolating', 'free@example.org');
    t.match(await find('isolating', 'free@example.org'), { status: 'pending' });
    await collectMail(api);
    const { id } = await find('isolating', 'iso@example.org');
    t.match(await act(id, 'release'), { status: 200, body: { status: 'pending' } });
    t.match(await collectLetter(api, 'iso@example.org'), { template: 'confirm_signature' });
  });
  t.same(await recount(api.store.read), []);
});

onEveryEngine('a quarantined signature', async (t, engine) => {
  const { api, lead, partner, sign, find, act, counts } = await world(t, engine);
  const text = async (key: string) =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes, mail me.' } })).body
      .id as string;
  const { organizations, subscriptions, confirmationRequests } = api.store.tables;
  await api.store.transact((tx) => tx.db.update(organizations).set({ doubleOptIn: 0 }).returning());
  const consent = { opt_ins: [{ consent_text_id: await text(lead.secret), opt_in: true }] };
  const listed = async () =>
    (await api.store.read.db.select().from(subscriptions)).map(({ status }) => status).sort();

  await t.test('is mailed nothing, counts nowhere, and subscribes nobody', async (t) => {
    await sign('mailed', 'bot@example.org', { ...HONEYPOT, ...consent });
    await sign('direct', 'bot@example.org', { ...HONEYPOT, ...consent });
    t.same(await counts('mailed'), { quarantined: 1 });
    t.same(await counts('direct'), { quarantined: 1 });
    t.same(await listed(), ['pending'], 'though the organization asks nobody');
    t.same(await collectMail(api), []);
    const petition = (await find('mailed', 'bot@example.org')).petition_id;
    const resend = { email: 'bot@example.org', petition_id: petition };
    await api.call('POST', '/v1/confirmations/resend', { body: resend });
    t.same(await collectMail(api), [], 'nor does resending, not even about the subscription');
    await sign('mailed', 'bot@example.org');
    t.same(await collectMail(api), [], 'nor does a repeat without suspicion ask the mailbox');
    const shown = await api.call('GET', '/v1/petitions/direct/signatures');
    t.same(shown.body.data, []);
  });

  await t.test('releaseSignature 200: pending, and its mailbox is asked then', async (t) => {
    const { id } = await find('mailed', 'bot@example.org');
    const answer = await act(id, 'release');
    t.match(answer, { status: 200, body: { id, status: 'pending', suspicion: { signals: ['honeypot'] } } });
    t.same(await counts('mailed'), { pending: 1 });
    const letter = await collectLetter(api, 'bot@example.org');
    t.match(letter, {
      template: 'confirm_signature',
      values: { opt_ins: [{ organization: 'River Meadows' }] },
    });
    const confirmed = await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.equal(confirmed.status, 200);
    t.same(await counts('mailed'), { confirmed: 1 });
    t.same(await listed(), ['active']);
    t.same(await collectMail(api), []);
  });

  await t.test('releaseSignature 200: the code in the mail holds, however long it took', async (t) => {
    t.teardown(() => api.setClock(undefined));
    const email = 'slow@example.org';
    await sign('mailed', email, HONEYPOT);
    t.same(await collectMail(api), []);
    api.setClock(new Date(Date.now() + 20 * 86_400_000));
    await act((await find('mailed', email)).id, 'release');
    const { values } = await collectLetter(api, email);
    const answer = await api.call('POST', '/v1/confirmations', { body: { email, code: values.code } });
    t.equal(answer.status, 200);
    t.match(await find('mailed', email), { status: 'confirmed' });
  });

  await t.test('releaseSignature 200: it counts at once where nobody is asked', async (t) => {
    const { id } = await find('direct', 'bot@example.org');
    t.match(await act(id, 'release'), { status: 200, body: { status: 'confirmed', confirmed_at: /Z$/ } });
    t.same(await counts('direct'), { confirmed: 1 });
    const { milestones } = api.store.tables;
    t.same(
      (await api.store.read.db.select().from(milestones)).map(({ value }) => value),
      [1],
    );
    t.same(await collectMail(api), [], 'its subscription is in force already');
    await sign('direct', 'bot2@example.org', { ...HONEYPOT, ...consent });
    await act((await find('direct', 'bot2@example.org')).id, 'release');
    t.match(await collectLetter(api, 'bot2@example.org'), { template: 'confirm_subscription' });
  });

  await t.test('releaseSignature 200: it counts at once if the mailbox has confirmed', async (t) => {
    const email = 'vouched@example.org';
    await sign('mailed', email, HONEYPOT);
    const vouched = await sign('mailed', email, { vouched: true }, { key: lead.secret });
    t.match(vouched, { status: 200, body: { status: 'quarantined' } }, 'that is for organisers to decide');
    const { id } = await find('mailed', email);
    t.match(await act(id, 'release'), { status: 200, body: { status: 'confirmed' } });
    t.same(await collectMail(api), []);
  });

  await t.test('refuseSignature 200: invalidated, and restored to quarantine', async (t) => {
    await sign('mailed', 'no@example.org', { ...HONEYPOT, ...consent });
    const { id } = await find('mailed', 'no@example.org');
    const before = await counts('mailed');
    t.match(await act(id, 'refuse'), {
      status: 200,
      body: { status: 'invalidated', suspicion: { score: 100 } },
    });
    t.match(await act(id, 'restore'), { status: 200, body: { status: 'quarantined' } });
    t.same(await counts('mailed'), before);
    t.match(await act(id, 'invalidate'), { status: 200, body: { status: 'invalidated' } });
    t.match(await act(id, 'restore'), { status: 200, body: { status: 'quarantined' } });
    t.same(await collectMail(api), []);
    const { moderations } = api.store.tables;
    const log = (await api.store.read.db.select().from(moderations)).slice(-4);
    t.same(
      log.map(({ fromStatus, toStatus, reason }) => [fromStatus, toStatus, reason]),
      [
        ['quarantined', 'invalidated', 'I looked at it'],
        ['invalidated', 'quarantined', 'I looked at it'],
        ['quarantined', 'invalidated', 'I looked at it'],
        ['invalidated', 'quarantined', 'I looked at it'],
      ],
    );
  });

  await t.test('quarantineSignature 200: out of the count, and released as it was', async (t) => {
    await sign('mailed', 'waiting@example.org');
    const letter = await collectLetter(api, 'waiting@example.org');
    const { id: waiting } = await find('mailed', 'waiting@example.org');
    await sign('direct', 'counting@example.org');
    const { id: counting } = await find('direct', 'counting@example.org');
    const before = await counts('direct');
    t.match(await act(counting, 'quarantine'), {
      status: 200,
      body: { status: 'quarantined', suspicion: null },
    });
    t.match(await counts('direct'), { confirmed: (before.confirmed ?? 0) - 1, quarantined: 1 });
    t.match(await act(counting, 'quarantine'), { status: 409, body: { code: 'already_quarantined' } });
    t.match(await act(counting, 'release'), { status: 200, body: { status: 'confirmed' } });
    t.same(await counts('direct'), before);
    t.match(await act(waiting, 'quarantine'), { status: 200, body: { status: 'quarantined' } });
    t.match(await act(waiting, 'refuse'), { status: 200, body: { status: 'invalidated' } });
    t.match(await act(waiting, 'quarantine'), { status: 409, body: { code: 'already_invalidated' } });
    t.match(await act(waiting, 'restore'), { status: 200, body: { status: 'quarantined' } });
    t.match(
      await act(waiting, 'release'),
      { status: 200, body: { status: 'pending' } },
      'nobody has confirmed it',
    );
    await collectMail(api);
    t.match(await act(waiting, 'quarantine'), { status: 200 });
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.match(await find('mailed', 'waiting@example.org'), { status: 'quarantined' });
    t.match(
      await act(waiting, 'release'),
      { status: 200, body: { status: 'confirmed' } },
      'its mailbox has, meanwhile',
    );
    t.same(await collectMail(api), []);
    t.same(await recount(api.store.read), []);
  });

  await t.test('409 not_quarantined, 404, 403, 401 and 422', async (t) => {
    await sign('mailed', 'fine@example.org');
    await collectMail(api);
    const { id: fine } = await find('mailed', 'fine@example.org');
    await sign('mailed', 'odd@example.org', HONEYPOT);
    const { id: odd } = await find('mailed', 'odd@example.org');
    const reader = await api.newKey(lead.key, 'secret', ['signatures:read', 'signatures:write']);
    const publishable = await api.newKey(lead.key, 'publishable');
    for (const action of ['release', 'refuse', 'quarantine']) {
      if (action !== 'quarantine') {
        t.match(await act(fine, action), { status: 409, body: { code: 'not_quarantined' } });
      }
      t.match(await act(odd, action, partner.secret), { status: 404, body: { code: 'signature_not_found' } });
      t.match(await act(odd, action, reader), { status: 403, body: { code: 'scope_required' } });
      t.match(await act(odd, action, publishable), { status: 401, body: { code: 'key_required' } });
      t.match(await act(odd, action, lead.secret, ''), { status: 422, body: { code: 'invalid_body' } });
    }
    t.match(await find('mailed', 'odd@example.org'), { status: 'quarantined' });
  });

  await t.test('a suspicious repeat changes nothing and mails nothing, whatever there is', async (t) => {
    const email = 'there@example.org';
    await sign('mailed', email, { name: 'First Name' });
    const letter = await collectLetter(api, email);
    const repeat = () => sign('mailed', email, { ...HONEYPOT, ...consent, name: 'Second Name' });
    const before = await find('mailed', email);
    const requests = async () => (await api.store.read.db.select().from(confirmationRequests)).length;
    const asked = await requests();
    t.equal((await repeat()).status, 202);
    t.same(await find('mailed', email), before);
    t.equal(await requests(), asked + 1, 'the same work as for anybody');
    t.same(await collectMail(api), []);
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    const confirmed = await find('mailed', email);
    t.match(confirmed, { status: 'confirmed', name: 'First Name', suspicion: null });
    t.equal((await repeat()).status, 202);
    t.same(await find('mailed', email), confirmed);
    await api.call('POST', '/v1/confirmations/resend', { body: { email, petition_id: before.petition_id } });
    t.same(await collectMail(api), [], 'resending has nothing of it to send');
  });
  t.same(await recount(api.store.read), []);
});

onEveryEngine('moderating many', async (t, engine) => {
  const { api, lead, partner, sign, find, act, preview, apply, counts } = await world(t, engine);
  const from = Date.now();
  const at = (ms: number) => api.setClock(new Date(from + ms));
  t.teardown(() => api.setClock(undefined));
  at(0);
  for (let i = 0; i < 12; i += 1) await sign('mailed', `h${i}@example.org`, { ...HONEYPOT, source: 'wave' });
  for (let i = 0; i < 3; i += 1) await sign('mailed', `l${i}@other.example`, { name: 'www.spam.example' });
  for (let i = 0; i < 4; i += 1) await sign('mailed', `p${i}@example.org`, { source: 'wave' });
  await sign('direct', 'elsewhere@example.org', HONEYPOT);
  const statusOf = async (email: string) => (await find('mailed', email)).status as string;

  await t.test('previewModeration 200: what each action and filter would move, and nothing is', async (t) => {
    const before = await counts('mailed');
    const from0 = new Date(from).toISOString();
    const matches: [Record<string, unknown>, number][] = [
      [{ action: 'release' }, 15],
      [{ action: 'refuse', filter: { signals: ['honeypot'] } }, 12],
      [{ action: 'refuse', filter: { signals: ['honeypot', 'link_in_name'] } }, 15],
      [{ action: 'refuse', filter: { signals: ['too_fast'] } }, 0],
      [{ action: 'refuse', filter: { email_domain: 'OTHER.example' } }, 3],
      [{ action: 'refuse', filter: { email_domain: 'ther.example' } }, 0],
      [{ action: 'invalidate' }, 19],
      [{ action: 'invalidate', filter: { source: 'wave' } }, 16],
      [{ action: 'invalidate', filter: { source: 'wave', status: ['pending'] } }, 4],
      [{ action: 'invalidate', filter: { status: ['withdrawn', 'invalidated'] } }, 0],
      [{ action: 'invalidate', filter: { created_before: from0 } }, 0],
      [{ action: 'invalidate', filter: { created_from: from0 } }, 19],
      [{ action: 'invalidate', filter: { collector: lead.id } }, 0],
      [{ action: 'restore' }, 0],
    ];
    for (const [body, matched] of matches) {
      const answer = await preview({ petition: 'mailed', ...body });
      t.match(answer, { status: 200, body: { matched, preview_token: /^mp_/ } }, JSON.stringify(body));
      t.equal(answer.body.sample.length, Math.min(matched, 10));
    }
    const { sample } = (await preview({ petition: 'mailed', action: 'release' })).body;
    t.match(sample[0], { email: 'h0@example.org', status: 'quarantined', suspicion: { score: 100 } });
    t.same(await counts('mailed'), before);
  });

  await t.test('moderateSignatures 200: exactly what was in the preview and is still so', async (t) => {
    const { preview_token } = (await preview({ petition: 'mailed', action: 'refuse' })).body;
    await act((await find('mailed', 'h0@example.org')).id, 'release');
    const { id } = await find('mailed', 'h1@example.org');
    await act(id, 'refuse');
    await act(id, 'restore');
    await sign('mailed', 'h99@example.org', HONEYPOT);
    t.match(await apply(preview_token), { status: 200, body: { moderated: 13, skipped: 2, remaining: 0 } });
    t.equal(await statusOf('h0@example.org'), 'pending', 'what has moved since');
    t.equal(await statusOf('h1@example.org'), 'quarantined', 'even if it is back where it was');
    t.equal(await statusOf('h99@example.org'), 'quarantined', 'what has come since');
    t.equal(await statusOf('h2@example.org'), 'invalidated');
    t.same(await counts('mailed'), { pending: 5, quarantined: 2, invalidated: 13 });
    t.match(await apply(preview_token), { status: 200, body: { moderated: 0, skipped: 15, remaining: 0 } });
    t.same(await counts('mailed'), { pending: 5, quarantined: 2, invalidated: 13 }, 'nothing moves twice');
  });

  await t.test('moderateSignatures 200: what was confirmed since is not touched', async (t) => {
    at(1000);
    const letters = await collectMail(api);
    const [first, second] = letters.filter(({ to }) => to.startsWith('p'));
    await api.call('POST', '/v1/confirmations', { body: { token: first && tokenOf(first) } });
    at(2000);
    const filter = { status: ['pending', 'confirmed'] };
    const { body } = await preview({ petition: 'mailed', action: 'invalidate', filter });
    t.equal(body.matched, 5);
    at(3000);
    await api.call('POST', '/v1/confirmations', { body: { token: second && tokenOf(second) } });
    t.match((await apply(body.preview_token)).body, { moderated: 4, skipped: 1, remaining: 0 });
    t.equal(await statusOf(second?.to ?? ''), 'confirmed');
    t.equal(await statusOf(first?.to ?? ''), 'invalidated');
  });

  await t.test('moderateSignatures 200: restored to what each was; released ones are mailed', async (t) => {
    const restoring = await preview({ petition: 'mailed', action: 'restore' });
    t.equal(restoring.body.matched, 17);
    t.match((await apply(restoring.body.preview_token)).body, { moderated: 17, skipped: 0, remaining: 0 });
    t.same(await counts('mailed'), { pending: 3, confirmed: 2, quarantined: 15 });
    await collectMail(api);
    const filter = { signals: ['link_in_name'] };
    const releasing = await preview({ petition: 'mailed', action: 'release', filter });
    t.match((await apply(releasing.body.preview_token)).body, { moderated: 3, skipped: 0 });
    t.same(
      (await collectMail(api)).map(({ to }) => to).sort(),
      [0, 1, 2].map((i) => `l${i}@other.example`),
    );
  });

  await t.test('409 preview_outdated: over, of others, not ours', async (t) => {
    const token = async () =>
      (await preview({ petition: 'mailed', action: 'refuse' })).body.preview_token as string;
    const outdated = { status: 409, body: { code: 'preview_outdated' } };
    const fresh = await token();
    t.match(await apply(fresh, partner.secret), outdated);
    t.match(await apply(`${fresh.slice(0, -4)}AAAA`), outdated);
    t.match(await apply('mp_AAAA'), outdated);
    at(2000 + 31 * 60_000);
    t.match(await apply(fresh), outdated);
    t.match((await apply(await token())).status, 200);
  });

  await t.test('404, 403, 401 and 422', async (t) => {
    const release = { petition: 'mailed', action: 'release' };
    const reader = await api.newKey(lead.key, 'secret', ['signatures:read']);
    const publishable = await api.newKey(lead.key, 'publishable');
    t.match(await preview(release, partner.secret), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await preview({ ...release, petition: 'nowhere' }), { status: 404 });
    t.match(await preview({ ...release, action: 'delete' }), { status: 422 });
    t.match(await preview({ ...release, filter: { status: [] } }), { status: 422 });
    t.match(await preview({ ...release, filter: { email_domain: '%.org' } }), {
      status: 422,
      body: { errors: [{ pointer: '/filter/email_domain' }] },
    });
    for (const key of [reader, publishable]) {
      const status = key === reader ? 403 : 401;
      t.equal((await preview(release, key)).status, status);
      t.equal((await apply('mp_AAAA', key)).status, status);
    }
  });
  t.same(await recount(api.store.read), []);
});

onEveryEngine('moderating more than one request takes', async (t, engine) => {
  const { api, preview, apply, counts } = await world(t, engine);
  const { petitions, signatures, supporters } = api.store.tables;
  const [petition] = (await api.store.read.db.select().from(petitions)).filter(
    ({ slug }) => slug === 'direct',
  );
  const petitionKey = petition?.key ?? 0;
  const MANY = 10_250;
  for (let made = 0; made < MANY; made += 410) {
    await api.store.transact(async (tx) => {
      const people = Array.from({ length: 410 }, (_, i) => ({
        publicId: api.app.ctx.newId('sup'),
        identity: `many${made + i}@example.org`,
        delivery: `many${made + i}@example.org`,
        createdAt: tx.now,
      }));
      const signers = await tx.db.insert(supporters).values(people).returning({ key: supporters.key });
      const rows = signers.map(({ key }) => ({
        publicId: api.app.ctx.newId('sig'),
        petitionKey,
        supporterKey: key,
        status: 'quarantined' as const,
        display: 'anonymous' as const,
        name: '',
        createdAt: tx.now,
      }));
      const inserted = await tx.db.insert(signatures).values(rows).returning();
      for (const row of inserted) changeCounts(tx, row, null, 'quarantined');
    });
  }
  const { body } = await preview({ petition: 'direct', action: 'release' });
  t.equal(body.matched, MANY);
  const first = apply(body.preview_token);
  const writes = Promise.all([1, 2, 3].map(() => recount(api.store.read)));
  t.match(await first, { status: 200, body: { moderated: 10_000, skipped: 0, remaining: 250 } });
  t.same((await writes).flat(), [], 'also while it runs');
  t.same(await counts('direct'), { confirmed: 10_000, quarantined: 250 });
  t.match((await apply(body.preview_token)).body, { moderated: 250, skipped: 10_000, remaining: 0 });
  t.match((await apply(body.preview_token)).body, { moderated: 0, skipped: MANY, remaining: 0 });
  t.same(await counts('direct'), { confirmed: MANY });
  t.same(await recount(api.store.read), []);
});

onEveryEngine('counts are rows at every moment of a mixed run', async (t, engine) => {
  const { api, lead, sign, act, preview, apply } = await world(t, engine);
  const { signatures } = api.store.tables;
  const pick = async (n: number) => {
    const rows = await api.store.read.db.select({ id: signatures.publicId }).from(signatures);
    return rows[n % Math.max(rows.length, 1)]?.id;
  };
  const refs = ['mailed', 'direct'];
  const step = fc.record({
    verb: fc.constantFrom('sign', 'bot', 'vouch', 'act', 'act', 'bulk', 'confirm'),
    ref: fc.constantFrom(...refs),
    action: fc.constantFrom('release', 'refuse', 'invalidate', 'restore', 'quarantine'),
    n: fc.nat(9),
  });
  const run = async ({ verb, ref, action, n }: { verb: string; ref: string; action: string; n: number }) => {
    if (verb === 'sign') await sign(ref, `m${n}@example.org`);
    if (verb === 'bot') await sign(ref, `m${n}@example.org`, HONEYPOT);
    if (verb === 'vouch') await sign(ref, `m${n}@example.org`, { vouched: true }, { key: lead.secret });
    if (verb === 'act') {
      const id = await pick(n);
      if (id) await act(id, action);
    }
    if (verb === 'bulk') await apply((await preview({ petition: ref, action })).body.preview_token);
    if (verb === 'confirm') {
      for (const letter of await collectMail(api)) {
        if (letter.values.link) {
          await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
        }
      }
    }
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 6 }),
      async (waves) => {
        for (const wave of waves) {
          await Promise.all(wave.map(run));
          t.same(await recount(api.store.read), []);
        }
      },
    ),
    { numRuns: 6 },
  );
});

onEveryEngine('of the spellings of one mailbox three count', async (t, engine) => {
  const { api, lead, sign, find, act, counts, preview, apply } = await world(t, engine);
  const { ctx } = api.app;
  const DAY = 86_400_000;
  const begun = Date.now();
  const onDay = (day: number) => api.setClock(new Date(begun + day * (DAY + 60_000)));
  t.teardown(() => api.setClock(undefined));
  const CROWDED = { status: 'quarantined', suspicion: { score: 60, signals: ['many_spellings'] } };
  const confirm = (letter: Letter | undefined) =>
    api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter as Letter) } });
  const publishDirect = (slug: string) => publish(api, lead.secret, { slug, confirmation: 'none' });
  const keyOf = async (identity: string) =>
    (await findSupporterByIdentity(api.store.read, identity))?.key ?? 0;

  await t.test('202: two hundred in the same moment, where nobody is asked', async (t) => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => sign('direct', `vic.tim+${i}@gmail.com`)),
    );
    for (const { status, body } of answers) {
      t.match([status, body.next], [202, 'done']);
      t.same(Object.keys(body), Object.keys(answers[0]?.body));
    }
    t.same(await counts('direct'), { confirmed: 3, quarantined: 197 });
    for (const email of ['victim@gmail.com', 'vict.im@googlemail.com']) {
      // A secret key is not judged by what else came from its network.
      await sign('direct', email, {}, { key: lead.secret });
      t.match(await find('direct', email), { ...CROWDED, confirmed_at: null });
    }
    await sign('direct', 'victor@gmail.com', {}, { key: lead.secret });
    t.match(await find('direct', 'victor@gmail.com'), { status: 'confirmed' }, 'another mailbox');
    t.same(await collectMail(api), []);
    const { spellings } = api.store.tables;
    t.notMatch(JSON.stringify(await api.store.read.db.select().from(spellings)), /victim|gmail/);
  });

  await t.test('202: the plain spelling is one of them', async (t) => {
    await publishDirect('plain-first');
    for (const name of ['ann', 'ann+1', 'ann+2', 'ann+3']) await sign('plain-first', `${name}@example.org`);
    t.same(await counts('plain-first'), { confirmed: 3, quarantined: 1 });
    t.match(await find('plain-first', 'ann+3@example.org'), CROWDED);
    const again = await sign('plain-first', 'ann+1@example.org', {}, { key: lead.secret });
    t.match(again, { status: 200, body: { created: false, status: 'confirmed' } }, 'a repeat is none');
  });

  await t.test('202: whose mailbox says yes counts, whatever a stranger has made up', async (t) => {
    for (let i = 1; i <= 4; i += 1) await sign('mailed', `bo+${i}@example.org`);
    t.same(await counts('mailed'), { pending: 3, quarantined: 1 });
    await sign('mailed', 'bo@example.org');
    t.match(await find('mailed', 'bo@example.org'), CROWDED, 'the owner comes last');
    const made = await collectMail(api);
    t.equal(made.length, 3);
    onDay(1);
    const resend = {
      email: 'bo@example.org',
      petition_id: (await find('mailed', 'bo@example.org')).petition_id,
    };
    await api.call('POST', '/v1/confirmations/resend', { body: resend });
    const letter = await collectLetter(api, 'bo@example.org');
    t.match(letter, { template: 'confirm_signature' });
    t.equal((await confirm(letter)).status, 200);
    t.match(await find('mailed', 'bo@example.org'), { status: 'confirmed', confirmed_at: /Z$/ });
    t.same(await counts('mailed'), { pending: 3, confirmed: 1, quarantined: 1 });
    for (const one of made.slice(0, 2)) t.equal((await confirm(one)).status, 200);
    const before = await preview({ petition: 'mailed', action: 'refuse' });
    t.equal(before.body.matched, 1);
    api.setClock(new Date(begun + DAY + 120_000));
    t.equal((await confirm(made[2])).status, 200);
    t.same(await counts('mailed'), { confirmed: 3, quarantined: 2 });
    const last = made[2]?.to ?? '';
    t.match(await find('mailed', last), { ...CROWDED, confirmed_at: /Z$/ }, 'the fourth that says yes');
    t.equal((await confirm(made[2])).status, 200, 'it hears the same');
    t.match(await apply(before.body.preview_token), { body: { moderated: 1 } }, 'it was in no preview');
    t.match(await find('mailed', last), { status: 'quarantined' });
    t.match(await act((await find('mailed', last)).id, 'release'), { body: { status: 'confirmed' } });
    t.match(await counts('mailed'), { confirmed: 4 }, 'an organiser has the last word');
  });

  await t.test('202: one that is released asks its mailbox, and counts', async (t) => {
    onDay(3);
    for (const name of ['cy', 'cy+1', 'cy+2']) await sign('mailed', `${name}@example.org`);
    for (const letter of await collectMail(api)) await confirm(letter);
    onDay(5);
    await sign('mailed', 'cy+3@example.org');
    const { id } = await find('mailed', 'cy+3@example.org');
    t.match(await act(id, 'release'), { body: { status: 'pending' } });
    const letters = await collectMail(api);
    t.equal((await confirm(letters[0])).status, 200);
    t.match(await find('mailed', 'cy+3@example.org'), { status: 'confirmed' });
  });

  await t.test('202: a refused or withdrawn one makes room, and is no way around', async (t) => {
    onDay(10);
    await publish(api, lead.secret, { slug: 'around' });
    for (const name of ['di', 'di+1', 'di+2']) await sign('around', `${name}@example.org`);
    for (const letter of await collectMail(api)) await confirm(letter);
    onDay(12);
    await sign('around', 'di+3@example.org');
    const refused = await collectLetter(api, 'di+3@example.org');
    await api.call('POST', '/v1/confirmations/refuse', { body: { token: tokenOf(refused) } });
    t.match(await find('around', 'di+3@example.org'), { status: 'withdrawn' });
    onDay(45);
    await sign('around', 'di+3@example.org');
    await confirm(await collectLetter(api, 'di+3@example.org'));
    t.match(await find('around', 'di+3@example.org'), CROWDED);
    const session = { supporterKey: await keyOf('di+1@example.org') };
    await withdrawMySignature(ctx, session, (await find('around', 'di+1@example.org')).id);
    await sign('around', 'di+4@example.org');
    t.match(await find('around', 'di+4@example.org'), { status: 'pending' });
  });

  await t.test('201 and 202: whoever brings them', async (t) => {
    await publishDirect('brought');
    for (let i = 0; i < 3; i += 1) await sign('brought', `eve-${i}@yahoo.com`);
    const vouched = await sign('brought', 'eve-3@yahoo.com', { vouched: true }, { key: lead.secret });
    t.match(vouched, { status: 201, body: { status: 'quarantined' } });
    const keyed = await sign('brought', 'eve-4@yahoo.com', {}, { key: lead.secret });
    t.match(keyed, { status: 201, body: { status: 'quarantined' } });
    const publishable = await api.newKey(lead.key, 'publishable');
    t.equal((await sign('brought', 'eve-5@yahoo.com', {}, { key: publishable })).status, 202);
    t.same(await counts('brought'), { confirmed: 3, quarantined: 3 });
    t.match(await act(vouched.body.id, 'release'), { body: { status: 'confirmed' } });
  });

  await t.test('200: in a file, too', async (t) => {
    await publishDirect('filed');
    await sign('filed', 'finn+0@example.org');
    const names = ['finn+0', 'finn', ...Array.from({ length: 9 }, (_, i) => `finn+${i + 1}`), 'gwen', 'hal'];
    const body = names.map((name) => JSON.stringify({ email: `${name}@example.org`, name })).join('\n');
    const send = () =>
      api.call('POST', '/v1/signatures/import?petition=filed', {
        key: lead.secret,
        headers: { 'content-type': 'application/x-ndjson' },
        body,
      });
    t.match(await send(), { body: { created: 4, quarantined: 8, already_signed: 1, failed: 0 } });
    t.same(await counts('filed'), { confirmed: 5, quarantined: 8 });
    t.match(await send(), { body: { created: 0, quarantined: 0, already_signed: 13 } });
    t.same(await counts('filed'), { confirmed: 5, quarantined: 8 });
    await sign('filed', 'finn+10@example.org');
    t.match(await find('filed', 'finn+10@example.org'), CROWDED);
  });

  await t.test('an erasure makes no room', async (t) => {
    await publishDirect('erasing');
    const names = ['ida', 'ida+1', 'ida+2'];
    for (const name of names) await sign('erasing', `${name}@example.org`);
    for (const name of names) await eraseSupporter(ctx, await keyOf(`${name}@example.org`));
    t.same(await counts('erasing'), { confirmed: 3 });
    await sign('erasing', 'ida+3@example.org');
    t.match(await find('erasing', 'ida+3@example.org'), CROWDED);
  });
  t.same(await recount(api.store.read), []);
});
