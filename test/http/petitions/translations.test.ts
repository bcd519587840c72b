import { setTimeout as sleep } from 'node:timers/promises';
import { eq } from 'drizzle-orm';
import { MOST_TRANSLATIONS } from '../../../schema/db/tables/petitions.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { createRenderer } from '../../../src/mail/render.js';
import { makePartner, onEveryEngine, PETITION, publish, start } from '../../support/helper.js';
import type { Answer, TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

const GERMAN = {
  title: 'Die Mühlenwiesen sollen Wiesen bleiben',
  statement: 'Baut das Lager anderswo und lasst die Wiesen dem Fluss.',
  call_to_action: 'Für die Wiesen',
  background: 'Sie halten das Hochwasser.[^1]',
  image_alt: 'Die alte Mühle',
  share_texts: [{ network: 'whatsapp', text: 'Für die Wiesen!' }],
  page_url: 'https://wiesen.example/',
};
const ARABIC = { title: 'مروج الطاحونة', statement: 'ابنوا المستودع في مكان آخر.' };
const NONE = `pet_${'0'.repeat(26)}`;
const render = createRenderer(loadLocales());

const callsOf =
  (api: TestApp, secret: string) =>
  (method: string, path: string, body?: unknown, headers = {}, key: string | undefined = secret) =>
    api.call(method, `/v1/petitions/${path}`, { key, body, headers });

const sign = (api: TestApp, petition: string, email: string, fields = {}) =>
  api.call('POST', `/v1/petitions/${petition}/signatures`, {
    body: { name: 'Ada Okonkwo', email, ...fields },
  });

onEveryEngine('translations', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Anglers');
  await publish(api, lead.secret, {
    slug: 'meadows',
    references: [{ number: 1, title: 'Flood storage' }],
    image: { url: 'https://meadows.example/mill.jpg', alt: 'The old mill' },
  });
  await makePartner(api, lead.secret, 'meadows', other);
  const call = callsOf(api, lead.secret);
  const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
  const put = (locale: string, body: unknown, headers = {}, key?: string) =>
    call('PUT', `meadows/translations/${locale}`, body, headers, key);
  const read = (query = '', headers = {}) => api.call('GET', `/v1/petitions/meadows${query}`, { headers });

  await t.test('writePetitionTranslation 201 and 200: readers get it at once', async (t) => {
    t.match(await read(), { body: { locale: 'en', locales: ['en'] }, headers: { 'content-language': 'en' } });
    const made = await put('DE_de', GERMAN);
    t.match(made, {
      status: 201,
      body: { locale: 'de-DE', ...GERMAN, fixed: false },
      headers: { etag: /^"v\d+\./, 'content-language': 'de-DE' },
    });
    await call('DELETE', 'meadows/translations/de-de');
    t.match(await put('de', GERMAN), { status: 201, body: { locale: 'de' } });
    const shown = await read('?locale=de');
    t.match(shown.body, {
      title: GERMAN.title,
      statement: GERMAN.statement,
      call_to_action: GERMAN.call_to_action,
      background: GERMAN.background,
      background_html: /Hochwasser.*#reference-1/,
      image: { url: 'https://meadows.example/mill.jpg', alt: 'Die alte Mühle' },
      share_texts: GERMAN.share_texts,
      page_url: GERMAN.page_url,
      locale: 'de',
      locales: ['en', 'de'],
    });
    const etag = (await call('GET', 'meadows/translations/de')).headers['etag'];
    const short = { title: GERMAN.title, statement: 'Lasst die Wiesen.' };
    t.match(await put('de', short, { 'if-match': etag }), { status: 200, body: { background: null } });
    t.match(await read('?locale=de'), {
      body: {
        statement: 'Lasst die Wiesen.',
        background: null,
        page_url: null,
        image: { alt: 'The old mill' },
      },
    });
    t.match(await put('de', GERMAN, { 'if-match': '*' }), { status: 200 });
    t.match(await put('ar', ARABIC), { status: 201 });
    t.match(await read(), { body: { title: PETITION.title, locales: ['en', 'ar', 'de'] } });
  });

  await t.test('locale and Accept-Language choose, by their weights', async (t) => {
    const chosen = async (query: string, wanted?: string) => {
      const { headers, body } = await read(query, wanted === undefined ? {} : { 'accept-language': wanted });
      t.equal(headers['content-language'], body.locale);
      t.match(headers['vary'], /accept-language/);
      return body.locale;
    };
    t.equal(await chosen(''), 'en');
    t.equal(await chosen('', 'de'), 'de');
    t.equal(await chosen('', 'de-AT,de;q=0.9,en;q=0.8'), 'de');
    t.equal(await chosen('', 'de;q=0.5,ar;q=0.7,fr'), 'ar');
    t.equal(await chosen('', 'fr,*;q=0.1'), 'en');
    t.equal(await chosen('', 'de;q=0'), 'en');
    t.equal(await chosen('?locale=ar', 'de'), 'ar', 'what is asked for goes before');
    t.equal(await chosen('?locale=AR_eg', 'de'), 'ar');
    t.equal(await chosen('?locale=fr', 'de'), 'en', 'asked for in vain: the address alone decides');
    t.match(await read('?locale=german'), { status: 400, body: { code: 'invalid_query' } });
    const { headers } = await read('?locale=de');
    t.match(await read('?locale=de', { 'if-none-match': headers['etag'] }), { status: 304 });
    t.match(await read('?locale=ar', { 'if-none-match': headers['etag'] }), { status: 200 });
    const own = await call('GET', 'meadows?locale=de');
    t.match(own, { body: { title: GERMAN.title }, headers: { 'content-language': 'de' } });
    const publishable = await api.newKey(lead.key, 'publishable');
    t.match(await call('GET', 'meadows', undefined, { 'accept-language': 'ar' }, publishable), {
      body: { title: ARABIC.title },
    });
  });

  await t.test('the list has each petition in its language, and finds it by its words', async (t) => {
    await publish(api, lead.secret, { slug: 'bees', title: 'Bees' });
    const list = (query: string, headers = {}) => api.call('GET', `/v1/petitions?${query}`, { headers });
    const german = await list('', { 'accept-language': 'de' });
    t.match(german.headers, { 'content-language': 'en, de', vary: /accept-language/ });
    t.same(
      german.body.data.map((one: any) => [one.title, one.locale, one.locales.length]),
      [
        ['Bees', 'en', 1],
        [GERMAN.title, 'de', 3],
      ],
    );
    const titles = async (query: string) => (await list(query)).body.data.map((one: any) => one.title);
    t.same(await titles('locale=de'), [GERMAN.title]);
    t.same(await titles('locale=en'), ['Bees', PETITION.title]);
    t.same(await titles('locale=fr'), []);
    t.same(await titles('q=muhlenwiesen'), [PETITION.title]);
    t.same(await titles('q=muhlenwiesen+depot'), [], 'all words in one language');
  });

  await t.test('writePetitionTranslation 412 and 428: nobody’s change is lost', async (t) => {
    const etag = (await call('GET', 'meadows/translations/ar')).headers['etag'];
    t.match(await put('ar', ARABIC), { status: 428, body: { code: 'precondition_required' } });
    t.match(await put('ar', ARABIC, { 'if-match': etag }), { status: 200 });
    t.match(await put('ar', ARABIC, { 'if-match': etag }), { status: 412 });
    t.match(await put('nl', ARABIC, { 'if-match': '*' }), {
      status: 412,
      body: { detail: /leave If-Match out/ },
    });
    const both = await Promise.all([put('pt', ARABIC), put('pt', ARABIC)]);
    t.same(both.map(({ status }) => status).sort(), [201, 428], 'of two at once one is the first');
    t.match(await call('DELETE', 'meadows/translations/pt'), { status: 204 });
    const anew = await put('pt', ARABIC);
    t.match(anew, { status: 201 }, 'a deleted one can be written anew');
    t.match(await put('pt', ARABIC, { 'if-match': both[0]?.headers['etag'] ?? '"v1"' }), { status: 412 });
    t.match(await call('DELETE', 'meadows/translations/pt'), { status: 204 });
  });

  await t.test('400, 401, 403, 404, 409, 413, 415 and 422 of writing', async (t) => {
    t.match(await put('english', GERMAN), { status: 400 });
    t.match(await put('fr', '{'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await put('fr', GERMAN, {}, 'sk_x'), { status: 401 });
    t.match(await api.call('PUT', '/v1/petitions/meadows/translations/fr', { body: GERMAN }), {
      status: 401,
    });
    t.match(await put('fr', GERMAN, {}, weak), { status: 403, body: { code: 'scope_required' } });
    t.match(await put('fr', GERMAN, {}, other.secret), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await call('PUT', `${NONE}/translations/fr`, GERMAN), { status: 404 });
    t.match(await put('EN', GERMAN), { status: 409, body: { code: 'own_language' } });
    t.match(await put('fr', { ...GERMAN, background: 'x'.repeat(300_000) }), { status: 413 });
    t.match(await put('fr', 'title=a', { 'content-type': 'text/plain' }), { status: 415 });
    const wrong: [body: object, pointer: string, code: string][] = [
      [{ title: 'x' }, '/statement', 'required'],
      [{ ...GERMAN, title: ' ' }, '/title', 'visible'],
      [{ ...GERMAN, background: 'x[^7]' }, '/background', 'missing_reference'],
      [{ ...GERMAN, page_url: 'javascript:x' }, '/page_url', 'pattern'],
      [{ ...GERMAN, goals: [1] }, '/goals', 'additional_properties'],
    ];
    for (const [body, pointer, code] of wrong) {
      t.match(await put('fr', body), { status: 422, body: { errors: [{ pointer, code }] } }, pointer);
    }
    t.match(await call('GET', 'meadows/translations/fr'), { status: 404 }, 'nothing was stored');
    const { id } = await publish(api, lead.secret);
    const tag = (i: number) => `a${String.fromCharCode(97 + (i % 26))}${i < 26 ? '' : 'x'}`;
    for (let i = 0; i < MOST_TRANSLATIONS; i += 1) {
      t.match(await call('PUT', `${id}/translations/${tag(i)}`, ARABIC), { status: 201 });
    }
    t.match(await call('PUT', `${id}/translations/zu`, ARABIC), {
      status: 409,
      body: { code: 'too_many_translations', detail: /50/ },
    });
  });

  await t.test('list, get and delete: 200, 204, 304, 400, 401, 403, 404', async (t) => {
    const list = await call('GET', 'meadows/translations');
    t.match(list, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(
      list.body.data.map((one: any) => one.locale),
      ['ar', 'de'],
    );
    const one = await call('GET', 'meadows/translations/de');
    t.same(list.body.data[1], one.body);
    for (const { path, etag } of [
      { path: 'meadows/translations', etag: list.headers['etag'] },
      { path: 'meadows/translations/de', etag: one.headers['etag'] },
    ]) {
      t.match(await call('GET', path, undefined, { 'if-none-match': etag }), { status: 304 });
      t.match(await call('GET', `${path}?x=1`), { status: 400 });
      t.match(await api.call('GET', `/v1/petitions/${path}`), { status: 401 });
      t.match(await call('GET', path, undefined, {}, weak), { status: 403 });
      const foreign = await call('GET', path, undefined, {}, other.secret);
      t.match(foreign, { status: 404, body: { code: 'petition_not_found' } });
    }
    const gone = 'meadows/translations/nl';
    t.match(await call('GET', gone), { status: 404, body: { code: 'translation_not_found' } });
    t.match(await put('nl', ARABIC), { status: 201 });
    t.match(await read('?locale=nl'), { body: { locale: 'nl' } });
    t.match(await call('DELETE', `${gone}?x=1`), { status: 400 });
    t.match(await api.call('DELETE', `/v1/petitions/${gone}`), { status: 401 });
    t.match(await call('DELETE', gone, undefined, {}, weak), { status: 403 });
    t.match(await call('DELETE', gone, undefined, {}, other.secret), { status: 404 });
    t.match(await call('DELETE', gone), { status: 204 });
    t.match(await call('DELETE', gone), { status: 404, body: { code: 'translation_not_found' } });
    t.match(await read('?locale=nl'), { body: { locale: 'en', locales: ['en', 'ar', 'de'] } });
  });

  await t.test('updatePetition 422: what its translations do not allow', async (t) => {
    const patch = (body: object) => call('PATCH', 'meadows', body, { 'if-match': '*' });
    t.match(await patch({ locale: 'de' }), { status: 422, body: { errors: [{ pointer: '/locale' }] } });
    t.match(await patch({ references: [] }), {
      status: 422,
      body: { errors: [{ pointer: '/references', code: 'missing_reference' }] },
    });
    t.match(await patch({ locale: 'en-GB' }), { status: 200, body: { locales: ['en-GB', 'ar', 'de'] } });
    t.match(await patch({ locale: 'en' }), { status: 200 });
  });
});

onEveryEngine('a petition in three languages, signed in each', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  const call = callsOf(api, lead.secret);
  for (const [locale, texts] of Object.entries({ de: { ...GERMAN, background: null }, ar: ARABIC })) {
    t.match(await call('PUT', `meadows/translations/${locale}`, texts), { status: 201 });
  }
  const texts = { en: PETITION, de: GERMAN, ar: ARABIC };
  const shown = { 'en-GB': 'en', 'de-AT': 'de', ar: 'ar' } as const;
  const page = (method: string, url: string, body = '') =>
    api.app.inject({
      method: method as 'GET',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      ...(method === 'POST' ? { payload: body } : {}),
    });

  for (const [asked, locale] of Object.entries(shown)) {
    await t.test(`signed in ${asked}`, async (t) => {
      const email = `${asked.toLowerCase()}@example.org`;
      t.match(await sign(api, 'meadows', email, { locale: asked }), { status: 202 });
      const letter = await collectLetter(api, email);
      const { title, statement } = texts[locale];
      t.match(letter.values.petition, { title, statement });
      const url =
        locale === 'de'
          ? GERMAN.page_url
          : `http://undersigned.test/p/meadows${locale === 'ar' ? '?locale=ar' : ''}`;
      t.equal(letter.values.petition?.url, url);
      const mail = render(letter);
      t.ok(mail.text.includes(statement) && mail.html.includes(statement), 'the mail says what was signed');
      for (const [one, { statement: elsewhere }] of Object.entries(texts)) {
        if (one !== locale) t.notOk(mail.text.includes(elsewhere), `not the statement in ${one}`);
      }
      const token = tokenOf(letter);
      t.match((await page('GET', `/confirm?token=${token}`)).body, title);
      const done = await page('POST', '/confirm', `token=${token}`);
      t.match(done, { statusCode: 200, body: title });
      const receipt = /name="receipt" value="([^"]+)"/.exec(done.body)?.[1] ?? '';
      t.match(done.body, `name="locale" value="${locale}"`);
      const shared = await page('POST', '/share', `receipt=${receipt}&network=whatsapp&locale=${locale}`);
      const code = /undersigned\.test\/s\/([A-Za-z0-9]+)/.exec(shared.body)?.[1] ?? '';
      const followed = await api.call('GET', `/s/${code}`);
      const separator = url.includes('?') ? '&' : '?';
      t.match(followed, {
        status: 302,
        headers: { location: `${url}${separator}source=share-whatsapp&share=${code}` },
      });
      const card = await api.call('GET', `/s/${code}`, { headers: { 'user-agent': 'WhatsApp/2.23' } });
      t.match(card.text, title);
      t.match(card.text, `og.png${locale === 'en' ? '"' : `?locale=${locale}"`}`);
    });
  }

  await t.test('one counter, and each signature knows what was signed', async (t) => {
    t.match((await api.call('GET', '/v1/petitions/meadows/counts')).body, { confirmed: 3 });
    const { body } = await api.call('GET', '/v1/signatures?petition=meadows', { key: lead.secret });
    const locales = body.data.map((one: any) => one.signed_locale).sort();
    t.same(locales, ['ar', 'de', 'en']);
    const csv = await api.call('GET', '/v1/signatures/export?petition=meadows', { key: lead.secret });
    t.match(csv.text.split('\n')[0], /,signed_locale,/);
    t.match(csv.text, /,de,/);
  });

  await t.test('statement_fixed 409, translation_signed 409: the signed text stays', async (t) => {
    const match = { 'if-match': '*' };
    const put = (body: object) => call('PUT', 'meadows/translations/de', body, match);
    const fixed = { status: 409, body: { code: 'statement_fixed' } };
    const base = { ...GERMAN, background: null };
    t.match(await put({ ...base, statement: 'Anders.' }), fixed);
    t.match(await put({ ...base, title: 'Anders' }), fixed);
    t.match(await put({ ...base, call_to_action: 'Anders' }), { status: 200, body: { fixed: true } });
    t.match(await call('DELETE', 'meadows/translations/de'), {
      status: 409,
      body: { code: 'translation_signed' },
    });
    t.match(await call('PUT', 'meadows/translations/fr', ARABIC), { status: 201, body: { fixed: false } });
    t.match(await call('DELETE', 'meadows/translations/fr'), { status: 204 });
  });

  await t.test('who comes back in another language has signed that', async (t) => {
    const email = 'de-at@example.org';
    const session = await sessionOf(api, email);
    const mine = (method: string, path: string, body?: unknown) =>
      api.call(method, `/v1/me/signatures${path}`, { headers: { authorization: `Bearer ${session}` }, body });
    const { body } = await mine('GET', '');
    t.match(body.data[0], {
      signed_locale: 'de',
      petition: { title: GERMAN.title, page_url: GERMAN.page_url },
    });
    const { id } = body.data[0];
    t.match(await mine('DELETE', `/${id}`), { status: 200 });
    t.match(await sign(api, 'meadows', email, { locale: 'ar' }), { status: 202 });
    const letter = await collectLetter(api, email);
    t.match(letter.values.petition, { statement: ARABIC.statement });
    t.match((await mine('GET', '')).body.data[0], { signed_locale: 'de' }, 'not before it is confirmed');
    await page('POST', '/confirm', `token=${tokenOf(letter)}`);
    t.match((await mine('GET', '')).body.data[0], { signed_locale: 'ar', status: 'confirmed' });
    const { body: all } = await api.call('GET', '/v1/me/export', {
      headers: { authorization: `Bearer ${session}` },
    });
    t.match(all.signatures[0], { statement: ARABIC.statement, signed_locale: 'ar' });
  });

  await t.test('a language that comes later changes no open request', async (t) => {
    t.match(await sign(api, 'meadows', 'fr@example.org', { locale: 'fr' }), { status: 202 });
    t.match(await call('PUT', 'meadows/translations/fr', GERMAN_IN_FRENCH), { status: 201 });
    const letter = await collectLetter(api, 'fr@example.org');
    t.match(letter.values.petition, { statement: PETITION.statement }, 'what was signed');
    t.same(await collectMail(api), []);
  });
});

onEveryEngine('a text is fixed while somebody signs it', async (t, engine) => {
  const api = await start(t, engine, { storeThread: false });
  const lead = await api.organization('River Meadows');
  const call = callsOf(api, lead.secret);
  const match = { 'if-match': '*' };
  const { ctx } = api.app;

  /** A signature that is not committed before `change` has waited for it. */
  async function whileSigned(
    locale: string | null,
    change: (slug: string) => Promise<Answer>,
  ): Promise<Answer> {
    const { id, slug } = await publish(api, lead.secret);
    t.match(await call('PUT', `${id}/translations/de`, GERMAN_ALONE), { status: 201 });
    const { petitions: p, petitionTranslations: tr, signatures } = ctx.store.tables;
    const [found] = await ctx.store.read.db
      .select({ petitionKey: p.key, translationKey: tr.key })
      .from(p)
      .innerJoin(tr, eq(tr.petitionKey, p.key))
      .where(eq(p.publicId, id));
    if (!found) throw new Error('there is no translation');
    const [written, end] = [promiseOf(), promiseOf()];
    const signing = ctx.store.transact(async (tx) => {
      await tx.db.insert(signatures).values({
        publicId: ctx.newId('sig'),
        petitionKey: found.petitionKey,
        translationKey: locale === null ? null : found.translationKey,
        status: 'pending',
        display: 'anonymous',
        name: 'Ada',
        createdAt: tx.now,
      });
      written.resolve();
      await end.promise;
    });
    await written.promise;
    let isOver = false;
    const changed = change(slug).finally(() => (isOver = true));
    // Real time: that it does not come to an end is what is tried.
    await sleep(300);
    t.notOk(isOver, 'it waits');
    end.resolve();
    await signing;
    return changed;
  }

  await t.test('a translation', async (t) => {
    const other = { ...GERMAN_ALONE, statement: 'Anders.' };
    const put = (slug: string) => call('PUT', `${slug}/translations/de`, other, match);
    t.match(await whileSigned('de', put), { status: 409, body: { code: 'statement_fixed' } });
    const drop = (slug: string) => call('DELETE', `${slug}/translations/de`);
    t.match(await whileSigned('de', drop), { status: 409, body: { code: 'translation_signed' } });
  });

  await t.test('the petition itself', async (t) => {
    const patch = (slug: string) => call('PATCH', slug, { statement: 'Otherwise.' }, match);
    t.match(await whileSigned(null, patch), { status: 409, body: { code: 'statement_fixed' } });
  });

  await t.test('who signs a translation while it is deleted has signed what was there', async (t) => {
    const { id } = await publish(api, lead.secret, { confirmation: 'none' });
    t.match(await call('PUT', `${id}/translations/de`, GERMAN_ALONE), { status: 201 });
    const [deleted, ...signed] = await Promise.all([
      call('DELETE', `${id}/translations/de`),
      ...[1, 2, 3, 4].map((i) => sign(api, id, `x${i}@example.org`, { locale: 'de' })),
    ]);
    t.ok([204, 409].includes(deleted.status), `${deleted.status}`);
    for (const one of signed) t.equal(one.status, 202);
    const { body } = await api.call('GET', `/v1/signatures?petition=${id}`, { key: lead.secret });
    for (const one of body.data) t.match(one.signed_locale, /^(?:en|de)$/);
  });
});

const GERMAN_ALONE = { title: GERMAN.title, statement: GERMAN.statement };

function promiseOf() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const GERMAN_IN_FRENCH = { title: 'Les prés du moulin', statement: 'Construisez ailleurs.' };

/** A session of the person, by a link that is mailed. */
async function sessionOf(api: TestApp, email: string): Promise<string> {
  await api.call('POST', '/v1/manage-links', { body: { email } });
  const letter = await collectLetter(api, email);
  const { body } = await api.call('POST', '/v1/sessions', { body: { token: tokenOf(letter) } });
  return body.session_token;
}
