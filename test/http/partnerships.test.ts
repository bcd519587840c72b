import { onEveryEngine, makePartner, publish, start, type TestApp } from '../helper.js';

type Organization = Awaited<ReturnType<TestApp['organization']>>;

onEveryEngine('partnerships', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  const petition = await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const draft = await api.call('POST', '/v1/petitions', {
    key: lead.secret,
    body: { title: 'Secret plan', statement: 'S', slug: 'draft' },
  });
  const invite = (body: unknown, ref = 'meadows', key: string | undefined = lead.secret, headers = {}) =>
    api.call('POST', `/v1/petitions/${ref}/partners`, { key, body, headers });
  const act = (id: string, verb: string, key: string | undefined, body: unknown = {}, headers = {}) =>
    api.call('POST', `/v1/partnerships/${id}/${verb}`, { key, body, headers });
  const get = (id: string, key: string | undefined, headers = {}) =>
    api.call('GET', `/v1/partnerships/${id}`, { key, headers });
  const list = (key: string | undefined, query = '', headers = {}) =>
    api.call('GET', `/v1/partnerships${query}`, { key, headers });
  const weak = await api.newKey(partner.key, 'secret', []);
  const sign = (email: string, key: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body: { email, name: 'N' } });
  const site = await api.newKey(partner.key, 'publishable');
  let id = '';

  await t.test('invitePartner 201: by id or slug, in full if nothing is said, once', async (t) => {
    const headers = { 'idempotency-key': 'invite-1' };
    const body = { organization: partner.slug, lead_sees: 'names' };
    const first = await invite(body, 'meadows', lead.secret, headers);
    t.equal(first.status, 201);
    t.match(first.headers, { 'cache-control': 'private, no-store' });
    id = first.body.id;
    t.same(first.body, {
      id,
      petition: { id: petition.id, slug: 'meadows', title: petition.title },
      lead: { id: lead.id, slug: lead.slug, name: 'River Meadows', url: null },
      partner: { id: partner.id, slug: partner.slug, name: 'Anglers', url: null },
      status: 'invited',
      lead_sees: 'names',
      invited_at: first.body.invited_at,
      answered_at: null,
      ended_at: null,
      reason: null,
    });
    t.same((await invite(body, 'meadows', lead.secret, headers)).body, first.body, 'a retry is the same');
    const other = await invite({ organization: partner.id }, draft.body.id);
    t.match(other, { status: 201, body: { lead_sees: 'full', petition: { title: 'Secret plan' } } });
  });

  await t.test('invitePartner 308, 400, 401, 403, 404, 409, 410, 413, 415, 422', async (t) => {
    const patch = { key: lead.secret, headers: { 'if-match': '*' } };
    await publish(api, lead.secret, { slug: 'old' });
    await api.call('PATCH', '/v1/petitions/old', { ...patch, body: { slug: 'new' } });
    const body = { organization: stranger.id };
    t.match(await invite(body, 'old'), {
      status: 308,
      headers: { location: '/v1/petitions/new/partners' },
    });
    t.match(await invite('{'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await invite(body, 'meadows', lead.secret, { 'idempotency-key': '' }), { status: 400 });
    t.match(await api.call('POST', '/v1/petitions/meadows/partners', { body }), { status: 401 });
    t.match(await invite(body, 'meadows', site), { status: 401, body: { code: 'key_required' } });
    t.match(await invite(body, 'meadows', await api.newKey(lead.key, 'secret', ['petitions:write'])), {
      status: 403,
      body: { code: 'scope_required' },
    });
    for (const [ref, key] of [
      ['no-such', lead.secret],
      ['meadows', partner.secret],
      ['draft', stranger.secret],
    ]) {
      t.match(await invite(body, ref, key), { status: 404, body: { code: 'petition_not_found' } });
    }
    for (const organization of ['nobody', `org_${'0'.repeat(26)}`]) {
      t.match(await invite({ organization }), { status: 404, body: { code: 'organization_not_found' } });
    }
    t.match(await invite({ organization: partner.id }), {
      status: 409,
      body: { code: 'partnership_state', allowed: ['end'], detail: /invited/ },
    });
    const { body: gone } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'G', statement: 'G' },
    });
    await api.call('POST', `/v1/petitions/${gone.id}/transitions`, {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'other' },
    });
    t.match(await invite(body, gone.id), { status: 410, body: { code: 'petition_taken_down' } });
    t.match(await invite({ organization: 'x'.repeat(70_000) }), { status: 413 });
    t.match(await invite('organization=x', 'meadows', lead.secret, { 'content-type': 'text/plain' }), {
      status: 415,
    });
    t.match(await invite({ organization: lead.id }), {
      status: 422,
      body: { code: 'invalid_body', errors: [{ pointer: '/organization', code: 'lead' }] },
    });
    t.match(await invite({ ...body, lead_sees: 'all' }), { status: 422 });
    t.match(await invite(body, 'meadows', lead.secret, { 'idempotency-key': 'invite-1' }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('invitePartner: of many at once one does it', async (t) => {
    const body = { organization: stranger.id };
    const all = await Promise.all(Array.from({ length: 6 }, () => invite(body)));
    t.same(all.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409]);
    const [made] = all.filter(({ status }) => status === 201);
    t.match(await act(made?.body.id, 'end', lead.secret), { status: 200, body: { answered_at: null } });
  });

  await t.test('listPartnerships 200 and 304: what I was invited to, by status, in pages', async (t) => {
    const all = await list(weak);
    t.match(all, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(
      all.body.data.map(({ petition: { slug } }: any) => slug),
      ['draft', 'meadows'],
    );
    t.same((await list(partner.secret, '?status=accepted')).body.data, []);
    t.equal((await list(partner.secret, '?status=invited')).body.data.length, 2);
    const first = await list(partner.secret, '?limit=1');
    const rest = await list(partner.secret, `?limit=1&cursor=${first.body.next_cursor}`);
    t.match([first.body.has_more, rest.body.has_more], [true, false]);
    t.same(rest.body.data[0].id, id);
    t.equal((await list(weak, '', { 'if-none-match': all.headers['etag'] ?? '' })).status, 304);
    t.same((await list(lead.secret)).body.data, [], 'what the lead offers stands on its board');
  });

  await t.test('listPartnerships 400, 401', async (t) => {
    t.match(await list(weak, '?status=open'), { status: 400, body: { code: 'invalid_query' } });
    const { next_cursor } = (await list(weak, '?limit=1')).body;
    t.match(await list(weak, `?status=invited&cursor=${next_cursor}`), {
      status: 400,
      body: { code: 'invalid_cursor' },
    });
    t.match(await api.call('GET', '/v1/partnerships'), { status: 401 });
    t.match(await list(site), { status: 401 });
  });

  await t.test('getPartnership 200, 304, 400, 401, 404: for both sides, for nobody else', async (t) => {
    const seen = await get(id, weak);
    t.match(seen, { status: 200, body: { id, lead_sees: 'names' } });
    t.same((await get(id, lead.secret)).body, seen.body);
    t.equal((await get(id, weak, { 'if-none-match': seen.headers['etag'] ?? '' })).status, 304);
    t.match(await get('ptn_1', weak), { status: 400 });
    t.match(await api.call('GET', `/v1/partnerships/${id}`), { status: 401 });
    for (const one of [id, `ptn_${'0'.repeat(26)}`]) {
      t.match(await get(one, stranger.secret), { status: 404, body: { code: 'partnership_not_found' } });
    }
  });

  await t.test('acceptPartnership 401, 403, 404, 409, 422: nothing happens', async (t) => {
    const terms = { lead_sees: 'names' };
    t.match(await sign('early@example.org', site), { status: 403, body: { code: 'not_a_partner' } });
    t.match(await api.call('POST', `/v1/partnerships/${id}/accept`, { body: terms }), { status: 401 });
    t.match(await act(id, 'accept', weak, terms), { status: 403, body: { code: 'scope_required' } });
    t.match(await act(id, 'accept', stranger.secret, terms), {
      status: 404,
      body: { code: 'partnership_not_found' },
    });
    t.match(await act(id, 'accept', partner.secret, { lead_sees: 'counts' }), {
      status: 409,
      body: { code: 'partnership_state', allowed: ['accept', 'decline'], detail: /lead sees names/ },
    });
    t.match(await act(id, 'accept', lead.secret, terms), {
      status: 409,
      body: { code: 'partnership_state', allowed: ['end'] },
    });
    t.match(await act(id, 'end', partner.secret), { status: 409, body: { allowed: ['accept', 'decline'] } });
    t.match(await act(id, 'accept', partner.secret), { status: 422, body: { code: 'invalid_body' } });
    t.match(await act(id, 'accept', partner.secret, '['), { status: 400 });
    t.match(await act('ptn_1', 'accept', partner.secret, terms), { status: 400 });
    t.match(await get(id, weak), { body: { status: 'invited', answered_at: null } });
  });

  await t.test('acceptPartnership 200: of many at once one does it; then the keys collect', async (t) => {
    const terms = { lead_sees: 'names' };
    const headers = { 'idempotency-key': 'accept-1' };
    const all = await Promise.all([
      ...Array.from({ length: 4 }, () => act(id, 'accept', partner.secret, terms, headers)),
      act(id, 'decline', partner.secret),
    ]);
    const statuses = all.map(({ status }) => status);
    t.ok([`200,200,200,200,409`, `409,409,409,409,200`].includes(String(statuses)), String(statuses));
    if (statuses[4] === 200) {
      // The refusal was faster: the lead asks again.
      id = (await invite({ organization: partner.id, ...terms })).body.id;
      t.match(await act(id, 'accept', partner.secret, terms), { status: 200 });
    }
    t.match(await get(id, weak), { body: { status: 'accepted', answered_at: /Z$/, ended_at: null } });
    t.match(await act(id, 'decline', partner.secret), { status: 409, body: { allowed: ['end'] } });
    t.match(await act(id, 'accept', partner.secret, terms, { 'idempotency-key': 'k' }), { status: 409 });
    t.match(await sign('in-time@example.org', site), { status: 202 });
    t.match(await invite({ organization: partner.id }), { status: 409, body: { detail: /accepted/ } });
  });

  await t.test('declinePartnership 200, 400, 401, 403, 404, 409, 422', async (t) => {
    const [{ id: offered }] = (await list(partner.secret, '?status=invited')).body.data;
    t.match(await act(offered, 'decline', partner.secret, '{'), { status: 400 });
    t.match(await api.call('POST', `/v1/partnerships/${offered}/decline`, { body: {} }), { status: 401 });
    t.match(await act(offered, 'decline', weak), { status: 403 });
    t.match(await act(offered, 'decline', stranger.secret), { status: 404 });
    t.match(await act(offered, 'decline', lead.secret), { status: 409, body: { allowed: ['end'] } });
    t.match(await act(offered, 'decline', partner.secret, { why: 'x' }), { status: 422 });
    const headers = { 'idempotency-key': 'decline-1' };
    for (let i = 0; i < 2; i += 1) {
      t.match(await act(offered, 'decline', partner.secret, { reason: 'Not now' }, headers), {
        status: 200,
        body: { id: offered, status: 'declined', answered_at: /Z$/, ended_at: null, reason: 'Not now' },
      });
    }
    t.match(await get(offered, lead.secret), { body: { status: 'declined', reason: 'Not now' } });
    t.match(await act(offered, 'accept', partner.secret, { lead_sees: 'full' }), {
      status: 409,
      body: { allowed: [], detail: /may invite again/ },
    });
    const again = await invite({ organization: partner.id, lead_sees: 'counts' }, 'draft');
    t.match(again, { status: 201, body: { status: 'invited', lead_sees: 'counts', reason: null } });
    t.not(again.body.id, offered, 'afresh');
  });

  await t.test('endPartnership 200, 400, 401, 403, 404, 409, 422: by either side', async (t) => {
    t.match(await api.call('POST', `/v1/partnerships/${id}/end`, { body: {} }), { status: 401 });
    t.match(await act(id, 'end', weak), { status: 403 });
    t.match(await act(id, 'end', stranger.secret), { status: 404 });
    t.match(await act(id, 'end', partner.secret, { reason: '' }), { status: 422 });
    t.match(await act(id, 'end', partner.secret, { reason: 'x'.repeat(501) }), { status: 422 });
    t.match(await act('ptn_1', 'end', partner.secret), { status: 400 });
    t.match(await act(id, 'end', partner.secret, { reason: 'We part' }), {
      status: 200,
      body: { status: 'ended', ended_at: /Z$/, reason: 'We part' },
    });
    t.match(await act(id, 'end', lead.secret), { status: 409, body: { allowed: [] } });
    t.match(await sign('late@example.org', site), { status: 403, body: { code: 'not_a_partner' } });
    const anew = await makePartner(api, lead.secret, 'meadows', partner, 'full');
    t.match(await sign('anew@example.org', site), { status: 202 });
    t.match(await act(anew.id, 'end', lead.secret), { status: 200, body: { reason: null } });
    t.match(await sign('late@example.org', site), { status: 403 });
    t.same(
      (await list(partner.secret, '?status=ended')).body.data.map((one: any) => one.lead_sees),
      ['full', 'names'],
      'what was agreed stays on record',
    );
  });
});

onEveryEngine('listPartners: the leader board', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const [anglers, birds, cyclists, drivers] = (await Promise.all(
    ['Anglers', 'Birds', 'Cyclists', 'Drivers'].map(api.organization),
  )) as [Organization, Organization, Organization, Organization];
  const stranger = await api.organization('Strangers');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'email' });
  const joined: Record<string, any> = {};
  for (const one of [anglers, birds, cyclists]) {
    joined[one.slug] = await makePartner(api, lead.secret, 'meadows', one, 'counts');
  }
  const invite = { key: lead.secret, body: { organization: drivers.id } };
  await api.call('POST', '/v1/petitions/meadows/partners', invite);
  const board = (key: string | undefined, ref = 'meadows', headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}/partners`, { key, headers });
  let n = 0;
  const sign = (key: string | undefined, vouched: boolean) => {
    const body = { email: `p${(n += 1)}@example.org`, name: 'N', ...(vouched ? { vouched } : {}) };
    return api.call('POST', '/v1/petitions/meadows/signatures', { key, body });
  };
  for (const [key, confirmed, pending] of [
    [lead.secret, 1, 2],
    [anglers.secret, 2, 1],
    [birds.secret, 3, 0],
    [cyclists.secret, 2, 2],
  ] as const) {
    for (let i = 0; i < confirmed + pending; i += 1) await sign(key, i < confirmed);
  }
  for (let i = 0; i < 4; i += 1) await sign(undefined, false);

  /** Who collected how many, counted off the rows. */
  const recounted = async () => {
    const { signatures: s } = api.store.tables;
    const rows = await api.store.read.db.select({ collectorKey: s.collectorKey, status: s.status }).from(s);
    return (key: number | null) => {
      const own = rows.filter(({ collectorKey }) => collectorKey === key);
      const count = (status: string) => own.filter((row) => row.status === status).length;
      return { confirmed: count('confirmed'), pending: count('pending') };
    };
  };

  await t.test('200 and 304: the lead sees everybody, most first, of equals the oldest', async (t) => {
    const { status, headers, body } = await board(lead.secret);
    t.match({ status, headers }, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(
      body.partners.map((row: any) => [row.organization.name, row.status, row.confirmed, row.pending]),
      [
        ['Birds', 'accepted', 3, 0],
        ['Anglers', 'accepted', 2, 1],
        ['Cyclists', 'accepted', 2, 2],
        ['Drivers', 'invited', 0, 0],
      ],
    );
    t.same(body.lead, { confirmed: 1, pending: 2 });
    t.same(body.unattributed, { confirmed: 0, pending: 4 });
    t.match(body.partners[0], {
      partnership_id: joined['birds'].id,
      organization: { id: birds.id, slug: 'birds', url: null },
      lead_sees: 'counts',
      invited_at: joined['birds'].invited_at,
      answered_at: joined['birds'].answered_at,
    });
    const sums = await recounted();
    for (const one of [anglers, birds, cyclists, drivers]) {
      t.match(
        body.partners.find((row: any) => row.organization.id === one.id),
        sums(one.key),
      );
    }
    t.same([body.lead, body.unattributed], [sums(lead.key), sums(null)]);
    const fresh = await board(lead.secret, 'meadows', { 'if-none-match': headers['etag'] ?? '' });
    t.equal(fresh.status, 304);
    t.notMatch(JSON.stringify(body), /@|sig_|sup_/, 'sums, never people');
  });

  await t.test('200: a partner sees the partners, and of what waits only its own', async (t) => {
    const weak = await api.newKey(anglers.key, 'secret', []);
    const { status, body } = await board(weak);
    t.equal(status, 200);
    t.same(
      body.partners.map((row: any) => [row.organization.name, row.confirmed, row.pending, row.lead_sees]),
      [
        ['Birds', 3, null, null],
        ['Anglers', 2, 1, 'counts'],
        ['Cyclists', 2, null, null],
      ],
      'not who was merely asked',
    );
    t.same(
      [body.lead, body.unattributed],
      [
        { confirmed: 1, pending: null },
        { confirmed: 0, pending: null },
      ],
    );
    t.same(
      body.partners.map((row: any) => row.partnership_id),
      [null, joined['anglers'].id, null],
    );
  });

  await t.test('200: after moderation and an end the sums are still those of the rows', async (t) => {
    const of = `petition=meadows&collector=${birds.id}`;
    const [{ id }] = (await api.call('GET', `/v1/signatures?${of}`, { key: lead.secret })).body.data;
    const path = `/v1/signatures/${id}/invalidate`;
    const gone = await api.call('POST', path, { key: lead.secret, body: { reason: 'x' } });
    t.match(gone, { status: 200, body: { shown: 'counts', email: null, name: null } });
    await api.call('POST', `/v1/partnerships/${joined['cyclists'].id}/end`, { key: lead.secret, body: {} });
    const { body } = await board(lead.secret);
    const sums = await recounted();
    for (const one of [anglers, birds, cyclists]) {
      t.match(
        body.partners.find((row: any) => row.organization.id === one.id),
        sums(one.key),
      );
    }
    t.match(body.partners[2], { status: 'ended', confirmed: 2, organization: { name: 'Cyclists' } });
    t.same(
      (await board(birds.secret)).body.partners.map((row: any) => row.organization.name),
      ['Anglers', 'Birds'],
    );
  });

  await t.test('308, 400, 401, 404: an old slug; no key; no part in it', async (t) => {
    const patch = { key: lead.secret, headers: { 'if-match': '*' }, body: { slug: 'leas' } };
    await api.call('PATCH', '/v1/petitions/meadows', patch);
    t.match(await board(anglers.secret), {
      status: 308,
      headers: { location: '/v1/petitions/leas/partners' },
    });
    t.match(await board(lead.secret, 'leas?x=1'), { status: 400 });
    t.match(await board(undefined, 'leas'), { status: 401 });
    t.match(await board(await api.newKey(lead.key, 'publishable'), 'leas'), { status: 401 });
    for (const key of [stranger.secret, cyclists.secret, drivers.secret]) {
      t.match(await board(key, 'leas'), { status: 404, body: { code: 'petition_not_found' } });
      t.match(await board(key), { status: 404 }, 'nor is it told where it went');
    }
    t.match(await board(lead.secret, 'no-such'), { status: 404 });
  });
});
