import { eq } from 'drizzle-orm';
import { makePartner, onEveryEngine, publish, start } from '../../support/helper.js';

const ANSWER = {
  who: 'Ewehaven Town Council',
  text: 'We look at **other sites**. <script>alert(1)</script>',
  date: '2026-12-04',
  url: 'https://ewehaven.example/council/412',
  threshold: 10_000,
};
const HEARING = {
  kind: 'hearing',
  who: 'Petitions committee',
  date: '2026-12-20',
  time: '18:30',
  time_zone: 'europe/berlin',
  place: 'Town hall, room 4',
};

onEveryEngine('responses', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  const weak = await api.newKey(lead.key, 'secret', ['signatures:write']);
  const thresholds = [{ value: 10_000, promise: 'The council replies' }];
  const petition = await publish(api, lead.secret, { slug: 'meadows', thresholds });
  await makePartner(api, lead.secret, 'meadows', partner);
  const record = (body: unknown, { ref = 'meadows', key = lead.secret, headers = {} } = {}) =>
    api.call('POST', `/v1/petitions/${ref}/responses`, { key, body, headers });
  const list = (ref = 'meadows', headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}/responses`, { headers });
  const change = (id: string, body: unknown, key = lead.secret) =>
    api.call('PATCH', `/v1/responses/${id}`, { key, body });
  const remove = (id: string, key = lead.secret) => api.call('DELETE', `/v1/responses/${id}`, { key });
  const read = () => api.call('GET', '/v1/petitions/meadows');
  const idOf = async (n = 0): Promise<string> => (await list()).body.data[n].id;

  await t.test('recordResponse 201, listResponses 200, 304: public at once, newest first', async (t) => {
    const before = await read();
    t.same((await list()).body, { data: [] });
    const headers = { 'idempotency-key': 'response-1' };
    const made = await record(ANSWER, { headers });
    t.equal(made.status, 201);
    t.same(made.body, {
      id: made.body.id,
      petition_id: petition.id,
      kind: 'response',
      ...ANSWER,
      text_html: made.body.text_html,
      time: null,
      time_zone: null,
      place: null,
      created_at: made.body.created_at,
      updated_at: made.body.created_at,
    });
    t.match(made.body.id, /^rsp_/);
    t.match(made.body.text_html, '<strong>other sites</strong>');
    t.notMatch(made.body.text_html, '<script');
    t.same((await record(ANSWER, { headers })).body, made.body, 'a retry is the same');
    const after = await read();
    t.same([before.body.response_count, after.body.response_count], [0, 1]);
    t.not(after.headers['etag'], before.headers['etag'], 'a kept answer is not used any more');
    t.equal(
      (
        await api.call('GET', '/v1/petitions/meadows', {
          headers: { 'if-none-match': String(before.headers['etag']) },
        })
      ).status,
      200,
    );

    const hearing = await record(HEARING);
    t.match(hearing, {
      status: 201,
      body: { ...HEARING, time_zone: 'Europe/Berlin', text: null, text_html: null },
    });
    const older = await record({ who: 'The mayor', date: '2026-11-30' });
    const same = await record({ who: 'The other mayor', date: '2026-11-30' });
    const shown = await list();
    t.same(shown.body, { data: [hearing.body, made.body, same.body, older.body] });
    t.match(await list('meadows', { 'if-none-match': String(shown.headers['etag']) }), { status: 304 });
    t.equal((await read()).body.response_count, 4);
  });

  await t.test('recordResponse 400, 401, 403, 404, 422: only the lead, and only what fits', async (t) => {
    t.match(await record('{'), { status: 400 });
    t.equal((await api.call('POST', '/v1/petitions/meadows/responses', { body: ANSWER })).status, 401);
    t.match(await record(ANSWER, { key: weak }), { status: 403, body: { code: 'scope_required' } });
    for (const { secret: key } of [stranger, partner]) {
      t.match(await record(ANSWER, { key }), { status: 404, body: { code: 'petition_not_found' } });
    }
    t.match(await record(ANSWER, { ref: 'nowhere' }), { status: 404, body: { code: 'petition_not_found' } });
    const refusals: [unknown, string, string][] = [
      [{ ...ANSWER, threshold: 9 }, '/threshold', 'unknown_threshold'],
      [{ ...ANSWER, place: 'Town hall' }, '/place', 'misplaced'],
      [{ ...ANSWER, time: '18:30', time_zone: 'Europe/Berlin' }, '/time', 'misplaced'],
      [{ ...HEARING, time_zone: null }, '/time_zone', 'required'],
      [{ ...HEARING, time: null }, '/time', 'required'],
      [{ ...HEARING, time_zone: 'Europe/Ewehaven' }, '/time_zone', 'time_zone'],
      [{ ...HEARING, time: '24:00' }, '/time', 'format'],
      [{ ...HEARING, time: '13:00 pm' }, '/time', 'format'],
      [{ ...HEARING, time: '18' }, '/time', 'format'],
      [{ ...HEARING, time: 'noon' }, '/time', 'format'],
      [{ ...ANSWER, date: '2026-02-30' }, '/date', 'format'],
      [{ ...ANSWER, url: 'javascript:alert(1)' }, '/url', 'pattern'],
      [{ ...ANSWER, who: ' ' }, '/who', 'visible'],
      [{ ...ANSWER, kind: 'rumour' }, '/kind', 'enum'],
      [{ who: 'The mayor' }, '/date', 'required'],
    ];
    for (const [body, pointer, code] of refusals) {
      t.match(await record(body), {
        status: 422,
        body: { code: 'invalid_body', errors: [{ pointer, code }] },
      });
    }
    t.equal((await list()).body.data.length, 4);
  });

  await t.test('updateResponse 200, 401, 403, 404, 422', async (t) => {
    const id = await idOf(1);
    const { status, body } = await change(id, { text: '*No.*', url: null });
    t.match(
      { status, body },
      {
        status: 200,
        body: { id, who: ANSWER.who, text: '*No.*', text_html: '<p><em>No.</em></p>\n', url: null },
      },
    );
    t.same((await list()).body.data[1], body);
    for (const [typed, time] of [
      ['9:30', '09:30'],
      [' 18.05 ', '18:05'],
      ['6:30 pm', '18:30'],
      ['12 a.m.', '00:00'],
      ['18h', '18:00'],
      ['20 Uhr', '20:00'],
    ]) {
      t.match(await change(await idOf(0), { time: typed, time_zone: ' europe/berlin ' }), {
        status: 200,
        body: { time, time_zone: 'Europe/Berlin' },
      });
    }
    t.match(await change(await idOf(0), { time: null }), {
      status: 200,
      body: { time: null, time_zone: null },
    });
    t.equal((await api.call('PATCH', `/v1/responses/${id}`, { body: { who: 'X' } })).status, 401);
    t.match(await change(id, { who: 'X' }, weak), { status: 403, body: { code: 'scope_required' } });
    for (const { secret } of [stranger, partner]) {
      t.match(await change(id, { who: 'X' }, secret), { status: 404, body: { code: 'response_not_found' } });
    }
    t.match(await change(id, { place: 'Here' }), { status: 422, body: { errors: [{ pointer: '/place' }] } });
    t.match(await change(id, { kind: 'hearing' }), { status: 422, body: { code: 'invalid_body' } });
    t.match(await change(id, {}), { status: 422, body: { code: 'invalid_body' } });
  });

  await t.test('updatePetition: a response to a threshold that is gone stays without it', async (t) => {
    const { headers } = await api.call('GET', '/v1/petitions/meadows', { key: lead.secret });
    const ifMatch = { 'if-match': String(headers['etag']) };
    const gone = { key: lead.secret, body: { thresholds: [] }, headers: ifMatch };
    t.equal((await api.call('PATCH', '/v1/petitions/meadows', gone)).status, 200);
    t.equal((await list()).body.data[1].threshold, null);
  });

  await t.test('deleteResponse 204, 401, 403, 404', async (t) => {
    const id = await idOf(1);
    t.equal((await api.call('DELETE', `/v1/responses/${id}`)).status, 401);
    t.equal((await remove(id, weak)).status, 403);
    for (const { secret } of [stranger, partner]) {
      t.match(await remove(id, secret), { status: 404, body: { code: 'response_not_found' } });
    }
    t.equal((await remove(id)).status, 204);
    t.match(await remove(id), { status: 404, body: { code: 'response_not_found' } });
    t.match(await change(id, { who: 'X' }), { status: 404, body: { code: 'response_not_found' } });
    t.equal((await list()).body.data.length, 3);
    t.equal((await read()).body.response_count, 3);
  });

  await t.test('recordResponse 409: as many as a petition can have; listResponses shows all', async (t) => {
    await publish(api, lead.secret, { slug: 'answered' });
    await record({ who: 'The first', date: '2026-12-01' }, { ref: 'answered' });
    await api.store.transact(async (tx) => {
      const { responses } = tx.tables;
      const [row] = await tx.db.select().from(responses).where(eq(responses.who, 'The first'));
      const { key: _key, ...rest } = row as NonNullable<typeof row>;
      const more = Array.from({ length: 99 }, () => ({ ...rest, publicId: api.app.ctx.newId('rsp') }));
      await tx.db.insert(responses).values(more);
    });
    t.match(await record(ANSWER, { ref: 'answered' }), { status: 422 });
    const more = { who: 'One more', date: '2026-12-02' };
    t.match(await record(more, { ref: 'answered' }), { status: 409, body: { code: 'too_many_responses' } });
    t.equal((await list('answered')).body.data.length, 100);
  });

  await t.test('in every state: drafts, closed, archived, moved, taken down', async (t) => {
    const draft = { key: lead.secret, body: { title: 'Draft', statement: 'Draft', slug: 'draft' } };
    await api.call('POST', '/v1/petitions', draft);
    const answer = { who: 'The mayor', date: '2026-12-01' };
    t.equal((await record(answer, { ref: 'draft' })).status, 201);
    t.equal((await list('draft')).status, 404);
    const move = (body: unknown) =>
      api.call('POST', '/v1/petitions/answered/transitions', { key: lead.secret, body });
    const [newest] = (await list('answered')).body.data;
    t.equal((await remove(newest.id as string)).status, 204);
    await move({ to: 'closed' });
    await move({ to: 'archived' });
    const late = await record(answer, { ref: 'answered' });
    t.equal(late.status, 201, 'answers come late');
    const { headers } = await api.call('GET', '/v1/petitions/answered', { key: lead.secret });
    const rename = {
      key: lead.secret,
      body: { slug: 'renamed' },
      headers: { 'if-match': String(headers['etag']) },
    };
    await api.call('PATCH', '/v1/petitions/answered', rename);
    t.equal((await list('answered')).status, 308);
    t.equal((await record(answer, { ref: 'answered' })).status, 308);
    await api.call('POST', '/v1/petitions/renamed/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'other' },
    });
    const isDown = { status: 410, body: { code: 'petition_taken_down' } };
    t.match(await list('renamed'), isDown);
    t.match(await record(answer, { ref: 'renamed' }), isDown);
    t.match(await change(late.body.id as string, { who: 'X' }), isDown);
    t.equal((await remove(late.body.id as string)).status, 204, 'what must not be kept can go');
  });
});
