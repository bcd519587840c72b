import { eq } from 'drizzle-orm';
import { onEveryEngine } from '../../support/helper.js';
import { startSharing } from '../../support/sharing.js';

onEveryEngine('getShareStatistics', async (t, engine) => {
  const { api, lead, partner, makeLink, sign, figures } = await startSharing(t, engine);
  const noon = new Date('2026-11-23T12:10:00Z');
  api.setClock(noon);
  t.teardown(() => api.setClock(undefined));
  const plain = await makeLink({});
  const theirs = await makeLink({}, 'meadows', partner.secret);
  const chat = await makeLink({ network: 'whatsapp' });
  await figures(plain, { requests: 5, clicks: 3 }, noon);
  await figures(theirs, { requests: 2, clicks: 2 }, new Date('2026-11-22T23:59:59Z'));
  await sign('bo@example.org', { share_code: theirs, vouched: true }, 'meadows', lead.secret);
  await makeLink({}, 'quick');
  const ask = (query = '', key: string | undefined = lead.secret, headers = {}) =>
    api.call('GET', `/v1/petitions/meadows/share-statistics${query}`, { key, headers });
  const TOTALS = { links: 3, requests: 7, clicks: 5, conversions: 1 };

  await t.test('200, 304: by network', async (t) => {
    const answer = await ask();
    t.match(answer, { status: 200, body: { group: 'network', before: '2026-11-23T13:00:00.000Z' } });
    t.same(answer.body.totals, TOTALS);
    const none = { variant_id: null, text: null, organization_id: null, from: null };
    t.same(answer.body.data, [
      { network: 'whatsapp', ...none, links: 1, requests: 0, clicks: 0, conversions: 0 },
      { network: 'x', ...none, links: 2, requests: 7, clicks: 5, conversions: 1 },
    ]);
    t.equal((await ask('', lead.secret, { 'if-none-match': answer.headers['etag'] })).status, 304);
  });

  await t.test('200: by wording, organization, hour and day', async (t) => {
    t.match((await ask('?group=variant')).body.data, [
      { network: 'whatsapp', variant_id: /^var_/, text: null, links: 1 },
      { network: 'x', variant_id: /^var_/, text: 'One', links: 1, clicks: 3, conversions: 0 },
      { network: 'x', variant_id: /^var_/, text: 'Two', links: 1, clicks: 2, conversions: 1 },
    ]);
    t.match((await ask('?group=organization')).body.data, [
      { organization_id: null, links: 2, clicks: 3, conversions: 0 },
      { organization_id: partner.id, links: 1, clicks: 2, conversions: 1 },
    ]);
    t.match((await ask('?group=hour')).body.data, [
      { from: '2026-11-22T23:00:00.000Z', links: 0, clicks: 2, conversions: 0 },
      { from: '2026-11-23T12:00:00.000Z', links: 3, clicks: 3, conversions: 1 },
    ]);
    t.match((await ask('?group=day')).body.data, [
      { from: '2026-11-22T00:00:00.000Z', clicks: 2 },
      { from: '2026-11-23T00:00:00.000Z', clicks: 3 },
    ]);
  });

  await t.test('200: of a time, a network, an organization', async (t) => {
    const today = (await ask('?from=2026-11-23T00:30:00Z&before=2026-11-23T12:01:00Z')).body;
    t.match(today, { from: '2026-11-23T00:00:00.000Z', before: '2026-11-23T13:00:00.000Z' });
    t.match(today.totals, { links: 3, clicks: 3 });
    t.match((await ask('?before=2026-11-23T12:00:00Z')).body.totals, { links: 0, clicks: 2 });
    const chats = (await ask('?network=whatsapp&group=hour')).body;
    t.match(chats.totals, { links: 1, clicks: 0 });
    t.equal(chats.data.length, 1);
    t.match((await ask(`?organization=${partner.id}`)).body.totals, { links: 1, clicks: 2, conversions: 1 });
    t.match((await ask(`?organization=${lead.id}`)).body, { totals: { links: 0, clicks: 0 }, data: [] });
  });

  await t.test('200: the first and the last hour that a time can name', async (t) => {
    const last = await ask('?before=9999-12-31T23:59:59.999Z&from=9990-01-01T00:00:00Z');
    t.match(last, { status: 200, body: { before: '9999-12-31T23:00:00.000Z', totals: { links: 0 } } });
    const first = await ask('?before=0001-01-01T00:30:00Z');
    t.match(first, { status: 200, body: { from: '0001-01-01T00:00:00.000Z', totals: { links: 0 } } });
  });

  await t.test('200: a partner sees everybody’s sums', async (t) => {
    t.same((await ask('', partner.secret)).body, (await ask()).body);
    t.notMatch(
      (await ask('?group=variant', partner.secret)).text,
      new RegExp(`${chat}|${plain}|sig_|sup_|bo@`),
    );
  });

  await t.test('400, 401, 403, 404', async (t) => {
    for (const query of [
      '?group=person',
      '?from=2026-11-24T00:00:00Z',
      '?group=hour&from=2020-01-01T00:00:00Z',
    ]) {
      t.match(await ask(query), { status: 400, body: { code: 'invalid_query' } }, query);
    }
    t.equal((await api.call('GET', '/v1/petitions/meadows/share-statistics')).status, 401);
    const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await ask('', weak), { status: 403, body: { code: 'scope_required' } });
    const stranger = await api.organization('Strangers');
    t.match(await ask('', stranger.secret), { status: 404, body: { code: 'petition_not_found' } });
  });
});

onEveryEngine('listShareLinks', async (t, engine) => {
  const { api, lead, partner, petition, makeLink, sign } = await startSharing(t, engine);
  const stranger = await api.organization('Strangers');
  const codes: Record<string, string> = {};
  const { receipt } = (await sign('ada@example.org')).body;
  for (const [name, body, key] of [
    ['plain', { network: 'x', source: 'top' }, undefined],
    ['lead', { network: 'whatsapp', receipt }, lead.secret],
    ['partner', { network: 'x' }, partner.secret],
  ] as const) {
    codes[name] = await makeLink(body, 'meadows', key);
  }
  const list = (query: string, key: string | undefined = lead.secret, headers = {}) =>
    api.call('GET', `/v1/share-links?petition=${query}`, { key, headers });
  const namesOf = ({ body }: { body: any }) =>
    body.data.map(({ code }: any) => Object.keys(codes).find((name) => codes[name] === code));

  await t.test('200, 304: all for the lead, latest first, in pages; nobody’s name', async (t) => {
    const all = await list('meadows');
    t.same(namesOf(all), ['partner', 'lead', 'plain']);
    t.match(all.body.data, [
      { organization_id: partner.id, network: 'x', variant_id: /^var_/, requests: 0, clicks: 0 },
      { organization_id: lead.id, credited: true, network: 'whatsapp', text: null },
      { organization_id: null, credited: false, source: 'top' },
    ]);
    t.notMatch(all.text, /sig_|sup_|ada/);
    const first = await list('meadows&limit=2');
    t.match(first.body, { has_more: true });
    t.same(namesOf(await list(`${petition.id}&cursor=${first.body.next_cursor}`)), ['plain']);
    t.equal((await list('meadows', lead.secret, { 'if-none-match': all.headers['etag'] })).status, 304);
  });

  await t.test('200: by network and organization', async (t) => {
    t.same(namesOf(await list('meadows&network=x')), ['partner', 'plain']);
    t.same(namesOf(await list(`meadows&organization=${partner.id}`)), ['partner']);
    t.same(namesOf(await list(`meadows&network=sms&organization=${partner.id}`)), []);
  });

  await t.test('200: a partner sees its own, whatever it asks for', async (t) => {
    t.same(namesOf(await list('meadows', partner.secret)), ['partner']);
    t.same(namesOf(await list(`meadows&organization=${lead.id}`, partner.secret)), []);
  });

  await t.test('400, 401, 403, 404', async (t) => {
    t.match(await list('meadows&cursor=zz'), { status: 400, body: { code: 'invalid_cursor' } });
    const { next_cursor } = (await list('meadows&limit=1')).body;
    t.match(await list(`meadows&network=x&cursor=${next_cursor}`), { status: 400 });
    t.match(await list('meadows&network=myspace'), { status: 400, body: { code: 'invalid_query' } });
    t.match(await api.call('GET', '/v1/share-links?petition=meadows'), { status: 401 });
    t.match(await list('meadows', await api.newKey(partner.key, 'publishable')), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await list('meadows', weak), { status: 403, body: { code: 'scope_required' } });
    for (const [ref, key] of [
      ['meadows', stranger.secret],
      ['no-such', lead.secret],
    ] as const) {
      t.match(await list(ref, key), { status: 404, body: { code: 'petition_not_found' } });
    }
    const { partnerships } = api.store.tables;
    await api.store.transact((tx) =>
      tx.db
        .update(partnerships)
        .set({ status: 'ended' })
        .where(eq(partnerships.organizationKey, partner.key)),
    );
    t.match(await list('meadows', partner.secret), { status: 404 }, 'no partner any more');
  });
});
