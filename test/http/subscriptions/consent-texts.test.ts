import { createHash } from 'node:crypto';
import { onEveryEngine, makePartner, publish, start, type TestApp } from '../../support/helper.js';

const NONE = `txt_${'0'.repeat(26)}`;

const makeText = (api: TestApp, key: string | undefined, body: unknown, headers = {}) =>
  api.call('POST', '/v1/consent-texts', { key, body, headers });

onEveryEngine('consent texts', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Anglers');
  const get = (id: string, options = {}) => api.call('GET', `/v1/consent-texts/${id}`, options);
  const list = (query = '', key: string | undefined = lead.secret) =>
    api.call('GET', `/v1/consent-texts${query}`, { key });

  await t.test(
    'createConsentText 201 and 200: new words are the next version, the same are no new one',
    async (t) => {
      const words = 'Yes, mail me. Ja, größere Wörter auch.';
      const first = await makeText(api, lead.secret, { locale: 'en', text: words });
      t.match(first, {
        status: 201,
        headers: { 'cache-control': 'private, no-store' },
        body: { organization_id: lead.id, version: 1, locale: 'en', text: words },
      });
      t.equal(first.body.sha256, createHash('sha256').update(words).digest('hex'));
      const same = await makeText(api, lead.secret, { locale: 'en', text: words });
      t.equal(same.status, 200);
      t.same(same.body, first.body);
      const second = await makeText(api, lead.secret, { locale: 'en', text: 'Yes, please.' });
      t.match(second, { status: 201, body: { version: 2 } });
      const back = await makeText(api, lead.secret, { locale: 'en', text: words });
      t.match(back, { status: 201, body: { version: 3 } }, 'old words are new again');
      t.match(await makeText(api, lead.secret, { locale: 'de', text: words }), { body: { version: 1 } });
      t.match(await makeText(api, other.secret, { locale: 'en', text: words }), { body: { version: 1 } });
    },
  );

  await t.test(
    'createConsentText 201: a retry gives the same version, and two at once make two',
    async (t) => {
      const headers = { 'idempotency-key': 'text-1' };
      const body = { locale: 'fr', text: 'Oui.' };
      const first = await makeText(api, lead.secret, body, headers);
      await makeText(api, lead.secret, { locale: 'fr', text: 'Non.' });
      const again = await makeText(api, lead.secret, body, headers);
      t.equal(again.status, 201);
      t.same(again.body, first.body);
      const texts = await Promise.all(
        ['a', 'b', 'c', 'd'].map((text) => makeText(api, lead.secret, { locale: 'nl', text })),
      );
      t.same(texts.map(({ body }) => body.version).sort(), [1, 2, 3, 4]);
    },
  );

  await t.test('createConsentText 400, 401, 403, 413, 415, 422', async (t) => {
    const body = { locale: 'en', text: 'Yes.' };
    t.match(await makeText(api, lead.secret, '{'), { status: 400 });
    t.match(await makeText(api, lead.secret, body, { 'idempotency-key': '' }), { status: 400 });
    t.match(await makeText(api, undefined, body), { status: 401, body: { code: 'key_required' } });
    const weak = await api.newKey(lead.key, 'secret', ['subscriptions:write']);
    t.match(await makeText(api, weak, body), { status: 403, body: { code: 'scope_required' } });
    t.match(await makeText(api, lead.secret, { ...body, text: 'x'.repeat(70_000) }), { status: 413 });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    t.match(await makeText(api, lead.secret, 'text=a', form), { status: 415 });
    for (const wrong of [
      { text: 'Yes.' },
      { locale: 'english', text: 'Yes.' },
      { locale: 'en', text: ' ' },
      { locale: 'en', text: 'x'.repeat(2001) },
      { ...body, version: 7 },
    ]) {
      t.match(await makeText(api, lead.secret, wrong), { status: 422, body: { code: 'invalid_body' } });
    }
    await makeText(api, lead.secret, body, { 'idempotency-key': 'reused' });
    t.match(await makeText(api, lead.secret, { ...body, text: 'No.' }, { 'idempotency-key': 'reused' }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('getConsentText 200 and 304: anybody may read the exact words', async (t) => {
    const { body } = await makeText(api, lead.secret, { locale: 'en', text: 'Read me.' });
    const answer = await get(body.id);
    t.match(answer, { status: 200, headers: { 'cache-control': /^public/ } });
    t.same(answer.body, body);
    t.equal((await get(body.id, { headers: { 'if-none-match': answer.headers['etag'] } })).status, 304);
    t.equal((await get(body.id, { key: other.secret })).status, 200);
  });

  await t.test('getConsentText 400, 401, 404', async (t) => {
    t.match(await get('txt_x'), { status: 400 });
    t.match(await get(NONE, { key: 'sk_x' }), { status: 401 });
    t.match(await get(NONE), { status: 404, body: { code: 'consent_text_not_found' } });
  });

  await t.test('listConsentTexts 200, 304, 400, 401, 403: your own, in pages, latest first', async (t) => {
    const first = await list('?limit=3');
    t.match(first, { status: 200, body: { has_more: true }, headers: { link: /rel="next"/ } });
    const rest = await list(`?limit=100&cursor=${first.body.next_cursor}`);
    const all = [...first.body.data, ...rest.body.data];
    t.equal(new Set(all.map(({ id }) => id)).size, all.length);
    t.ok(all.every((text) => text.organization_id === lead.id));
    const french = all.filter(({ locale }) => locale === 'fr').map(({ version }) => version);
    t.same(french, [2, 1]);
    const etag = first.headers['etag'] ?? '';
    const again = await api.call('GET', '/v1/consent-texts?limit=3', {
      key: lead.secret,
      headers: { 'if-none-match': etag },
    });
    t.equal(again.status, 304);
    t.match(await list(`?cursor=${first.body.next_cursor}`, other.secret), { status: 400 });
    t.match(await list('?x=1'), { status: 400 });
    t.match(await api.call('GET', '/v1/consent-texts'), { status: 401 });
    t.match(await list('', await api.newKey(lead.key, 'secret', [])), { status: 403 });
  });
});

onEveryEngine('listPetitionConsentTexts', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const silent = await api.organization('Silent Partner');
  const stranger = await api.organization('Strangers');
  const textsOf = (ref: string, options = {}) =>
    api.call('GET', `/v1/petitions/${ref}/consent-texts`, options);
  const partners = [{ name: 'Strangers', organization_id: stranger.id }];
  await publish(api, lead.secret, { slug: 'meadows', locale: 'pt-BR', partners });
  for (const one of [silent, partner]) await makePartner(api, lead.secret, 'meadows', one);

  await t.test('200: nothing where nobody asks', async (t) => {
    t.match(await textsOf('meadows'), { status: 200, body: { data: [] } });
  });

  await t.test('200 and 304: the latest words of the lead and its partners', async (t) => {
    await makeText(api, stranger.secret, { locale: 'pt-BR', text: 'A stranger asks' });
    await makeText(api, partner.secret, { locale: 'en', text: 'Partner asks' });
    await makeText(api, lead.secret, { locale: 'pt-BR', text: 'Old' });
    const { body: latest } = await makeText(api, lead.secret, { locale: 'pt-BR', text: 'New' });
    const answer = await textsOf('meadows');
    t.match(answer, { status: 200, headers: { 'cache-control': /^public, max-age=1/ } });
    t.same(answer.body.data, [
      {
        id: latest.id,
        organization: { id: lead.id, slug: lead.slug, name: 'River Meadows', url: null },
        locale: 'pt-BR',
        version: 2,
        text: 'New',
        privacy_url: null,
      },
      { ...answer.body.data[1], text: 'Partner asks' },
    ]);
    t.equal(answer.body.data.length, 2);
    const etag = answer.headers['etag'] ?? '';
    t.equal((await textsOf('meadows', { headers: { 'if-none-match': etag } })).status, 304);
  });

  await t.test(
    '200: else in the same language, else in the own one, else the last that was written',
    async (t) => {
      const shown = async (locale: string) => {
        const { id } = await publish(api, partner.secret, { locale });
        return (await textsOf(id)).body.data[0].text;
      };
      t.equal(await shown('de-AT'), 'Partner asks', 'in the language of the organization');
      await makeText(api, partner.secret, { locale: 'de', text: 'Der Partner fragt' });
      t.equal(await shown('de-AT'), 'Der Partner fragt');
      t.equal(await shown('fr'), 'Partner asks');
      await api.call('PATCH', '/v1/organization', {
        key: partner.secret,
        body: { locale: 'nl' },
        headers: { 'if-match': '*' },
      });
      t.equal(await shown('fr'), 'Der Partner fragt', 'the last that was written');
      await makeText(api, partner.secret, { locale: 'de-AT', text: 'Der Partner fragt, in Wien' });
      t.equal(await shown('de-AT'), 'Der Partner fragt, in Wien');
      t.equal(await shown('de-CH'), 'Der Partner fragt');
    },
  );

  await t.test('308, 400, 401, 404, 410', async (t) => {
    const { id } = await publish(api, lead.secret, { slug: 'old-name' });
    await api.call('PATCH', `/v1/petitions/${id}`, {
      key: lead.secret,
      body: { slug: 'new-name' },
      headers: { 'if-match': '*' },
    });
    t.match(await textsOf('old-name'), {
      status: 308,
      headers: { location: '/v1/petitions/new-name/consent-texts' },
    });
    t.match(await textsOf('meadows?limit=1'), { status: 400 });
    t.match(await textsOf('meadows', { key: 'pk_x' }), { status: 401 });
    t.match(await textsOf('no-such'), { status: 404, body: { code: 'petition_not_found' } });
    await api.call('POST', '/v1/petitions/new-name/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'other' },
    });
    t.match(await textsOf('new-name'), { status: 410, body: { code: 'petition_taken_down' } });
  });
});
