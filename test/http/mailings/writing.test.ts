import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { simpleParser } from 'mailparser';
import type { KeyedActor } from '../../../src/core/actor.js';
import { countOutcome } from '../../../src/core/counts/mailing-counts.js';
import type { Letter } from '../../../src/core/letters/letter.js';
import { freezeMailing } from '../../../src/core/mailings/freezing.js';
import { getMailing } from '../../../src/core/mailings/mailings.js';
import { sourceOf } from '../../../src/core/mailings/reading-source.js';
import { variantsOf } from '../../../src/core/mailings/variants.js';
import { compileMailing } from '../../../src/mail/campaign/compile.js';
import { createTestRenderer } from '../../../src/mail/campaign/test-mail.js';
import { loadLocales } from '../../../src/mail/load-locales.js';

import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { collectMail } from '../../support/mailbox.js';

const TEXT = {
  subject: '{{ first_name | default: "Friend" }}, the meadows need you',
  preview: 'They decide on Thursday.',
  markdown: 'Dear {{ first_name | default: "friend" }},\n\n[[statement]]\n\n[[button]]\n\n[[campaigner]]',
};
const NOT_READY = {
  code: 'x',
  severity: 'error',
  detail: 'Wrong.',
  where: { variant: null, locale: 'en', part: 'html' },
} as const;
const create = (api: TestApp, key: string | undefined, body: unknown) =>
  api.call('POST', '/v1/mailings', { key, body });

/** Subscribers whose consent was given elsewhere. */
async function subscribers(api: TestApp, key: string, rows: object[]): Promise<any[]> {
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
  const imported = await api.call('POST', '/v1/subscriptions/import', { key, body });
  if (imported.body.created !== rows.length) throw new Error(imported.text);
  return (await api.call('GET', '/v1/subscriptions', { key })).body.data;
}

onEveryEngine('checkMailing knows the key that this server signs with', async (t, engine) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'dkim.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const p = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const texts: Record<string, string> = {
    'ewe.example': 'v=spf1 mx -all',
    '_dmarc.ewe.example': 'v=DMARC1; p=reject',
    'm1._domainkey.mail.ewe.example': `v=DKIM1; k=rsa; p=${p}`,
    'm2._domainkey.mail.ewe.example': `v=DKIM1; p=${other.export({ type: 'spki', format: 'der' }).toString('base64')}`,
    'm1._domainkey.brook.example': `v=DKIM1; p=${p}`,
  };
  const resolver = {
    resolveMx: () => Promise.resolve([{ exchange: 'mx.ewe.example', priority: 1 }]),
    resolveTxt: (name: string) => {
      const text = texts[name];
      return text === undefined
        ? Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }))
        : Promise.resolve([[text]]);
    },
  };
  const found = async (selector: string, domain: string, query = '') => {
    const config = {
      publicUrl: 'http://undersigned.test',
      trustProxy: [],
      limits: null,
      MAIL_FROM: 'news@ewe.example',
      MAIL_DKIM_DOMAIN: domain,
      MAIL_DKIM_SELECTOR: selector,
      MAIL_DKIM_KEY_FILE: selector === '' ? '' : file,
    };
    const api = await start(t, engine, { build: { config, resolver } });
    const { secret } = await api.organization('River Meadows');
    const { body } = await create(api, secret, { name: 'First', texts: { en: TEXT } });
    const checked = await api.call('GET', `/v1/mailings/${body.id}/check${query}`, { key: secret });
    t.notMatch(checked.text, p.slice(0, 40));
    return checked.body.findings
      .filter(({ part }: any) => part === 'domain')
      .map(({ code, detail }: any) => `${code}: ${detail}`);
  };
  t.same(await found('m1', 'mail.ewe.example'), [], 'it signs, and covers both headers');
  t.match(await found('m2', 'mail.ewe.example'), [/^dkim: .* is another than that of MAIL_DKIM_KEY_FILE/]);
  t.match(await found('m3', 'mail.ewe.example'), [/^dkim: There is no DKIM key at m3\._domainkey\.mail\./]);
  t.match(await found('m1', 'brook.example'), [/^dkim: .*brook\.example/]);
  t.match(await found('', '', '?dkim_selector=x1'), [
    /^dkim: There is no DKIM key at x1\._domainkey\.ewe\.example/,
    /^unsubscribe_signing_unknown: /,
  ]);
});

onEveryEngine('writing mailings', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const stranger = await api.organization('Strangers');
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    campaigner: { name: 'Mo', role: 'Campaign Manager' },
  });
  const path = (id: string, rest = '') => `/v1/mailings/${id}${rest}`;
  const made = await create(api, lead.secret, { name: 'First', petition: petition.id, texts: { en: TEXT } });
  const { id } = made.body;

  await t.test('createMailing 201: with content it has one variant, and is a draft', async (t) => {
    t.match(made, {
      status: 201,
      headers: { etag: /^"v1\./ },
      body: {
        state: 'draft',
        texts: { en: TEXT },
        sender: { name: null, reply_to: null },
        variants: [{ id: /^mvr_/, name: 'A', sender_name: null, texts: {} }],
        count_clicks: true,
        test_share: 100,
        metric: 'confirmed_signatures',
        winner: 'automatic',
        segment: null,
      },
    });
    const plain = await create(api, lead.secret, { name: 'Own mailer' });
    t.match(plain, { status: 201, body: { state: 'draft', sender: null, texts: {}, variants: [] } });
    const rich = await create(api, lead.secret, {
      name: 'Rich',
      petition: 'meadows',
      sender: { name: 'Mo of River Meadows', reply_to: 'Mo@rivermeadows.example' },
      texts: { en: TEXT, de: { subject: 'Hallo', html: '<p>Hallo</p>' } },
      default_locale: 'de',
      variants: [
        { name: 'Long' },
        { name: 'Short', sender_name: 'Mo', texts: { en: { subject: 'Meadows?' } } },
      ],
      segment: { country: ['NL'] },
      count_clicks: false,
      test_share: 20,
      metric: 'clicks',
      winner: 'by_hand',
      decide_after_hours: 12,
      expires_at: '2027-01-01T00:00:00.000Z',
    });
    t.match(rich, {
      status: 201,
      body: {
        sender: { name: 'Mo of River Meadows' },
        variants: [
          { name: 'Long', texts: {} },
          { name: 'Short', sender_name: 'Mo', texts: { en: { subject: 'Meadows?' } } },
        ],
        segment: { country: ['NL'] },
        count_clicks: false,
        test_share: 20,
        expires_at: '2027-01-01T00:00:00.000Z',
      },
    });
  });

  await t.test('createMailing 422, 404: unknown members, two names alike, too many variants', async (t) => {
    const wrong: [object, object][] = [
      [{ body: 'x' }, { code: 'invalid_body' }],
      [{ texts: { en: { subject: 's', text: 'x' } } }, { code: 'invalid_body' }],
      [{ texts: { English: TEXT } }, { code: 'invalid_body' }],
      [{ variants: [{ name: 'A' }, { name: 'A' }] }, { errors: [{ pointer: '/variants/1/name' }] }],
      [{ variants: Array.from({ length: 9 }, (_, i) => ({ name: `${i}` })) }, { code: 'invalid_body' }],
      [{ test_share: 0 }, { errors: [{ pointer: '/test_share' }] }],
      [
        { segment: { country: ['NL'] }, segment_id: `seg_${'0'.repeat(26)}` },
        { errors: [{ pointer: '/segment_id' }] },
      ],
      [
        { segment: { not: { signed: { petition: 'typo' } } } },
        { errors: [{ pointer: '/segment/not/signed/petition', code: 'unknown' }] },
      ],
      [
        { segment: { not: { not: { not: { not: { not: { country: ['NL'] } } } } } } },
        { errors: [{ pointer: '/segment/not/not/not/not/not', code: 'too_deep' }] },
      ],
    ];
    for (const [fields, body] of wrong) {
      t.match(await create(api, lead.secret, { name: 'x', ...fields }), { status: 422, body });
    }
    const unknown = await create(api, lead.secret, { name: 'x', segment_id: `seg_${'0'.repeat(26)}` });
    t.match(unknown, { status: 404, body: { code: 'segment_not_found' } });
    const segment = { not: { signed: { petition: 'meadows' } } };
    const named = await create(api, lead.secret, { name: 'By slug', segment });
    t.same(named.body.segment, { not: { signed: { petition: petition.id } } }, 'a slug becomes the id');
  });

  await t.test('previewMailing 200: the example person, and one of whom nothing is known', async (t) => {
    const preview = (body: object, headers = {}) =>
      api.call('POST', path(id, '/preview'), { key: lead.secret, body, headers });
    const known = await preview({});
    t.match(known, {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
      body: { locale: 'en', sender: 'River Meadows', subject: 'Katy, the meadows need you' },
    });
    t.match(known.body.text, /^Dear Katy,\n/);
    t.match(known.body.text, /Build the depot elsewhere/);
    t.match(known.body.text, /Unsubscribe <http/);
    t.match(known.body.text, /mailing address\s<http:\/\/undersigned\.test\/manage>/, 'as in the mails');
    t.match(known.body.html, /<a class="u-button" href="http:\/\/undersigned\.test\/p\/meadows"/);
    t.notMatch(known.body.html, /\{\{|\{%|\[\[/);
    const unnamed = await preview({ person: 'unnamed' });
    t.match(unnamed.body, { subject: 'Friend, the meadows need you', text: /^Dear friend,\n/ });
    const raw = await preview({}, { accept: 'message/rfc822' });
    t.match(raw.headers['content-type'], /^message\/rfc822/);
    const mail = await simpleParser(raw.text);
    t.equal(mail.subject, known.body.subject);
    t.equal(mail.text?.trim(), known.body.text.trim());
    t.equal(String(mail.html).trim(), known.body.html.trim());
    t.ok(mail.headers.has('list-unsubscribe-post') || mail.headers.has('list'));
    const page = await preview({}, { accept: 'text/html' });
    t.equal(page.text, known.body.html);
  });

  await t.test('previewMailing 200: a subscriber, with what the organization itself knows', async (t) => {
    const [subscription] = await subscribers(api, lead.secret, [
      { email: 'zelda@example.org', locale: 'de' },
    ]);
    await api.store.transact(async ({ db, tables: { supporters: p, contacts: c }, now }) => {
      const [person] = await db.select().from(p).where(eq(p.identity, 'zelda@example.org'));
      await db.update(p).set({ name: 'Elsewhere Known' }).where(eq(p.identity, 'zelda@example.org'));
      const contact = {
        organizationKey: lead.key,
        supporterKey: person!.key,
        name: 'Zelda Quux',
        country: 'NL',
      };
      await db.insert(c).values({ ...contact, createdAt: now, updatedAt: now });
    });
    const ask = { subscription_id: subscription.id };
    t.match(
      await api.call('POST', path(id, '/preview'), {
        key: lead.secret,
        body: { variant_id: `mvr_${'0'.repeat(26)}` },
      }),
      {
        status: 404,
        body: { code: 'variant_not_found' },
      },
    );
    const { status, body } = await api.call('POST', path(id, '/preview'), { key: lead.secret, body: ask });
    t.equal(status, 200);
    t.match(body.text, /Dear Zelda,/);
    t.match(body.text, /zelda@example\.org/);
    t.notMatch(body.text + body.html, /Elsewhere/);
    const key = await api.newKey(lead.key, 'secret', ['mailings:write']);
    const shown = await api.call('POST', path(id, '/preview'), { key, body: ask });
    t.match(shown, { status: 403, body: { code: 'scope_required' } });
    t.notMatch(shown.text, /zelda/i);
    t.notMatch(body.text + body.html, /p[rubm]_[A-Za-z0-9_-]{20}/, 'no link that works');
    const theirs = await create(api, stranger.secret, { name: 'T', texts: { en: TEXT } });
    t.match(await api.call('POST', path(theirs.body.id, '/preview'), { key: stranger.secret, body: ask }), {
      status: 404,
      body: { code: 'subscription_not_found' },
    });
  });

  await t.test('updateMailing 200: a merge patch; a variant of the same name keeps its id', async (t) => {
    const read = await api.call('GET', path(id), { key: lead.secret });
    const headers = { 'if-match': read.headers['etag'] as string };
    const patch = (body: object, more: Record<string, string> = headers) =>
      api.call('PATCH', path(id), { key: lead.secret, body, headers: more });
    const changed = await patch({
      texts: { en: { preview: 'Tomorrow.' }, de: { subject: 'Hallo', markdown: 'Hallo' } },
      variants: [{ name: 'A' }, { name: 'B', texts: { en: { subject: 'B' } } }],
    });
    t.match(changed, { status: 200, headers: { etag: /^"v2\./ } });
    t.same(changed.body.texts.en, { ...TEXT, preview: 'Tomorrow.' });
    t.equal(changed.body.variants[0].id, read.body.variants[0].id);
    t.match(await patch({ name: 'x' }), { status: 412, body: { code: 'precondition_failed' } });
    t.match(await patch({ name: 'x' }, {}), { status: 428 });
    const any = { 'if-match': '*' };
    t.match(await patch({ texts: { de: null }, variants: [] }, any), {
      status: 200,
      body: { texts: { de: undefined }, variants: [{ name: 'A', id: read.body.variants[0].id }] },
    });
    t.match(await patch({ state: 'done' }, any), { status: 422 });
    const foreign = { key: stranger.secret, body: { name: 'x' }, headers: any };
    t.match(await api.call('PATCH', path(id), foreign), { status: 404, body: { code: 'mailing_not_found' } });
  });

  await t.test('updateMailing 422: variants that stay count among the characters of all texts', async (t) => {
    const html = 'x'.repeat(190_000);
    const variants = Array.from({ length: 7 }, (_, i) => ({ name: `V${i}`, texts: { en: { html } } }));
    const large = await create(api, lead.secret, { name: 'Large', variants });
    t.equal(large.status, 201);
    const patch = (body: object) =>
      api.call('PATCH', path(large.body.id), { key: lead.secret, body, headers: { 'if-match': '*' } });
    t.match(await patch({ texts: { en: { subject: 'S', html } } }), {
      status: 422,
      body: { errors: [{ pointer: '/texts', code: 'max_length' }] },
    });
    t.equal((await patch({ texts: { en: { subject: 'S', html } }, variants: [{ name: 'V0' }] })).status, 200);
  });

  await t.test('updateMailing 409, deleteMailing 204, 404, 409: only until it is started', async (t) => {
    const { store } = api;
    const { body } = await create(api, lead.secret, { name: 'Gone', texts: { en: TEXT } });
    const set = (state: 'scheduled' | 'running' | 'cancelled', startedAt: Date | null) =>
      store.transact(({ db, tables: { mailings: m } }) =>
        db.update(m).set({ state, startedAt }).where(eq(m.publicId, body.id)),
      );
    const update = () =>
      api.call('PATCH', path(body.id), {
        key: lead.secret,
        body: { name: 'y' },
        headers: { 'if-match': '*' },
      });
    const remove = (key = lead.secret) => api.call('DELETE', path(body.id), { key });
    await set('scheduled', null);
    t.equal((await update()).status, 200, 'what is scheduled can still change');
    t.match(await remove(), { status: 409, body: { code: 'mailing_not_editable' } });
    await set('running', new Date());
    t.match(await update(), { status: 409, body: { code: 'mailing_not_editable' } });
    t.match(await remove(), { status: 409 });
    await set('cancelled', null);
    t.match(await update(), { status: 409 });
    t.equal((await remove(stranger.secret)).status, 404);
    t.equal((await remove()).status, 204);
    t.equal((await remove()).status, 404);
    t.equal((await api.call('GET', path(body.id), { key: lead.secret })).status, 404);
  });

  await t.test('deleteMailing 409: what its links have brought is counted', async (t) => {
    const { store } = api;
    const { mailings: m, mailingVariants: v, mailingHours: h } = store.tables;
    const { body } = await create(api, lead.secret, { name: 'Used', texts: { en: TEXT } });
    const remove = () => api.call('DELETE', path(body.id), { key: lead.secret });
    const [row] = await store.read.db.select({ key: m.key }).from(m).where(eq(m.publicId, body.id));
    const mailingKey = row?.key ?? 0;
    await store.transact((tx) => countOutcome(tx, { mailingKey, variantKey: null }, 'unsubscribed'));
    const refused = await remove();
    t.match(refused, {
      status: 409,
      body: { code: 'mailing_not_editable', detail: 'Its links were used, and its figures need it.' },
    });
    const left = async () => [
      (await store.read.db.select().from(m).where(eq(m.key, mailingKey))).length,
      (await store.read.db.select().from(v).where(eq(v.mailingKey, mailingKey))).length,
      (await store.read.db.select().from(h).where(eq(h.mailingKey, mailingKey))).length,
    ];
    t.same(await left(), [1, 1, 1], 'nothing of it is gone');
    await store.transact((tx) => tx.db.delete(h).where(eq(h.mailingKey, mailingKey)));
    t.equal((await remove()).status, 204);
    t.same(await left(), [0, 0, 0]);
  });

  await t.test('listMailings 200: by state, without texts', async (t) => {
    const list = (state: string) => api.call('GET', `/v1/mailings?state=${state}`, { key: lead.secret });
    const drafts = await list('draft');
    t.ok(drafts.body.data.length >= 3);
    t.notMatch(drafts.text, /meadows need you/);
    t.same((await list('running')).body.data, []);
    t.equal((await list('sent')).status, 400);
  });

  await t.test('checkMailing 200: in words, and where', async (t) => {
    const bad = await create(api, lead.secret, {
      name: 'Bad',
      petition: 'meadows',
      texts: {
        en: {
          subject: 'x'.repeat(80),
          markdown:
            'Dear {{ frist_name }}, {{ first_name }}, [[buton]] [x](nowhere) cited[^9] ![](https://e.example/a.png)',
        },
        de: { subject: 'Hallo', html: `<p>{% if first_name %}Hallo</p><p>${'x'.repeat(110_000)}</p>` },
      },
    });
    const check = (id: string, key = lead.secret) => api.call('GET', path(id, '/check'), { key });
    const { status, body } = await check(bad.body.id);
    t.match({ status, ready: body.ready }, { status: 200, ready: false });
    const found = body.findings.map(({ code, locale, part }: any) => [code, locale, part].join(' '));
    for (const one of [
      'unknown_value en markdown',
      'unknown_block en markdown',
      'default_missing en markdown',
      'link_unusable en markdown',
      'reference_missing en markdown',
      'alt_missing en markdown',
      'subject_long en subject',
      'preview_missing en preview',
      'condition_open de html',
      'too_large de html',
      'imprint_missing  sender',
      'domain_local  domain',
      'unsubscribe_signing_unknown  domain',
    ]) {
      t.ok(found.includes(one), one);
    }
    t.match(await check(id), { status: 200, body: { ready: true } });
    t.match(await check(id, stranger.secret), { status: 404 });
    const plain = await create(api, lead.secret, { name: 'Own mailer' });
    t.match(await check(plain.body.id), { status: 409, body: { code: 'mailing_not_ready' } });
  });

  await t.test('checkMailing 200: what would keep a start from succeeding is not ready', async (t) => {
    const quiet = await api.organization('Quiet');
    const draft = await api.call('POST', '/v1/petitions', {
      key: quiet.secret,
      body: { slug: 'quiet', title: 'Quiet', statement: 'Be quiet.' },
    });
    const { body } = await create(api, quiet.secret, {
      name: 'Q',
      petition: draft.body.id,
      texts: { en: TEXT },
    });
    const check = () => api.call('GET', path(body.id, '/check'), { key: quiet.secret });
    const start = () =>
      api.call('POST', path(body.id, '/start'), {
        key: quiet.secret,
        headers: { 'idempotency-key': `${Math.random()}` },
      });
    const errors = (checked: any) =>
      checked.body.findings
        .filter(({ severity }: any) => severity === 'error')
        .map(({ code, part, detail }: any) => ({ code, part, detail }));
    const before = await check();
    t.same(
      errors(before).map(({ code, part }: any) => `${code} ${part}`),
      ['petition_not_open mailing', 'audience_empty mailing'],
    );
    t.equal(before.body.ready, false);
    const refused = await start();
    t.match(refused, { status: 409, body: { code: 'mailing_not_ready' } });
    t.same(
      refused.body.errors.map(({ detail }: any) => detail),
      errors(before).map(({ detail }: any) => detail),
      'a start says the same',
    );
    await api.call('POST', '/v1/petitions/quiet/transitions', {
      key: quiet.secret,
      body: { to: 'published' },
    });
    await subscribers(api, quiet.secret, [{ email: 'quinn@example.org' }]);
    t.match(await check(), { body: { ready: true } });
    await api.call('POST', '/v1/petitions/quiet/transitions', {
      key: quiet.secret,
      body: { to: 'closed', outcome: 'victory' },
    });
    const over = await check();
    t.match(errors(over), [{ code: 'petition_not_open', detail: /is over/ }]);
    t.match(await start(), { status: 409, body: { code: 'mailing_not_ready' } });
  });

  await t.test('testMailing 202: to subscribers of its own alone, and within a cap', async (t) => {
    const test = (body: object, key = lead.secret) => api.call('POST', path(id, '/test'), { key, body });
    t.match(await test({ to: ['zelda@example.org'] }), { status: 202, body: { queued: 1 } });
    const [letter] = await collectMail(api);
    t.match(letter, { template: 'mailing_test', to: 'zelda@example.org' });
    const mail = await createTestRenderer(loadLocales())(letter as Letter);
    t.match(mail, {
      sender: 'River Meadows',
      subject: '[Test A] Zelda, the meadows need you',
      text: /^Dear Zelda,/,
      oneClickUrl: /\/v1\/unsubscribe\/pu_/,
    });
    t.notMatch(mail.html, /pr_|\/l\//, 'nothing is counted');
    t.match(await test({ to: ['stranger@example.org', 'zelda@example.org'] }), {
      status: 422,
      body: { errors: [{ pointer: '/to/0', code: 'not_subscribed' }] },
    });
    t.match(await test({ to: ['zelda@example.org'], variant_ids: [`mvr_${'0'.repeat(26)}`] }), {
      status: 404,
      body: { code: 'variant_not_found' },
    });
    const weak = await api.newKey(lead.key, 'secret', ['mailings:write']);
    t.match(await test({ to: ['zelda@example.org'] }, weak), { status: 403 });
    let last;
    for (let i = 0; i < 200; i += 1) last = await test({ to: ['zelda@example.org'] });
    t.match(last, { status: 429, body: { code: 'rate_limited' } });
  });

  await t.test(
    'freezing: fixed variants, and a link for each address; not while there are errors',
    async (t) => {
      const { ctx } = api.app;
      const actor = { kind: 'secret', organizationKey: lead.key, test: false } as KeyedActor;
      const mailing = await getMailing(ctx.store.read, actor, id);
      const source = await sourceOf(ctx, ctx.store.read, mailing);
      const options = { publicUrl: 'http://undersigned.test', locales: loadLocales() };
      const compiled = await compileMailing(source, options);
      await ctx.store.transact((tx) => freezeMailing(ctx, tx, mailing, compiled));
      const [variant] = await variantsOf(ctx.store.read, mailing.key);
      t.match(variant?.frozen, {
        senderName: 'River Meadows',
        defaultLocale: 'en',
        locales: { en: { dir: 'ltr' } },
      });
      const { mailingLinks: l } = ctx.store.tables;
      const links = await ctx.store.read.db.select().from(l).where(eq(l.mailingKey, mailing.key));
      t.match(links, [{ position: 0, url: null, code: /^[A-Za-z0-9_-]{11}$/ }]);
      const error = { ...compiled, findings: [{ ...NOT_READY }] };
      await t.rejects(
        ctx.store.transact((tx) => freezeMailing(ctx, tx, mailing, error)),
        {
          code: 'mailing_not_ready',
        },
      );
    },
  );
});
