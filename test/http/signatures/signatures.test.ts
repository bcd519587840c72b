import { eq } from 'drizzle-orm';
import fc from 'fast-check';
import Fastify from 'fastify';
import t from 'tap';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import { authenticate } from '../../../src/core/organization/api-keys.js';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { soleOrganization } from '../../../src/core/my-data/sole-organization.js';
import { listPublicSignatures, listSignatures } from '../../../src/core/signatures/signatures.js';
import { HotAnswers } from '../../../src/http/front/hot-answers.js';
import { Leaving } from '../../../src/http/front/leaving.js';
import { enableSendNow } from '../../../src/http/front/send-now.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import { drizzleOn } from '../../../src/store/sqlite-drizzle.js';
import {
  engines,
  onEveryEngine,
  makePartner,
  publish,
  start,
  type Engine,
  type TestApp,
} from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { until } from '../../support/until.js';

const ADA = { email: 'ada@example.org', name: 'Ada Okonkwo' };

/** As the lead organization sees them, whoever that is: read off the store. */
const counted = async (api: TestApp, ref: string) => {
  const { petitions } = api.store.tables;
  const [row] = (await api.store.read.db.select().from(petitions)).filter(({ slug }) => slug === ref);
  const { confirmed, pending, invalidated } = await readCounts(api.store.read, row?.key ?? 0);
  return { confirmed, pending, invalidated };
};

onEveryEngine('signPetition', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  await publish(api, lead.secret, {
    slug: 'direct',
    confirmation: 'none',
    // A name on the page is not a part in the coalition.
    partners: [{ name: 'Strangers', organization_id: stranger.id }],
    goals: [3, 5],
  });
  await makePartner(api, lead.secret, 'direct', partner);
  const mailed = await publish(api, lead.secret, { slug: 'mailed' });
  const sign = (ref: string, body: unknown, key?: string, headers = {}) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, { key, body, headers });
  const find = async (ref: string, email: string) =>
    (
      await api.call('GET', `/v1/signatures?petition=${ref}&email=${encodeURIComponent(email)}`, {
        key: lead.secret,
      })
    ).body.data[0];

  await t.test('202: a stranger hears the same, new or not, and what to do next', async (t) => {
    const first = await sign('mailed', {
      ...ADA,
      display: 'public',
      source: 'mail-top',
      utm: { source: 'news', campaign: 'm1' },
    });
    const again = await sign('mailed', ADA);
    const other = await sign('mailed', { email: 'bo@example.org', name: 'Bo' });
    for (const answer of [first, again, other]) {
      t.match(answer, {
        status: 202,
        body: { petition_id: mailed.id, confirmation: 'email', next: 'confirm_email', count: 0 },
      });
      t.same(Object.keys(answer.body), Object.keys(first.body));
      t.equal(answer.text.length, first.text.length);
      t.same(Object.keys(answer.headers), Object.keys(first.headers));
      const { receipt, petition_id: petitionId } = answer.body;
      const rest = answer.text.replace(receipt, '').replace(petitionId, '');
      t.notMatch(rest, /ada|sig_|sup_/i, 'nothing about the person');
    }
    t.not(first.body.receipt, again.body.receipt, 'two receipts of one person cannot be linked');
    t.same(
      await counted(api, 'mailed'),
      { confirmed: 0, pending: 2, invalidated: 0 },
      'pending until confirmed',
    );
    t.match(await find('mailed', ADA.email), {
      status: 'pending',
      confirmed_at: null,
      source: 'mail-top',
      utm: { source: 'news', campaign: 'm1' },
      collector_id: null,
    });
  });

  await t.test(
    '202: with confirmation none it counts at once, and the count in the answer is the one before',
    async (t) => {
      t.match(await sign('direct', ADA), {
        status: 202,
        body: { next: 'done', confirmation: 'none', count: 0 },
      });
      t.same(await counted(api, 'direct'), { confirmed: 1, pending: 0, invalidated: 0 });
    },
  );

  await t.test('202: a publishable key attributes the signature to its organization', async (t) => {
    for (const [who, email] of [
      [partner, 'p@example.org'],
      [lead, 'l@example.org'],
    ] as const) {
      const answer = await sign('direct', { email, name: 'P' }, await api.newKey(who.key, 'publishable'), {
        origin: 'https://site.example',
      });
      t.match(answer, { status: 202, headers: { 'access-control-allow-origin': '*' } });
      t.match(await find('direct', email), { collector_id: who.id });
    }
  });

  await t.test('201 and 200: a secret key learns the truth', async (t) => {
    const created = await sign(
      'direct',
      { email: 's@example.org', name: 'S', external_id: 'crm-7' },
      lead.secret,
    );
    t.match(created, { status: 201, body: { created: true, status: 'confirmed', next: 'done', count: 4 } });
    const again = await sign('direct', { email: 'S@EXAMPLE.org', name: 'Other' }, partner.secret);
    t.equal(again.status, 202, 'a partner does not hear whom another collected');
    t.notMatch(again.text, /crm-7|"S"|sig_|created/);
    t.match(
      await find('direct', 's@example.org'),
      { name: 'S', external_id: 'crm-7', collector_id: lead.id },
      'a repeat changes nothing',
    );
    t.match(await sign('mailed', ADA, lead.secret), {
      status: 200,
      body: { created: false, status: 'pending', next: 'confirm_email', confirmed_at: null },
    });
  });

  await t.test(
    '201: what a key vouches for is its organization’s word, and not the supporter’s',
    async (t) => {
      const profile = async (email: string) => {
        const { supporters } = api.store.tables;
        const rows = await api.store.read.db.select().from(supporters);
        return rows.find((row) => row.identity === email);
      };
      await sign('mailed', { email: 'v@example.org', name: 'Imposter', country: 'FR', phone: '+1 555 0100' });
      t.match(await profile('v@example.org'), { name: null, country: null, phone: null, provenAt: null });
      t.match(await sign('mailed', { email: 'v@example.org', name: 'Imposter' }, lead.secret), {
        status: 200,
      });
      t.match(await profile('v@example.org'), { name: null });
      const vouched = await sign(
        'mailed',
        { email: 'v@example.org', name: 'Vera', country: 'NL', vouched: true },
        lead.secret,
      );
      t.match(vouched, { status: 200, body: { created: false, status: 'confirmed' } });
      t.match(await profile('v@example.org'), { name: null, country: null, phone: null, provenAt: null });
      const said = { email: 'v@example.org', name: 'Vera V.', phone: '+1 555 0101', vouched: true };
      await sign('mailed', said, lead.secret);
      const { contacts } = api.store.tables;
      const rows = await api.store.read.db.select().from(contacts);
      const supporterKey = (await profile('v@example.org'))?.key ?? 0;
      t.match(
        rows.filter((row) => row.supporterKey === supporterKey),
        [{ organizationKey: lead.key, name: 'Vera V.', country: 'NL', phone: '+1 555 0101' }],
        'the latest word holds, and what it leaves out stays',
      );
      t.match(await profile('v@example.org'), { name: null, phone: null, provenAt: null });
      t.match(await sign('mailed', { email: 'w@example.org', name: 'W', vouched: true }, lead.secret), {
        status: 201,
        body: { status: 'confirmed' },
      });
      t.same(await counted(api, 'mailed'), { confirmed: 2, pending: 2, invalidated: 0 });
    },
  );

  await t.test(
    '200 and 202: an Idempotency-Key gives the first answer again, and nothing of it is stored in the clear',
    async (t) => {
      const headers = { 'idempotency-key': '7e3a-retry' };
      const body = { email: 'retry@example.org', name: 'R' };
      const first = await sign('direct', body, lead.secret, headers);
      const again = await sign('direct', body, lead.secret, headers);
      t.match([first.status, again.status], [201, 201], 'created, as the first time');
      t.equal(again.body.id, first.body.id);
      t.match(await sign('direct', { ...body, name: 'Q' }, lead.secret, headers), {
        status: 422,
        body: { code: 'idempotency_key_reused' },
      });
      const { idempotencyKeys } = api.store.tables;
      const kept = await api.store.read.db.select().from(idempotencyKeys);
      t.ok(kept.length > 0);
      t.notOk(kept.some((row) => Buffer.concat([row.answer, row.hash, row.requestHash]).includes('sig_')));
    },
  );

  await t.test('400: bad JSON, a bad query, a bad header', async (t) => {
    t.match(await sign('direct', '{"email":'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await sign('direct', ADA, undefined, { 'idempotency-key': '' }), {
      status: 400,
      body: { code: 'invalid_header' },
    });
  });

  await t.test('401 and 403: bad keys, keys of others, what only secret keys may say', async (t) => {
    t.match(await sign('direct', ADA, 'pk_x'), { status: 401, body: { code: 'invalid_key' } });
    const foreign = await api.newKey(stranger.key, 'publishable');
    for (const key of [foreign, stranger.secret]) {
      t.match(await sign('direct', ADA, key), { status: 403, body: { code: 'not_a_partner' } });
    }
    for (const extra of [{ vouched: true }, { external_id: 'x' }]) {
      t.match(await sign('direct', { ...ADA, ...extra }), { status: 403, body: { code: 'scope_required' } });
    }
    const weak = await api.newKey(lead.key, 'secret', ['signatures:write']);
    t.match(await sign('direct', { ...ADA, vouched: true }, weak), { status: 403 });
    t.match(await sign('direct', ADA, lead.secret, { origin: 'https://x.example' }), {
      status: 403,
      body: { code: 'secret_key_in_browser' },
    });
  });

  await t.test('403: a secret key that may only read cannot sign', async (t) => {
    const reader = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await sign('direct', { email: 'reader@example.org', name: 'R' }, reader), {
      status: 403,
      body: { code: 'scope_required' },
    });
  });

  await t.test('404 and 410: no such petition, a draft, one taken down', async (t) => {
    t.match(await sign('no-such', ADA), { status: 404, body: { code: 'petition_not_found' } });
    const { body: draft } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'D', statement: 'D' },
    });
    t.match(await sign(draft.id, ADA), { status: 404 });
    t.match(await sign(draft.id, ADA, lead.secret), {
      status: 409,
      body: { code: 'petition_not_published' },
    });
    await api.call('POST', `/v1/petitions/${draft.id}/transitions`, {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'other' },
    });
    t.match(await sign(draft.id, ADA), {
      status: 410,
      body: { code: 'petition_taken_down', reason: 'other' },
    });
  });

  await t.test(
    '409: not open yet, closed by its schedule, closed by hand, an external id of another',
    async (t) => {
      await publish(api, lead.secret, {
        slug: 'timed',
        opens_at: '2030-01-01T00:00:00Z',
        closes_at: '2030-02-01T00:00:00Z',
      });
      api.setClock(new Date('2029-12-31T23:59:50Z'));
      t.match(await sign('timed', ADA), {
        status: 409,
        headers: { 'retry-after': '10' },
        body: { code: 'petition_not_open', opens_at: '2030-01-01T00:00:00.000Z' },
      });
      api.setClock(new Date('2030-01-01T00:00:00Z'));
      t.match(await sign('timed', ADA), { status: 202 });
      api.setClock(new Date('2030-02-01T00:00:00Z'));
      t.match(await sign('timed', ADA), { status: 409, body: { code: 'petition_closed' } });
      api.setClock(undefined);
      const closed = await publish(api, lead.secret);
      await api.call('POST', `/v1/petitions/${closed.id}/transitions`, {
        key: lead.secret,
        body: { to: 'closed' },
      });
      t.match(await sign(closed.id, ADA), { status: 409, body: { code: 'petition_closed' } });
      t.match(
        await sign('direct', { email: 'e@example.org', name: 'E', external_id: 'crm-7' }, lead.secret),
        { status: 409, body: { code: 'external_id_taken' } },
      );
      t.notOk(await find('direct', 'e@example.org'), 'and nothing of it was stored');
    },
  );

  await t.test('400 and 422: an unknown query, and names that nobody can see', async (t) => {
    const url = '/v1/petitions/direct/signatures?x=1';
    t.match(await api.call('POST', url, { body: ADA }), { status: 400, body: { code: 'invalid_query' } });
    for (const name of [
      '\u200b',
      ' \ufeff',
      '\u00ad',
      '\u3164',
      '\uffa0\u115f\u1160',
      '\u2800',
      '\u0301\u034f',
      '\ufe0f\u{E0100}',
      '\u{E0020}\u{E0041}',
      '\u{1D159}',
      '\u202e\u2066\u200f\u061c',
      '\u180e\ue000',
    ]) {
      const code = escape(name);
      for (const key of [undefined, lead.secret]) {
        t.match(
          await sign('direct', { ...ADA, name }, key),
          {
            status: 422,
            body: { errors: [{ pointer: '/name', code: 'visible', detail: /nothing to see/ }] },
          },
          code,
        );
      }
      const lines = { postal_address: { lines: [name] } };
      t.match(await sign('direct', { ...ADA, ...lines }), { status: 422 }, code);
      t.match(await sign('direct', { ...ADA, comment: name }), { status: 422 }, code);
    }
    t.match(await sign('direct', { email: 'noa@example.org', name: 'נועה בן־דוד' }), { status: 202 });
  });

  await t.test('202: a name keeps its letters, and loses what turns the text around it', async (t) => {
    const turned = {
      email: 'turned@example.org',
      name: '\u202edlrow \u2067نه\u200cخیر\u2069\u200f\u061c',
      comment: 'One\u202e\nTwo\u2066',
      display: 'public',
    };
    t.match(await sign('direct', turned), { status: 202 });
    const { name, comment } = (await find('direct', turned.email)) ?? {};
    t.same([name, comment], ['dlrow نه\u200cخیر', 'One\nTwo']);
    const { tables } = api.store;
    const old = { name: 'Old\u202e Row\u200f' };
    await api.store.transact(({ db }) =>
      db.update(tables.signatures).set(old).where(eq(tables.signatures.name, name)),
    );
    const list = await api.call('GET', '/v1/petitions/direct/signatures');
    t.ok(
      list.body.data.some((one: any) => one.display_name === 'Old Row'),
      'what was stored before is shown so, too',
    );
    t.notMatch(list.text, /\p{Bidi_Control}/u);
  });

  await t.test('202: strangers with one Idempotency-Key neither meet nor hear each other', async (t) => {
    const publishable = await api.newKey(lead.key, 'publishable');
    for (const [who, key] of [
      ['anon', undefined],
      ['page', publishable],
    ] as const) {
      const from = (address: string, email: string) =>
        api.app.inject({
          method: 'POST',
          url: '/v1/petitions/mailed/signatures',
          headers: { 'idempotency-key': '1', ...(key ? { authorization: `Bearer ${key}` } : {}) },
          remoteAddress: address,
          payload: { email, name: 'N' },
        });
      const { idempotencyKeys } = api.store.tables;
      const kept = async () => (await api.store.read.db.select().from(idempotencyKeys)).length;
      const before = await kept();
      const [one, two] = [`${who}-one@example.org`, `${who}-two@example.org`];
      for (const [address, email, more] of [
        ['203.0.113.1', one, 1],
        ['203.0.113.1', two, 2],
        ['203.0.113.1', one, 2],
        ['203.0.113.2', one, 3],
        ['203.0.113.2', two, 4],
      ] as const) {
        const answer = await from(address, email);
        t.equal(answer.statusCode, 202, `${address} ${email}`);
        t.notMatch(answer.body, /idempotency|@/);
        t.equal((await kept()) - before, more, 'a retry alone is not kept anew');
      }
      t.ok(await find('mailed', one));
      t.ok(await find('mailed', two), 'and each had its effect');
    }
    const headers = { 'idempotency-key': '1' };
    const owner = (email: string) => sign('mailed', { email, name: 'N' }, lead.secret, headers);
    t.match(await owner('owner-1@example.org'), { status: 201 });
    t.match(await owner('owner-2@example.org'), { status: 422, body: { code: 'idempotency_key_reused' } });
  });

  await t.test('413, 415: too large, not JSON', async (t) => {
    t.match(await sign('direct', { ...ADA, comment: 'x'.repeat(70_000) }), { status: 413 });
    t.match(
      await sign('direct', 'email=a', undefined, { 'content-type': 'application/x-www-form-urlencoded' }),
      { status: 415 },
    );
  });

  await t.test('422: what the petition’s form asks for, field by field', async (t) => {
    const address = { lines: ['Millgate 4'], city: 'Ewehaven' };
    await publish(api, lead.secret, {
      slug: 'form',
      form: {
        country: 'required',
        postal_code: 'required',
        postal_address: 'required',
        phone: 'off',
        comment: 'off',
      },
    });
    const { status, body } = await sign('form', {
      ...ADA,
      country: null,
      phone: '+44 20 7946 0000',
      comment: 'Hi',
    });
    t.equal(status, 422);
    t.same(body.errors.map(({ pointer, code }: any) => `${pointer} ${code}`).sort(), [
      '/comment not_asked',
      '/country required',
      '/phone not_asked',
      '/postal_address required',
      '/postal_code required',
    ]);
    t.match(await sign('form', { ...ADA, country: 'GB', postal_code: 'EH1 1AA', postal_address: address }), {
      status: 202,
    });
    t.match(await find('form', ADA.email), {
      country: 'GB',
      postal_code: 'EH1 1AA',
      postal_address: address,
      phone: null,
    });
  });

  await t.test('422: addresses that mail cannot go to; IDN domains are one person', async (t) => {
    for (const email of [
      'ada',
      'ada@',
      '@x.org',
      'a b@x.org',
      'a@b',
      'a..b@x.org',
      '"a"@x.org',
      'a@[1.2.3.4]',
      'a@x.org\r\nBcc: b@x.org',
      'a@1.2.3.4',
      'ä@x.org',
      'x'.repeat(65) + '@x.org',
    ]) {
      t.match(
        await sign('direct', { ...ADA, email }),
        { status: 422, body: { errors: [{ pointer: '/email' }] } },
        email,
      );
    }
    const first = await sign('direct', { email: 'Zoe@Bücher.example', name: 'Z' }, lead.secret);
    t.match(await sign('direct', { email: 'zoe@xn--bcher-kva.example', name: 'Z' }, lead.secret), {
      status: 200,
      body: { id: first.body.id },
    });
    t.match(
      await find('direct', 'zoe@BÜCHER.example'),
      { email: 'Zoe@xn--bcher-kva.example' },
      'mail goes where they typed',
    );
  });

  await t.test('403 and 429: burst, sustained and all, per client and petition, whoever signs', async (t) => {
    const rate = (requests: number) => ({ requests, seconds: 60 });
    const limited = await start(t, engine, {
      limits: {
        ...enough,
        signBurst: rate(3),
        signSustained: { requests: 5, seconds: 3600 },
        signMost: { requests: 7, seconds: 3600 },
      },
    });
    const org = await limited.organization('L');
    await publish(limited, org.secret, { slug: 'one' });
    await publish(limited, org.secret, { slug: 'two' });
    const from = (remoteAddress: string, slug: string, i: number, key?: string) =>
      limited.app.inject({
        method: 'POST',
        url: `/v1/petitions/${slug}/signatures`,
        remoteAddress,
        headers: key ? { authorization: `Bearer ${key}` } : {},
        payload: { email: `u${i}@example.org`, name: 'U' },
      });
    const statuses = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await from('203.0.113.7', 'one', i)).statusCode);
    t.same(statuses, [202, 202, 202, 403]);
    const asked = await from('203.0.113.7', 'one', 5);
    t.match(asked.headers, {
      'ratelimit-policy': /"sign-burst";q=3;w=60, .*"sign-sustained";q=5;w=3600/,
      ratelimit: /^"sign-burst";r=0;t=\d+$/,
    });
    t.match(asked.json(), { code: 'challenge_required', status: 403 });
    for (let i = 0; i < 2; i += 1) t.equal((await from('203.0.113.7', 'one', 5)).statusCode, 403);
    const refused = await from('203.0.113.7', 'one', 5);
    t.match(refused.headers, { ratelimit: /^"sign-most";r=0;t=\d+$/ });
    t.ok(Number(refused.headers['retry-after']) > 0);
    t.match(refused.json(), { code: 'rate_limited', status: 429 });
    t.equal((await from('203.0.113.7', 'two', 0)).statusCode, 202, 'another petition');
    t.equal((await from('203.0.113.8', 'one', 6)).statusCode, 202, 'another client');
    for (let i = 0; i < 3; i += 1) await from(`2001:db8:1:2::${i}`, 'one', 10 + i);
    t.equal((await from('2001:db8:1:2:ffff::9', 'one', 20)).statusCode, 403, 'one IPv6 /64 is one client');
    t.equal((await from('2001:db8:1:3::1', 'one', 21)).statusCode, 202);
    for (let i = 0; i < 8; i += 1) {
      t.equal(
        (await from('203.0.113.7', 'one', 30 + i, org.secret)).statusCode,
        201,
        'a secret key has limits of its own',
      );
    }
  });

  await t.test('never a 5xx and nothing coerced, whatever the body', async (t) => {
    const value = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
      fc.dictionary(fc.string(), fc.string()),
    );
    const fields = [
      'email',
      'name',
      'country',
      'postal_code',
      'postal_address',
      'phone',
      'comment',
      'display',
      'source',
      'utm',
      'external_id',
      'vouched',
      '__proto__',
      'constructor',
    ];
    const body = fc.oneof(
      fc.jsonValue().map((json) => JSON.stringify(json)),
      fc.string(),
      fc
        .tuple(fc.dictionary(fc.constantFrom(...fields), value), fc.boolean())
        .map(([extra, valid]) => JSON.stringify({ ...(valid ? ADA : {}), ...extra })),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const answer = await sign('direct', text);
        if (![202, 400, 403, 422].includes(answer.status)) throw new Error(`${answer.status} for ${text}`);
        if (answer.status === 202) {
          const { email, name, country } = JSON.parse(text);
          if (typeof email !== 'string' || typeof name !== 'string') throw new Error(`coerced ${text}`);
          if (country !== undefined && country !== null && !/^[A-Z]{2}$/.test(country)) {
            throw new Error(`coerced ${text}`);
          }
        }
      }),
      { numRuns: 500 },
    );
    t.same(await recount(api.store.read), []);
  });
});

onEveryEngine('signatures of many at once', async (t, engine) => {
  const api = await start(t, engine, { store: { maxWaiting: 5000 } });
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'hot', confirmation: 'none', goals: [7, 100, 250, 499, 500, 501] });
  await api.app.listen({ port: 0 });
  const address = api.app.server.address();
  const port = typeof address === 'object' ? address?.port : 0;

  await t.test('1,000 parallel requests of 500 people are 500 signatures', async (t) => {
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const response = await fetch(`http://127.0.0.1:${port}/v1/petitions/hot/signatures`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${lead.secret}` },
          body: JSON.stringify({
            email: `${i % 2 ? 'Person' : 'person'}${i % 500}@example.org`,
            name: `P ${i}`,
          }),
        });
        await response.arrayBuffer();
        return response.status;
      }),
    );
    t.equal(statuses.filter((status) => status === 201).length, 500, 'each created once');
    t.equal(statuses.filter((status) => status === 200).length, 500);
    t.same(await counted(api, 'hot'), { confirmed: 500, pending: 0, invalidated: 0 });
    const rows = await api.store.read.db.select().from(api.store.tables.signatures);
    t.equal(rows.length, 500);
    t.same(await recount(api.store.read), []);
  });

  await t.test(
    'every crossed milestone is recorded once, at the latest with the answer that crossed it',
    async (t) => {
      const { milestones, counts } = (await api.call('GET', '/v1/petitions/hot')).body;
      t.same(
        milestones.map((item: any) => item.value),
        [7, 100, 250, 499, 500],
      );
      t.equal(counts.next_milestone, 501);
      const history = (await api.call('GET', '/v1/petitions/hot/history?bucket=hour')).body.data;
      t.equal(
        history.reduce((sum: number, item: any) => sum + item.confirmed, 0),
        500,
      );
    },
  );

  await t.test('counter = rows at every moment of a mixed run', async (t) => {
    const { data } = (await api.call('GET', '/v1/signatures?petition=hot&limit=100', { key: lead.secret }))
      .body;
    const act = (id: string, verb: string) =>
      api.call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body: { reason: 'test' } });
    let drifts = 0;
    const jobs = data.flatMap(({ id }: { id: string }, i: number) => [
      () => act(id, 'invalidate'),
      () => act(id, 'restore'),
      () => act(id, 'invalidate'),
      () =>
        api.call('POST', '/v1/petitions/hot/signatures', {
          body: { email: `late${i % 40}@example.org`, name: 'L' },
        }),
    ]) as (() => Promise<unknown>)[];
    for (let i = 0; i < jobs.length; i += 25) {
      await Promise.all(jobs.slice(i, i + 25).map((job) => job()));
      drifts += (await recount(api.store.read)).length;
    }
    t.equal(drifts, 0);
    const { confirmed, invalidated } = await counted(api, 'hot');
    t.equal(confirmed + invalidated, 540);
  });
});

onEveryEngine('reading and moderating signatures', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Other Group');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none', goals: [2] });
  await publish(api, lead.secret, { slug: 'pending' });
  const people = [
    {
      email: 'ada@example.org',
      name: 'Ada King Lovelace',
      display: 'public',
      country: 'GB',
      comment: 'A secret comment',
      phone: '+44 20 7946 0000',
    },
    {
      email: 'bo@example.org',
      name: 'Bo-Jan ’t Hooft',
      display: 'initials',
      country: 'NL',
      source: 'banner',
    },
    { email: 'cy@example.org', name: 'Cy Anonymous', country: 'FR', postal_code: '75001' },
  ];
  for (const person of people) await api.call('POST', '/v1/petitions/meadows/signatures', { body: person });
  await api.call('POST', '/v1/petitions/pending/signatures', { body: people[0] });
  const publicly = (query = '') => api.call('GET', `/v1/petitions/meadows/signatures${query}`);
  const list = (query: string, key: string | undefined = lead.secret) =>
    api.call('GET', `/v1/signatures?petition=meadows&${query}`, { key });
  const signatureOf = async (email: string) => (await list(`email=${email}`)).body.data[0];

  await t.test('listPublicSignatures 200: each as its signer chose, and nothing else of them', async (t) => {
    const { body, text, headers } = await publicly();
    t.same(
      body.data.map(({ display_name, country }: any) => [display_name, country]),
      [
        [null, null],
        ['B. J. T. H.', 'NL'],
        ['Ada King Lovelace', 'GB'],
      ],
    );
    t.notMatch(text, /@|secret|7946|75001|banner|Cy|Hooft|sig_|sup_/);
    t.match(
      await api.call('GET', '/v1/petitions/pending/signatures'),
      { body: { data: [] } },
      'only confirmed ones',
    );
    t.match(
      await api.call('GET', '/v1/petitions/meadows/signatures', {
        headers: { 'if-none-match': headers['etag'] ?? '' },
      }),
      { status: 304 },
    );
    t.ok(
      body.data.every(({ signed_at }: any) => /:00\.000Z$/.test(signed_at)),
      'to the minute: a follower of the count cannot tell which visitor it was',
    );
    const first = await publicly('?limit=2');
    t.match(first.body, { has_more: true, next_cursor: /^[A-Za-z0-9_-]{22}$/ });
    const row = Buffer.from(first.body.next_cursor, 'base64url');
    t.notMatch(row.toString('latin1'), /public|\d,/, 'nor the number of the row');
    const second = await publicly(`?limit=2&cursor=${first.body.next_cursor}`);
    t.same([...first.body.data, ...second.body.data], body.data);
    t.match(await publicly('?cursor=e30'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await publicly('?status=pending'), { status: 400, body: { code: 'invalid_query' } });
    t.match(await api.call('GET', '/v1/petitions/none-such/signatures'), { status: 404 });
  });

  await t.test('listSignatures 200: everything, with filters that combine', async (t) => {
    const emails = async (query: string) => (await list(query)).body.data.map((item: any) => item.email);
    t.same(await emails(''), ['cy@example.org', 'bo@example.org', 'ada@example.org']);
    t.same(await emails('sort=created_at'), ['ada@example.org', 'bo@example.org', 'cy@example.org']);
    t.same(await emails('source=banner&status=confirmed'), ['bo@example.org']);
    t.same(await emails('source=banner&status=pending'), []);
    t.same(await emails('email=ADA@example.org'), ['ada@example.org']);
    t.same(await emails('email=nobody@example.org'), []);
    t.same(await emails(`collector=${lead.id}`), []);
    t.same(await emails('created_from=2126-01-01T00:00:00Z'), []);
    t.same((await emails('created_before=2126-01-01T00:00:00Z')).length, 3);
    t.match(await signatureOf('ada@example.org'), {
      name: 'Ada King Lovelace',
      comment: 'A secret comment',
      phone: '+44 20 7946 0000',
      display: 'public',
    });
    const page = (await list('limit=2')).body;
    t.match(page, { has_more: true });
    t.same(
      (await list(`limit=2&cursor=${page.next_cursor}`)).body.data.map((item: any) => item.email),
      ['ada@example.org'],
    );
  });

  await t.test(
    'listSignatures 400, 401, 403, 404: unknown filters, no key, no scope, not yours',
    async (t) => {
      for (const query of ['color=red', 'status=odd', 'email=x', 'created_from=yesterday', 'sort=name']) {
        t.match(await list(query), { status: 400, body: { code: 'invalid_query' } }, query);
      }
      t.match(await api.call('GET', '/v1/signatures', { key: lead.secret }), {
        status: 400,
        body: { errors: [{ pointer: '/petition', code: 'required' }] },
      });
      t.match(await list('cursor=e30'), { status: 400, body: { code: 'invalid_cursor' } });
      t.match(await api.call('GET', '/v1/signatures?petition=meadows'), { status: 401 });
      t.match(await list('', await api.newKey(lead.key, 'publishable')), { status: 401 });
      t.match(await list('', await api.newKey(lead.key, 'secret', ['petitions:write'])), { status: 403 });
      t.match(await list('', other.secret), { status: 404, body: { code: 'petition_not_found' } });
      const patch = { key: lead.secret, headers: { 'if-match': '*' } };
      await api.call('PATCH', '/v1/petitions/pending', { ...patch, body: { slug: 'renamed' } });
      const old = () => api.call('GET', '/v1/signatures?petition=pending', { key: lead.secret });
      t.match(await old(), { status: 200 }, 'an old slug still finds them');
      await api.call('PATCH', '/v1/petitions/renamed', { ...patch, body: { slug: 'pending' } });
    },
  );

  await t.test('getSignature 200, 304, 400, 404', async (t) => {
    const { id } = await signatureOf('ada@example.org');
    const { status, body, headers } = await api.call('GET', `/v1/signatures/${id}`, { key: lead.secret });
    t.match({ status, body }, { status: 200, body: { id, email: 'ada@example.org' } });
    t.match(headers['cache-control'], 'no-store');
    t.match(
      await api.call('GET', `/v1/signatures/${id}`, {
        key: lead.secret,
        headers: { 'if-none-match': headers['etag'] ?? '' },
      }),
      { status: 304 },
    );
    t.match(await api.call('GET', `/v1/signatures/${id}`, { key: other.secret }), {
      status: 404,
      body: { code: 'signature_not_found' },
    });
    t.match(await api.call('GET', `/v1/signatures/${id}`), { status: 401 });
    t.match(await api.call('GET', '/v1/signatures/sig_1', { key: lead.secret }), { status: 400 });
  });

  await t.test(
    'invalidateSignature and restoreSignature 200: the count follows, the reason is kept',
    async (t) => {
      const { id } = await signatureOf('bo@example.org');
      const act = (verb: string, body: unknown = { reason: 'Somebody else’s name' }, key = lead.secret) =>
        api.call('POST', `/v1/signatures/${id}/${verb}`, { key, body });
      t.match(await act('restore'), { status: 409, body: { code: 'not_invalidated' } });
      t.match(await act('invalidate'), { status: 200, body: { id, status: 'invalidated' } });
      t.same(await counted(api, 'meadows'), { confirmed: 2, pending: 0, invalidated: 1 });
      t.equal((await publicly()).body.data.length, 2, 'it leaves the public list');
      t.match(await act('invalidate'), { status: 409, body: { code: 'already_invalidated' } });
      t.match(
        await api.call('POST', '/v1/petitions/meadows/signatures', { key: lead.secret, body: people[1] }),
        { status: 200, body: { created: false, status: 'invalidated' } },
        'signing again does not undo it',
      );
      t.match(await act('restore'), { status: 200, body: { status: 'confirmed' } });
      t.same(await counted(api, 'meadows'), { confirmed: 3, pending: 0, invalidated: 0 });
      t.same(
        (await api.call('GET', '/v1/petitions/meadows')).body.milestones.length,
        1,
        'a milestone once reached stays',
      );
      const { moderations } = api.store.tables;
      t.match(await api.store.read.db.select().from(moderations), [
        { fromStatus: 'confirmed', toStatus: 'invalidated', reason: 'Somebody else’s name' },
        { fromStatus: 'invalidated', toStatus: 'confirmed' },
      ]);
      t.match(await act('invalidate', {}), { status: 422, body: { errors: [{ pointer: '/reason' }] } });
      t.match(await act('invalidate', { reason: 'x' }, other.secret), { status: 404 });
      t.match(
        await act('invalidate', { reason: 'x' }, await api.newKey(lead.key, 'secret', ['signatures:read'])),
        { status: 403 },
      );
      t.match(await api.call('POST', `/v1/signatures/${id}/invalidate`, { body: { reason: 'x' } }), {
        status: 401,
      });
    },
  );

  await t.test(
    'invalidateSignature: of many at once one does it, and the others hear that it is done',
    async (t) => {
      const { id } = await signatureOf('cy@example.org');
      const body = { reason: 'x' };
      const act = (verb: string) =>
        api.call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body });
      const all = await Promise.all(Array.from({ length: 6 }, () => act('invalidate')));
      t.same(all.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409]);
      t.match(await act('restore'), { status: 200 });
    },
  );

  await t.test('a pending signature goes out and comes back pending', async (t) => {
    const [{ id }] = (await api.call('GET', '/v1/signatures?petition=pending', { key: lead.secret })).body
      .data;
    const act = (verb: string, headers = {}) =>
      api.call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body: { reason: 'x' }, headers });
    const headers = { 'idempotency-key': 'once-only' };
    t.match(await act('invalidate', headers), { status: 200, body: { status: 'invalidated' } });
    t.match(
      await act('invalidate', headers),
      { status: 200, body: { status: 'invalidated' } },
      'a retry is no conflict',
    );
    t.same(await counted(api, 'pending'), { confirmed: 0, pending: 0, invalidated: 1 });
    t.match(await act('restore'), { status: 200, body: { status: 'pending' } });
    t.same(await counted(api, 'pending'), { confirmed: 0, pending: 1, invalidated: 0 });
    t.same(await recount(api.store.read), []);
  });
});

onEveryEngine('what many read at once is never older than the last signature', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'read', confirmation: 'none' });
  const path = '/v1/petitions/read';
  let over = false;
  // So that one is always under way when the next one comes.
  const crowd = Array.from({ length: 10 }, async () => {
    while (!over) await api.call('GET', `${path}/counts`);
  });
  let behind = 0;
  for (let signed = 1; signed <= 40; signed += 1) {
    const body = { email: `reader-${signed}@example.org`, name: 'Ada Okonkwo', display: 'public' };
    await api.call('POST', `${path}/signatures`, { body });
    const [counts, petition, list] = await Promise.all([
      api.call('GET', `${path}/counts`),
      api.call('GET', path),
      api.call('GET', `${path}/signatures?limit=100`),
    ]);
    for (const seen of [
      counts.body.confirmed,
      petition.body.counts.confirmed,
      (list.body.data as unknown[]).length,
    ]) {
      if (seen !== signed) behind += 1;
    }
  }
  over = true;
  await Promise.all(crowd);
  t.equal(behind, 0);
  const unknown = await Promise.all(Array.from({ length: 5 }, () => api.call('GET', '/v1/petitions/nobody')));
  t.same(
    unknown.map(({ status }) => status),
    Array(5).fill(404),
    'what fails is shared too, and each hears of it',
  );
});

t.test(
  'whoever comes while an answer is rendered gets the next one, together with all who came meanwhile',
  async (t) => {
    const app = Fastify();
    t.teardown(() => app.close());
    const constant = { data: {}, documents: {} };
    app.decorateRequest('actor', { getter: () => ANONYMOUS });
    enableSendNow(app, { constant, leaving: new Leaving(), behindWorkers: false });
    const hot = new HotAnswers(
      { store: { generation: () => undefined }, now: () => new Date() },
      { constant, front: { keep: () => undefined } },
    );
    let stored = 0;
    const gates: (() => void)[] = [];
    const render = async () => {
      const body = String(stored);
      await new Promise<void>((resolve) => gates.push(resolve));
      return { body, etag: `"${body}"`, until: null };
    };
    let come = 0;
    app.get('/', (request, reply) => {
      void hot.send(request, reply, { ref: 'one', caching: [], render });
      come += 1;
    });
    await app.ready();
    const asked = [app.inject('/')];
    await until(() => gates.length === 1, 'the first answer');
    stored = 1;
    asked.push(app.inject('/'), app.inject('/'), app.inject('/'));
    await until(() => come === 4, 'the others');
    t.equal(gates.length, 1);
    gates[0]?.();
    t.equal((await asked[0])?.body, '0');
    await until(() => gates.length > 1, 'the next answer');
    t.equal(gates.length, 2, 'one for the three');
    gates[1]?.();
    t.same(
      (await Promise.all(asked.slice(1))).map(({ body }) => body),
      ['1', '1', '1'],
    );
    t.equal(gates.length, 2, 'and no more');
    const last = app.inject('/');
    await until(() => gates.length > 2, 'an answer of its own');
    t.equal(gates.length, 3, 'nothing is kept');
    gates[2]?.();
    await last;
  },
);

t.test('lists walk an index in their order, whatever the size: nothing is sorted or scanned', async (t) => {
  const [sqlite] = engines;
  const api = await start(t, sqlite as Engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  for (const email of ['a@example.org', 'b@example.org', 'c@example.org']) {
    await api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'N' } });
  }
  const seen: string[] = [];
  const file = api.url.slice('file:'.length);
  const database = openFile(file, { readonly: true, verbose: (sql) => void seen.push(String(sql)) });
  const explainer = openFile(file, { readonly: true });
  t.teardown(() => void [database, explainer].forEach((connection) => connection.close()));
  const on = {
    db: drizzleOn(database),
    tables: api.store.tables,
  };
  const actor = await authenticate(api.app.ctx, lead.secret);
  const { secrets } = api.app.ctx;
  const ctx = { secrets, store: { ...api.store, read: on } };
  await listPublicSignatures(ctx, actor, 'meadows', { limit: 20, cursor: secrets.place(1, 1_000_000) });
  await listSignatures(ctx, actor, 'meadows', {}, { limit: 20, oldestFirst: false });
  await readCounts(on, 1);
  t.equal(
    seen.length,
    12,
    'for each list its gate; a page; the terms, a run for each status, and its rows; the counts',
  );
  const planOf = (sql: string) =>
    (explainer.prepare(`explain query plan ${sql}`).all() as { detail: string }[])
      .map(({ detail }) => detail)
      .join('; ');
  for (const sql of seen.splice(0)) t.notMatch(planOf(sql), /SCAN|TEMP B-TREE/, sql);

  const session = { supporterKey: 1 } as Parameters<typeof soleOrganization>[1];
  t.match(await soleOrganization(on, session), { name: 'River Meadows' });
  for (const sql of seen) t.notMatch(planOf(sql), /SCAN (?:s|signatures)\b/, 'nor for one person’s');
});
