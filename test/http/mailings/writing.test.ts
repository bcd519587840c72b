import { simpleParser } from 'mailparser';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';

const TEXT = {
  subject: '{{ first_name | default: "Friend" }}, the meadows need you',
  preview: 'They decide on Thursday.',
  markdown: 'Dear {{ first_name | default: "friend" }},\n\n[[statement]]\n\n[[button]]\n\n[[campaigner]]',
};
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
    ];
    for (const [fields, body] of wrong) {
      t.match(await create(api, lead.secret, { name: 'x', ...fields }), { status: 422, body });
    }
    const unknown = await create(api, lead.secret, { name: 'x', segment_id: `seg_${'0'.repeat(26)}` });
    t.match(unknown, { status: 404, body: { code: 'segment_not_found' } });
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
      { email: 'zelda@example.org', name: 'Zelda Quux', country: 'NL', locale: 'de' },
    ]);
    const ask = { subscription_id: subscription.id };
    const { status, body } = await api.call('POST', path(id, '/preview'), { key: lead.secret, body: ask });
    t.equal(status, 200);
    t.match(body.text, /Dear Zelda,/);
    t.match(body.text, /zelda@example\.org/);
    t.notMatch(body.text + body.html, /p[rubm]_[A-Za-z0-9_-]{20}/, 'no link that works');
    const theirs = await create(api, stranger.secret, { name: 'T', texts: { en: TEXT } });
    t.match(await api.call('POST', path(theirs.body.id, '/preview'), { key: stranger.secret, body: ask }), {
      status: 404,
      body: { code: 'subscription_not_found' },
    });
  });
});
