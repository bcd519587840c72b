import { onEveryEngine, publish, start, type TestApp } from '../support/helper.js';

/*
 * What people type, paste and export, and what their tools append: each reading is tried through the API and both kinds
 * of import, which share the contracts.
 */

type Field = 'name' | 'email' | 'phone' | 'postal_code' | 'country' | 'comment';
type Reading = [field: Field, sent: string, kept: string];

const READ: Reading[] = [
  ['phone', '(555) 123-4567', '(555) 123-4567'],
  ['phone', '\u202a+44\u00a020\u00a07946\u20110018\u202c', '+44 20 7946-0018'],
  ['phone', '+ 44 20 7946 0018', '+44 20 7946 0018'],
  ['phone', '０３－１２３４－５６７８', '03-1234-5678'],
  ['phone', '٠٣١٢٣٤٥٦', '03123456'],
  ['phone', 'tel:+31-20-555-0123', '+31-20-555-0123'],
  ['phone', '555.123.4567 ext. 12', '555.123.4567 ext. 12'],
  ['phone', '020\u2002555\u20130123', '020 555-0123'],
  ['postal_code', '\u00a01012\u00a0AB\u3000', '1012 AB'],
  ['postal_code', '〒１００−０００１', '100-0001'],
  ['postal_code', '00\u2013950', '00-950'],
  ['postal_code', 'ＳＷ１Ａ　１ＡＡ', 'SW1A 1AA'],
  ['name', '\u3000山田\u3000太郎\u00a0', '山田 太郎'],
  ['name', 'Ada\tOkonkwo\r\n', 'Ada Okonkwo'],
  ['name', '\ufeffAda\u00a0\u00a0Okonkwo\u200b', 'Ada Okonkwo'],
  ['name', 'Ada Oko\u200bnk\u00adwo', 'Ada Okonkwo'],
  ['name', 'نرگس\u200cخانم', 'نرگس\u200cخانم'],
  ['country', 'nl', 'NL'],
  ['country', ' UK ', 'GB'],
  ['country', 'el', 'GR'],
  ['country', 'XK', 'XK'],
  ['comment', '\u00a0For the river.\r\nAnd for us.\u3000', 'For the river.\nAnd for us.'],
  ['email', 'mailto:ada-1@example.org', 'ada-1@example.org'],
  ['email', 'Ada Okonkwo <ada-2@example.org>', 'ada-2@example.org'],
  ['email', '\u202aada-3@example.org\u202c\u00a0', 'ada-3@example.org'],
  ['email', 'ada-4＠example.org.', 'ada-4@example.org'],
];

const REFUSED: [field: Field, sent: string, advice: RegExp][] = [
  ['phone', 'n/a', /like \+31 20 555 0123/],
  ['phone', '12', /like \+31 20 555 0123/],
  ['country', 'XX', /two letters of ISO 3166-1, like NL/],
  ['country', 'Netherlands', /like NL for Netherlands/],
  ['country', 'Deutschland', /like DE for Germany/],
  ['country', 'Untied Kingdom', /like GB for United Kingdom/],
  ['name', '\u00a0\u3000\u200b', /nothing to see/],
  ['name', '\u3164\u2800', /nothing to see/],
  ['email', 'ada@example', /like name@example\.org/],
];

const bodyOf = (field: Field, sent: string, n: number) => ({
  email: `reader-${n}@example.org`,
  name: 'Reader',
  external_id: `row-${n}`,
  [field]: sent,
});

/** In the order of READ: an import stores people in an order of its own. */
async function listed(api: TestApp, key: string, ref: string): Promise<any[]> {
  const path = `/v1/signatures?petition=${ref}&limit=100&sort=created_at`;
  const { status, body } = await api.call('GET', path, { key });
  if (status !== 200) throw new Error(JSON.stringify(body));
  const rows = body.data as any[];
  return READ.map((_, n) => rows.find((row) => row.external_id === `row-${n}`));
}

onEveryEngine('what people type is read as they meant it', async (t, engine) => {
  const api = await start(t, engine);
  const { secret } = await api.organization('River Meadows');
  for (const ref of ['api', 'csv', 'ndjson']) await publish(api, secret, { slug: ref, confirmation: 'none' });

  await t.test('by the API', async (t) => {
    for (const [n, [field, sent]] of READ.entries()) {
      const body = { ...bodyOf(field, sent, n), vouched: true };
      const answer = await api.call('POST', '/v1/petitions/api/signatures', { key: secret, body });
      t.equal(answer.status, 201, `${field}: ${JSON.stringify(sent)}: ${answer.text}`);
    }
    const rows = await listed(api, secret, 'api');
    for (const [n, [field, sent, kept]] of READ.entries()) {
      t.equal(rows[n]?.[field], kept, `${field}: ${JSON.stringify(sent)}`);
    }
  });

  const importInto = async (ref: string, type: string, body: string) =>
    api.call('POST', `/v1/signatures/import?petition=${ref}`, {
      key: secret,
      body,
      headers: { 'content-type': type },
    });

  await t.test('in NDJSON', async (t) => {
    const lines = READ.map(([field, sent], n) => JSON.stringify(bodyOf(field, sent, n)));
    const { body } = await importInto('ndjson', 'application/x-ndjson', lines.join('\n'));
    t.match(body, { created: READ.length, failed: 0, problems: [] });
    const rows = await listed(api, secret, 'ndjson');
    for (const [n, [field, , kept]] of READ.entries()) t.equal(rows[n]?.[field], kept, field);
  });

  await t.test('in CSV', async (t) => {
    const columns = ['email', 'name', 'external_id', 'phone', 'postal_code', 'country', 'comment'] as const;
    const quoted = (text = '') => `"${text.replaceAll('"', '""')}"`;
    const lines = READ.map(([field, sent], n) => {
      const body: Record<string, string> = bodyOf(field, sent, n);
      return columns.map((column) => quoted(body[column])).join(',');
    });
    const { body } = await importInto('csv', 'text/csv', [columns.join(','), ...lines].join('\r\n'));
    t.match(body, { created: READ.length, failed: 0, problems: [] });
    const rows = await listed(api, secret, 'csv');
    for (const [n, [field, , kept]] of READ.entries()) t.equal(rows[n]?.[field], kept, field);
  });

  await t.test('phones as they were typed, and in E.164 beside', async (t) => {
    await publish(api, secret, { slug: 'phones', confirmation: 'none', locale: 'de-AT' });
    const typed = [
      { phone: '(555) 123-4567', country: 'us' },
      { phone: '\u202a+44\u00a020\u00a07946\u20110018\u202c' },
      { phone: '０１ ２３４５６７８' },
      { phone: '1234', country: 'NL' },
      {},
    ];
    for (const [n, one] of typed.entries()) {
      const body = { email: `p${n}@example.org`, name: 'P', external_id: `p-${n}`, vouched: true, ...one };
      await api.call('POST', '/v1/petitions/phones/signatures', { key: secret, body });
    }
    const { body } = await api.call('GET', '/v1/signatures?petition=phones&sort=created_at', { key: secret });
    t.same(
      body.data.map(({ phone, phone_e164 }: any) => [phone, phone_e164]),
      [
        ['(555) 123-4567', '+15551234567'],
        ['+44 20 7946-0018', '+442079460018'],
        ['01 2345678', '+4312345678'],
        ['1234', null],
        [null, null],
      ],
    );
    const csv = await api.call('GET', '/v1/signatures/export?petition=phones', { key: secret });
    t.match(csv.text.split('\r\n')[0], ',phone,phone_e164,comment,');
    t.match(csv.text, ",(555) 123-4567,'+15551234567,");
    const list = await api.call('GET', '/v1/petitions/phones/signatures');
    t.notMatch(list.text, /phone|4567/);
  });

  await t.test('what cannot be read is explained, and not repeated', async (t) => {
    for (const [field, sent, advice] of REFUSED) {
      const body = { ...bodyOf(field, sent, 0), vouched: true };
      const answer = await api.call('POST', '/v1/petitions/api/signatures', { key: secret, body });
      t.equal(answer.status, 422, `${field}: ${JSON.stringify(sent)}`);
      t.match(answer.body.errors, [{ pointer: `/${field}`, detail: advice }]);
      if (sent.trim().length > 3 && !/nothing/.test(advice.source)) {
        t.notOk(answer.body.errors[0].detail.includes(`${sent} `), 'what was sent is not repeated');
      }
    }
  });
});

onEveryEngine('what is appended to a URL is ignored', async (t, engine) => {
  const api = await start(t, engine);
  const { secret } = await api.organization('River Meadows');
  await publish(api, secret, {
    slug: 'meadows',
    confirmation: 'none',
    page_url: 'https://meadows.example/?p=7',
  });
  for (let n = 0; n < 3; n += 1) {
    const body = { email: `r${n}@example.org`, name: 'R', display: 'public', vouched: true };
    await api.call('POST', '/v1/petitions/meadows/signatures', { key: secret, body });
  }

  await t.test('by caches, social networks and mailers', async (t) => {
    for (const path of [
      '/v1/petitions/meadows',
      '/v1/petitions/meadows/counts',
      '/v1/petitions/meadows/signatures',
      '/v1/petitions/meadows/history',
      '/v1/petitions',
    ]) {
      for (const query of ['_=1732712345', 'utm_source=news&fbclid=x', 'gclid=1&mc_eid=2', 'ver=6.4.2']) {
        t.equal((await api.call('GET', `${path}?${query}`)).status, 200, `${path}?${query}`);
      }
    }
  });

  await t.test('but an unknown parameter is refused by its name', async (t) => {
    const { status, body } = await api.call('GET', '/v1/petitions?_=1&stauts=published');
    t.match({ status, errors: body.errors }, { status: 400, errors: [{ pointer: '/stauts' }] });
    t.equal((await api.call('GET', '/v1/signatures?petition=meadows&_=1', { key: secret })).status, 400);
  });

  await t.test('and stays out of the link to the next page', async (t) => {
    const { headers } = await api.call('GET', '/v1/petitions/meadows/signatures?limit=1&_=1&utm_source=x');
    t.match(headers['link'], /^<\/v1\/petitions\/meadows\/signatures\?limit=1&cursor=[^&]+>; rel="next"$/);
  });

  await t.test('files take any query', async (t) => {
    t.equal((await api.call('GET', '/embed/v1/words/en.json?ver=6.4.2')).status, 200);
    for (const path of ['/embed/v1.js', '/openapi.json', '/problems']) {
      t.equal((await api.call('GET', `${path}?ver=6.4.2&t=1`)).status, 200, path);
    }
  });

  await t.test('a body of another type is answered with the right one', async (t) => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await api.call('POST', '/v1/petitions/meadows/signatures', { body: 'x', headers });
    t.match(answer, { status: 415, body: { detail: /application\/json/ } });
  });

  await t.test('oEmbed finds the page that a share link leads to', async (t) => {
    const url = 'https://meadows.example/?p=7&source=share-email&share=h7Kq2mWz9T&fbclid=x';
    const { status } = await api.call('GET', `/v1/oembed?url=${encodeURIComponent(url)}`);
    t.equal(status, 200);
  });
});
