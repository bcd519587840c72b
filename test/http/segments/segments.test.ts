import { and, eq, inArray } from 'drizzle-orm';
import type { Test } from 'tap';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { makePartner, onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';

type Made = Awaited<ReturnType<TestApp['organization']>>;

/** Subscribers whose consent was given elsewhere. */
async function subscribers(api: TestApp, key: string, rows: Record<string, unknown>[]): Promise<void> {
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
  const imported = await api.call('POST', '/v1/subscriptions/import', { key, body });
  if (imported.status !== 200) throw new Error(imported.text);
}

const save = (api: TestApp, key: string | undefined, body: unknown, headers = {}) =>
  api.call('POST', '/v1/segments', { key, body, headers });
const count = (api: TestApp, key: string | undefined, body: unknown) =>
  api.call('POST', '/v1/segments/count', { key, body });
const people = (...names: string[]) => names.map((name) => ({ email: `${name}@example.org` }));

onEveryEngine('segments', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const stranger = await api.organization('Strangers');
  const petition = await publish(api, lead.secret, { slug: 'meadows' });
  const weak = await api.newKey(lead.key, 'secret', ['subscriptions:read']);
  const signers = { all: [{ signed: { petition: 'meadows' } }, { not: { mailed: { within_days: 7 } } }] };
  let id = '';
  let etag = '';

  await t.test('createSegment 201: a petition by its slug is kept by its id; once per key', async (t) => {
    const headers = { 'idempotency-key': 'segment-1' };
    const made = await save(api, lead.secret, { name: 'Signers', clause: signers }, headers);
    t.match(made, {
      status: 201,
      headers: { 'cache-control': 'private, no-store', etag: /^"v1\./ },
      body: { id: /^seg_/, name: 'Signers' },
    });
    t.same(made.body.clause, {
      all: [{ signed: { petition: petition.id } }, { not: { mailed: { within_days: 7 } } }],
    });
    const again = await save(api, lead.secret, { name: 'Signers', clause: signers }, headers);
    t.same(again.body, made.body);
    t.equal(
      (await save(api, lead.secret, { name: 'By country', clause: { country: ['nl', 'uk'] } })).body.clause
        .country[1],
      'GB',
    );
    ({ id } = made.body);
    etag = String(made.headers['etag']);
  });

  await t.test('createSegment 400, 401, 403, 413, 415', async (t) => {
    t.match(await save(api, lead.secret, '{'), { status: 400, body: { code: 'invalid_json' } });
    for (const n of [60, 5000]) {
      const deep = `{"name":"x","clause":${'{"not":'.repeat(n)}{"country":["NL"]}${'}'.repeat(n)}}`;
      const { status, body } = await save(api, lead.secret, deep);
      t.match(
        { status, code: body.code },
        n === 60 ? { status: 422 } : { status: 400, code: 'invalid_json' },
      );
    }
    t.match(await save(api, undefined, { name: 'x', clause: signers }), { status: 401 });
    t.match(await save(api, weak, { name: 'x', clause: signers }), {
      status: 403,
      body: { code: 'scope_required' },
    });
    t.match(await save(api, lead.secret, { name: 'x'.repeat(70_000), clause: signers }), { status: 413 });
    const typed = { 'content-type': 'text/plain' };
    t.match(await save(api, lead.secret, { name: 'x', clause: signers }, typed), { status: 415 });
  });

  await t.test('createSegment 422: what is wrong, and where', async (t) => {
    const draft = await api.call('POST', '/v1/petitions', {
      key: stranger.secret,
      body: { title: 'D', statement: 'D', slug: 'their-draft' },
    });
    await publish(api, stranger.secret, { slug: 'their-own' });
    const { body: mailing } = await api.call('POST', '/v1/mailings', {
      key: stranger.secret,
      body: { name: 'Theirs' },
    });
    const nested = (n: number): object => (n === 1 ? { country: ['NL'] } : { not: nested(n - 1) });
    const wrong: [clause: unknown, pointer: string, code: string][] = [
      [{}, '/clause', 'min_properties'],
      [{ country: ['NL'], locale: ['nl'] }, '/clause', 'max_properties'],
      [{ all: [{ likes: ['rivers'] }] }, '/clause/all/0/likes', 'additional_properties'],
      [
        { all: [{ signed: { petition: 'meadows', when: 'x' } }] },
        '/clause/all/0/signed/when',
        'additional_properties',
      ],
      [{ any: [] }, '/clause/any', 'min_items'],
      [{ country: ['Atlantis'] }, '/clause/country/0', 'format'],
      [{ country: Array.from({ length: 101 }, () => 'NL') }, '/clause/country', 'max_items'],
      [{ sample: { percent: 0 } }, '/clause/sample/percent', 'minimum'],
      [{ sample: { percent: 101 } }, '/clause/sample/percent', 'maximum'],
      [{ frequency: ['daily'] }, '/clause/frequency/0', 'enum'],
      [{ mailed: {} }, '/clause/mailed', 'min_properties'],
      [{ mailed: { within_days: 7, mailing: mailing.id } }, '/clause/mailed', 'max_properties'],
      [{ subscribed: {} }, '/clause/subscribed', 'min_properties'],
      [
        { subscribed: { since: '2026-02-02T00:00:00Z', until: '2026-02-01T00:00:00Z' } },
        '/clause/subscribed/until',
        'empty_span',
      ],
      [nested(6), '/clause/not/not/not/not/not', 'too_deep'],
      [
        {
          all: Array.from({ length: 10 }, () => ({
            any: Array.from({ length: 5 }, () => ({ country: ['NL'] })),
          })),
        },
        '/clause',
        'too_many',
      ],
      [{ mailed: { mailing: mailing.id } }, '/clause/mailed/mailing', 'unknown'],
      [{ not: { came_by: { mailing: mailing.id } } }, '/clause/not/came_by/mailing', 'unknown'],
      ...['their-draft', 'their-own', draft.body.id, 'no-such'].map((ref): [unknown, string, string] => [
        { signed: { petition: ref } },
        '/clause/signed/petition',
        'unknown',
      ]),
    ];
    for (const [clause, pointer, code] of wrong) {
      const { status, body } = await save(api, lead.secret, { name: 'x', clause });
      t.match(
        { status, code: body.code, errors: body.errors },
        { status: 422, code: 'invalid_body', errors: [{ pointer, code }] },
        pointer,
      );
      t.match(
        (await count(api, lead.secret, { clause })).body.errors,
        [{ pointer, code }],
        'countSegment says the same',
      );
    }
    const texts = new Set(
      await Promise.all(
        ['their-draft', 'their-own', 'no-such'].map(async (ref) =>
          JSON.stringify(
            (await save(api, lead.secret, { name: 'x', clause: { signed: { petition: ref } } })).body.errors,
          ),
        ),
      ),
    );
    t.equal(texts.size, 1, 'whether a petition of others exists is not told');
    const reused = { 'idempotency-key': 'segment-1' };
    t.match(await save(api, lead.secret, { name: 'Other', clause: signers }, reused), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('getSegment, listSegments 200, 304, 400, 401, 403, 404: your own alone', async (t) => {
    const read = (key: string | undefined, headers = {}) =>
      api.call('GET', `/v1/segments/${id}`, { key, headers });
    t.match(await read(lead.secret), { status: 200, headers: { etag }, body: { id } });
    t.match(await read(lead.secret, { 'if-none-match': etag }), { status: 304 });
    t.match(await read(stranger.secret), { status: 404, body: { code: 'segment_not_found' } });
    t.match(await read(undefined), { status: 401 });
    t.match(await read(weak), { status: 403 });
    const list = (query = '', key: string | undefined = lead.secret, headers = {}) =>
      api.call('GET', `/v1/segments${query}`, { key, headers });
    const first = await list('?limit=1');
    t.match(first, { status: 200, body: { has_more: true, data: [{ name: 'By country' }] } });
    t.match(await list(`?limit=1&cursor=${first.body.next_cursor}`), {
      body: { has_more: false, data: [{ id }] },
    });
    t.match(await list('?limit=1', lead.secret, { 'if-none-match': first.headers['etag'] }), { status: 304 });
    t.same((await list('', stranger.secret)).body.data, []);
    t.match(await list('?cursor=zz'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await api.call('GET', '/v1/segments'), { status: 401 });
    t.match(await list('', weak), { status: 403 });
  });

  await t.test('updateSegment 200, 401, 403, 404, 412, 422, 428: the clause as a whole', async (t) => {
    const patch = (
      body: unknown,
      headers: Record<string, string> = { 'if-match': etag },
      key: string | undefined = lead.secret,
    ) => api.call('PATCH', `/v1/segments/${id}`, { key, body, headers });
    t.match(await patch({ name: 'x' }, {}), { status: 428 });
    t.match(await patch({ name: 'x' }, { 'if-match': '"v9.x"' }), { status: 412 });
    t.match(await patch({}), { status: 422 });
    t.match(await patch({ clause: { signed: { petition: 'their-own' } } }), { status: 422 });
    t.match(await patch({ clause: null }), { status: 422 });
    t.match(await patch({ name: 'x' }, { 'if-match': etag }, stranger.secret), { status: 404 });
    t.match(await patch({ name: 'x' }, { 'if-match': etag }, weak), { status: 403 });
    t.match(
      await api.call('PATCH', `/v1/segments/${id}`, { body: { name: 'x' }, headers: { 'if-match': etag } }),
      { status: 401 },
    );
    const changed = await patch({ clause: { any: [{ locale: ['nl'] }] } });
    t.match(changed, { status: 200, headers: { etag: /^"v2\./ }, body: { name: 'Signers' } });
    t.same(changed.body.clause, { any: [{ locale: ['nl'] }] });
    t.match(await patch({ name: 'Late' }), { status: 412 }, 'the ETag from before');
  });

  await t.test('countSegment 200 of a saved one, 400, 401, 403, 404, 422', async (t) => {
    t.match(await count(api, lead.secret, { segment: id }), {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
      body: { total: 0, left_out: 0, subscribers: 0, clauses: [{ pointer: '' }, { pointer: '/any/0' }] },
    });
    t.match(await count(api, lead.secret, '{'), { status: 400 });
    t.match(await count(api, undefined, { segment: id }), { status: 401 });
    t.match(await count(api, weak, { segment: id }), { status: 403 });
    t.match(await count(api, stranger.secret, { segment: id }), {
      status: 404,
      body: { code: 'segment_not_found' },
    });
    t.match(await count(api, lead.secret, { segment: id, clause: null }), { status: 422 });
    t.match(await count(api, lead.secret, {}), { status: 422 });
  });

  await t.test('deleteSegment 204, 401, 403, 404', async (t) => {
    const remove = (key: string | undefined) => api.call('DELETE', `/v1/segments/${id}`, { key });
    t.match(await remove(undefined), { status: 401 });
    t.match(await remove(weak), { status: 403 });
    t.match(await remove(stranger.secret), { status: 404 });
    t.match(await remove(lead.secret), { status: 204, text: '' });
    t.match(await remove(lead.secret), { status: 404, body: { code: 'segment_not_found' } });
  });
});

onEveryEngine('countSegment', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  await subscribers(api, lead.secret, [
    { email: 'ada@example.org', locale: 'pt-BR', source: 'fair' },
    { email: 'bo@example.org', locale: 'pt' },
    { email: 'cy@example.org', locale: 'en', source: "o'hara; drop table segments --" },
    ...people('di', 'ed'),
  ]);

  await t.test('200: each clause by itself, and who must not be mailed is left out', async (t) => {
    await ctx.store.transact((tx) => block(tx, ctx.secrets.subject('bo@example.org'), 'request'));
    const clause = {
      all: [{ locale: ['pt'] }, { not: { any: [{ source: ['fair'] }, { frequency: ['monthly'] }] } }],
    };
    t.same((await count(api, lead.secret, { clause })).body, {
      total: 0,
      left_out: 1,
      subscribers: 5,
      clauses: [
        { pointer: '', people: 1 },
        { pointer: '/all/0', people: 2 },
        { pointer: '/all/1', people: 4 },
        { pointer: '/all/1/not', people: 1 },
        { pointer: '/all/1/not/any/0', people: 1 },
        { pointer: '/all/1/not/any/1', people: 0 },
      ],
    });
    t.same((await count(api, lead.secret, { clause: null })).body, {
      total: 4,
      left_out: 1,
      subscribers: 5,
      clauses: [],
    });
  });

  await t.test('200: values are values, whatever they say', async (t) => {
    const source = async (text: string) =>
      (await count(api, lead.secret, { clause: { source: [text] } })).body.total;
    t.equal(await source("o'hara; drop table segments --"), 1);
    for (const text of ["x' or '1'='1", '%', '_air', 'fair%', "fair' --", '$1', '?']) {
      t.equal(await source(text), 0, text);
    }
    t.equal((await count(api, lead.secret, { clause: { region: ["' or 1=1 --"] } })).body.total, 0);
    t.equal(
      (await count(api, lead.secret, { clause: { sample: { percent: 100, seed: "'; --" } } })).body.total,
      4,
    );
  });

  await t.test('200: a sample is the same people for a seed, and about its share', async (t) => {
    const org = await api.organization('Many');
    await subscribers(
      api,
      org.secret,
      Array.from({ length: 1000 }, (_, i) => ({ email: `p${i}@example.org` })),
    );
    const share = async (clause: unknown) => (await count(api, org.secret, { clause })).body.total as number;
    const a = { sample: { percent: 30, seed: 'a' } };
    const b = { sample: { percent: 30, seed: 'b' } };
    const n = await share(a);
    t.ok(n > 220 && n < 380, `${n} of 1000 for 30 %`);
    t.equal(await share({ all: [a, a] }), n);
    t.equal(
      await share({ all: [a, { sample: { percent: 60, seed: 'a' } }] }),
      n,
      'a larger sample has the smaller one in it',
    );
    const both = await share({ all: [a, b] });
    t.ok(both > 45 && both < 145, `${both} are in two independent samples`);
    t.equal(await share({ sample: { percent: 100 } }), 1000);
    t.ok((await share({ sample: { percent: 0.1 } })) < 12);
  });

  await t.test('200: people of a test are apart', async (t) => {
    await api.call('PATCH', '/v1/organization', {
      key: lead.secret,
      headers: { 'if-match': '*' },
      body: { test_email: 'tests@example.org' },
    });
    const test = await api.call('POST', '/v1/api-keys', {
      key: lead.secret,
      body: {
        name: 'T',
        kind: 'secret',
        test: true,
        scopes: ['mailings:write', 'petitions:write', 'subscriptions:write', 'organization:write'],
      },
    });
    t.equal(test.status, 201, test.text);
    t.match((await count(api, test.body.token, { clause: null })).body, { subscribers: 0, total: 0 });
    t.match(await count(api, test.body.token, { clause: { signed: { petition: 'meadows' } } }), {
      status: 422,
    });
  });
});

onEveryEngine('segments tell no organization of the people of another', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  await publish(api, lead.secret, { slug: 'meadows', form: { country: 'optional' } });
  await makePartner(api, lead.secret, 'meadows', partner, 'counts');

  const sign = async (t: Test, by: Made, name: string, country: string) => {
    const key = await api.newKey(by.key, 'publishable');
    const body = { email: `${name}@example.org`, name, country };
    t.equal((await api.call('POST', '/v1/petitions/meadows/signatures', { key, body })).status, 202);
    for (const letter of await collectMail(api)) {
      await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    }
  };
  await sign(t, lead, 'leads', 'NL');
  await sign(t, partner, 'anglers', 'BE');
  // Both organizations have all of these addresses on their lists, as whoever wants to know can bring about.
  for (const { secret } of [lead, partner]) {
    await subscribers(api, secret, people('leads', 'anglers', 'none'));
  }

  const figures = async (org: Made, clause: unknown) =>
    (await count(api, org.secret, { clause })).body.total as number;
  const signed = { signed: { petition: 'meadows' } };

  await t.test('the lead, whose terms show numbers alone, finds its own signers', async (t) => {
    t.equal(await figures(lead, signed), 1);
    t.equal(await figures(lead, { not: signed }), 2);
    t.equal(await figures(lead, { country: ['NL'] }), 1);
    t.equal(await figures(lead, { country: ['BE'] }), 0, 'the country of the partner’s signer');
    t.equal(await figures(lead, { all: [signed, { country: ['BE'] }] }), 0);
  });

  await t.test('no two counts differ by somebody who signed with the other', async (t) => {
    const { subscriptions: s, supporters } = api.store.tables;
    const setStatus = (org: Made, name: string, status: 'active' | 'unsubscribed') =>
      api.store.transact(async ({ db }) => {
        const them = db
          .select({ key: supporters.key })
          .from(supporters)
          .where(eq(supporters.identity, `${name}@example.org`));
        await db
          .update(s)
          .set({ status })
          .where(and(eq(s.organizationKey, org.key), inArray(s.supporterKey, them)));
      });
    const clauses = [
      signed,
      { not: signed },
      { signed: { petition: 'meadows', since: '2020-01-01T00:00:00Z' } },
      { country: ['NL', 'BE'] },
      { not: { country: ['NL', 'BE'] } },
      { region: ['x'] },
    ];
    /** By how many the count changes when this subscriber leaves. */
    const weight = async (org: Made, name: string, clause: unknown) => {
      const before = await figures(org, clause);
      await setStatus(org, name, 'unsubscribed');
      const after = await figures(org, clause);
      await setStatus(org, name, 'active');
      return before - after;
    };
    for (const clause of clauses) {
      for (const [org, other] of [
        [lead, 'anglers'],
        [partner, 'leads'],
      ] as const) {
        const [theirs, nobodys] = [await weight(org, other, clause), await weight(org, 'none', clause)];
        t.equal(theirs, nobodys, `${JSON.stringify(clause)}: as one who has signed nothing`);
      }
    }
    t.equal(await weight(lead, 'leads', signed), 1, 'one’s own signer weighs');
  });

  await t.test('the partner finds those whom it has collected, and no longer once it has left', async (t) => {
    t.equal(await figures(partner, signed), 1);
    t.equal(await figures(partner, { country: ['NL'] }), 0);
    t.equal(await figures(partner, { country: ['BE'] }), 1);
    const { body } = await save(api, partner.secret, { name: 'Signers', clause: signed });
    const list = await api.call('GET', '/v1/partnerships', { key: partner.secret });
    const end = await api.call('POST', `/v1/partnerships/${list.body.data[0].id}/end`, {
      key: partner.secret,
      body: { reason: 'Done.' },
    });
    t.equal(end.status, 200, end.text);
    t.match((await count(api, partner.secret, { segment: body.id })).body, {
      total: 0,
      clauses: [{ people: 0 }],
    });
    t.equal(await figures(partner, { country: ['BE'] }), 0);
    t.match(await count(api, partner.secret, { clause: signed }), { status: 422 });
    t.equal(await figures(lead, signed), 1, 'the terms hold for what was collected under them');
  });
});
