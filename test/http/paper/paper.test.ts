import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { recount } from '../../../src/core/counts/recount.js';
import { runRetention } from '../../../src/core/my-data/retention.js';
import { ApiError } from '../../../src/errors.js';
import { makePartner, onEveryEngine, publish, start } from '../../support/helper.js';
import { until } from '../../support/until.js';

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';

const linesOf = (text: string): any[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

onEveryEngine('paper signatures', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const stranger = await api.organization('Strangers');
  const weak = await api.newKey(lead.key, 'secret', ['signatures:read', 'signatures:write']);
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    confirmation: 'none',
    goals: [3, 100],
  });
  const enter = (
    signatures: unknown[],
    { ref = 'meadows', key = lead.secret, headers = {}, more = {} } = {},
  ) =>
    api.call('POST', `/v1/petitions/${ref}/paper-signatures`, {
      key,
      headers,
      body: { signatures, ...more },
    });
  const list = (query = 'petition=meadows', key: string | undefined = lead.secret, headers = {}) =>
    api.call('GET', `/v1/paper-signatures?${query}`, { key, headers });
  const load = (
    body: string,
    { ref = 'meadows', key = lead.secret, type = CSV, more = '', accept = '' } = {},
  ) =>
    api.call('POST', `/v1/paper-signatures/import?petition=${ref}${more}`, {
      key,
      body,
      headers: { 'content-type': type, ...(accept ? { accept } : {}) },
    });
  const save = (query: string, key = lead.secret) =>
    api.call('GET', `/v1/paper-signatures/export?${query}`, { key });
  const batches = (ref = 'meadows', key = lead.secret, query = '') =>
    api.call('GET', `/v1/petitions/${ref}/paper-batches${query}`, { key });
  const drop = (batch: string, key = lead.secret) =>
    api.call('DELETE', `/v1/paper-batches/${batch}`, { key });
  const counts = async (ref = 'meadows') => (await api.call('GET', `/v1/petitions/${ref}/counts`)).body;
  const exact = async () => (await recount(api.store.read)).length === 0;
  const FULL = {
    name: 'Ada Okonkwo',
    given_name: 'Ada',
    family_name: 'Okonkwo',
    country: 'NL',
    postal_code: '1012 AB',
    postal_address: { lines: ['Millgate 4'], city: 'Ewehaven' },
    phone: '+31 20 555 0199',
    comment: '=1+1',
    display: 'initials',
    hidden: true,
    sheet: 'Sheet 12',
    signed_on: '2026-03-04',
    external_id: 'sheet-12-row-7',
  };
  let ada = '';

  await t.test('createPaperSignatures 201: they count beside the online ones, and reach goals', async (t) => {
    const online = { email: 'bo@example.org', name: 'Bo' };
    await api.call('POST', '/v1/petitions/meadows/signatures', { body: online });
    const answer = await enter([FULL, { name: 'Bo Lindgren' }], { more: { source: 'Market square' } });
    t.match(answer, { status: 201, headers: { 'cache-control': 'private, no-store' } });
    t.match(answer.body, { batch_id: /^pba_/, created: [/^pap_/, /^pap_/], known: 0, warnings: [] });
    [ada] = answer.body.created;
    t.match(await counts(), { confirmed: 1, paper: 2, offset: 0, total: 3, next_milestone: 100 });
    const shown = (await api.call('GET', '/v1/petitions/meadows')).body;
    t.match(shown, { counts: { confirmed: 1, total: 3 }, milestones: [{ value: 3 }] });
    const again = await enter([FULL]);
    t.match(again, { status: 201, body: { batch_id: null, created: [], known: 1 } });
    const headers = { 'idempotency-key': 'paper-1' };
    const first = await enter([{ name: 'Cy' }], { headers });
    t.same((await enter([{ name: 'Cy' }], { headers })).body, first.body, 'a retry is the same');
    t.match(await counts(), { paper: 3, total: 4 });
    t.ok(await exact());
    const { body } = await api.call('GET', '/v1/petitions/meadows/signatures');
    t.notMatch(JSON.stringify(body), /Okonkwo|A\. O\./, 'the public list is of online signatures alone');
  });

  await t.test('createPaperSignatures 201: who looks alike counts, and is told of', async (t) => {
    const father = { name: 'Jan  de Vries', postal_code: '1012ab' };
    const { status, body } = await enter([
      father,
      { ...father, name: 'de Vries, JAN' },
      { name: 'Jan de Vries' },
    ]);
    t.equal(status, 201);
    t.equal(body.created.length, 3);
    t.match(body.warnings, [
      { index: 1, field: 'name', code: 'possible_duplicate', detail: /signature 1 of/ },
    ]);
    t.equal(body.warnings.length, 1);
    const later = await enter([father]);
    t.match(later.body.warnings, [{ index: 0, detail: /entered before/ }]);
    t.match(await counts(), { paper: 7 });
    await drop(body.batch_id as string);
    await drop(later.body.batch_id as string);
    t.match(await counts(), { paper: 3, total: 4 });
  });

  await t.test('createPaperSignatures 422, 400, 401, 403, 404, 409, 410', async (t) => {
    const errors = (body: any) => body.errors.map(({ pointer }: any) => pointer as string);
    const wrong = await enter([
      { name: ' ' },
      { name: 'N', email: 'n@example.org', signed_on: '2026-02-30' },
    ]);
    t.equal(wrong.status, 422);
    t.same(errors(wrong.body).sort(), [
      '/signatures/0/name',
      '/signatures/1/email',
      '/signatures/1/signed_on',
    ]);
    t.equal((await enter([])).status, 422);
    t.match(await enter([{ name: 'N' }], { headers: { 'idempotency-key': 'ä' } }), { status: 400 });
    await enter([{ name: 'N' }], { headers: { 'idempotency-key': 'reused' } });
    t.match(await enter([{ name: 'M' }], { headers: { 'idempotency-key': 'reused' } }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    t.match(await api.call('POST', '/v1/petitions/meadows/paper-signatures', { body: { signatures: [] } }), {
      status: 401,
    });
    t.match(await enter([{ name: 'N' }], { key: weak }), { status: 403, body: { code: 'scope_required' } });
    t.match(await enter([{ name: 'N' }], { key: stranger.secret }), { status: 404 });
    await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'D', statement: 'S', slug: 'draft' },
    });
    t.match(await enter([{ name: 'N' }], { ref: 'draft' }), {
      status: 409,
      body: { code: 'petition_not_published' },
    });
    await publish(api, lead.secret, { slug: 'ended' });
    const move = (to: string, more = {}) =>
      api.call('POST', '/v1/petitions/ended/transitions', { key: lead.secret, body: { to, ...more } });
    await move('closed');
    t.equal((await enter([{ name: 'Late' }], { ref: 'ended' })).status, 201, 'paper arrives late');
    await move('archived');
    t.match(await enter([{ name: 'N' }], { ref: 'ended' }), {
      status: 409,
      body: { code: 'petition_closed' },
    });
    await move('taken_down', { reason: 'legal' });
    t.match(await enter([{ name: 'N' }], { ref: 'ended' }), { status: 410 });
  });

  await t.test(
    'listPaperSignatures 200, 304, 400, 404: everything of them, filtered and in pages',
    async (t) => {
      const all = await list();
      t.equal(all.status, 200);
      t.same(all.body.data.at(-1), {
        id: ada,
        petition_id: petition.id,
        organization_id: lead.id,
        batch_id: all.body.data.at(-1).batch_id,
        status: 'confirmed',
        reason: null,
        ...FULL,
        shown: 'full',
        created_at: all.body.data.at(-1).created_at,
      });
      t.match(await list(undefined, undefined, { 'if-none-match': String(all.headers['etag']) }), {
        status: 304,
      });
      const first = await list('petition=meadows&limit=3');
      const second = await list(`petition=meadows&limit=3&cursor=${first.body.next_cursor}`);
      t.same([...first.body.data, ...second.body.data], all.body.data);
      const one = await list(`petition=meadows&batch=${all.body.data[0].batch_id}&organization=${lead.id}`);
      t.equal(one.body.data.length, 1);
      t.same((await list('petition=meadows&status=invalidated')).body.data, []);
      t.match(await list('petition=meadows&cursor=abc'), { status: 400, body: { code: 'invalid_cursor' } });
      t.match(await list('petition=meadows', stranger.secret), { status: 404 });
    },
  );

  await t.test('invalidatePaperSignature, restorePaperSignature 200, 404, 409', async (t) => {
    const act = (id: string, verb: string, key = lead.secret, headers = {}) =>
      api.call('POST', `/v1/paper-signatures/${id}/${verb}`, {
        key,
        headers,
        body: { reason: verb === 'invalidate' ? 'Not a name' : 'It is one' },
      });
    const before = await counts();
    const headers = { 'idempotency-key': 'out-1' };
    const out = await act(ada, 'invalidate', lead.secret, headers);
    t.match(out, {
      status: 200,
      body: { id: ada, status: 'invalidated', reason: 'Not a name', name: FULL.name },
    });
    t.same((await act(ada, 'invalidate', lead.secret, headers)).body, out.body);
    t.match(await counts(), { paper: before.paper - 1, invalidated: 0, total: before.total - 1 });
    t.match(await act(ada, 'invalidate'), { status: 409, body: { code: 'already_invalidated' } });
    t.match(await act(ada, 'restore'), { status: 200, body: { status: 'confirmed', reason: 'It is one' } });
    t.match(await act(ada, 'restore'), { status: 409, body: { code: 'not_invalidated' } });
    t.same((await counts()).total, before.total);
    for (const verb of ['invalidate', 'restore']) {
      t.match(await act(ada, verb, stranger.secret), {
        status: 404,
        body: { code: 'paper_signature_not_found' },
      });
      t.match(await act(ada, verb, weak), { status: 403 });
      const bad = { 'idempotency-key': 'ä' };
      t.match(await act(ada, verb, lead.secret, bad), { status: 400, body: { code: 'invalid_header' } });
    }
    const blind = await api.newKey(lead.key, 'secret', ['paper:write']);
    t.match((await act(ada, 'invalidate', blind)).body, {
      shown: 'names',
      phone: null,
      postal_address: null,
    });
    await act(ada, 'restore', blind);
    t.ok(await exact());
  });

  await t.test('importPaperSignatures 200: a file as people have it', async (t) => {
    await publish(api, lead.secret, { slug: 'river' });
    const file =
      'Nachname;Vorname;PLZ;Blatt;Datum;E-Mail;Farbe\r\nM\u00fcller;J\u00f6rg;10115;7;21.11.2025;;blau\r\n;;;;;;\r\nMueller;Eva;10115;7;heute;eva@example.org;\r\n;;10115;7;;;\r\nM\u00fcller;J\u00f6rg;10115;8;;;\r\n';
    const bytes = Buffer.from(file, 'latin1') as unknown as string;
    const send = (more = '') =>
      api.app.inject({
        method: 'POST',
        url: `/v1/paper-signatures/import?petition=river&source=Stall${more}`,
        headers: { authorization: `Bearer ${lead.secret}`, 'content-type': CSV },
        payload: bytes,
      });
    const tried = (await send('&dry_run=true')).json();
    t.match(tried, { dry_run: true, batch_id: null, lines: 4, created: 3, failed: 1, warned: 2 });
    t.match(await counts('river'), { paper: 0 });
    const body = (await send()).json();
    t.match(body, {
      petition_id: /^pet_/,
      batch_id: /^pba_/,
      complete: true,
      stopped: null,
      encoding: 'windows-1252',
      lines: 4,
      created: 3,
      known: 0,
      left_out: 0,
      failed: 1,
      warned: 2,
      problems: [{ line: 5, field: 'name', code: 'required' }],
      warnings: [
        { line: 4, field: 'email', code: 'not_asked', detail: /importSignatures/ },
        { line: 4, field: 'signed_on', code: 'date' },
        { line: 6, field: 'name', code: 'possible_duplicate', detail: /line 2\. / },
      ],
    });
    t.same(
      body.columns.map(({ field }: any) => field as string),
      ['family_name', 'given_name', 'postal_code', 'sheet', 'signed_on', 'email', null],
    );
    t.same({ ...tried, batch_id: body.batch_id, dry_run: false }, body, 'the dry run said the same');
    const { data } = (await list('petition=river')).body;
    t.match(data.at(-1), {
      name: 'J\u00f6rg M\u00fcller',
      given_name: 'J\u00f6rg',
      family_name: 'M\u00fcller',
      sheet: '7',
      signed_on: '2025-11-21',
    });
    t.notMatch(JSON.stringify(data), /eva@/);
    t.match((await batches('river')).body.data, [
      { id: body.batch_id, kind: 'file', source: 'Stall', created: 3, completed_at: String },
    ]);
    t.match(await counts('river'), { confirmed: 0, paper: 3, total: 3 });
    t.ok(await exact());
  });

  await t.test('exportPaperSignatures 200, 404: what is exported can be imported', async (t) => {
    const csv = await save('petition=meadows');
    t.match(csv.headers, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': /filename="meadows-paper-\d{4}-\d\d-\d\d\.csv"/,
    });
    t.match(csv.text, /,'=1\+1,/);
    t.match((await save('petition=meadows&formulas=raw&bom=true')).text, /^\uFEFFid,[^]*,=1\+1,/);
    const json = await save('petition=meadows&format=ndjson');
    t.equal(json.headers['content-type'], NDJSON);
    const own = ({
      id: _id,
      petition_id: _petition,
      batch_id: _batch,
      created_at: _at,
      reason: _why,
      ...rest
    }: any) => rest;
    for (const [slug, type, text] of [
      ['copy-csv', CSV, csv.text],
      ['copy-ndjson', NDJSON, json.text],
    ] as const) {
      await publish(api, lead.secret, { slug });
      const { body } = await load(text, { ref: slug, type });
      t.match(body, { failed: 0, left_out: 0, warnings: [] });
      const copied = await save(`petition=${slug}&format=ndjson`);
      t.same(linesOf(copied.text).map(own), linesOf(json.text).map(own));
      const again = await load(text, { ref: slug, type });
      t.match(again.body, { known: 1 }, 'what has an external id is not entered twice');
    }
    t.match(await save('petition=meadows', stranger.secret), { status: 404 });
  });

  await t.test('importPaperSignatures 400, 401, 403, 404, 409, 410, 415, 422', async (t) => {
    t.match(await load('Wer,Was\nA,B'), {
      status: 422,
      body: { errors: [{ detail: /names none for the name/ }] },
    });
    t.match((await load('Wer,Was\nA,B', { more: '&columns=Wer:name&dry_run=true' })).body, { created: 1 });
    t.match(await load('name\nA', { more: '&columns=x:nonsense' }), {
      status: 400,
      body: { errors: [{ detail: /fields are name, given_name/ }] },
    });
    t.match(await load('name\nA', { type: 'application/json' }), { status: 415 });
    t.match(await load('name\nA', { key: weak }), { status: 403 });
    t.match(await load('name\nA', { key: 'sk_nonsense' }), { status: 401 });
    t.match(await load('name\nA', { key: stranger.secret }), { status: 404 });
    t.match(await load('name\nA', { ref: 'draft' }), { status: 409 });
    t.match(await load('name\nA', { ref: 'ended' }), { status: 410 });
    const streamed = await load('name,signed_on\nA,2099-01-01\nB,2026-01-02T23:30:00+09:00', {
      accept: NDJSON,
    });
    const results = linesOf(streamed.text);
    const result = results.at(-1);
    t.match(
      results.flatMap(({ warnings }) => warnings as unknown[]),
      [{ line: 2, field: 'signed_on', code: 'future' }],
    );
    t.match(result, { complete: true, created: 2 });
    const { data } = (await list(`petition=meadows&batch=${result.batch_id}`)).body;
    t.match(data, [
      { name: 'B', signed_on: '2026-01-02' },
      { name: 'A', signed_on: null },
    ]);
    await drop(result.batch_id as string);
  });

  await t.test('listPaperBatches 200, 304, 400, 404; removePaperBatch 204, 404', async (t) => {
    const before = await counts();
    const { body } = await load(`name\n${Array.from({ length: 1203 }, (_, i) => `N${i}`).join('\n')}`);
    t.match(await counts(), { paper: before.paper + 1203 });
    const [latest] = (await batches()).body.data;
    t.match(latest, { id: body.batch_id, organization: { id: lead.id }, key_id: /^key_/, created: 1203 });
    const page = await batches('meadows', lead.secret, '?limit=1');
    t.match(page, { status: 200, body: { has_more: true } });
    const etag = String(page.headers['etag']);
    const known = { key: lead.secret, headers: { 'if-none-match': etag } };
    t.match(await api.call('GET', '/v1/petitions/meadows/paper-batches?limit=1', known), { status: 304 });
    t.match(await batches('meadows', lead.secret, '?cursor=abc'), { status: 400 });
    t.match(await batches('meadows', stranger.secret), { status: 404 });
    t.match(await drop(latest.id as string, stranger.secret), {
      status: 404,
      body: { code: 'paper_batch_not_found' },
    });
    t.equal((await drop(latest.id as string)).status, 204);
    t.match(await drop(latest.id as string), { status: 404 });
    t.same(await counts(), before);
    t.ok(await exact());
  });

  await t.test('erasePaperSignature 204, 404: nothing is left', async (t) => {
    const { body } = await enter([{ name: 'Erna Vergissmich', phone: '+49 30 5550199' }]);
    const erase = (key = lead.secret) =>
      api.call('DELETE', `/v1/paper-signatures/${body.created[0]}`, { key });
    const before = await counts();
    t.match(await erase(stranger.secret), { status: 404, body: { code: 'paper_signature_not_found' } });
    t.equal((await erase()).status, 204);
    t.match(await erase(), { status: 404 });
    t.match(await counts(), { paper: before.paper - 1 });
    t.notMatch((await list()).text, /Erna/);
    t.ok(await exact());
  });

  await t.test('an import that breaks is taken back as a whole', async (t) => {
    await api.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = api.app.server.address() as AddressInfo;
    const before = await counts();
    const broken = httpRequest({
      port,
      path: '/v1/paper-signatures/import?petition=meadows',
      method: 'POST',
      headers: { authorization: `Bearer ${lead.secret}`, 'content-type': CSV },
      agent: false,
    });
    broken.on('error', () => undefined);
    broken.write(`name\n${Array.from({ length: 900 }, (_, i) => `Broken ${i}`).join('\n')}\n`);
    await until(async () => (await counts()).paper > before.paper, 'the first lines');
    broken.destroy();
    await until(async () => (await counts()).paper === before.paper, 'the end of them');
    t.notMatch((await list()).text, /Broken/);
    t.ok(await exact());
  });

  await t.test('an import that the store stops is taken back, or names what is left', async (t) => {
    const { store } = api.app.ctx;
    const transact = store.transact.bind(store);
    const before = await counts();
    const file = `name\n${Array.from({ length: 700 }, (_, i) => `Stopped ${i}`).join('\n')}`;
    type Run = () => Promise<unknown>;
    /** Loads the file while each transaction goes as the next of `turns` says; later ones go as the last says. */
    const loadWith = async (...turns: ((run: Run, urgent: boolean | undefined) => Promise<unknown>)[]) => {
      let turn = 0;
      store.transact = ((work, options) => {
        const now = turns[Math.min(turn, turns.length - 1)]!;
        turn += 1;
        return now(() => transact(work, options), options?.urgent);
      }) as typeof store.transact;
      return load(file).finally(() => (store.transact = transact));
    };
    const fail = (code: 'storage_full' | 'overloaded' | 'storage_unavailable') => () =>
      Promise.reject(new ApiError(code));
    const go = (run: Run) => run();
    const goIfUrgent = (run: Run, urgent: boolean | undefined) => (urgent ? run() : fail('storage_full')());

    t.match(await loadWith(go, fail('storage_full'), fail('overloaded'), goIfUrgent), {
      status: 507,
      body: { code: 'storage_full', detail: /Nothing of the file is kept: send it again\.$/ },
    });
    t.same(await counts(), before, 'it waits while the server is busy, and needs no free space');

    const lost = (run: Run) => run().then(fail('storage_unavailable'));
    t.match(await loadWith(lost, go), { status: 503, body: { detail: /Nothing of the file is kept/ } });
    t.same(await counts(), before, 'the first commit was lost on the way');

    const stuck = await loadWith(go, fail('storage_unavailable'));
    t.equal(stuck.status, 503);
    t.notMatch(stuck.body.detail, /Nothing of the file is kept/);
    const left = /DELETE \/v1\/paper-batches\/(pba_\w+) before/.exec(stuck.body.detail as string)?.[1];
    t.ok(left, stuck.text);
    t.match((await batches()).body.data[0], { id: left, created: 200, completed_at: null });
    t.equal((await drop(left!)).status, 204);
    t.same(await counts(), before);
    t.ok(await exact());

    const unbegun = await loadWith(fail('storage_unavailable'), go);
    t.match(unbegun, { status: 503, body: { detail: /Nothing of the file is kept/ } });
  });

  await t.test('retention anonymises them, and then none can be entered', async (t) => {
    await publish(api, lead.secret, { slug: 'kept', retention_days: 30 });
    await load('name,given_name,postal_code,sheet,external_id\nAda,Ada,1012,S,x\nBo,,1012,S,y', {
      ref: 'kept',
    });
    await api.call('POST', '/v1/petitions/kept/transitions', { key: lead.secret, body: { to: 'closed' } });
    t.equal((await enter([{ name: 'Late', comment: 'Late' }], { ref: 'kept' })).status, 201);
    api.setClock(new Date(Date.now() + 31 * 86_400_000));
    const { petitions } = await runRetention(api.app.ctx, { dryRun: true });
    t.match(
      petitions.find(({ slug }) => slug === 'kept'),
      { outcome: 'due', signatures: 3 },
    );
    const run = await runRetention(api.app.ctx, { dryRun: false });
    t.match(
      run.petitions.find(({ slug }) => slug === 'kept'),
      { signatures: 3 },
    );
    const { data } = (await list('petition=kept')).body;
    for (const one of data) {
      t.match(one, {
        name: null,
        given_name: null,
        postal_code: null,
        sheet: null,
        external_id: null,
        comment: null,
      });
    }
    t.match(await counts('kept'), { paper: 3, total: 3 });
    t.match(await enter([{ name: 'N' }], { ref: 'kept' }), {
      status: 409,
      body: { code: 'petition_closed' },
    });
    api.setClock(undefined);
    t.ok(await exact());
  });
});

onEveryEngine('paper of partners', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const anglers = await api.organization('Anglers');
  const rowers = await api.organization('Rowers');
  const petition = await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  await makePartner(api, lead.secret, 'meadows', anglers, 'names', { may_vouch: true, vouch_limit: 3 });
  await makePartner(api, lead.secret, 'meadows', rowers, 'full', { may_vouch: false });
  const enter = (signatures: unknown[], key: string) =>
    api.call('POST', '/v1/petitions/meadows/paper-signatures', { key, body: { signatures } });
  const load = (body: string, key: string) =>
    api.call('POST', '/v1/paper-signatures/import?petition=meadows', {
      key,
      body,
      headers: { 'content-type': CSV },
    });
  const list = async (key: string) =>
    (await api.call('GET', '/v1/paper-signatures?petition=meadows', { key })).body.data as any[];
  const row = { name: 'Ada', postal_code: '1012', phone: '+31205550199', external_id: 'row-1' };

  await t.test('one that may vouch enters some, within its limit; it hears nothing of others', async (t) => {
    t.match(await enter([row], lead.secret), { status: 201, body: { known: 0 } });
    t.match(await enter([row], anglers.secret), { status: 201, body: { known: 0, warnings: [] } });
    t.match(await enter([row], rowers.secret), { status: 403, body: { code: 'vouching_not_agreed' } });
    t.match(await load('name\nN', rowers.secret), { status: 403 });
    t.match(await enter([{ name: 'A' }, { name: 'B' }, { name: 'C' }], anglers.secret), {
      status: 409,
      body: { code: 'vouch_limit_reached' },
    });
    const { body } = await load('name\nB\nC\nD', anglers.secret);
    t.match(body, { created: 2, failed: 1, problems: [{ line: 4, field: '', code: 'vouch_limit' }] });
    t.match((await api.call('GET', '/v1/petitions/meadows/counts')).body, { paper: 4, total: 4 });
  });

  await t.test('the lead sees what was agreed, and decides; a partner its own', async (t) => {
    const [hers] = (await list(lead.secret)).filter(
      (one) => one.organization_id === anglers.id && one.name === 'Ada',
    );
    t.match(hers, { shown: 'names', postal_code: '1012', phone: null, external_id: null });
    const own = await list(anglers.secret);
    t.equal(own.length, 3);
    t.match(own.at(-1), { shown: 'full', phone: '+31205550199', external_id: 'row-1' });
    const invalidate = (id: string, key: string) =>
      api.call('POST', `/v1/paper-signatures/${id}/invalidate`, { key, body: { reason: 'No' } });
    const [leads] = (await list(lead.secret)).slice(-1);
    t.match(await invalidate(leads.id as string, anglers.secret), { status: 404 });
    t.match(await invalidate(hers.id as string, lead.secret), {
      status: 200,
      body: { shown: 'names', phone: null },
    });
    t.match(await invalidate(own[0].id as string, anglers.secret), { status: 200, body: { shown: 'full' } });
    const { body } = await api.call('GET', `/v1/petitions/${petition.id}/partners`, {
      key: lead.secret,
    });
    t.match(body.lead, { confirmed: 0, paper: 1 });
    t.match(
      body.partners.find(({ organization }: any) => organization.id === anglers.id),
      { paper: 1 },
    );
    t.match(body.unattributed, { paper: 0 });
    t.same(await recount(api.store.read), []);
  });

  await t.test('of one whose terms show numbers alone, the lead reads no reasons', async (t) => {
    const choir = await api.organization('Choir');
    await makePartner(api, lead.secret, 'meadows', choir, 'counts', { may_vouch: true, vouch_limit: 3 });
    const carla = { name: 'Carla Choir', given_name: 'Carla', family_name: 'Choir' };
    const { body } = await enter([carla], choir.secret);
    const path = `/v1/paper-signatures/${body.created[0]}/invalidate`;
    const reason = 'Carla Choir signed twice';
    t.match(await api.call('POST', path, { key: choir.secret, body: { reason } }), { body: { reason } });
    const [seen] = (await list(lead.secret)).filter((one) => one.organization_id === choir.id);
    t.match(seen, {
      shown: 'counts',
      status: 'invalidated',
      name: null,
      given_name: null,
      family_name: null,
      reason: null,
    });
    t.match(await list(choir.secret), [{ shown: 'full', reason, ...carla }]);
    const save = async (key: string, format: string) =>
      (await api.call('GET', `/v1/paper-signatures/export?petition=meadows&format=${format}`, { key })).text;
    for (const format of ['csv', 'ndjson']) {
      t.notMatch(await save(lead.secret, format), /Carla/);
      t.match(await save(choir.secret, format), reason);
    }
  });

  await t.test('what an import takes back does not use up the daily limit', async (t) => {
    const band = await api.organization('Band');
    await makePartner(api, lead.secret, 'meadows', band, 'full', { may_vouch: true, vouch_limit: 5 });
    const kept = await enter([{ name: 'Kept' }], band.secret);
    t.equal(kept.status, 201);
    const file = `name\n${Array.from({ length: 201 }, (_, i) => `Band ${i}`).join('\n')}`;
    const { store } = api.app.ctx;
    const transact = store.transact.bind(store);
    let turn = 0;
    store.transact = (work, options) => {
      turn += 1;
      return turn === 2 ? Promise.reject(new ApiError('storage_full')) : transact(work, options);
    };
    t.match(await load(file, band.secret), { status: 507, body: { detail: /send it again/ } });
    store.transact = transact;
    t.equal((await list(band.secret)).length, 1);
    const again = await load(file, band.secret);
    t.match(again.body, { created: 4, failed: 197 });
    const drop = `/v1/paper-batches/${again.body.batch_id}`;
    t.equal((await api.call('DELETE', drop, { key: band.secret })).status, 204);
    t.match(await enter([{ name: 'More' }], band.secret), {
      status: 409,
      body: { code: 'vouch_limit_reached' },
    });
    t.same(await recount(api.store.read), []);
  });
});

onEveryEngine('offsets', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const stranger = await api.organization('Strangers');
  const weak = await api.newKey(lead.key, 'secret', ['petitions:write']);
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    confirmation: 'none',
    goals: [250, 500],
  });
  const add = (body: unknown, { ref = 'meadows', key = lead.secret, headers = {} } = {}) =>
    api.call('POST', `/v1/petitions/${ref}/offsets`, { key, body, headers });
  const list = (ref = 'meadows', headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}/offsets`, { headers });
  const remove = (id: string, key = lead.secret) => api.call('DELETE', `/v1/offsets/${id}`, { key });
  const counts = async () => (await api.call('GET', '/v1/petitions/meadows/counts')).body;
  const INPUT = {
    count: 300,
    source: 'Town hall',
    url: 'https://ewehaven.example/17',
    counted_on: '2026-11-21',
  };

  await t.test(
    'createOffset 201, listOffsets 200, 304: they count, and the public sees their source',
    async (t) => {
      t.match(await counts(), { total: 0, next_milestone: 250 });
      const headers = { 'idempotency-key': 'offset-1' };
      const made = await add(INPUT, { headers });
      t.equal(made.status, 201);
      t.same(made.body, {
        id: made.body.id,
        petition_id: petition.id,
        ...INPUT,
        created_at: made.body.created_at,
      });
      t.same((await add(INPUT, { headers })).body, made.body, 'a retry is the same');
      const small = await add({ count: 1, source: 'Neighbour' });
      t.match(await counts(), { confirmed: 0, paper: 0, offset: 301, total: 301, next_milestone: 500 });
      const shown = await list();
      t.same(shown.body, { data: [made.body, small.body] });
      t.match(await list('meadows', { 'if-none-match': String(shown.headers['etag']) }), { status: 304 });
      t.match((await api.call('GET', '/v1/petitions/meadows')).body, {
        counts: { offset: 301 },
        milestones: [{ value: 250 }],
      });
      const sorted = await api.call('GET', '/v1/petitions?sort=-total');
      t.match(sorted.body.data, [{ slug: 'meadows', counts: { total: 301 } }]);
      t.equal((await remove(small.body.id as string)).status, 204);
      t.match(await remove(small.body.id as string), { status: 404, body: { code: 'offset_not_found' } });
      t.match(await counts(), { offset: 300, total: 300 });
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test(
    'createOffset 400, 401, 403, 404, 409, 410, 422; removeOffset 403, 404; listOffsets 308, 404, 410',
    async (t) => {
      for (const bad of [
        { count: 0 },
        { count: -5 },
        { count: 10_000_001 },
        { source: '' },
        { counted_on: '21.11.2026' },
      ]) {
        t.match(await add({ ...INPUT, ...bad }), { status: 422 }, JSON.stringify(bad));
      }
      t.match(await add(INPUT, { headers: { 'idempotency-key': 'ä' } }), { status: 400 });
      t.match(await add({ ...INPUT, count: 2 }, { headers: { 'idempotency-key': 'offset-1' } }), {
        status: 422,
      });
      t.match(await api.call('POST', '/v1/petitions/meadows/offsets', { body: INPUT }), { status: 401 });
      t.match(await add(INPUT, { key: weak }), { status: 403 });
      t.match(await add(INPUT, { key: stranger.secret }), { status: 404 });
      const { id } = (await list()).body.data[0];
      t.match(await remove(id as string, stranger.secret), { status: 404 });
      t.match(await remove(id as string, weak), { status: 403 });
      const draft = { title: 'D', statement: 'S', slug: 'draft' };
      await api.call('POST', '/v1/petitions', { key: lead.secret, body: draft });
      t.match(await add(INPUT, { ref: 'draft' }), { status: 409, body: { code: 'petition_not_published' } });
      t.match(await list('draft'), { status: 404 });
      await publish(api, lead.secret, { slug: 'full' });
      for (let i = 0; i < 100; i += 1) await add({ count: 10_000_000, source: 'S' }, { ref: 'full' });
      t.match(await add(INPUT, { ref: 'full' }), { status: 409, body: { code: 'too_many_offsets' } });
      t.match((await api.call('GET', '/v1/petitions/full/counts')).body, { total: 1_000_000_000 });
      const move = (to: string, more = {}) =>
        api.call('POST', '/v1/petitions/meadows/transitions', { key: lead.secret, body: { to, ...more } });
      await move('closed');
      t.match(await add({ count: 1, source: 'Late' }), { status: 201 });
      await move('archived');
      t.match(await add(INPUT), { status: 409, body: { code: 'petition_closed' } });
      await move('taken_down', { reason: 'legal' });
      t.match(await add(INPUT), { status: 410 });
      t.match(await list(), { status: 410 });
      const { headers } = await api.call('HEAD', '/v1/petitions/full');
      await api.call('PATCH', '/v1/petitions/full', {
        key: lead.secret,
        headers: { 'if-match': String(headers['etag']) },
        body: { slug: 'fuller' },
      });
      t.match(await list('full'), { status: 308 });
    },
  );
});
