import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { TOKEN_BYTES, issueToken } from '../../../src/core/links/random-tokens.js';
import { mergeSupporters } from '../../../src/core/supporters/merging.js';
import { onEveryEngine, publish, start, type Engine, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

/* Given and family names, from where they come in to where they are shown, changed and forgotten. */

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';

const ADA = { name: 'Ada Okonkwo', given_name: 'Ada', family_name: 'Okonkwo' };
const NO_PARTS = { given_name: null, family_name: null };

async function world(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'direct', confirmation: 'none' });
  await publish(api, lead.secret, { slug: 'mailed' });
  const sign = (ref: string, email: string, body: object, key?: string) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, { key, body: { email, ...body } });
  const find = async (ref: string, email: string) =>
    (
      await api.call('GET', `/v1/signatures?petition=${ref}&email=${encodeURIComponent(email)}`, {
        key: lead.secret,
      })
    ).body.data[0];
  const load = async (body: string, type: string, petition = 'direct') =>
    (
      await api.call('POST', `/v1/signatures/import?petition=${petition}`, {
        key: lead.secret,
        body,
        headers: { 'content-type': type },
      })
    ).body;
  const confirm = async (email: string) => {
    const body = { token: tokenOf(await collectLetter(api, email)) };
    t.match(await api.call('POST', '/v1/confirmations', { body }), { status: 200 });
  };
  return { api, lead, sign, find, load, confirm };
}

const supporterOf = async ({ store: { read, tables } }: TestApp, email: string) => {
  const { supporters: t } = tables;
  const [row] = await read.db.select().from(t).where(eq(t.identity, email));
  if (!row) throw new Error('there is no such supporter');
  return row;
};

async function enter(api: TestApp, email: string) {
  const { key: supporterKey, linkEpoch: epoch } = await supporterOf(api, email);
  const bytes = api.app.ctx.random(TOKEN_BYTES);
  const { token } = await api.store.transact((tx) =>
    issueToken(tx, { purpose: 'manage', bytes, supporterKey, epoch }),
  );
  const { body } = await api.call('POST', '/v1/sessions', { body: { token } });
  const key = body.session_token as string;
  return (method: string, path: string, body?: object) =>
    api.call(method, `/v1/me${path}`, { key, ...(body ? { body } : {}) });
}

const partsOf = ({ given_name, family_name }: any) => ({ given_name, family_name });

onEveryEngine('given and family names come in', async (t, engine) => {
  const { api, lead, sign, find, load } = await world(t, engine);

  await t.test('signPetition: the name alone, with its parts, or the parts alone', async (t) => {
    const cases: [object, object][] = [
      [{ name: 'Ada Okonkwo' }, { name: 'Ada Okonkwo', ...NO_PARTS }],
      [ADA, ADA],
      [
        { ...ADA, name: 'Okonkwo Ada' },
        { ...ADA, name: 'Okonkwo Ada' },
      ],
      [{ given_name: ' Ada ', family_name: 'Okonkwo' }, ADA],
      [
        { given_name: 'Ada', family_name: null },
        { name: 'Ada', given_name: 'Ada', family_name: null },
      ],
      [{ family_name: 'Okonkwo' }, { name: 'Okonkwo', given_name: null, family_name: 'Okonkwo' }],
      [{ ...ADA, given_name: '\u202eA\u00add\u2066a' }, ADA],
    ];
    for (const [i, [body, stored]] of cases.entries()) {
      t.equal((await sign('direct', `in${i}@example.org`, body)).status, 202);
      t.match(await find('direct', `in${i}@example.org`), { ...stored, status: 'confirmed' });
    }
    const longest = { given_name: 'A'.repeat(99), family_name: 'B'.repeat(99) };
    t.equal((await sign('direct', 'long@example.org', longest)).status, 202);
    const { name } = await find('direct', 'long@example.org');
    t.equal(name.length, 199);
  });

  await t.test('signPetition 422: no name at all, and parts that are no names', async (t) => {
    for (const [body, pointer, code] of [
      [{}, '/name', 'required'],
      [NO_PARTS, '/name', 'required'],
      [{ name: null, given_name: 'Ada' }, '/name', 'type'],
      [{ name: '', given_name: 'Ada' }, '/name', 'min_length'],
      [{ ...ADA, given_name: '' }, '/given_name', 'min_length'],
      [{ ...ADA, given_name: '\u3164' }, '/given_name', 'visible'],
      [{ ...ADA, family_name: 'B'.repeat(100) }, '/family_name', 'max_length'],
      [{ ...ADA, family_name: ['B'] }, '/family_name', 'type'],
    ] as const) {
      const { status, body: problem } = await sign('direct', 'no@example.org', body);
      t.match({ status, problem }, { status: 422, problem: { errors: [{ pointer, code }] } });
      t.equal(problem.errors.length, 1);
    }
    const both = await api.call('POST', '/v1/petitions/direct/signatures', { body: {} });
    t.same(
      both.body.errors.map(({ pointer, detail }: any) => `${pointer} ${detail}`),
      ['/email It is required: send it.', '/name Send it, or given_name and family_name.'],
    );
    t.notOk(await find('direct', 'no@example.org'));
  });

  await t.test('a link or a listed word in a part is one in the name', async (t) => {
    for (const [i, part] of ['given_name', 'family_name'].entries()) {
      t.equal(
        (await sign('direct', `link${i}@example.org`, { ...ADA, [part]: 'see evil\u3002com' })).status,
        202,
      );
      t.match(await find('direct', `link${i}@example.org`), { suspicion: { signals: ['link_in_name'] } });
    }
    await api.call('PUT', '/v1/organization/word-list', { key: lead.secret, body: { words: ['idiot'] } });
    await sign('direct', 'word@example.org', { ...ADA, family_name: 'Idiot' });
    t.match(await find('direct', 'word@example.org'), { suspicion: { signals: ['listed_word'] } });
    const line = JSON.stringify({ email: 'row@example.org', ...ADA, given_name: 'Idiot' });
    t.match(await load(line, NDJSON), { quarantined: 1, warnings: [{ field: 'name', code: 'listed_word' }] });
  });

  await t.test('imports keep the parts, and make the name of them', async (t) => {
    await publish(api, lead.secret, { slug: 'files', confirmation: 'none' });
    const stored = async (who: string) => {
      const { name, given_name, family_name } = (await find('files', `${who}@example.org`)) ?? {};
      return [name, given_name, family_name];
    };
    const both = await load(
      'E-Mail;Vorname;Nachname\na1@example.org;Ada;Okonkwo\na2@example.org;Ada;\na3@example.org;;Okonkwo\na4@example.org;;\n',
      CSV,
      'files',
    );
    t.match(both, { created: 3, problems: [{ line: 5, field: 'name', code: 'required' }] });
    t.same(await stored('a1'), ['Ada Okonkwo', 'Ada', 'Okonkwo']);
    t.same(await stored('a2'), ['Ada', 'Ada', null]);
    t.same(await stored('a3'), ['Okonkwo', null, 'Okonkwo']);
    const voornaam =
      'email,Voornaam,Naam\nb1@example.org,Ada,Okonkwo\nb2@example.org,Ada,Ada Okonkwo\nb3@example.org,,Ada Okonkwo\nb4@example.org,An,Andersen\n';
    t.match(await load(voornaam, CSV, 'files'), { created: 4, warned: 0 });
    t.same(
      await stored('b1'),
      ['Ada Okonkwo', 'Ada', 'Okonkwo'],
      'beside a given name, the name is of the family',
    );
    t.same(await stored('b2'), ['Ada Okonkwo', 'Ada', null], 'unless the given name is in it');
    t.same(await stored('b3'), ['Ada Okonkwo', null, null]);
    t.same(await stored('b4'), ['An Andersen', 'An', 'Andersen'], 'as a word');
    const three =
      'email,name,First Name,Last Name\nc1@example.org,A. Okonkwo,Ada,Okonkwo\nc2@example.org,A. King,Ada,\n';
    t.match(await load(three, CSV, 'files'), { created: 2 });
    t.same(await stored('c1'), ['A. Okonkwo', 'Ada', 'Okonkwo'], 'all three as they are');
    t.same(await stored('c2'), ['A. King', 'Ada', null]);
    const lines = [
      { email: 'd1@example.org', given_name: 'Ada', family_name: 'Okonkwo' },
      { email: 'd2@example.org', name: 'Okonkwo Ada', given_name: 'Ada' },
      { email: 'd3@example.org', given_name: 'A'.repeat(100), family_name: 'Okonkwo' },
      { email: 'd4@example.org', given_name: '\u3164' },
    ].map((one) => JSON.stringify(one));
    t.match(await load(lines.join('\n'), NDJSON, 'files'), {
      created: 3,
      failed: 1,
      warnings: [{ line: 3, field: 'given_name', code: 'max_length' }],
      problems: [{ line: 4, field: 'name', code: 'required' }],
    });
    t.same(await stored('d1'), ['Ada Okonkwo', 'Ada', 'Okonkwo']);
    t.same(await stored('d2'), ['Okonkwo Ada', 'Ada', null]);
    t.same(await stored('d3'), ['Okonkwo', null, 'Okonkwo'], 'what cannot be read costs its field');
  });

  await t.test('what is exported can be imported, and is the same', async (t) => {
    const save = async (petition: string, format: string) =>
      (
        await api.call('GET', `/v1/signatures/export?petition=${petition}&format=${format}`, {
          key: lead.secret,
        })
      ).text;
    const named = async (petition: string) =>
      (await save(petition, 'ndjson'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ email, name, given_name, family_name }) => [email, name, given_name, family_name]);
    const csv = await save('files', 'csv');
    t.match(csv, /^id,petition_id,supporter_id,status,email,name,given_name,family_name,country,/);
    t.match(csv, ',c1@example.org,A. Okonkwo,Ada,Okonkwo,');
    for (const [format, type] of [
      ['csv', CSV],
      ['ndjson', NDJSON],
    ] as const) {
      await publish(api, lead.secret, { slug: `copy-${format}`, confirmation: 'none' });
      t.match(await load(await save('files', format), type, `copy-${format}`), { failed: 0, warned: 0 });
      t.same(await named(`copy-${format}`), await named('files'), format);
    }
  });
});

onEveryEngine('given and family names are shown, changed and forgotten', async (t, engine) => {
  const { api, lead, sign, find, confirm } = await world(t, engine);
  const email = 'ada@example.org';

  await t.test('the public list never has them, however a signer is shown', async (t) => {
    for (const display of ['public', 'initials', 'anonymous']) {
      const body = { name: 'Shown Name', given_name: 'Hiddengiven', family_name: 'Hiddenfamily', display };
      t.equal((await sign('direct', `${display}@example.org`, body)).status, 202);
    }
    const list = await api.call('GET', '/v1/petitions/direct/signatures');
    t.match(list.body.data, [
      { display_name: null },
      { display_name: 'S. N.' },
      { display_name: 'Shown Name' },
    ]);
    t.notMatch(list.text, /hidden|given|family/i);
    t.notMatch((await api.call('GET', '/p/direct', { headers: { accept: 'text/html' } })).text, /Hidden/);
  });

  await t.test('a repeated signing replaces them, once its mailbox has answered', async (t) => {
    await sign('mailed', email, ADA);
    t.match(partsOf(await supporterRow()), NO_PARTS, 'nothing is proven yet');
    await confirm(email);
    t.match(await find('mailed', email), ADA);
    t.match(await supporterRow(), ADA);
    const later = { name: 'Ada King', given_name: 'Ada' };
    await sign('mailed', email, later);
    t.match(await find('mailed', email), ADA);
    const me = await enter(api, email);
    const { confirmation_requests: requests } = (await me('GET', '/export')).body;
    t.match(requests.at(-1).said, { ...later, family_name: null });
    await signAgain(email, later);
    await confirm(email);
    t.match(await find('mailed', email), { ...later, family_name: null, status: 'confirmed' });
    t.match(await supporterRow(), { ...later, family_name: null }, 'a part of the former name does not stay');
  });

  async function supporterRow() {
    const { name, givenName: given_name, familyName: family_name } = await supporterOf(api, email);
    return { name, given_name, family_name };
  }
  /** Signs once more after a withdrawal, so that the mailbox is asked again. */
  async function signAgain(address: string, body: object) {
    const me = await enter(api, address);
    const [{ id }] = (await me('GET', '/signatures')).body.data;
    t.match(await me('DELETE', `/signatures/${id}`), { status: 200 });
    await collectMail(api);
    await sign('mailed', address, body);
  }

  await t.test('a request from before parts were kept leaves none of another name', async (t) => {
    const old = 'old@example.org';
    await sign('mailed', old, ADA);
    await confirm(old);
    await signAgain(old, { name: 'Ada King' });
    const { key } = await supporterOf(api, old);
    await api.store.transact(async (tx) => {
      const { confirmationRequests: r } = tx.tables;
      const rows = await tx.db.select().from(r).where(eq(r.supporterKey, key));
      for (const { key, data } of rows) {
        const { givenName: _given, familyName: _family, ...before } = data ?? {};
        const asBefore = data && (before as typeof data);
        await tx.db.update(r).set({ data: asBefore }).where(eq(r.key, key));
      }
    });
    await confirm(old);
    t.match(await find('mailed', old), { name: 'Ada King', ...NO_PARTS });
    const me = await enter(api, old);
    t.match((await me('GET', '/export')).body.confirmation_requests.at(-1).said, NO_PARTS);
  });

  await t.test('updateMe: another name alone clears them; both of them make the name', async (t) => {
    const me = await enter(api, email);
    const patch = async (body: object) => {
      const { status, body: after } = await me('PATCH', '', body);
      t.equal(status, 200);
      return [after.name, after.given_name, after.family_name];
    };
    t.same(await patch({ family_name: 'King' }), ['Ada King', 'Ada', 'King']);
    t.same(await patch({ name: 'Ada King', phone: '+31 20 555 0199' }), ['Ada King', 'Ada', 'King']);
    t.same(await patch({ family_name: 'Okonkwo' }), ['Ada Okonkwo', 'Ada', 'Okonkwo']);
    t.same(await patch({ phone: null }), ['Ada Okonkwo', 'Ada', 'Okonkwo']);
    t.same(await patch({ name: 'Adaeze' }), ['Adaeze', null, null]);
    t.same(await patch({ given_name: 'Adaeze' }), ['Adaeze', 'Adaeze', null]);
    t.same(await patch({ name: null }), [null, null, null]);
    t.match((await me('GET', '')).body, { name: null, ...NO_PARTS });
    t.match(await me('PATCH', '', { given_name: '\u2800' }), {
      status: 422,
      body: { errors: [{ pointer: '/given_name', code: 'visible' }] },
    });
  });

  await t.test('updateMySignature: the same, and no links', async (t) => {
    const me = await enter(api, email);
    const [{ id }] = (await me('GET', '/signatures')).body.data;
    const patch = (body: object) => me('PATCH', `/signatures/${id}`, body);
    t.match((await patch({ given_name: 'Ada', family_name: 'Okonkwo' })).body, ADA);
    t.match((await patch({ display: 'public' })).body, ADA);
    t.match((await patch({ name: 'Ada Okonkwo' })).body, ADA);
    const answer = await patch({ name: 'Ada King', family_name: 'evil\u3002com' });
    t.match(answer, { status: 422, body: { errors: [{ pointer: '/family_name', code: 'link' }] } });
    t.notMatch(answer.text, 'evil');
    t.match((await patch({ name: 'Ada King' })).body, { name: 'Ada King', ...NO_PARTS });
    t.match(await find('mailed', email), { name: 'Ada King', ...NO_PARTS });
  });

  await t.test('what an organization says: a part stays with the name that it is of', async (t) => {
    const opt_ins = await consent();
    const vouch = (body: object) =>
      sign('direct', 'told@example.org', { ...body, vouched: true, opt_ins }, lead.secret);
    const contact = async () => {
      const { body } = await api.call('GET', '/v1/subscriptions?email=told%40example.org', {
        key: lead.secret,
      });
      const { name, given_name, family_name } = body.data[0].contact;
      return [name, given_name, family_name];
    };
    await vouch(ADA);
    t.same(await contact(), ['Ada Okonkwo', 'Ada', 'Okonkwo']);
    await vouch({ name: 'Ada Okonkwo', given_name: 'Adaeze' });
    t.same(await contact(), ['Ada Okonkwo', 'Adaeze', 'Okonkwo']);
    await vouch({ name: 'Ada King' });
    t.same(await contact(), ['Ada King', null, null]);
    const me = await enter(api, 'told@example.org');
    t.match((await me('GET', '')).body, { name: null, ...NO_PARTS }, 'it is not what she has said');
    t.match((await me('GET', '/export')).body, { contacts: [{ name: 'Ada King', ...NO_PARTS }] });
  });

  async function consent() {
    const { body } = await api.call('POST', '/v1/consent-texts', {
      key: lead.secret,
      body: { locale: 'en', text: 'Yes, mail me.' },
    });
    return [{ consent_text_id: body.id as string, opt_in: true }];
  }

  await t.test('of two who turn out to be one, nothing stays under the address that goes', async (t) => {
    for (const who of ['stays', 'goes']) {
      const body = { name: `${who} Merged`, given_name: `${who}-given`, family_name: `${who}-family` };
      await sign('mailed', `${who}@example.org`, body);
      await confirm(`${who}@example.org`);
    }
    const [goes, stays] = [
      await supporterOf(api, 'goes@example.org'),
      await supporterOf(api, 'stays@example.org'),
    ];
    await api.store.transact((tx) => mergeSupporters(tx, goes.key, stays.key), { shut: 'supporters' });
    const { supporters, signatures } = api.store.tables;
    const rows = JSON.stringify([
      await api.store.read.db.select().from(supporters),
      await api.store.read.db.select().from(signatures),
    ]);
    t.notMatch(rows, /goes-(?:given|family)/);
    t.match(rows, /stays-given/);
  });
});
