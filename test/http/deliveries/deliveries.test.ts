import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq, inArray } from 'drizzle-orm';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';
import { makePartner, onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { makerFor } from '../../support/delivery-world.js';
import { pagesOf, recordsIn } from '../../support/deliveries.js';
import { claimDelivery, failDelivery, renewClaim } from '../../../src/core/deliveries/making.js';
import { leafOf } from '../../../src/deliveries/proof/leaf.js';
import { rootFrom } from '../../../src/deliveries/proof/tree-file.js';

const TARGET = { name: 'Ines Castell', title: 'Mayor', organization: 'Ewehaven Town Council' };

/** Where the files of a delivery are. */
function folderOf(api: TestApp, id: string): string {
  const root = join(api.folder, 'deliveries');
  const [name = 'none', ...others] = readdirSync(root).filter((one) => one.startsWith(id));
  if (others.length > 0) throw new Error('it has several folders');
  return join(root, name);
}

/** Signs a petition that asks no mailboxes. Returns the id of the signature. */
async function sign(api: TestApp, key: string, name: string, more: object = {}): Promise<string> {
  const email = `${name.toLowerCase().replace(/\W+/g, '.')}@example.org`;
  const body = { name, email, country: 'NL', display: 'public', vouched: true, ...more };
  const { status, text } = await api.call('POST', '/v1/petitions/meadows/signatures', { key, body });
  if (status >= 300) throw new Error(text);
  const { signatures: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.name, name));
  return row?.publicId ?? '';
}

onEveryEngine('deliveries', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const stranger = await api.organization('Strangers');
  const weak = await api.newKey(lead.key, 'secret', ['petitions:write']);
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    confirmation: 'none',
    targets: [TARGET],
  });
  const partner = await api.organization('Anglers');
  const secretive = await api.organization('Quiet Friends');
  await makePartner(api, lead.secret, 'meadows', partner, 'full');
  await makePartner(api, lead.secret, 'meadows', secretive, 'counts');
  const ids = {
    ada: await sign(api, lead.secret, 'Ada Okonkwo', { comment: 'For the curlews.' }),
    bo: await sign(api, lead.secret, 'Bo van Dijk', { display: 'initials', country: 'BE' }),
    cem: await sign(api, lead.secret, 'Cem Yilmaz', { display: 'anonymous', comment: 'Nobody knows me.' }),
    dana: await sign(api, lead.secret, 'Dana Secret'),
    eve: await sign(api, partner.secret, 'Eve Angler', { postal_code: '1012 AB' }),
    finn: await sign(api, secretive.secret, 'Finn Quiet'),
    gus: await sign(api, lead.secret, 'Gus Spam'),
  };
  const { signatures } = api.store.tables;
  await api.store.transact(({ db }) =>
    db.update(signatures).set({ hidden: 1 }).where(eq(signatures.publicId, ids.dana)),
  );

  const maker = makerFor(api);
  const create = (body: object = {}, { key = lead.secret, headers = {} } = {}) =>
    api.call('POST', '/v1/deliveries', { key, headers, body: { petition: 'meadows', ...body } });
  const get = (id: string, key = lead.secret) => api.call('GET', `/v1/deliveries/${id}`, { key });
  const post = (id: string, what: string, body?: unknown, key = lead.secret) =>
    api.call('POST', `/v1/deliveries/${id}/${what}`, { key, body });
  const file = (id: string, name: string, key = lead.secret) =>
    api.call('GET', `/v1/deliveries/${id}/files/${name}`, { key });
  const listed = (query = '', key = lead.secret) => api.call('GET', `/v1/deliveries${query}`, { key });
  const shown = () => api.call('GET', '/v1/petitions/meadows/deliveries');
  const moderate = (id: string) =>
    api.call('POST', `/v1/signatures/${id}/invalidate`, { key: lead.secret, body: { reason: 'Spam wave' } });
  /** A delivery whose files are made. */
  const made = async (body: object = {}): Promise<any> => {
    const { id } = (await create(body)).body;
    await post(id, 'prepare');
    t.equal(await maker.makeNext(), true);
    return (await get(id)).body;
  };
  const SECRETS = /Dana|Finn|Yilmaz|van Dijk|Nobody knows|@example\.org|1012 AB/;

  let draft: any;
  await t.test('createDelivery 201: a cut with its sums and first lines', async (t) => {
    const headers = { 'idempotency-key': 'cut-1' };
    const answer = await create(
      { columns: ['country', 'date', 'comment', 'partner'], letter: 'Dear Mayor' },
      { headers },
    );
    t.equal(answer.status, 201);
    draft = answer.body;
    t.match(draft, {
      id: /^dlv_/,
      petition_id: petition.id,
      state: 'draft',
      recipient: TARGET,
      locale: 'en',
      counts: { total: 7, listed: 5, named: 4, unnamed: 1, hidden: 1, by_partners: 1, paper: 0, struck: 0 },
      sums: {
        country: [
          { key: 'NL', count: 3 },
          { key: 'BE', count: 1 },
          { key: null, count: 1 },
        ],
        partner: [
          { key: 'Anglers', count: 1 },
          { key: null, count: 4 },
        ],
        partners_alone: [{ name: 'Quiet Friends', count: 1 }],
      },
      files: [],
      proof: null,
    });
    t.same(
      draft.preview.lines.map(({ name }: { name: string }) => name),
      ['Ada Okonkwo', 'B. V. D.', null, 'Eve Angler', 'Gus Spam'],
    );
    t.notMatch(answer.text, SECRETS, 'what is hidden is not in the preview');
    t.equal(
      (
        await create(
          { columns: ['country', 'date', 'comment', 'partner'], letter: 'Dear Mayor' },
          { headers },
        )
      ).body.id,
      draft.id,
    );
  });

  await t.test('createDelivery 422, 404, 403, 401', async (t) => {
    const refused = async (body: object) => (await create(body)).body.errors?.[0];
    t.match(await refused({ columns: ['postal_code'] }), { pointer: '/columns', code: 'not_disclosed' });
    t.match(await refused({ group_by: 'country', columns: ['date'] }), { pointer: '/group_by' });
    t.match(await refused({ encrypt_to: ['age1nonsense'] }), { pointer: '/encrypt_to/0' });
    t.equal((await create({ petition: 'nowhere' })).status, 404);
    t.equal((await create({ after: draft.id })).body.code, 'delivery_not_sent');
    t.equal((await create({}, { key: stranger.secret })).status, 404);
    t.equal((await create({}, { key: partner.secret })).status, 404, 'the lead alone hands over');
    t.equal((await create({}, { key: weak })).status, 403);
    t.equal((await api.call('POST', '/v1/deliveries', { body: { petition: 'meadows' } })).status, 401);
  });

  await t.test('getDelivery 200, 304, 404: a draft tells what was taken out', async (t) => {
    t.equal((await moderate(ids.gus)).status, 200);
    const read = await get(draft.id);
    t.match(read.body.preview, { weeded: [{ reason: 'Spam wave', count: 1 }] });
    t.equal(read.body.preview.lines.length, 4);
    const again = await api.call('GET', `/v1/deliveries/${draft.id}`, {
      key: lead.secret,
      headers: { 'if-none-match': String(read.headers['etag']) },
    });
    t.equal(again.status, 304);
    t.equal((await get(draft.id, stranger.secret)).status, 404);
    t.equal((await get(draft.id, partner.secret)).status, 404);
  });

  await t.test('prepareDelivery 200, 409: files, each as the list says', async (t) => {
    t.match((await post(draft.id, 'prepare')).body, { state: 'preparing' });
    t.match(await post(draft.id, 'prepare'), { status: 409, body: { allowed: ['cancel'] } });
    t.match(await post(draft.id, 'send', { method: 'in_person' }), { status: 409 });
    t.equal(await maker.makeNext(), true);
    t.equal(await maker.makeNext(), false);
    const { body } = await get(draft.id);
    t.match(body, { state: 'ready', counts: { total: 6, listed: 4 }, failure: null, preview: null });
    t.match(body.proof, { manifest: /"merkle"/, root: /^[0-9a-f]{64}$/, timestamp: 'none' });
    const names = body.files.map(({ name }: { name: string }) => name);
    t.has(names, ['signatures.pdf', 'signatures.csv', 'signatures.json']);
    const csv = await file(draft.id, 'signatures.csv');
    t.match(csv.headers['content-disposition'], 'filename="signatures.csv"');
    const rows = recordsIn(csv.text);
    t.same(
      rows.map((row) => row.slice(0, 2)),
      [
        ['1', 'Ada Okonkwo'],
        ['2', 'B. V. D.'],
        ['3', ''],
        ['4', 'Eve Angler'],
      ],
    );
    const json = await file(draft.id, 'signatures.json');
    for (const text of [csv.text, json.text, body.proof.manifest]) t.notMatch(text, SECRETS);
    t.notMatch(json.text, /Gus/);
    t.equal((await file(draft.id, 'signatures.pdf')).text.slice(0, 5), '%PDF-');
  });

  await t.test('getDeliveryFile 404, and nobody else', async (t) => {
    t.match(await file(draft.id, 'nothing.pdf'), { status: 404, body: { code: 'delivery_file_not_found' } });
    t.match(await file(draft.id, 'signatures.tree'), { status: 404 });
    t.equal((await file(draft.id, '..%2Ftest.db')).status, 400);
    t.equal((await file(draft.id, 'signatures.csv', stranger.secret)).status, 404);
    t.equal((await file(draft.id, 'signatures.csv', partner.secret)).status, 404);
    const folder = folderOf(api, draft.id);
    for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
  });

  await t.test('sendDelivery 200: a mail with the letter and a link', async (t) => {
    t.match(await shown(), { status: 200, body: { data: [] } }, 'what is ready is not public');
    for (const [body, pointer] of [
      [{ method: 'mail' }, '/email'],
      [{ method: 'mail', email: 'nobody' }, '/email'],
      [{ method: 'mail', email: 'a@b.example', place: 'Town hall' }, '/place'],
      [{ method: 'in_person', email: 'a@b.example' }, '/email'],
    ] as const) {
      t.match(await post(draft.id, 'send', body), { status: 422, body: { errors: [{ pointer }] } });
    }
    const sent = await post(draft.id, 'send', {
      method: 'mail',
      email: ' Office@Council.example ',
      link_days: 10,
    });
    t.match(sent, { status: 200, body: { state: 'sent', method: 'mail', email: /council\.example$/i } });
    const letter = await collectLetter(api, sent.body.email);
    t.match(letter, {
      template: 'delivery',
      locale: 'en',
      values: { letter: 'Dear Mayor', number: 6, signatures: '6', recipient: 'Ines Castell' },
    });
    t.match(tokenOf(letter), /^pd_/);
    t.equal((await post(draft.id, 'send', { method: 'in_person' })).status, 409, 'only once');
    t.equal((await post(draft.id, 'cancel')).status, 409);

    await t.test('the page behind it: GET shows, POST fetches and confirms', async (t) => {
      const token = tokenOf(letter);
      const page = await api.call('GET', `/delivery?token=${token}`);
      t.match(page, { status: 200, text: /6 signatures/ });
      t.match(page.text, 'Dear Mayor');
      t.notMatch(page.text, SECRETS);
      t.match((await get(draft.id)).body, { state: 'sent', uses: [] }, 'scanners open links');
      const form = (path: string, fields: Record<string, string>) =>
        api.call('POST', path, {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ token, ...fields }).toString(),
        });
      t.equal((await form('/delivery/file', { file: 'signatures.tree' })).status, 404);
      t.equal((await form('/delivery/file', { file: '../../test.db' })).status, 404);
      const fetched = await form('/delivery/file', { file: 'signatures.csv' });
      t.match(fetched, { status: 200, text: /Ada Okonkwo/ });
      t.match((await get(draft.id)).body, {
        state: 'opened',
        uses: [{ what: 'download', file: 'signatures.csv' }],
      });
      const wrong = await form('/delivery/receipt', { count: 'many', text: 'Thanks' });
      t.match(wrong, { status: 422, text: /Thanks/ });
      t.match(await form('/delivery/receipt', { count: '5', text: 'Received. <b>' }), { status: 200 });
      t.match((await get(draft.id)).body, {
        state: 'acknowledged',
        receipt: { count: 5, text: 'Received. <b>', by: 'link' },
        uses: [{ what: 'receipt' }, { what: 'download' }],
      });
      t.match((await api.call('GET', `/delivery?token=${token}`)).text, 'Received. &lt;b&gt;');
      api.setClock(new Date(Date.now() + 11 * 86_400_000));
      t.equal((await api.call('GET', `/delivery?token=${token}`)).status, 404, 'the link ends');
      api.setClock(undefined);
      t.equal((await api.call('GET', `/delivery?token=${token.slice(0, -1)}x`)).status, 404);
    });
  });

  await t.test('listPublicDeliveries 200, 304: when, to whom, how many, the hashes', async (t) => {
    const answer = await shown();
    t.match(answer.body.data, [
      {
        id: draft.id,
        recipient: TARGET,
        counts: { total: 6 },
        method: 'mail',
        receipt: { count: 5 },
        root: /^[0-9a-f]{64}$/,
      },
    ]);
    t.notMatch(answer.text, /council\.example|Dear Mayor/i, 'neither the address nor the letter');
    t.notMatch(answer.text, /signatures\.csv/, 'nor a hash from which a short list could be guessed');
    t.notMatch(answer.text, SECRETS);
    const headers = { 'if-none-match': String(answer.headers['etag']) };
    t.equal((await api.call('GET', '/v1/petitions/meadows/deliveries', { headers })).status, 304);
    t.equal((await api.call('GET', '/v1/petitions/nowhere/deliveries')).status, 404);
  });

  await t.test('a delta: what is new, and which lines are struck', async (t) => {
    await sign(api, lead.secret, 'Hal New');
    await moderate(ids.ada);
    const delta = await made({ after: draft.id });
    t.match(delta, {
      state: 'ready',
      after: draft.id,
      counts: { listed: 1, struck: 1, hidden: 0, by_partners: 0, total: 1 },
    });
    t.match(JSON.parse((await file(delta.id, 'signatures.json')).text), {
      lines: [{ number: 1, name: 'Hal New' }],
      struck: [{ delivery: draft.id, lines: [1] }],
    });
    t.match(
      (await post(delta.id, 'send', { method: 'in_person', place: 'Town hall', note: 'In the rain' })).body,
      {
        state: 'sent',
        place: 'Town hall',
      },
    );
    t.same(await collectMail(api), [], 'no mail');
    const next = await made({ after: delta.id });
    t.match(next, { counts: { listed: 0, struck: 0, total: 0 } }, 'nothing is told twice');
    await api.call('POST', `/v1/signatures/${ids.ada}/restore`, {
      key: lead.secret,
      body: { reason: 'A mistake' },
    });
    t.match(
      (await create({ after: delta.id })).body,
      { counts: { listed: 1 } },
      'who was struck can come back',
    );
  });

  await t.test('sendDelivery: somebody withdrew since the files were made', async (t) => {
    const whole = await made({ columns: ['country'] });
    await moderate(ids.bo);
    const sent = await post(whole.id, 'send', { method: 'mail', email: 'office@council.example' });
    t.match(sent.body, { state: 'preparing' });
    t.same(await collectMail(api), []);
    t.equal(await maker.makeNext(), true);
    t.match((await get(whole.id)).body, { state: 'sent', counts: { listed: whole.counts.listed - 1 } });
    t.notMatch((await file(whole.id, 'signatures.csv')).text, /B\. V\. D\./);
    t.equal((await collectLetter(api, 'office@council.example')).template, 'delivery');
  });

  await t.test('sendDelivery: somebody shows something else since', async (t) => {
    const { signatures: s } = api.store.tables;
    const change = (set: object) =>
      api.store.transact(({ db }) => db.update(s).set(set).where(eq(s.publicId, ids.eve)));
    const before = { hidden: 0, name: 'Eve Angler', display: 'public' };
    for (const set of [{ hidden: 1 }, { name: 'Eve Renamed' }, { display: 'anonymous' }]) {
      await change(before);
      const { id } = await made();
      await change(set);
      const sent = await post(id, 'send', { method: 'mail', email: 'office@council.example' });
      t.match(sent.body, { state: 'preparing' }, JSON.stringify(set));
      await post(id, 'cancel');
    }
    await change(before);
  });

  await t.test('sendDelivery: again, to another address, and the first link ends', async (t) => {
    const { id } = await made();
    const mail = async (email: string) => {
      t.match((await post(id, 'send', { method: 'mail', email })).body, { state: 'sent', email });
      return tokenOf(await collectLetter(api, email));
    };
    const wrong = await mail('typo@council.example');
    const right = await mail('mayor@council.example');
    t.equal((await api.call('GET', `/delivery?token=${wrong}`)).status, 404);
    t.equal((await api.call('GET', `/delivery?token=${right}`)).status, 200);
  });

  await t.test('what a killed process left goes, and nothing else', async (t) => {
    const { id } = await made();
    const root = join(api.folder, 'deliveries');
    const left = [`${id}.99`, 'dlv_00000000000000000000000000.1'];
    for (const name of left) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'signatures.csv'), 'names');
    }
    await maker.sweep();
    for (const name of left) t.notOk(existsSync(join(root, name)), name);
    t.equal((await file(id, 'signatures.csv')).status, 200);
  });

  await t.test('sendDelivery 409: nobody writes to many with it', async (t) => {
    const { id } = await made();
    const { deliveries: d } = api.store.tables;
    const [row] = await api.store.read.db.select().from(d).where(eq(d.publicId, id));
    const { key: _key, publicId: _publicId, ...rest } = row!;
    const mailed = { ...rest, state: 'sent', method: 'mail', sentAt: new Date() } as const;
    const many = Array.from({ length: 20 }, () => ({ ...mailed, publicId: api.app.ctx.newId('dlv') }));
    await api.store.transact(({ db }) => db.insert(d).values(many));
    const body = { method: 'mail', email: 'office@council.example' };
    t.match(await post(id, 'send', body), { status: 409, body: { code: 'too_many_deliveries' } });
    t.match(await post(id, 'send', { method: 'in_person' }), { status: 200 });
    t.same(await collectMail(api), []);
    const ids = many.map(({ publicId }) => publicId);
    await api.store.transact(({ db }) => db.delete(d).where(inArray(d.publicId, ids)));
  });

  await t.test('recordReceipt 200, 409, 404', async (t) => {
    const [latest, ...others] = (await listed()).body.data;
    t.ok(latest && others.length > 0);
    const delivery = (await made()).id;
    t.equal((await post(delivery, 'receipt', {})).status, 409, 'before it is sent');
    await post(delivery, 'send', { method: 'in_person' });
    t.match(await post(delivery, 'receipt', { count: 3, text: 'By letter', on: '2026-12-01' }), {
      status: 200,
      body: {
        state: 'acknowledged',
        receipt: { count: 3, text: 'By letter', on: '2026-12-01', by: 'organiser' },
      },
    });
    t.equal((await post(delivery, 'receipt', {}, stranger.secret)).status, 404);
  });

  await t.test('cancelDelivery 200: its files go', async (t) => {
    const { id } = await made();
    const folder = folderOf(api, id);
    t.ok(existsSync(join(folder, 'signatures.pdf')));
    t.match((await post(id, 'cancel')).body, { state: 'cancelled' });
    await maker.sweep();
    t.same(readdirSync(folder), ['signatures.tree']);
    t.equal((await file(id, 'signatures.pdf')).body.code, 'delivery_files_gone');
    const { id: other } = (await create()).body;
    await post(other, 'prepare');
    await post(other, 'cancel');
    t.equal(await maker.makeNext(), false, 'a cancelled one is not made');
  });

  await t.test(
    'a process that stops in the middle: another makes it anew, and the first changes nothing',
    async (t) => {
      const { id } = (await create()).body;
      await post(id, 'prepare');
      const claim = await claimDelivery(api.store, 120_000);
      if (!claim) return t.fail('there was nothing to claim');
      t.equal(await maker.makeNext(), false, 'it is being made');
      api.setClock(new Date(Date.now() + 121_000));
      t.equal(await maker.makeNext(), true);
      t.match((await get(id)).body, { state: 'ready' });
      t.equal(await renewClaim(api.store, claim, 120_000), false);
      await failDelivery(api.store, claim, 'internal');
      t.match((await get(id)).body, { state: 'ready', failure: null });
      api.setClock(undefined);
    },
  );

  await t.test('files are kept for their days', async (t) => {
    api.setClock(new Date(Date.now() + 91 * 86_400_000));
    await maker.sweep();
    t.match(await file(draft.id, 'signatures.pdf'), { status: 410, body: { code: 'delivery_files_gone' } });
    api.setClock(undefined);
  });

  await t.test('of a petition that was taken down nothing is handed over', async (t) => {
    const other = await publish(api, lead.secret, { slug: 'gone', confirmation: 'none', targets: [TARGET] });
    const { id } = (await create({ petition: 'gone' })).body;
    await post(id, 'prepare');
    t.equal(await maker.makeNext(), true);
    await post(id, 'send', { method: 'mail', email: 'office@council.example' });
    const token = tokenOf(await collectLetter(api, 'office@council.example'));
    const { id: next } = (await create({ petition: 'gone' })).body;
    const down = { key: lead.secret, body: { to: 'taken_down', reason: 'privacy' } };
    t.equal((await api.call('POST', `/v1/petitions/${other.id}/transitions`, down)).status, 200);
    t.equal((await post(id, 'send', { method: 'mail', email: 'office@council.example' })).status, 410);
    t.equal((await post(next, 'prepare')).status, 410);
    t.equal((await get(next)).status, 200, 'its organization still sees it');
    t.equal((await api.call('GET', `/delivery?token=${token}`)).status, 404);
  });

  await t.test('listDeliveries 200, 304, 400, 404', async (t) => {
    const first = await listed('?limit=2&petition=meadows');
    t.equal(first.body.data.length, 2);
    const second = await listed(`?limit=2&petition=meadows&cursor=${first.body.next_cursor}`);
    t.notSame(second.body.data[0].id, first.body.data[0].id);
    t.equal((await listed('?cursor=nonsense')).status, 400);
    t.equal((await listed('?petition=nowhere')).status, 404);
    t.same((await listed('', stranger.secret)).body.data, []);
    const headers = { 'if-none-match': String(first.headers['etag']) };
    t.equal(
      (await api.call('GET', '/v1/deliveries?limit=2&petition=meadows', { key: lead.secret, headers }))
        .status,
      304,
    );
  });
});

onEveryEngine('what signers and their partners see of deliveries', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partners = Object.fromEntries(
    await Promise.all(
      (['full', 'names', 'counts'] as const).map(
        async (terms) => [terms, await api.organization(`Partner ${terms}`)] as const,
      ),
    ),
  );
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none', targets: [TARGET] });
  for (const [terms, partner] of Object.entries(partners)) {
    await makePartner(api, lead.secret, 'meadows', partner, terms as 'full');
    await sign(api, partner.secret, `Signer Of ${terms}`, { comment: `Comment of ${terms}` });
  }
  await sign(api, lead.secret, 'Ada Okonkwo');
  await sign(api, lead.secret, 'Bo van Dijk');
  const maker = makerFor(api);
  const body = {
    petition: 'meadows',
    columns: ['country', 'date', 'comment', 'partner'],
    lines_per_volume: 1000,
  };
  const { id } = (await api.call('POST', '/v1/deliveries', { key: lead.secret, body })).body;
  await api.call('POST', `/v1/deliveries/${id}/prepare`, { key: lead.secret });
  t.equal(await maker.makeNext(), true);
  const get = async () => (await api.call('GET', `/v1/deliveries/${id}`, { key: lead.secret })).body;
  const file = (name: string) => api.call('GET', `/v1/deliveries/${id}/files/${name}`, { key: lead.secret });

  await t.test('terms of partners hold in every file', async (t) => {
    const { files, counts } = await get();
    t.match(counts, { total: 5, listed: 4, by_partners: 1 });
    const folder = folderOf(api, id);
    for (const { name } of files) {
      const text = name.endsWith('.pdf') ? pagesOf(join(folder, name)).join('\n') : (await file(name)).text;
      t.notMatch(text, /Signer Of counts|Comment of counts/, name);
      if (/\.(?:pdf|csv)$/.test(name)) {
        t.match(text, 'Signer Of names', name);
        t.match(text, 'Comment of full', name);
      }
    }
  });

  const enter = async (email: string): Promise<string> => {
    await api.call('POST', '/v1/manage-links', { body: { email } });
    const token = tokenOf(await collectLetter(api, email));
    return (await api.call('POST', '/v1/sessions', { body: { token } })).body.session_token;
  };
  const mine = async (session: string) => {
    const { body } = await api.call('GET', '/v1/me/signatures', { key: session });
    return api.call('GET', `/v1/me/signatures/${body.data[0].id}/deliveries`, { key: session });
  };

  let session = '';
  await t.test('listMyDeliveries 200, 404, 401: once it is handed over, with what proves it', async (t) => {
    session = await enter('ada.okonkwo@example.org');
    t.same((await mine(session)).body, { data: [] }, 'not before');
    await api.call('POST', `/v1/deliveries/${id}/send`, { key: lead.secret, body: { method: 'in_person' } });
    const { root, manifest } = (await get()).proof;
    const { status, body } = await mine(session);
    t.equal(status, 200);
    t.match(body.data, [{ delivery_id: id, recipient: TARGET, line: 3, proof: { root, size: 4, index: 2 } }]);
    const { line, salt, index, size, branch } = body.data[0].proof;
    const lines = JSON.parse((await file('signatures.json')).text).lines;
    const columns = JSON.parse(manifest).columns;
    t.same({ ...line, salt }, lines[2], 'the line as it was handed over');
    const leaf = leafOf(line, columns, salt);
    t.equal(rootFrom(leaf, index, { size, branch })?.toString('hex'), root, 'the branch leads to the root');
    t.equal(
      (await api.call('GET', '/v1/me/signatures/sig_01kb1vs0a2fghbx7c4e1m8ntyz/deliveries', { key: session }))
        .status,
      404,
    );
    t.equal(
      (await api.call('GET', `/v1/me/signatures/sig_01kb1vs0a2fghbx7c4e1m8ntyz/deliveries`)).status,
      401,
    );
  });

  await t.test('the page says it, too', async (t) => {
    await api.call('POST', '/v1/manage-links', { body: { email: 'bo.van.dijk@example.org' } });
    const [letter] = await collectMail(api);
    if (!letter) return t.fail('no mail');
    const page = await api.call('POST', '/manage', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token: tokenOf(letter) }).toString(),
    });
    t.match(page.text, /Handed to Ines Castell on .*: line 4\./);
  });

  await t.test('an announcement for those who signed', async (t) => {
    const { announcement } = await get();
    t.match(announcement, { locale: 'en', subject: 'Handed over: 5 signatures', text: /to Ines Castell/ });
  });

  await t.test('who is erased takes the salt along, and is struck from the next', async (t) => {
    t.equal((await api.call('DELETE', '/v1/me', { key: session })).status, 204);
    const { deliveryLines } = api.store.tables;
    const rows = await api.store.read.db.select().from(deliveryLines).orderBy(deliveryLines.number);
    t.same(
      rows.map(({ salt }) => salt === null),
      [false, false, true, false],
    );
    const next = await api.call('POST', '/v1/deliveries', { key: lead.secret, body: { ...body, after: id } });
    t.match(next.body.counts, { listed: 0, struck: 1, hidden: 1 });
  });
});
