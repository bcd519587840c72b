import { eq } from 'drizzle-orm';
import { disclosedOf, formKeys } from '../../../src/core/petitions/disclosures.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { createRenderer } from '../../../src/mail/render.js';
import { makePartner, onEveryEngine, publish, start } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

const HOUR = 3_600_000;
const TARGETS = [{ name: 'Dana Whitlock' }, { name: 'Ewehaven Town Council' }];
const SENTENCE =
  /With your signature, those this petition is addressed to \(\u2068Dana Whitlock\u2069 and \u2068Ewehaven Town Council\u2069\) will be given your full name \(even if the public list does not show it\) and your postal code\./;

onEveryEngine('form.discloses', async (t, engine) => {
  const api = await start(t, engine);
  const render = createRenderer(loadLocales());
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const read = async (ref: string, key?: string) =>
    (await api.call('GET', `/v1/petitions/${ref}`, { key })).body;
  const patch = async (ref: string, body: unknown) => {
    const { headers } = await api.call('GET', `/v1/petitions/${ref}`, { key: lead.secret });
    const match = { 'if-match': String(headers['etag']) };
    return api.call('PATCH', `/v1/petitions/${ref}`, { key: lead.secret, body, headers: match });
  };
  const sign = (ref: string, name: string, { key, ...more }: Record<string, unknown> = {}) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, {
      key: key as string | undefined,
      body: { email: `${name.toLowerCase()}@example.org`, name, postal_code: '2511 CV', ...more },
    });
  /** What may be disclosed of each signature of a petition, by the name of its signer. */
  const disclosed = async (slug: string) => {
    const { petitions, signatures: s } = api.store.tables;
    const { db } = api.store.read;
    const [petition] = await db.select().from(petitions).where(eq(petitions.slug, slug));
    const forms = await formKeys(api.store.read);
    const rows = await db
      .select()
      .from(s)
      .where(eq(s.petitionKey, petition?.key ?? 0));
    return Object.fromEntries(
      rows.map((row) => [row.name, disclosedOf(petition ?? { disclosures: [] }, row, forms)]),
    );
  };

  await t.test(
    'createPetition 201, getPetition 200: it is empty if absent, public, and in order',
    async (t) => {
      const form = { discloses: ['postal_code', 'full_name'] };
      await publish(api, lead.secret, { slug: 'meadows', targets: TARGETS, form });
      t.same((await read('meadows')).form, {
        country: 'optional',
        postal_code: 'optional',
        postal_address: 'optional',
        phone: 'optional',
        comment: 'optional',
        discloses: ['full_name', 'postal_code'],
      });
      await publish(api, lead.secret, { slug: 'bare' });
      t.same((await read('bare')).form.discloses, []);
      t.notMatch(JSON.stringify(await read('meadows', lead.secret)), /disclosures/, 'instants stay inside');
    },
  );

  await t.test('createPetition 422, updatePetition 422: refused by name', async (t) => {
    const create = (form: unknown) =>
      api.call('POST', '/v1/petitions', { key: lead.secret, body: { title: 'T', statement: 'S', form } });
    t.match(await create({ postal_address: 'off', discloses: ['full_name', 'city'] }), {
      status: 422,
      body: {
        errors: [
          { pointer: '/form/discloses/1', code: 'not_asked', detail: /city: set form\.postal_address/ },
        ],
      },
    });
    for (const discloses of [['email'], ['city', 'city'], 'city', [null]]) {
      t.match(await create({ discloses }), { status: 422, body: { code: 'invalid_body' } });
    }
    t.match(await patch('meadows', { form: { postal_code: 'off' } }), {
      status: 422,
      body: { errors: [{ pointer: '/form/discloses/1', code: 'not_asked', detail: /postal_code/ }] },
    });
    t.same((await read('meadows')).form.postal_code, 'optional');
    t.match(await patch('bare', { form: { region: 'required' } }), { status: 422 });
  });

  await t.test('updatePetition 200: other changes leave it, null clears it', async (t) => {
    const stays = await patch('meadows', { title: 'Another', form: { phone: 'off' } });
    t.match(stays, {
      status: 200,
      body: { form: { phone: 'off', discloses: ['full_name', 'postal_code'] } },
    });
    await patch('bare', { form: { discloses: ['city'] } });
    t.match(await patch('bare', { form: { postal_address: 'off', discloses: null } }), {
      status: 200,
      body: { form: { postal_address: 'off', discloses: [] } },
    });
  });

  await t.test('the confirmation mail and its page say it before the signature counts', async (t) => {
    await sign('meadows', 'Ada');
    const letter = await collectLetter(api, 'ada@example.org');
    t.match(render(letter).text.replaceAll(/\s+/g, ' '), SENTENCE);
    t.match(render(letter).html.replaceAll(/\s+/g, ' '), SENTENCE);
    const page = await api.call('GET', `/confirm?token=${tokenOf(letter)}`);
    t.match(page.text.replaceAll(/\s+/g, ' '), SENTENCE);
    t.notMatch(page.text, /ada@|2511/i, 'nothing of the signer');
    const german = await api.call('GET', `/confirm?token=${tokenOf(letter)}`, {
      headers: { 'accept-language': 'de' },
    });
    t.match(german.text, /erhalten die Adressaten dieser Petition \(\u2068Dana Whitlock\u2069 und /);

    await sign('bare', 'Ben');
    const bare = await collectLetter(api, 'ben@example.org');
    t.notMatch(render(bare).text, /will be given/);
    t.notMatch((await api.call('GET', `/confirm?token=${tokenOf(bare)}`)).text, /will be given/);
  });

  await t.test('own words of the mail do not replace it', async (t) => {
    const body = { confirmation: 'One click for “{petition}”.' };
    const path = '/v1/petitions/meadows/words/en';
    const preview = await api.call('POST', `${path}/preview`, { key: lead.secret, body });
    t.match(preview.text, /will be given your full name/, 'the preview shows it');
    t.equal((await api.call('PUT', path, { key: lead.secret, body })).status, 201);
    await sign('meadows', 'Own');
    t.match(render(await collectLetter(api, 'own@example.org')).text.replaceAll(/\s+/g, ' '), SENTENCE);
  });

  await t.test('without targets it is whom the petition addresses', async (t) => {
    await publish(api, lead.secret, { slug: 'nobody', form: { discloses: ['city'] } });
    await sign('nobody', 'Cleo');
    const { text } = render(await collectLetter(api, 'cleo@example.org'));
    t.match(text.replaceAll(/\s+/g, ' '), 'those this petition is addressed to will be given your city.');
  });

  await t.test('an added field holds an hour later; a removed one for nobody', async (t) => {
    const begun = Date.now();
    await publish(api, lead.secret, { slug: 'moving', form: { discloses: ['full_name'] } });
    await sign('moving', 'Early');
    await patch('moving', { form: { discloses: ['full_name', 'postal_code'] } });
    await sign('moving', 'Open');
    const letters = await collectMail(api);
    t.notMatch(render(letters[1]!).text, /postal code/, 'nor does the mail say what is not done');
    api.setClock(new Date(begun + 2 * HOUR));
    await sign('moving', 'Late');
    t.same(await disclosed('moving'), {
      Early: ['full_name'],
      Open: ['full_name'],
      Late: ['full_name', 'postal_code'],
    });
    await patch('moving', { form: { discloses: ['postal_code'] } });
    await patch('moving', { form: { discloses: ['full_name', 'postal_code'] } });
    t.same(await disclosed('moving'), { Early: [], Open: [], Late: ['postal_code'] });
    api.setClock(undefined);
    await collectMail(api);
  });

  await t.test('nothing of those who came by files, partners or programs', async (t) => {
    await publish(api, lead.secret, {
      slug: 'shared',
      form: { discloses: ['full_name'] },
      confirmation: 'none',
    });
    await makePartner(api, lead.secret, 'shared', partner);
    const form = await api.newKey(partner.key, 'publishable');
    await sign('shared', 'Form');
    await sign('shared', 'Embedded', { key: form });
    await sign('shared', 'Program', { key: lead.secret });
    await sign('shared', 'Vouched', { key: partner.secret, vouched: true });
    await sign('shared', 'Own', { key: lead.secret, vouched: true });
    const imported = await api.call('POST', '/v1/signatures/import?petition=shared&source=Stall', {
      key: lead.secret,
      headers: { 'content-type': 'text/csv' },
      body: 'email,name\nfile@example.org,File\n',
    });
    t.equal(imported.status, 200, imported.text);
    t.same(await disclosed('shared'), {
      Form: ['full_name'],
      Embedded: ['full_name'],
      Program: [],
      Vouched: [],
      Own: [],
      File: [],
    });
  });

  await t.test('/p/ says it beside the button for one tap', async (t) => {
    const { text } = await api.call('GET', '/p/meadows?r=anything');
    t.match(text.replaceAll(/\s+/g, ' '), SENTENCE);
    t.notMatch((await api.call('GET', '/p/bare?r=anything')).text, /will be given/);
  });
});
