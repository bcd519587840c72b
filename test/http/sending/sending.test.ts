import { eq } from 'drizzle-orm';
import { onEveryEngine, start } from '../../support/helper.js';
import {
  addRecipients,
  draft,
  moveRecipients,
  setMailing,
  subscribers,
  sumsOf,
} from '../../support/mailing-rows.js';

onEveryEngine('listMailingRecipients and resendUncertain', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const names = ['ada', 'bo', 'cy', 'di', 'ed', 'fay'];
  const people = await subscribers(
    api,
    lead.secret,
    names.map((name) => `${name}@example.org`),
  );
  const mailing = await draft(api, lead);
  const path = `/v1/mailings/${mailing.id}`;
  await api.store.transact(async (tx) => {
    await addRecipients(tx, mailing, people);
    await moveRecipients(tx, mailing, 'queued', 'uncertain', 3, { reason: 'process_ended' });
    await moveRecipients(tx, mailing, 'queued', 'failed', 1, { reason: 'refused' });
    await moveRecipients(tx, mailing, 'queued', 'deferred', 1, {
      reason: 'greylisted',
      dueAt: new Date('2027-01-01T00:00:00Z'),
    });
  });
  await setMailing(api, mailing.key, { state: 'running', startedAt: new Date() });
  const list = (query = '', key: string | undefined = lead.secret, headers = {}) =>
    api.call('GET', `${path}/recipients${query}`, { key, headers });
  const resend = (body: unknown, key: string | undefined = lead.secret, headers = {}) =>
    api.call('POST', `${path}/resend-uncertain`, { key, body, headers });
  const emails = ({ body }: { body: any }) => body.data.map(({ email }: any) => email);

  await t.test('list 200: by name, in pages, by state', async (t) => {
    const all = await list();
    t.same(
      emails(all),
      ['ada', 'bo', 'cy', 'di'].map((name) => `${name}@example.org`),
    );
    t.match(all.body.data[0], {
      subscription_id: people[0],
      state: 'uncertain',
      reason: 'process_ended',
      retry_at: null,
    });
    const first = await list('?state=uncertain&limit=2');
    t.match(first, {
      body: { has_more: true },
      headers: { link: /rel="next"/, 'cache-control': 'private, no-store' },
    });
    t.same(emails(await list(`?state=uncertain&limit=2&cursor=${first.body.next_cursor}`)), [
      'cy@example.org',
    ]);
    t.match((await list('?state=deferred')).body.data, [
      { reason: 'greylisted', retry_at: '2027-01-01T00:00:00.000Z' },
    ]);
    t.same(emails(await list('?state=failed&state=deferred')), ['di@example.org', 'ed@example.org']);
    t.same((await list('?state=skipped')).body.data, []);
  });

  await t.test('list 200: without subscriptions:read there is no address', async (t) => {
    const blind = await api.newKey(lead.key, 'secret', ['mailings:write']);
    const answer = await list('', blind);
    t.same(emails(answer), [null, null, null, null]);
    t.notMatch(answer.text, /example\.org/);
    t.equal(answer.body.data[0].subscription_id, people[0]);
  });

  await t.test('list 304, 400, 401, 403, 404', async (t) => {
    const { headers } = await list();
    t.equal((await list('', lead.secret, { 'if-none-match': headers['etag'] })).status, 304);
    const { body } = await list('?state=uncertain&limit=1');
    t.match(await list(`?state=failed&cursor=${body.next_cursor}`), {
      status: 400,
      body: { code: 'invalid_cursor' },
    });
    t.match(await list('?state=sent'), { status: 400, body: { code: 'invalid_query' } });
    t.match(await api.call('GET', `${path}/recipients`), { status: 401 });
    t.match(await list('', await api.newKey(lead.key, 'secret', ['subscriptions:read'])), { status: 403 });
    const theirs = await list('', other.secret);
    t.match(theirs, { status: 404, body: { code: 'mailing_not_found' } });
    t.notMatch(theirs.text, /example\.org/);
  });

  await t.test('resend 200: those who are named, once, and the sums move with them', async (t) => {
    const [ada = ''] = people;
    const strangers = await subscribers(api, other.secret, ['eve@example.org']);
    const headers = { 'idempotency-key': 'again-1' };
    const body = { subscriptions: [ada, people[3], ...strangers] };
    const first = await resend(body, lead.secret, headers);
    t.match(first, { status: 200, body: { resent: 1, mailing: { id: mailing.id, state: 'running' } } });
    t.same((await resend(body, lead.secret, headers)).body, first.body);
    t.match(await resend(body), { body: { resent: 0 } });
    const sums = await sumsOf(api, mailing.key);
    t.same(sums.tallies, { queued: 2, uncertain: 2, failed: 1, deferred: 1 });
    t.same(sums.rows, sums.tallies);
    const { mailingRecipients: r } = api.store.tables;
    const rows = await api.store.read.db.select().from(r).where(eq(r.state, 'queued')).orderBy(r.key);
    t.match(rows[0], { reason: 'process_ended', dueAt: null, owner: null }, 'it says why it is sent again');
  });

  await t.test('resend 200: a mailing that was done goes on; erased people stay as they are', async (t) => {
    await setMailing(api, mailing.key, { state: 'done', finishedAt: new Date() });
    const { mailingRecipients: r } = api.store.tables;
    await api.store.transact(async (tx) => {
      const [one] = await tx.db.select({ key: r.key }).from(r).where(eq(r.state, 'uncertain')).orderBy(r.key);
      await tx.db
        .update(r)
        .set({ supporterKey: null, subscriptionKey: null })
        .where(eq(r.key, one?.key ?? 0));
    });
    t.match(await resend({ all: true }), {
      status: 200,
      body: { resent: 1, mailing: { state: 'running', finished_at: null } },
    });
    t.match((await list('?state=uncertain')).body.data, [
      { subscription_id: null, email: null, state: 'uncertain' },
    ]);
    await setMailing(api, mailing.key, { state: 'done', finishedAt: new Date() });
    t.match(
      await resend({ all: true }),
      { body: { resent: 0, mailing: { state: 'done' } } },
      'nothing to open it for',
    );
  });

  await t.test('resend 400, 401, 403, 404, 409, 422', async (t) => {
    t.match(await resend('{'), { status: 400 });
    t.match(await resend({ all: true }, lead.secret, { 'idempotency-key': 'ü' }), { status: 400 });
    t.match(await api.call('POST', `${path}/resend-uncertain`, { body: { all: true } }), { status: 401 });
    t.match(await resend({ all: true }, await api.newKey(lead.key, 'secret', ['mailings:write'])), {
      status: 403,
    });
    t.match(await resend({ all: true }, other.secret), { status: 404, body: { code: 'mailing_not_found' } });
    for (const body of [
      {},
      { all: true, subscriptions: people },
      { all: false },
      { subscriptions: [] },
      { everyone: true },
    ]) {
      t.match(await resend(body), { status: 422, body: { code: 'invalid_body' } }, JSON.stringify(body));
    }
    await setMailing(api, mailing.key, { state: 'cancelled' });
    t.match(await resend({ all: true }), { status: 409, body: { code: 'mailing_transition_not_allowed' } });
    await setMailing(api, mailing.key, { state: 'done', expiresAt: new Date(Date.now() - 1000) });
    t.match(await resend({ all: true }), { status: 409, body: { detail: /expired/ } });
  });
});

onEveryEngine('the sending policy', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const path = '/v1/organization/sending-policy';
  const get = (key: string | undefined = lead.secret, headers = {}) =>
    api.call('GET', path, { key, headers });
  const put = (body: unknown, key: string | undefined = lead.secret) => api.call('PUT', path, { key, body });
  const USUAL = {
    per_hour: null,
    warm_up: null,
    breaker: { bounces: 5, complaints: 0.1, unsubscribes: 2, after: 100 },
  };

  await t.test('get 200, 304, 400, 401, 403', async (t) => {
    const answer = await get();
    t.match(answer, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(answer.body, USUAL);
    t.equal((await get(lead.secret, { 'if-none-match': answer.headers['etag'] })).status, 304);
    t.match(await api.call('GET', `${path}?x=1`, { key: lead.secret }), { status: 400 });
    t.match(await api.call('GET', path), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['mailings:write', 'organization:write']);
    t.match(await get(weak), { status: 403 });
    t.match(await put({}, weak), { status: 403, body: { code: 'scope_required' } });
  });

  await t.test('put 200: replaced as a whole, for this organization', async (t) => {
    const body = { per_hour: 20_000, warm_up: [500, 1000], breaker: { unsubscribes: 3.5 } };
    const expected = { ...body, breaker: { ...USUAL.breaker, unsubscribes: 3.5 } };
    t.same((await put(body)).body, expected);
    t.same((await get()).body, expected);
    t.same((await get(other.secret)).body, USUAL);
    t.same((await put({ warm_up: null })).body, USUAL);
  });

  await t.test('put 400, 401, 422', async (t) => {
    t.match(await put('{'), { status: 400 });
    t.match(await api.call('PUT', path, { body: {} }), { status: 401 });
    const wrong = [
      { per_hour: 0 },
      { per_hour: 1.5 },
      { warm_up: [0] },
      { warm_up: 5 },
      { breaker: { bounces: 101 } },
      { breaker: { opens: 1 } },
      { perHour: 5 },
    ];
    for (const body of wrong) {
      t.match(await put(body), { status: 422, body: { code: 'invalid_body' } }, JSON.stringify(body));
    }
    t.same((await get()).body, USUAL);
  });
});
