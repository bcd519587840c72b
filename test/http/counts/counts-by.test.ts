import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { mendCells } from '../../../src/core/counts/mending-cells.js';
import { publishCells, sweepCells } from '../../../src/core/counts/published-cells.js';
import { recount } from '../../../src/core/counts/recount.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { makePartner, onEveryEngine, publish, start, type Engine } from '../../support/helper.js';

type Said = { country?: string; region?: string; source?: string };

const FORM = { country: 'optional', postal_address: 'optional' };
const MINUTE = '2026-11-28T12:00';

async function campaign(t: Test, engine: Engine) {
  const api = await start(t, engine);
  api.setClock(new Date(`${MINUTE}:30.000Z`));
  const lead = await api.organization('Meadow Friends');
  const petition = async (slug: string) =>
    (await publish(api, lead.secret, { slug, confirmation: 'none', form: FORM })).id as string;
  let people = 0;
  const sign = async (slug: string, times: number, { country, region, source }: Said = {}) => {
    for (let i = 0; i < times; i += 1) {
      people += 1;
      const address = region === undefined ? {} : { postal_address: { lines: ['Road 1'], region } };
      const body = { email: `ada${people}@meadows.example`, name: 'Ada', country, source, ...address };
      const path = `/v1/petitions/${slug}/signatures`;
      const { status, text } = await api.call('POST', path, { key: lead.secret, body });
      if (status !== 201) throw new Error(text);
    }
  };
  const by = (slug: string, dimension: string, key?: string, headers = {}) =>
    api.call('GET', `/v1/petitions/${slug}/counts/by/${dimension}`, { key, headers });
  const tell = () => publishCells(api.app.ctx);
  return { api, lead, petition, sign, by, tell };
}

const cell = (confirmed: number, said: Said = {}) => ({
  country: said.country ?? null,
  region: said.region ?? null,
  source: said.source ?? null,
  confirmed,
});

onEveryEngine('counts by country, region and source', async (t, engine) => {
  const { api, lead, petition, sign, by, tell } = await campaign(t, engine);
  const { store } = api;

  await t.test('200: the lead reads all, at once', async (t) => {
    await petition('meadows');
    t.match((await by('meadows', 'country', lead.secret)).body, {
      exact: true,
      as_of: null,
      total: 0,
      data: [],
    });
    await sign('meadows', 8, { country: 'NL', region: 'Utrecht', source: 'mail' });
    await sign('meadows', 6, { country: 'BE', source: 'a b' });
    await sign('meadows', 1, { country: 'BE', region: 'Liège' });
    await sign('meadows', 5);
    const { status, body, headers } = await by('meadows', 'country', lead.secret);
    t.equal(status, 200);
    t.same(body, {
      by: 'country',
      exact: true,
      as_of: null,
      total: 20,
      data: [cell(8, { country: 'NL' }), cell(7, { country: 'BE' })],
      unknown: 5,
      other: 0,
    });
    t.equal(headers['cache-control'], 'private, no-store');
    t.same((await by('meadows', 'region', lead.secret)).body.data, [
      cell(8, { country: 'NL', region: 'Utrecht' }),
      cell(6, { country: 'BE' }),
      cell(1, { country: 'BE', region: 'Liège' }),
    ]);
    t.match((await by('meadows', 'source', lead.secret)).body, {
      data: [cell(8, { source: 'mail' }), cell(6, { source: 'a b' })],
      unknown: 6,
      other: 0,
    });
  });

  await t.test('200: everyone reads what tells nothing of a few', async (t) => {
    const nothing = { exact: false, as_of: null, total: 0, data: [], unknown: 0, other: 0 };
    t.same((await by('meadows', 'country')).body, { by: 'country', ...nothing }, 'nothing was told yet');
    await tell();
    const { body, headers } = await by('meadows', 'country');
    t.same(body, {
      by: 'country',
      exact: false,
      as_of: `${MINUTE}:00.000Z`,
      total: 20,
      data: [cell(8, { country: 'NL' }), cell(7, { country: 'BE' })],
      unknown: 5,
      other: 0,
    });
    t.match(headers['cache-control'], /^public, /);
    const regions = (await by('meadows', 'region')).body;
    t.same(regions.data, [cell(8, { country: 'NL', region: 'Utrecht' })]);
    t.match(regions, { unknown: 5, other: 7 }, 'one of the two places in Belgium has one signer');
    t.equal(JSON.stringify(regions).includes('Liège'), false);
  });

  await t.test('200: changes of fewer than five are not told, and none between two minutes', async (t) => {
    const before = (await by('meadows', 'country')).body;
    await sign('meadows', 4, { country: 'NL' });
    await tell();
    t.same((await by('meadows', 'country')).body, before);
    await sign('meadows', 1, { country: 'NL' });
    t.same((await by('meadows', 'country')).body, before, 'not before the job has told it');
    t.equal((await by('meadows', 'country', lead.secret)).body.total, 25, 'but the lead knows');
    api.setClock(new Date('2026-11-28T12:01:10.000Z'));
    await tell();
    t.match((await by('meadows', 'country')).body, {
      as_of: '2026-11-28T12:01:00.000Z',
      total: 25,
      data: [cell(13, { country: 'NL' }), cell(7, { country: 'BE' })],
      other: 0,
    });
  });

  await t.test('a petition is looked at once, also where nothing new may be told', async (t) => {
    const { publishedCells: p } = api.store.tables;
    const told = async () => (await api.store.read.db.select().from(p))[0];
    const before = await told();
    await api.store.transact(({ db }) => db.update(p).set({ total: 15 }));
    await tell();
    t.equal((await told())?.total, 15, 'not twice in a minute');
    api.setClock(new Date('2026-11-28T12:02:10.000Z'));
    await tell();
    t.match(await told(), { total: 25, cells: before?.cells });
  });

  await t.test('304', async (t) => {
    const { headers } = await by('meadows', 'country');
    const etag = headers['etag'] ?? '';
    t.equal((await by('meadows', 'country', undefined, { 'if-none-match': etag })).status, 304);
    t.equal((await by('meadows', 'source', undefined, { 'if-none-match': etag })).status, 200);
    const own = await by('meadows', 'country', lead.secret);
    const known = { 'if-none-match': own.headers['etag'] ?? '' };
    t.equal((await by('meadows', 'country', lead.secret, known)).status, 304);
  });

  await t.test('308', async (t) => {
    const id = await petition('old-name');
    const { headers } = await api.call('GET', `/v1/petitions/${id}`, { key: lead.secret });
    const change = {
      key: lead.secret,
      headers: { 'if-match': headers['etag'] ?? '' },
      body: { slug: 'new-name' },
    };
    t.equal((await api.call('PATCH', `/v1/petitions/${id}`, change)).status, 200);
    t.match(await by('old-name', 'country'), {
      status: 308,
      headers: { location: /\/v1\/petitions\/new-name\/counts\/by\/country$/ },
    });
  });

  await t.test('404 petition_not_found, also for drafts of others', async (t) => {
    t.match(await by('no-such', 'country'), { status: 404, body: { code: 'petition_not_found' } });
    const draft = { title: 'A draft', statement: 'Not yet.', slug: 'draft' };
    t.equal((await api.call('POST', '/v1/petitions', { key: lead.secret, body: draft })).status, 201);
    t.match(await by('draft', 'country'), { status: 404 });
    t.match(await by('draft', 'country', lead.secret), { status: 200, body: { total: 0 } });
  });

  await t.test('a dimension that does not exist', async (t) => {
    t.match(await by('meadows', 'name'), { status: 400 });
  });

  await t.test('410 petition_taken_down', async (t) => {
    const id = await petition('gone');
    await sign('gone', 6, { country: 'NL' });
    await tell();
    const body = { to: 'taken_down', reason: 'legal' };
    await api.call('POST', `/v1/petitions/${id}/transitions`, { key: lead.secret, body });
    t.match(await by('gone', 'country'), { status: 410, body: { code: 'petition_taken_down' } });
  });

  await t.test('partners, and a lead from whom they hide signatures, read what everyone does', async (t) => {
    const partner = await api.organization('River Watch');
    const id = await petition('rivers');
    await sign('rivers', 3, { country: 'NL' });
    await makePartner(api, lead.secret, id, partner);
    t.match((await by('rivers', 'country', partner.secret)).body, { exact: false, total: 0, data: [] });
    t.match((await by('rivers', 'country', lead.secret)).body, { exact: true, total: 3 });
    const other = await api.organization('Bird Count');
    await makePartner(api, lead.secret, id, other, 'names');
    for (const key of [lead.secret, other.secret, partner.secret]) {
      t.match((await by('rivers', 'country', key)).body, { exact: false, total: 0, data: [] });
    }
  });

  await t.test('who is erased counts among those that say nothing, and leaves no empty cell', async (t) => {
    await petition('erased');
    await sign('erased', 1, { country: 'IS', region: 'A small place', source: 'mail' });
    const { signatures: s, petitionCells: c } = store.tables;
    const [row] = await store.read.db.select().from(s).where(eq(s.country, 'IS'));
    await eraseSupporter(api.app.ctx, row!.supporterKey!);
    t.match((await by('erased', 'country', lead.secret)).body, { total: 1, data: [], unknown: 1 });
    t.same((await by('erased', 'source', lead.secret)).body.data, [cell(1, { source: 'mail' })]);
    await sweepCells(store);
    const left = await store.read.db.select().from(c).where(eq(c.petitionKey, row!.petitionKey));
    t.same(
      left.map(({ country, region, confirmed }) => [country, region, confirmed]),
      [['', '', 1]],
    );
  });

  await t.test('recount proves and mends them', async (t) => {
    t.same(await recount(store.read), []);
    const { petitionCells: c } = store.tables;
    const wrong = { source: 'elsewhere' };
    await store.transact(({ db }) =>
      db
        .update(c)
        .set(wrong)
        .where(eq(c.country, 'NL'))
        .then(() => undefined),
    );
    t.match(await recount(store.read), [
      { what: 'cells', counter: 12, rows: 25 },
      { what: 'cells' },
      { what: 'cells' },
    ]);
    await mendCells(
      store,
      (await recount(store.read)).map(({ petitionId }) => petitionId),
    );
    t.same(await recount(store.read), []);
    t.match((await by('meadows', 'source', lead.secret)).body.data, [cell(8, { source: 'mail' }), {}]);
  });
});
