import type { Letter } from '../../../src/core/letters/letter.js';
import { remindAll } from '../../../src/core/letters/reminders.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { createRenderer } from '../../../src/mail/render.js';
import { MOST_LANGUAGES } from '../../../schema/db/tables/words.js';
import { makePartner, onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

const WORDS = {
  confirmation:
    'Thank you, from **{organization}**!\n\nOne click for “{petition}”. [How we work](https://meadows.example/about)\n\n- rivers\n- curlews',
  confirmation_subject: 'One click: {petition}',
  thanks: 'You are *in*, says {organization}.',
  button: 'I stand with {organization}',
};
const NONE = `pet_${'0'.repeat(26)}`;
const render = createRenderer(loadLocales());

const callsOf =
  (api: TestApp, secret: string) =>
  (method: string, path: string, body?: unknown, headers = {}, key: string | undefined = secret) =>
    api.call(method, `/v1/petitions/${path}`, { key, body, headers });

onEveryEngine('own words', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River & Meadows');
  const other = await api.organization('Anglers');
  await publish(api, lead.secret, { slug: 'meadows', title: 'Keep <b>the</b> meadows' });
  await makePartner(api, lead.secret, 'meadows', other);
  const call = callsOf(api, lead.secret);
  const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
  const put = (locale: string, body: unknown, headers = {}, key?: string) =>
    call('PUT', `meadows/words/${locale}`, body, headers, key);
  const etagOf = async (locale: string) =>
    String((await call('GET', `meadows/words/${locale}`)).headers['etag']);
  const shown = async () => (await api.call('GET', '/v1/petitions/meadows')).body.words;

  await t.test('writePetitionWords 201 and 200: forms show them at once', async (t) => {
    t.same(await shown(), []);
    const made = await put('en', WORDS);
    t.match(made, { status: 201, body: { locale: 'en', ...WORDS }, headers: { etag: /^"v\d+\./ } });
    t.same(await shown(), [
      {
        locale: 'en',
        button: 'I stand with River & Meadows',
        thanks_html: '<p>You are <em>in</em>, says River &amp; Meadows.</p>\n',
      },
    ]);
    const replaced = await put('en', { button: 'Sign' }, { 'if-match': made.headers['etag'] });
    t.match(replaced, {
      status: 200,
      body: { confirmation: null, confirmation_subject: null, thanks: null, button: 'Sign' },
      headers: { etag: /^"v\d+\./ },
    });
    t.same(await shown(), [{ locale: 'en', button: 'Sign', thanks_html: null }]);
    t.match(await put('en', WORDS, { 'if-match': '*' }), { status: 200 });
    t.match(await put('de', { confirmation: 'Danke!' }), { status: 201 });
    t.equal((await shown()).length, 1, 'what is for mails alone is not shown');
  });

  await t.test('writePetitionWords 412 and 428: nobody’s change is lost', async (t) => {
    const etag = await etagOf('en');
    t.match(await put('en', WORDS), { status: 428, body: { code: 'precondition_required' } });
    t.match(await put('en', { ...WORDS, button: 'Yes' }, { 'if-match': etag }), { status: 200 });
    t.match(await put('en', WORDS, { 'if-match': etag }), { status: 412 });
    t.match(await put('en', WORDS, { 'if-match': 'x' }), { status: 412 });
    t.match(await put('nl', WORDS, { 'if-match': '*' }), {
      status: 412,
      body: { code: 'precondition_failed', detail: /leave If-Match out/ },
    });
    const both = await Promise.all([put('pt', WORDS), put('pt', { button: 'Assinar' })]);
    t.same(both.map(({ status }) => status).sort(), [201, 428], 'of two at once one is the first');
    await call('DELETE', 'meadows/words/pt');
  });

  await t.test('writePetitionWords 422: what is wrong is named', async (t) => {
    const wrong: [body: object, pointer: string, code: string][] = [
      [{}, '', 'required'],
      [{ button: null }, '', 'required'],
      [{ thanks: 'Dear {name}' }, '/thanks', 'unknown_placeholder'],
      [{ button: '{email}' }, '/button', 'unknown_placeholder'],
      [{ confirmation_subject: '{name}' }, '/confirmation_subject', 'unknown_placeholder'],
      [{ confirmation: '[x](http://a.example)' }, '/confirmation', 'link'],
      [{ confirmation: '[https://bank.org](https://evil.example)' }, '/confirmation', 'disguised_link'],
      [{ confirmation: '<b>x</b>' }, '/confirmation', 'html'],
      [{ confirmation: '![x](https://a.example/x.png)' }, '/confirmation', 'image'],
      [{ confirmation: 'x'.repeat(2001) }, '/confirmation', 'max_length'],
      [{ confirmation_subject: 'a\nb' }, '/confirmation_subject', 'pattern'],
      [{ confirmation_subject: 'x'.repeat(121) }, '/confirmation_subject', 'max_length'],
      [{ button: 'x'.repeat(61) }, '/button', 'max_length'],
      [{ ...WORDS, subject: 'x' }, '/subject', 'additional_properties'],
    ];
    for (const [body, pointer, code] of wrong) {
      t.match(
        await put('fr', body),
        { status: 422, body: { code: 'invalid_body', errors: [{ pointer, code }] } },
        JSON.stringify(body).slice(0, 60),
      );
    }
    t.match(await call('GET', 'meadows/words/fr'), { status: 404 }, 'nothing was stored');
  });

  await t.test('400, 401, 403, 404, 409, 413, 415 of writing', async (t) => {
    t.match(await put('english', WORDS), { status: 400 });
    t.match(await put('fr', '{'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await put('fr', WORDS, {}, 'sk_x'), { status: 401 });
    t.match(await api.call('PUT', '/v1/petitions/meadows/words/fr', { body: WORDS }), { status: 401 });
    t.match(await put('fr', WORDS, {}, weak), { status: 403, body: { code: 'scope_required' } });
    t.match(await put('fr', WORDS, {}, other.secret), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await call('PUT', `${NONE}/words/fr`, WORDS), { status: 404 });
    t.match(await put('fr', { thanks: 'x'.repeat(70_000) }), { status: 413 });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    t.match(await put('fr', 'thanks=a', form), { status: 415 });
    const { id } = await publish(api, lead.secret);
    const many = Array.from(
      { length: MOST_LANGUAGES },
      (_, i) => `a${String.fromCharCode(97 + (i % 26))}${i < 26 ? '' : 'x'}`,
    );
    for (const locale of many) {
      t.match(await call('PUT', `${id}/words/${locale}`, { button: 'Sign' }), { status: 201 });
    }
    t.match(await call('PUT', `${id}/words/zu`, { button: 'Sign' }), {
      status: 409,
      body: { code: 'too_many_languages', detail: /30/ },
    });
  });

  await t.test('listPetitionWords and getPetitionWords 200, 304, 400, 401, 403, 404', async (t) => {
    const list = await call('GET', 'meadows/words');
    t.match(list, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(
      list.body.data.map((one: any) => one.locale),
      ['de', 'en'],
    );
    const one = await call('GET', 'meadows/words/de');
    t.match(one, { status: 200, body: { locale: 'de', confirmation: 'Danke!', thanks: null } });
    t.same(list.body.data[0], one.body);
    for (const { path, etag } of [
      { path: 'meadows/words', etag: list.headers['etag'] },
      { path: 'meadows/words/de', etag: one.headers['etag'] },
    ]) {
      t.match(await call('GET', path, undefined, { 'if-none-match': etag }), { status: 304 });
      t.match(await call('GET', `${path}?x=1`), { status: 400 });
      t.match(await api.call('GET', `/v1/petitions/${path}`), { status: 401 });
      t.match(await call('GET', path, undefined, {}, weak), { status: 403 });
      const foreign = await call('GET', path, undefined, {}, other.secret);
      t.match(foreign, { status: 404, body: { code: 'petition_not_found' } });
      t.notMatch(foreign.text, /Danke/);
    }
    t.match(await call('GET', 'meadows/words/nl'), { status: 404, body: { code: 'words_not_found' } });
  });

  await t.test('previewPetitionWords 200: as it will be, and nothing happens', async (t) => {
    const { body, status } = await call('POST', 'meadows/words/en/preview', WORDS);
    t.equal(status, 200);
    t.equal(body.mail.subject, 'One click: Keep <b>the</b> meadows');
    t.match(body.mail.text, 'Thank you, from River & Meadows!');
    t.match(body.mail.text, /How we work\s\(https:\/\/meadows\.example\/about\)/);
    t.match(body.mail.text, '- rivers\n- curlews');
    t.match(body.mail.html, 'from <strong>River &amp; Meadows</strong>!');
    t.match(body.mail.html, '“Keep &lt;b&gt;the&lt;/b&gt; meadows”');
    for (const part of [body.mail.text, body.mail.html]) {
      t.match(part, 'Build the depot elsewhere', 'the statement');
      t.match(part, 'Confirm my signature');
      t.match(part, '123456');
      t.match(part, 'If this wasn’t you');
      t.notMatch(part, 'This address was used', 'our introduction');
      t.notMatch(part, /\{petition\}|\{organization\}/);
    }
    t.notMatch(body.mail.html, /<img|<b>the/);
    t.match(body, { thanks_html: /<em>in<\/em>/, button: 'I stand with River & Meadows' });
    const german = await call('POST', 'meadows/words/de-AT/preview', { confirmation: 'Grüß Gott!' });
    t.match(german.body.mail.html, '<div lang="de-AT" dir="auto">');
    t.match(german.body.mail.text, /Grüß Gott!\n\nDie Petition lautet/);
    const ours = await call('POST', 'meadows/words/en/preview', {});
    t.match(ours.body, { mail: { text: /This address was used/ }, thanks_html: null, button: null });
    t.match((await call('GET', 'meadows/words/de-AT')).status, 404, 'nothing is stored');
    t.same(await collectMail(api), [], 'nothing is sent');
    t.match(await api.call('GET', '/confirm?token=example'), { status: 404 });
  });

  await t.test('previewPetitionWords 400, 401, 403, 404, 413, 415, 422', async (t) => {
    const path = 'meadows/words/en/preview';
    t.match(await call('POST', path, '{'), { status: 400 });
    t.match(await api.call('POST', `/v1/petitions/${path}`, { body: WORDS }), { status: 401 });
    t.match(await call('POST', path, WORDS, {}, weak), { status: 403 });
    t.match(await call('POST', path, WORDS, {}, other.secret), { status: 404 });
    t.match(await call('POST', path, { thanks: 'x'.repeat(70_000) }), { status: 413 });
    t.match(await call('POST', path, 'a=b', { 'content-type': 'text/plain' }), { status: 415 });
    t.match(await call('POST', path, { thanks: '{name}' }), { status: 422, body: { code: 'invalid_body' } });
  });

  await t.test('deletePetitionWords 204, 400, 401, 403, 404: ours come back', async (t) => {
    const path = 'meadows/words/en';
    t.match(await call('DELETE', `${path}?x=1`), { status: 400 });
    t.match(await api.call('DELETE', `/v1/petitions/${path}`), { status: 401 });
    t.match(await call('DELETE', path, undefined, {}, weak), { status: 403 });
    t.match(await call('DELETE', path, undefined, {}, other.secret), { status: 404 });
    t.match(await call('DELETE', path), { status: 204 });
    t.match(await call('DELETE', path), { status: 404, body: { code: 'words_not_found' } });
    t.same(await shown(), []);
  });

  await t.test(
    'writePetitionWords 412: an ETag of deleted words does not match those written anew',
    async (t) => {
      const first = await put('sv', { button: 'Skriv under' });
      t.match(await call('DELETE', 'meadows/words/sv'), { status: 204 });
      const anew = await put('sv', { button: 'Jag är med' });
      t.match(anew, { status: 201 });
      const late = await put('sv', { button: 'Stöd' }, { 'if-match': first.headers['etag'] });
      t.match(late, { status: 412, body: { code: 'precondition_failed' } });
      t.match(await call('GET', 'meadows/words/sv'), { body: { button: 'Jag är med' } });
      const own = await put('sv', { button: 'Stöd' }, { 'if-match': anew.headers['etag'] });
      t.match(own, { status: 200, body: { button: 'Stöd' } });
    },
  );
});

onEveryEngine('own words reach their signers', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', locale: 'pt-BR' });
  const call = callsOf(api, lead.secret);
  const write = (locale: string, words: object) =>
    call('PUT', `meadows/words/${locale}`, words).then(({ status, text }) => {
      if (status !== 201) throw new Error(text);
    });
  let people = 0;
  const letterFor = async (fields = {}): Promise<Letter> => {
    const email = `ada${(people += 1)}@example.org`;
    const body = { name: 'Ada Okonkwo', email, ...fields };
    const signed = await api.call('POST', '/v1/petitions/meadows/signatures', { body });
    if (signed.status !== 202) throw new Error(signed.text);
    return collectLetter(api, email);
  };

  await t.test('in their language, else in that of the petition, else ours', async (t) => {
    const intro = async (fields = {}) => render(await letterFor(fields)).text.split('\n')[3];
    t.match(await intro(), /^Este endereço foi usado/, 'no words: ours');
    await write('pt', { confirmation: 'Obrigado!', confirmation_subject: 'Um clique' });
    t.equal(await intro(), 'Obrigado!', 'the language of the petition, without its region');
    t.equal(await intro({ locale: 'fr' }), 'Obrigado!');
    await write('de', { confirmation: 'Danke!' });
    t.equal(await intro({ locale: 'de-AT' }), 'Danke!');
    await write('de-AT', { button: 'I bin dabei', confirmation: 'Servus!' });
    t.equal(await intro({ locale: 'de-AT' }), 'Servus!');
    t.equal(await intro({ locale: 'de-CH' }), 'Danke!');
    const mail = render(await letterFor({ locale: 'de-AT' }));
    t.equal(mail.lang, 'de');
    t.equal(mail.subject, 'Um clique', 'each text for itself');
    t.match(mail.html, '<div lang="de-AT" dir="auto">');
    t.match(
      await api.call('POST', '/v1/petitions/meadows/signatures', {
        body: { name: 'Ada', email: 'ada@example.org', locale: 'german' },
      }),
      { status: 422 },
    );
  });

  await t.test('what waits takes the words of the moment; a reminder has our subject', async (t) => {
    const email = 'later@example.org';
    await api.call('POST', '/v1/petitions/meadows/signatures', { body: { name: 'Ada', email } });
    const { headers } = await call('GET', 'meadows/words/pt');
    const words = { confirmation: 'Corrigido: {petition}', confirmation_subject: 'Novo' };
    t.match(await call('PUT', 'meadows/words/pt', words, { 'if-match': headers['etag'] }), { status: 200 });
    const first = render(await collectLetter(api, email));
    t.match(first, { subject: 'Novo', text: /Corrigido: Keep the Old Mill/ });
    api.setClock(new Date(Date.now() + 100 * 3_600_000));
    await remindAll(api.app.ctx);
    const letters = await collectMail(api);
    api.setClock(undefined);
    const reminder = letters.find(({ to }) => to === email);
    if (!reminder) return t.fail('no reminder');
    t.match(render(reminder), { subject: /^Lembrete: /, text: /Corrigido: Keep the Old Mill/ });
  });

  await t.test('the thank-you page says them once the signature counts, not before', async (t) => {
    await write('en', { thanks: '**Thank you** from {organization}, for “{petition}”' });
    const token = tokenOf(await letterFor({ locale: 'en' }));
    const own =
      '<div lang="en" dir="auto"><p><strong>Thank you</strong> from River Meadows, for “Keep the Old Mill Meadows a meadow”</p>';
    const page = (method: string, url: string, body = '') =>
      api.app.inject({
        method: method as 'GET',
        url,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        ...(method === 'POST' ? { payload: body } : {}),
      });
    const question = await page('GET', `/confirm?token=${token}`);
    t.equal(question.statusCode, 200);
    t.notMatch(question.body, 'Thank you');
    const done = await page('POST', '/confirm', `token=${token}`);
    t.equal(done.statusCode, 200);
    t.ok(done.body.includes(own), 'after it');
    t.match(done.body, 'is confirmed and counts');
    t.ok((await page('GET', `/confirm?token=${token}`)).body.includes(own), 'and again');
  });
});
