import { recount } from '../../../src/core/counts/recount.js';
import { importSignatures } from '../../../src/core/signatures/signature-import.js';
import { onEveryEngine, makePartner, publish, start, type TestApp } from '../../support/helper.js';

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
      listed: true,
      may_vouch: false,
      vouch_limit: null,
      invited_at: first.body.invited_at,
      answered_at: null,
      ended_at: null,
      reason: null,
    });
    t.same((await invite(body, 'meadows', lead.secret, headers)).body, first.body, 'a retry is the same');
    const other = await invite({ organization: partner.id }, draft.body.id);
    const terms = { lead_sees: 'full', may_vouch: false };
    t.match(other, { status: 201, body: { ...terms, petition: { title: 'Secret plan' } } });
  });

  await t.test('acceptPartnership 200: the petition names its partners, unless they say no', async (t) => {
    const [open, shy, written] = await Promise.all(
      ['Open Group', 'Shy Group', 'Written Group'].map((name) => api.organization(name)),
    );
    if (!open || !shy || !written) return;
    const byHand = [
      { name: 'Friends', url: null, organization_id: null },
      { name: 'Our Written Group', url: 'https://written.example', organization_id: written.id },
      { name: 'Shy Group', organization_id: shy.id },
    ];
    await publish(api, lead.secret, { slug: 'coalition', partners: byHand });
    const named = async () =>
      (await api.call('GET', '/v1/petitions/coalition')).body.partners.map(({ name }: any) => name);
    const ids: string[] = [];
    for (const { id } of [open, shy, written]) {
      ids.push((await invite({ organization: id }, 'coalition')).body.id);
    }
    t.same(await named(), ['Friends', 'Our Written Group', 'Shy Group'], 'an invitation names nobody');
    for (const [i, { secret }] of [open, shy, written].entries()) {
      const body = { lead_sees: 'full', ...(i === 1 ? { listed: false } : {}) };
      const { body: accepted } = await api.call('POST', `/v1/partnerships/${ids[i]}/accept`, {
        key: secret,
        body,
      });
      t.equal(accepted.listed, i !== 1);
    }
    t.same(
      await named(),
      ['Friends', 'Our Written Group', 'Open Group'],
      'each once, and the shy one not at all',
    );
    const { partners } = (await api.call('GET', '/v1/petitions/coalition')).body;
    t.same(partners[2], { name: 'Open Group', url: null, organization_id: open.id });
    await api.call('POST', `/v1/partnerships/${ids[0]}/end`, { key: open.secret, body: {} });
    t.same(await named(), ['Friends', 'Our Written Group']);
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
    t.match(await invite({ ...body, may_vouch: true, vouch_limit: 0 }), { status: 422 });
    t.match(await invite({ ...body, vouch_limit: 10 }), {
      status: 422,
      body: { code: 'invalid_body', errors: [{ pointer: '/vouch_limit', code: 'misplaced' }] },
    });
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

onEveryEngine('getPartnerStatistics: the leader board', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const [anglers, birds, cyclists, drivers] = (await Promise.all(
    ['Anglers', 'Birds', 'Cyclists', 'Drivers'].map(api.organization),
  )) as [Organization, Organization, Organization, Organization];
  const stranger = await api.organization('Strangers');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'email' });
  const joined: Record<string, any> = {};
  for (const one of [anglers, birds, cyclists]) {
    joined[one.slug] = await makePartner(api, lead.secret, 'meadows', one, 'full');
  }
  const invite = { key: lead.secret, body: { organization: drivers.id, lead_sees: 'counts' } };
  const invited = (await api.call('POST', '/v1/petitions/meadows/partners', invite)).body;
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
    t.same(body.lead, { confirmed: 1, pending: 2, paper: 0 });
    t.same(body.unattributed, { confirmed: 0, pending: 4, paper: 0 });
    t.match(body.partners[0], {
      partnership_id: joined['birds'].id,
      organization: { id: birds.id, slug: 'birds', url: null },
      lead_sees: 'full',
      vouching: { limit: 1000, counted: 3, held: 0 },
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
    t.match([body.lead, body.unattributed], [sums(lead.key), sums(null)]);
    const fresh = await board(lead.secret, 'meadows', { 'if-none-match': headers['etag'] ?? '' });
    t.equal(fresh.status, 304);
    t.notMatch(JSON.stringify(body), /@|sig_|sup_/, 'sums, never people');
  });

  await t.test('200: a partner sees the partners, and nothing of what waits', async (t) => {
    const weak = await api.newKey(anglers.key, 'secret', []);
    const { status, body } = await board(weak);
    t.equal(status, 200);
    t.same(
      body.partners.map((row: any) => [row.organization.name, row.confirmed, row.pending, row.lead_sees]),
      [
        ['Birds', 3, null, null],
        ['Anglers', 2, null, 'full'],
        ['Cyclists', 2, null, null],
      ],
      'not who was merely asked',
    );
    t.notMatch(JSON.stringify(body), /"counted"/, 'nor what others vouched for');
    t.same(
      [body.lead, body.unattributed],
      [
        { confirmed: 1, pending: null, paper: 0 },
        { confirmed: 0, pending: null, paper: 0 },
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
    t.match(gone, { status: 200, body: { shown: 'full', status: 'invalidated' } });
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

  await t.test('200: nor does a lead from whom something is hidden see what waits, in any sum', async (t) => {
    const counts = async () => [
      (await api.call('GET', '/v1/petitions/meadows/counts', { key: lead.secret })).body,
      (await api.call('GET', '/v1/petitions/meadows', { key: lead.secret })).body.counts,
      (await api.call('GET', '/v1/petitions', { key: lead.secret })).body.data[0].counts,
    ];
    for (const one of await counts()) t.match(one, { pending: 9, updated_at: /Z$/ });
    const path = `/v1/partnerships/${invited.id}/accept`;
    t.match(await api.call('POST', path, { key: drivers.secret, body: { lead_sees: 'counts' } }), {
      status: 200,
    });
    const { body } = await board(lead.secret);
    for (const one of [body.lead, body.unattributed, ...body.partners]) t.equal(one.pending, null);
    for (const one of await counts()) t.match(one, { confirmed: 7, pending: null, updated_at: null });
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
    for (const key of [stranger.secret, cyclists.secret]) {
      t.match(await board(key, 'leas'), { status: 404, body: { code: 'petition_not_found' } });
      t.match(await board(key), { status: 404 }, 'nor is it told where it went');
    }
    t.match(await board(lead.secret, 'no-such'), { status: 404 });
  });
});

onEveryEngine('vouching for the petition of another', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('Lead');
  const plain = await api.organization('Plain');
  const trusted = await api.organization('Trusted');
  const stranger = await api.organization('Stranger');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'email' });
  await makePartner(api, lead.secret, 'meadows', plain, 'full', {});
  const agreed = { may_vouch: true, vouch_limit: 3 };
  const { id: partnership } = await makePartner(api, lead.secret, 'meadows', trusted, 'full', agreed);
  const sign = (email: string, key: string | undefined, more: Record<string, unknown> = { vouched: true }) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { key, body: { email, name: 'N', ...more } });
  const load = (emails: string[], key: string, accept = 'application/json') =>
    api.call('POST', '/v1/signatures/import?petition=meadows&source=stall', {
      key,
      body: ['email,name', ...emails.map((email) => `${email},N`)].join('\n'),
      headers: { 'content-type': 'text/csv', accept },
    });
  const counts = async () =>
    (await api.call('GET', '/v1/petitions/meadows/counts', { key: lead.secret })).body;
  const board = async (key = lead.secret) =>
    (await api.call('GET', '/v1/petitions/meadows/partners', { key })).body.partners as any[];
  const vouchingOf = async (id: string) =>
    (await board()).find(({ organization }) => organization.id === id).vouching;
  const imports = (key: string | undefined, query = '', headers = {}, ref = 'meadows') =>
    api.call('GET', `/v1/petitions/${ref}/imports${query}`, { key, headers });
  const held = async () => {
    const path = '/v1/signatures?petition=meadows&status=quarantined&sort=created_at';
    return (await api.call('GET', path, { key: lead.secret })).body.data as any[];
  };
  const moderate = async (action: string, filter: unknown) => {
    const body = { petition: 'meadows', action, filter };
    const preview = await api.call('POST', '/v1/signature-moderations/preview', { key: lead.secret, body });
    const { preview_token } = preview.body;
    const act = { preview_token, reason: 'Invented people' };
    return api.call('POST', '/v1/signature-moderations', { key: lead.secret, body: act });
  };
  const day = (n: number) => new Date(Date.UTC(2026, 9, n, 12));

  await t.test(
    '403: it is not agreed by itself, one by one, by import and on the command line',
    async (t) => {
      const refusal = { status: 403, body: { code: 'vouching_not_agreed', detail: /may_vouch/ } };
      t.match(await sign('a@example.org', plain.secret), refusal);
      t.match(await load(['a@example.org'], plain.secret), refusal);
      t.match(
        await load(['a@example.org'], plain.secret, 'application/x-ndjson'),
        refusal,
        'nor as a stream',
      );
      t.match(await sign('a@example.org', stranger.secret), { status: 403, body: { code: 'not_a_partner' } });
      t.match(await load(['a@example.org'], stranger.secret), { status: 404 });
      const operator = { kind: 'secret', keyKey: 0, keyId: '', scopes: [], origins: [] } as const;
      const importing = importSignatures(
        api.app.ctx,
        {
          petition: 'meadows',
          actor: { ...operator, organizationKey: plain.key, organizationId: plain.id },
          apiKeyKey: null,
          source: null,
          chunkMs: 25,
          transactionMs: 1000,
          restMs: 0,
          onError: () => undefined,
        },
        (async function* () {
          yield await Promise.resolve([{ line: 1, input: { email: 'a@example.org', name: 'N' } }]);
        })(),
      );
      await t.rejects(importing, { code: 'vouching_not_agreed' });
      t.match(await counts(), { confirmed: 0, pending: 0 }, 'nothing is stored');
      t.match(
        await sign('a@example.org', plain.secret, {}),
        { status: /20[012]/ },
        'the mailbox may be asked',
      );
      t.same(await vouchingOf(plain.id), { limit: null, counted: 0, held: 0 });
    },
  );

  await t.test(
    'so many a day count at once; what comes beyond that is quarantined, and the lead is shown it',
    async (t) => {
      api.setClock(day(1));
      t.match((await load(['1@example.org', '2@example.org', '2@example.org'], trusted.secret)).body, {
        accepted: 3,
        created: 0,
      });
      t.match(await sign('3@example.org', trusted.secret), { status: /20[012]/ });
      t.match(await sign('1@example.org', trusted.secret), { status: /20[012]/ }, 'a repeat uses nothing up');
      t.match(await counts(), { confirmed: 3 });
      await sign('waits@example.org', undefined, {});
      await sign('4@example.org', trusted.secret);
      await sign('waits@example.org', trusted.secret);
      await load(['5@example.org', 'waits@example.org', '3@example.org', '6@example.org'], trusted.secret);
      t.match(await counts(), { confirmed: 3 }, 'no more on this day');
      t.match(
        (await held()).map(({ email, suspicion }) => [email, suspicion?.signals]),
        ['4@example.org', '5@example.org', '6@example.org'].map((email) => [email, ['vouch_limit']]),
      );
      t.same(await vouchingOf(trusted.id), { limit: 3, counted: 3, held: 3 });
      api.setClock(day(2));
      await load(['7@example.org', 'waits@example.org'], trusted.secret);
      t.match(await counts(), { confirmed: 5, quarantined: undefined }, 'the next day is another');
      t.same(await vouchingOf(trusted.id), { limit: 3, counted: 5, held: 3 });
      t.same(
        (await board(trusted.secret)).map(({ vouching }) => vouching),
        [null, null],
      );
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test('of many at once no more than agreed count', async (t) => {
    api.setClock(day(3));
    const before = (await counts()).confirmed;
    await Promise.all(Array.from({ length: 8 }, (_, i) => sign(`many${i}@example.org`, trusted.secret)));
    t.equal((await counts()).confirmed, before + 3);
    t.same(await vouchingOf(trusted.id), { limit: 3, counted: 8, held: 8 });
    t.same(await recount(api.store.read), []);
  });

  await t.test('what is released counts, nobody is mailed, and the lead itself has no limit', async (t) => {
    const { confirmed } = await counts();
    t.match(await moderate('release', { signals: ['vouch_limit'] }), { body: { moderated: 8 } });
    t.equal((await counts()).confirmed, confirmed + 8);
    await load(
      Array.from({ length: 10 }, (_, i) => `own${i}@example.org`),
      lead.secret,
    );
    for (let i = 0; i < 5; i += 1) await sign(`one${i}@example.org`, lead.secret);
    t.equal((await counts()).confirmed, confirmed + 8 + 15);
    t.same(await recount(api.store.read), []);
  });

  await t.test(
    'listSignatureImports 200 and 304: who, when and how much, for the lead, in pages',
    async (t) => {
      const all = await imports(lead.secret);
      t.match(all, { status: 200, headers: { 'cache-control': 'private, no-store' } });
      t.match(
        all.body.data.map((one: any) => [
          one.organization.name,
          one.kind,
          one.lines,
          one.created,
          one.confirmed,
          one.quarantined,
        ]),
        [
          ['Lead', 'file', 10, 10, 0, 0],
          ['Trusted', 'requests', 8, 3, 0, 5],
          ['Trusted', 'file', 2, 1, 1, 0],
          ['Trusted', 'file', 4, 0, 0, 2],
          ['Trusted', 'requests', 2, 1, 0, 1],
          ['Trusted', 'file', 3, 2, 0, 0],
        ],
      );
      t.match(all.body.data.at(-1), {
        source: 'stall',
        key_id: /^key_/,
        begun_at: '2026-10-01T12:00:00.000Z',
      });
      t.notMatch(all.text, /@|sig_|sup_/);
      t.equal((await imports(lead.secret, '', { 'if-none-match': all.headers['etag'] ?? '' })).status, 304);
      const first = await imports(lead.secret, '?limit=4');
      const rest = await imports(lead.secret, `?limit=4&cursor=${first.body.next_cursor}`);
      t.same([...first.body.data, ...rest.body.data], all.body.data);
    },
  );

  await t.test('listSignatureImports 400, 401, 403, 404: partners hear nothing of it', async (t) => {
    t.match(await imports(lead.secret, '?limit=0'), { status: 400, body: { code: 'invalid_query' } });
    t.match(await imports(lead.secret, '?cursor=AAAA'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await imports(undefined), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await imports(weak), { status: 403, body: { code: 'scope_required' } });
    for (const key of [trusted.secret, stranger.secret]) t.match(await imports(key), { status: 404 });
    t.match(await imports(lead.secret, '', {}, 'no-such'), { status: 404 });
  });

  await t.test('the lead quarantines what one import brought as one act, and releases it', async (t) => {
    const before = await counts();
    const { data } = (await imports(lead.secret)).body;
    const [, , file] = data;
    t.match(await moderate('quarantine', { import: file.id }), {
      status: 200,
      body: { moderated: 2, remaining: 0 },
    });
    t.equal((await counts()).confirmed, before.confirmed - 2);
    t.same((await held()).map(({ email }) => email).sort(), ['7@example.org', 'waits@example.org']);
    const [own] = await board();
    t.equal(own.organization.id, trusted.id);
    t.same(await recount(api.store.read), []);
    t.match(await moderate('quarantine', { import: file.id }), { body: { moderated: 0 } }, 'once');
    t.match(await moderate('refuse', { import: file.id }), { body: { moderated: 2 } });
    t.match(await moderate('restore', { import: file.id }), { body: { moderated: 2 } });
    t.match(await moderate('release', { import: file.id }), { body: { moderated: 2 } });
    t.equal((await counts()).confirmed, before.confirmed);
    t.match(
      await moderate('quarantine', { import: data[1].id }),
      { body: { moderated: 8 } },
      'and what came one by one',
    );
    t.equal((await counts()).confirmed, before.confirmed - 8);
    const rows = await api.store.read.db
      .select({ reason: api.store.tables.moderations.reason })
      .from(api.store.tables.moderations);
    t.ok(
      rows.every(({ reason }) => reason === 'Invented people'),
      'each with its reason',
    );
    t.same(await recount(api.store.read), []);
  });

  await t.test('what was agreed ends with the partnership', async (t) => {
    await api.call('POST', `/v1/partnerships/${partnership}/end`, { key: lead.secret, body: {} });
    await makePartner(api, lead.secret, 'meadows', trusted, 'full', {});
    t.match(await sign('late@example.org', trusted.secret), {
      status: 403,
      body: { code: 'vouching_not_agreed' },
    });
    t.same(
      await vouchingOf(trusted.id),
      { limit: null, counted: 8, held: 8 },
      'what it did is not forgotten',
    );
  });
});
