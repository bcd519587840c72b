import { eq } from 'drizzle-orm';
import type { OwnFieldInput } from '../../../src/core/petitions/own-fields.js';
import { TOKEN_BYTES, issueToken } from '../../../src/core/links/random-tokens.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { runRetention } from '../../../src/core/my-data/retention.js';
import { makePartner, onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

/* The fields that a petition has of its own, from the form to the exports. */

const FIELDS: OwnFieldInput[] = [
  { name: 'school', label: 'School', kind: 'text', max_length: 10 },
  {
    name: 'size',
    label: 'T-shirt',
    labels: { de: 'Hemdgröße' },
    kind: 'choice',
    choices: [
      { value: 's', label: 'Small', labels: { de: 'Klein' } },
      { value: 'm', label: 'Medium' },
    ],
  },
  { name: 'over_16', label: 'I am over 16.', kind: 'checkbox', required: true },
];

const asked = (answer: { body: any }): string[] =>
  answer.body.form_fields.map(({ name }: { name: string }) => name);
const wrong = ({ body }: { body: any }): string[] =>
  (body.errors ?? []).map(({ pointer, code }: Record<string, string>) => `${pointer} ${code}`);

const open = async (api: TestApp) => {
  const lead = await api.organization('River Meadows');
  const key = lead.secret;
  const sign = (slug: string, email: string, answers?: unknown, more = {}) =>
    api.call('POST', `/v1/petitions/${slug}/signatures`, {
      key,
      body: { email, name: 'Ada', ...(answers === undefined ? {} : { answers }), ...more },
    });
  const answersOf = async (slug: string, email: string, as = key) =>
    (await api.call('GET', `/v1/signatures?petition=${slug}&email=${email}`, { key: as })).body.data[0]
      ?.answers;
  const load = (slug: string, body: string, type = 'text/csv', more = '') =>
    api.call('POST', `/v1/signatures/import?petition=${slug}${more}`, {
      key,
      body,
      headers: { 'content-type': type },
    });
  const save = async (slug: string, format = 'csv') =>
    (await api.call('GET', `/v1/signatures/export?petition=${slug}&format=${format}`, { key })).text;
  return { lead, key, sign, answersOf, load, save };
};

onEveryEngine('fields of a petition’s own', async (t, engine) => {
  const api = await start(t, engine);
  const { lead, key, sign, answersOf } = await open(api);
  await publish(api, key, { slug: 'meadows', confirmation: 'none', form_fields: FIELDS });
  await publish(api, key, { slug: 'plain', confirmation: 'none' });

  await t.test('createPetition: 422 for what no form could have', async (t) => {
    const create = async (...form_fields: unknown[]) =>
      wrong(
        await api.call('POST', '/v1/petitions', { key, body: { title: 'T', statement: 'S.', form_fields } }),
      );
    const text = { name: 'a', label: 'A', kind: 'text' };
    t.same(await create(text, text), ['/form_fields/1/name not_unique']);
    for (const name of ['email', 'phone', 'created_at', 'suspicion_score', 'answers', 'constructor']) {
      t.same(await create({ ...text, name }), ['/form_fields/0/name reserved'], name);
    }
    for (const name of ['Size', '1st', 'a-b', '', 'a'.repeat(41), '__proto__']) {
      t.equal((await create({ ...text, name }))[0]?.split(' ')[0], '/form_fields/0/name', name);
    }
    t.same(await create({ ...text, kind: 'date' }), ['/form_fields/0/kind enum']);
    t.same(await create({ ...text, max_length: 501 }), ['/form_fields/0/max_length maximum']);
    t.same(await create({ ...text, kind: 'checkbox', max_length: 5 }), [
      '/form_fields/0/max_length not_a_text',
    ]);
    t.same(await create({ ...text, former: true }), ['/form_fields/0/former additional_properties']);
    const [s, m] = FIELDS[1]?.choices ?? [];
    t.same(await create({ ...text, choices: [s, m] }), ['/form_fields/0/choices not_a_choice']);
    t.same(await create({ ...text, kind: 'choice', choices: [s] }), ['/form_fields/0/choices min_items']);
    t.same(await create({ ...text, kind: 'choice', choices: [s, m, s] }), [
      '/form_fields/0/choices/2/value not_unique',
    ]);
    t.same(await create({ ...text, labels: { german: 'A' } }), [
      '/form_fields/0/labels/german additional_properties',
    ]);
    const eleven = Array.from({ length: 11 }, (_, i) => ({ ...text, name: `a${i}` }));
    t.same(await create(...eleven), ['/form_fields max_items']);
  });

  await t.test('getPetition: anyone sees what is asked, in all languages', async (t) => {
    const { body } = await api.call('GET', '/v1/petitions/meadows');
    t.match(body.form_fields, FIELDS);
    t.same(body.form_fields[2], { ...FIELDS[2], labels: {}, choices: [], max_length: null });
    t.same((await api.call('GET', '/v1/petitions/plain')).body.form_fields, []);
  });

  await t.test('signPetition: 422 for each answer that does not fit', async (t) => {
    const faults = async (answers: unknown) => wrong(await sign('meadows', 'bo@example.org', answers));
    const ok = { over_16: true };
    t.same(await faults(undefined), ['/answers/over_16 required']);
    t.same(await faults({ over_16: null }), ['/answers/over_16 required']);
    t.same(await faults({ over_16: false }), ['/answers/over_16 required']);
    t.same(await faults({ over_16: 'true' }), ['/answers/over_16 type']);
    t.same(await faults({ ...ok, size: 'xl' }), ['/answers/size enum']);
    t.same(await faults({ ...ok, size: 'Small' }), ['/answers/size enum'], 'programs send the value');
    t.same(await faults({ ...ok, size: true }), ['/answers/size type']);
    t.same(await faults({ ...ok, school: 'a'.repeat(11) }), ['/answers/school max_length']);
    t.same(await faults({ ...ok, school: '\u200b ' }), ['/answers/school visible']);
    t.same(await faults({ ...ok, hat: 'x', constructor: 'x' }), [
      '/answers/hat not_asked',
      '/answers/constructor not_asked',
    ]);
    t.same(await faults({ ...ok, 'T-shirt': 'x' }), ['/answers/T-shirt additional_properties']);
    t.same(await faults({ ...ok, school: ['x'] }), ['/answers/school type']);
    t.same(await faults(['x']), ['/answers type']);
    const plain = await sign('plain', 'bo@example.org', { hat: 'x' });
    t.same(wrong(plain), ['/answers/hat not_asked']);
    const stranger = await api.call('POST', '/v1/petitions/meadows/signatures', {
      body: { email: 'bo@example.org', name: 'Bo' },
    });
    t.same(wrong(stranger), ['/answers/over_16 required'], 'strangers, too');
    t.notMatch(JSON.stringify(stranger.body), 'School');
  });

  await t.test('signPetition: 201, and each answer as people mean it', async (t) => {
    const answers = { school: '\u00a0Hill\u3000 Top ', size: 'm', over_16: true };
    t.equal((await sign('meadows', 'ada@example.org', answers)).status, 201);
    t.same(await answersOf('meadows', 'ada@example.org'), { school: 'Hill Top', size: 'm', over_16: true });
    t.equal(
      (await sign('meadows', 'emoji@example.org', { over_16: true, school: '🦊'.repeat(10) })).status,
      201,
    );
    t.equal((await sign('plain', 'ada@example.org')).status, 201);
    t.equal((await sign('plain', 'bo@example.org', {})).status, 201);
    t.equal(await answersOf('plain', 'ada@example.org'), null);
    t.equal(await answersOf('plain', 'bo@example.org'), null);
    const list = await api.call('GET', '/v1/petitions/meadows/signatures');
    t.notMatch(list.text, /answers|Hill/, 'never in public');
  });

  await t.test('updatePetition: a field that is removed is not asked, and keeps its answers', async (t) => {
    await publish(api, key, { slug: 'changing', confirmation: 'none', form_fields: FIELDS });
    await sign('changing', 'ada@example.org', { over_16: true, size: 'm' });
    const patch = async (form_fields: unknown) => {
      const { headers } = await api.call('GET', '/v1/petitions/changing', { key });
      const match = { 'if-match': headers['etag'] ?? '' };
      return api.call('PATCH', '/v1/petitions/changing', { key, headers: match, body: { form_fields } });
    };
    t.same(asked(await patch([FIELDS[0]])), ['school']);
    t.same(asked(await api.call('GET', '/v1/petitions/changing')), ['school']);
    t.same(wrong(await sign('changing', 'bo@example.org', { size: 'm' })), ['/answers/size not_asked']);
    t.equal((await sign('changing', 'bo@example.org', { school: 'Hill' })).status, 201);
    t.same(await answersOf('changing', 'ada@example.org'), { over_16: true, size: 'm' });
    const csv = await api.call('GET', '/v1/signatures/export?petition=changing', { key });
    t.match(csv.text, /,answers\.school,answers\.size,answers\.over_16\r\n[^]*,,m,true\r\n[^]*,Hill,,\r\n$/);
    t.same(asked(await patch(null)), []);
    t.same(asked(await patch([FIELDS[1]])), ['size'], 'one that comes back is asked again');
    const again = await api.call('GET', '/v1/signatures/export?petition=changing', { key });
    t.match(again.text.split('\r\n')[0], /,answers\.size,answers\.school,answers\.over_16$/);
    for (let i = 0; i < 4; i += 1) {
      await patch(Array.from({ length: 10 }, (_, n) => ({ name: `f${i}_${n}`, label: 'F', kind: 'text' })));
    }
    const most = Array.from({ length: 10 }, (_, n) => ({ name: `g${n}`, label: 'G', kind: 'text' }));
    t.same(wrong(await patch(most)), ['/form_fields too_many']);
  });

  await t.test('partners and their terms: who sees an address sees the answers', async (t) => {
    await publish(api, key, { slug: 'shared', confirmation: 'none', form_fields: FIELDS });
    const seen: Record<string, unknown> = {};
    for (const terms of ['full', 'names', 'counts'] as const) {
      const partner = await api.organization(`Partner ${terms}`);
      await makePartner(api, key, 'shared', partner, terms);
      await sign('shared', `${terms}@example.org`, { over_16: true, school: 'Hill' }, {});
      const { signatures: s, organizations: o } = api.store.tables;
      const own = {
        email: `of-${terms}@example.org`,
        name: terms,
        answers: { over_16: true, school: terms },
      };
      await api.call('POST', '/v1/petitions/shared/signatures', { key: partner.secret, body: own });
      const [row] = await api.store.read.db
        .select({ id: s.publicId })
        .from(s)
        .innerJoin(o, eq(o.key, s.collectorKey))
        .where(eq(o.key, partner.key));
      const { body } = await api.call('GET', `/v1/signatures/${row?.id}`, { key });
      seen[terms] = [body.shown, body.answers];
    }
    t.same(seen, {
      full: ['full', { over_16: true, school: 'full' }],
      names: ['names', null],
      counts: ['counts', null],
    });
    const moderator = await api.newKey(lead.key, 'secret', ['signatures:moderate']);
    const { body } = await api.call('GET', '/v1/signatures?petition=meadows', { key });
    const held = await api.call('POST', `/v1/signatures/${body.data[0].id}/quarantine`, {
      key: moderator,
      body: { reason: 'Test' },
    });
    t.match(held, { status: 200, body: { shown: 'names', answers: null } }, 'a key that may not read them');
  });
});

onEveryEngine('answers of signers who sign again, and what signers do with them', async (t, engine) => {
  const api = await start(t, engine);
  t.teardown(() => api.setClock(undefined));
  const { key, sign, answersOf } = await open(api);
  await publish(api, key, { slug: 'meadows', form_fields: FIELDS, retention_days: 30 });
  const session = async (email: string): Promise<string> => {
    const { supporters: s } = api.store.tables;
    const [one] = await api.store.read.db.select().from(s).where(eq(s.identity, email));
    const bytes = api.app.ctx.random(TOKEN_BYTES);
    const about = {
      purpose: 'manage',
      bytes,
      supporterKey: one?.key ?? 0,
      epoch: one?.linkEpoch ?? 0,
    } as const;
    const { token } = await api.store.transact((tx) => issueToken(tx, about));
    return (await api.call('POST', '/v1/sessions', { body: { token } })).body.session_token as string;
  };

  await t.test(
    'a second request speaks once its own mailbox has confirmed it, and then as a whole',
    async (t) => {
      await sign('meadows', 'ada@example.org', { over_16: true, school: 'First' });
      await collectLetter(api, 'ada@example.org');
      await sign('meadows', 'ada@example.org', { over_16: true, size: 's' });
      t.same(await answersOf('meadows', 'ada@example.org'), { over_16: true, school: 'First' });
      api.setClock(new Date(Date.now() + 3_600_000));
      await sign('meadows', 'ada@example.org', { over_16: true, size: 'm' });
      const last = (await collectMail(api)).at(-1);
      const token = last ? tokenOf(last) : '';
      t.equal((await api.call('POST', '/v1/confirmations', { body: { token } })).status, 200);
      t.same(await answersOf('meadows', 'ada@example.org'), { over_16: true, size: 'm' });
    },
  );

  await t.test('updateMySignature: changed, removed, refused', async (t) => {
    const me = await session('ada@example.org');
    const { body } = await api.call('GET', '/v1/me/signatures', { key: me });
    const [{ id, answers }] = body.data;
    t.same(answers, { over_16: true, size: 'm' });
    const patch = (changes: unknown) =>
      api.call('PATCH', `/v1/me/signatures/${id}`, { key: me, body: { answers: changes } });
    t.match(await patch({ school: ' Hill  Top', size: null }), {
      status: 200,
      body: { answers: { over_16: true, school: 'Hill Top' } },
    });
    t.same(await answersOf('meadows', 'ada@example.org'), { over_16: true, school: 'Hill Top' });
    t.same(wrong(await patch({ over_16: false })), ['/answers/over_16 required']);
    t.same(wrong(await patch({ over_16: null })), ['/answers/over_16 required']);
    t.same(wrong(await patch({ size: 'xl', hat: 'x' })), ['/answers/size enum', '/answers/hat not_asked']);
    const { body: everything } = await api.call('GET', '/v1/me/export', { key: me });
    t.same(everything.signatures[0].answers, { over_16: true, school: 'Hill Top' });
    const said = everything.confirmation_requests.map((one: any) => one.said?.answers ?? null);
    t.strictSame(said, [null, { size: 's', over_16: true }, { size: 'm', over_16: true }]);
  });

  await t.test('the page of "my data": as controls, in the visitor’s language', async (t) => {
    const me = await session('ada@example.org');
    const submit = (fields: Record<string, string>) =>
      api.call('POST', '/manage/act', {
        body: new URLSearchParams({ session: me, ...fields }).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-language': 'de' },
      });
    const page = (await submit({ act: 'look' })).text;
    t.match(page, /<label for="answers\.school-\d+">School<\/label/);
    t.match(page, /name="answers\.school"\s+value="Hill Top"\s+maxlength="10"/);
    t.match(page, /Hemdgröße<\/label[^]*<option value="s"\s*>Klein<\/option>/);
    t.match(page, /name="answers\.over_16"[^>]*checked[^>]*required/);
    const { body } = await api.call('GET', '/v1/me/signatures', { key: me });
    const change = { act: 'signature', id: body.data[0].id, name: 'Ada', display: 'public' };
    const saved = await submit({
      ...change,
      'answers.school': '',
      'answers.size': 's',
      'answers.over_16': '1',
    });
    t.equal(saved.status, 200);
    t.same(await answersOf('meadows', 'ada@example.org'), { over_16: true, size: 's' });
    const unticked = await submit({ ...change, 'answers.size': 's' });
    t.equal(unticked.status, 422, 'a required box cannot be unticked');
    t.same(await answersOf('meadows', 'ada@example.org'), { over_16: true, size: 's' });
  });

  await t.test('a former field: shown, can be removed but not changed', async (t) => {
    const { headers } = await api.call('GET', '/v1/petitions/meadows', { key });
    const match = { 'if-match': headers['etag'] ?? '' };
    const body = { form_fields: [FIELDS[0]] };
    await api.call('PATCH', '/v1/petitions/meadows', { key, headers: match, body });
    const me = await session('ada@example.org');
    const page = await api.call('POST', '/manage/act', {
      body: new URLSearchParams({ session: me, act: 'look' }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    t.match(page.text, '<p>T-shirt: s</p>');
    t.notMatch(page.text, 'name="answers.size"');
    const { body: mine } = await api.call('GET', '/v1/me/signatures', { key: me });
    const patch = (answers: unknown) =>
      api.call('PATCH', `/v1/me/signatures/${mine.data[0].id}`, { key: me, body: { answers } });
    t.same(wrong(await patch({ size: 'm' })), ['/answers/size not_asked']);
    t.match(await patch({ size: null, over_16: null }), { status: 200, body: { answers: null } });
  });

  await t.test('erasure and retention take them away', async (t) => {
    const { signatures: s, supporters } = api.store.tables;
    const stored = async () =>
      JSON.stringify([
        await api.store.read.db.select().from(s),
        await api.store.read.db.select().from(api.store.tables.confirmationRequests),
      ]);
    await sign('meadows', 'bo@example.org', { school: 'Bo’s own' });
    await sign('meadows', 'cy@example.org', { school: 'Cy’s own' });
    const [bo] = await api.store.read.db
      .select()
      .from(supporters)
      .where(eq(supporters.identity, 'bo@example.org'));
    await eraseSupporter(api.app.ctx, bo?.key ?? 0);
    t.notMatch(await stored(), 'Bo’s own');
    t.match(await stored(), 'Cy’s own');
    const to = { to: 'closed', outcome: 'none' };
    await api.call('POST', '/v1/petitions/meadows/transitions', { key, body: to });
    api.setClock(new Date(Date.now() + 40 * 86_400_000));
    await runRetention(api.app.ctx, { dryRun: false });
    t.notMatch(await stored(), 'Cy’s own');
  });
});

onEveryEngine('answers in files', async (t, engine) => {
  const api = await start(t, engine);
  const { key, sign, answersOf, load, save } = await open(api);
  for (const slug of ['meadows', 'copy-csv', 'copy-ndjson', 'lists']) {
    await publish(api, key, { slug, confirmation: 'none', form_fields: FIELDS });
  }
  await publish(api, key, { slug: 'plain', confirmation: 'none' });

  await t.test('exported, imported, exported again: the same', async (t) => {
    await sign('meadows', 'ada@example.org', { over_16: true, school: '=1+1,"x"' });
    await sign('meadows', 'bo@example.org', { over_16: true, size: 's' });
    for (const format of ['csv', 'ndjson']) {
      const first = await save('meadows', format);
      const type = format === 'csv' ? 'text/csv' : 'application/x-ndjson';
      const { body } = await load(`copy-${format}`, first, type);
      t.match(body, { created: 2, failed: 0, warned: 0 });
      t.same(await answersOf(`copy-${format}`, 'ada@example.org'), { over_16: true, school: '=1+1,"x"' });
      t.same(await answersOf(`copy-${format}`, 'bo@example.org'), { over_16: true, size: 's' });
    }
    const csv = await save('copy-csv');
    t.match(csv, /,answers\.school,answers\.size,answers\.over_16\r\n/);
    t.match(csv, `,"'=1+1,""x""",,true\r\n`, 'a spreadsheet runs nothing of it');
    t.notMatch(await save('plain'), 'answers');
  });

  await t.test('columns by name, label and choice, and words that people write', async (t) => {
    const file =
      'email,name,School,Hemdgröße,Alter\na@example.org,A,Hill,KLEIN,ja\nb@example.org,B,,medium,\nno@example.org,N,,,nein\n';
    const { body } = await load('lists', file, 'text/csv', '&columns=Alter:answers.over_16');
    t.same(
      body.columns.map(({ field }: any) => field),
      ['email', 'name', 'answers.school', 'answers.size', 'answers.over_16'],
    );
    t.same(await answersOf('lists', 'a@example.org'), { school: 'Hill', size: 's', over_16: true });
    t.same(await answersOf('lists', 'b@example.org'), { size: 'm' });
    t.same(await answersOf('lists', 'no@example.org'), { over_16: false }, 'a no stays a no');
    t.match(body, {
      created: 3,
      warnings: [
        { line: 3, field: 'answers/over_16', code: 'required' },
        { line: 4, field: 'answers/over_16', code: 'required' },
      ],
    });
  });

  await t.test('a label belongs to the field that is asked, not to the one that it replaced', async (t) => {
    await publish(api, key, { slug: 'renamed', confirmation: 'none', form_fields: FIELDS });
    const school = { name: 'school_name', label: 'School', kind: 'text' };
    const body = { form_fields: [school] };
    await api.call('PATCH', '/v1/petitions/renamed', { key, headers: { 'if-match': '*' }, body });
    const { body: report } = await load('renamed', 'email,name,School\na@example.org,A,Hill\n');
    t.match(report.columns.at(-1), { field: 'answers.school_name', ignored: null });
    t.same(await answersOf('renamed', 'a@example.org'), { school_name: 'Hill' });
  });

  await t.test('what cannot be read costs the answer, never the person or the other answers', async (t) => {
    const csv = 'email,name,answers.school,size,over_16,answers.hat\nc@example.org,C,Hill,xxl,maybe,red\n';
    const { body } = await load('lists', csv);
    t.match(body, { created: 1, failed: 0, warned: 1 });
    t.match(body.columns.at(-1), { name: 'answers.hat', field: null, ignored: 'unknown' });
    t.same(
      body.warnings.map(({ field, code }: any) => `${field} ${code}`),
      ['answers/size enum', 'answers/over_16 type'],
    );
    t.same(await answersOf('lists', 'c@example.org'), { school: 'Hill' });
    const lines = [
      { answers: { over_16: true, school: 7, size: 's', 'Bad name': 'x', hat: 'x' } },
      { answers: 'all of them' },
      { answers: null },
    ].map((one, i) => JSON.stringify({ email: `n${i}@example.org`, name: 'N', ...one }));
    const ndjson = await load('lists', lines.join('\n'), 'application/x-ndjson');
    t.match(ndjson.body, { created: 3, failed: 0, warned: 3 });
    t.same(
      ndjson.body.warnings.slice(0, 4).map(({ field, code }: any) => `${field} ${code}`),
      [
        'answers/Bad name additional_properties',
        'answers/school type',
        'answers/hat not_asked',
        'answers type',
      ],
    );
    t.same(await answersOf('lists', 'n0@example.org'), { over_16: true, size: 's' });
    const other = await load('plain', csv);
    t.match(other.body, { created: 1, warned: 0 });
    t.equal(await answersOf('plain', 'c@example.org'), null);
  });
});
