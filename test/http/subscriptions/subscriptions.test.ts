import { eq } from 'drizzle-orm';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { takeMailEvent } from '../../../src/core/subscriptions/mail-events.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

const DAY = 86_400_000;
const NOBODY = `sub_${'0'.repeat(26)}`;

const makeText = async (api: TestApp, key: string, text = 'Yes, mail me.', locale = 'en') =>
  (await api.call('POST', '/v1/consent-texts', { key, body: { locale, text } })).body;
const subscribe = (api: TestApp, body: unknown, key?: string, headers = {}) =>
  api.call('POST', '/v1/subscriptions', { key, body, headers });
const list = (api: TestApp, key: string | undefined, query = '') =>
  api.call('GET', `/v1/subscriptions${query}`, { key });
const find = async (api: TestApp, key: string, email: string) =>
  (await list(api, key, `?email=${encodeURIComponent(email)}`)).body.data[0];
const read = (api: TestApp, key: string | undefined, id: string, headers = {}) =>
  api.call('GET', `/v1/subscriptions/${id}`, { key, headers });
const end = (api: TestApp, key: string | undefined, id: string, body: unknown, headers = {}) =>
  api.call('POST', `/v1/subscriptions/${id}/end`, { key, body, headers });
const confirm = (api: TestApp, token: string) => api.call('POST', '/v1/confirmations', { body: { token } });
const complain = ({ app: { ctx } }: TestApp, email: string) =>
  takeMailEvent(ctx, { type: 'complaint', email });
const blockAddress = ({ app: { ctx } }: TestApp, identity: string) =>
  ctx.store.transact((tx) => block(tx, ctx.secrets.subject(identity), 'request'));
const recordsOf = async (api: TestApp, key: string, email: string) => {
  const { id } = await find(api, key, email);
  return (await read(api, key, id)).body.consents;
};
const storyOf = async (api: TestApp, key: string, email: string) =>
  (await recordsOf(api, key, email)).map(({ action, origin }: any) => `${action} ${origin}`);

onEveryEngine('createSubscription without a secret key', async (t, engine) => {
  const api = await start(t, engine);
  const org = await api.organization('River Meadows');
  const text = await makeText(api, org.secret);
  const input = (email: string, more = {}) => ({ email, consent_text_id: text.id, ...more });

  await t.test('202: it is active once the mailbox has said so', async (t) => {
    const answer = await subscribe(api, input('Ada@example.org', { source: 'footer', locale: 'de' }));
    t.match(answer, { status: 202, headers: { 'cache-control': 'private, no-store' } });
    t.same(answer.body, { organization_id: org.id, next: 'confirm_email' });
    t.match(await find(api, org.secret, 'ada@example.org'), {
      status: 'pending',
      email: 'Ada@example.org',
      source: 'footer',
      locale: 'de',
      active_since: null,
    });
    const letter = await collectLetter(api, 'Ada@example.org');
    t.match(letter, {
      template: 'confirm_subscription',
      locale: 'de',
      organization: { name: 'River Meadows' },
    });
    t.same(letter.values.opt_ins, [{ organization: 'River Meadows', text: 'Yes, mail me.' }]);
    t.match(await confirm(api, tokenOf(letter)), { status: 200, body: { kind: 'subscription' } });
    t.match(await find(api, org.secret, 'ada@example.org'), { status: 'active', active_since: /Z$/ });
    t.same(await storyOf(api, org.secret, 'ada@example.org'), ['granted form', 'requested form']);
  });

  await t.test('202: the same for every address, and no status changes', async (t) => {
    const key = org.secret;
    const evidence = { source: 'stall' };
    for (const name of ['active', 'unsubscribed', 'suppressed', 'blocked']) {
      t.equal((await subscribe(api, input(`${name}@example.org`, { evidence }), key)).status, 201);
    }
    await subscribe(api, input('pending@example.org'));
    await end(api, key, (await find(api, key, 'unsubscribed@example.org')).id, { reason: 'asked' });
    const { subscriptions } = api.store.tables;
    const suppressed = await find(api, key, 'suppressed@example.org');
    await api.store.transact((tx) =>
      tx.db
        .update(subscriptions)
        .set({ status: 'suppressed', endedAt: tx.now })
        .where(eq(subscriptions.publicId, suppressed.id)),
    );
    await blockAddress(api, 'blocked@example.org');
    await collectMail(api);
    const states = ['unknown', 'pending', 'active', 'unsubscribed', 'suppressed', 'blocked'];
    const before = await Promise.all(states.map((name) => find(api, key, `${name}@example.org`)));
    const answers = [];
    for (const name of states) answers.push(await subscribe(api, input(`${name}@example.org`)));
    const [first] = answers;
    for (const answer of answers) {
      t.equal(answer.status, 202);
      t.equal(answer.text, first?.text);
      t.same(Object.keys(answer.headers), Object.keys(first?.headers ?? {}));
      t.notMatch(answer.text, /@|sub_|sup_|status|created/);
    }
    const after = await Promise.all(states.map((name) => find(api, key, `${name}@example.org`)));
    t.same(
      after.slice(1).map(({ status }) => status),
      before.slice(1).map(({ status }) => status),
    );
    const mailed = (await collectMail(api)).map(({ to, template }) => `${to} ${template}`).sort();
    t.same(mailed, [
      'active@example.org manage',
      'pending@example.org confirm_subscription',
      'suppressed@example.org confirm_subscription',
      'unknown@example.org confirm_subscription',
      'unsubscribed@example.org confirm_subscription',
    ]);
  });

  await t.test('202: who has left comes back by confirming', async (t) => {
    const email = 'unsubscribed@example.org';
    api.setClock(new Date(Date.now() + 2 * DAY));
    await subscribe(api, input(email));
    await confirm(api, tokenOf(await collectLetter(api, email)));
    t.match(await find(api, org.secret, email), { status: 'active', ended_at: null });
    api.setClock(undefined);
  });

  await t.test('202: a publishable key changes nothing; a retry is mailed once', async (t) => {
    const key = await api.newKey(org.key, 'publishable');
    const headers = { 'idempotency-key': 'sub-1', origin: 'https://site.example' };
    const first = await subscribe(api, input('pk@example.org'), key, headers);
    const again = await subscribe(api, input('pk@example.org'), key, headers);
    t.same([first.status, again.status, again.text], [202, 202, first.text]);
    t.equal((await collectMail(api)).length, 1);
    t.same(await storyOf(api, org.secret, 'pk@example.org'), ['requested form']);
  });

  await t.test('400, 401, 403, 404, 413, 415, 422', async (t) => {
    t.match(await subscribe(api, '{'), { status: 400 });
    t.match(await subscribe(api, input('a@example.org'), undefined, { 'idempotency-key': '' }), {
      status: 400,
      body: { code: 'invalid_header' },
    });
    t.match(await subscribe(api, input('a@example.org'), 'pk_x'), { status: 401 });
    const publishable = await api.newKey(org.key, 'publishable');
    for (const more of [{ evidence: { source: 'x' } }, { external_id: 'x' }]) {
      for (const key of [undefined, publishable]) {
        t.match(await subscribe(api, input('a@example.org', more), key), {
          status: 403,
          body: { code: 'scope_required' },
        });
      }
    }
    t.match(await subscribe(api, { ...input('a@example.org'), consent_text_id: `txt_${'0'.repeat(26)}` }), {
      status: 404,
      body: { code: 'consent_text_not_found' },
    });
    t.match(await subscribe(api, input('a@example.org', { source: 'x'.repeat(70_000) })), { status: 413 });
    t.match(
      await subscribe(api, 'email=a', undefined, { 'content-type': 'application/x-www-form-urlencoded' }),
      { status: 415 },
    );
    for (const wrong of [
      input('nobody'),
      { email: 'a@example.org' },
      input('a@example.org', { status: 'active' }),
    ]) {
      const answer = await subscribe(api, wrong);
      t.match(answer, { status: 422, body: { code: 'invalid_body' } });
      t.notMatch(answer.text, 'nobody', 'no value is echoed');
    }
  });

  await t.test('202: a key that another stranger uses, too, is nobody’s mistake', async (t) => {
    const headers = { 'idempotency-key': '1' };
    const keysKept = async () =>
      (await api.store.read.db.select().from(api.store.tables.idempotencyKeys)).length;
    const before = await keysKept();
    for (const email of ['k1@example.org', 'k2@example.org', 'k1@example.org']) {
      t.match(await subscribe(api, input(email), undefined, headers), { status: 202 });
    }
    t.equal((await keysKept()) - before, 2, 'one for each request, none for its retry');
  });

  await t.test('429: mail has a limit of its own', async (t) => {
    const limits = { ...enough, mail: { requests: 1, seconds: 60 } };
    const limited = await start(t, engine, { limits });
    const { secret } = await limited.organization('L');
    const { id } = await makeText(limited, secret);
    const body = { email: 'a@example.org', consent_text_id: id };
    t.equal((await subscribe(limited, body)).status, 202);
    t.equal((await subscribe(limited, body)).status, 429);
  });
});

onEveryEngine('createSubscription where no mailbox is asked', async (t, engine) => {
  const api = await start(t, engine);
  const org = await api.organization('River Meadows');
  const text = await makeText(api, org.secret);
  const join = (email: string) => subscribe(api, { email, consent_text_id: text.id });
  await api.call('PATCH', '/v1/organization', {
    key: org.secret,
    body: { double_opt_in: false },
    headers: { 'if-match': '*' },
  });

  await t.test('202: at once, but never for who has left, and all hear the same', async (t) => {
    const fresh = await join('fresh@example.org');
    t.same(fresh.body, { organization_id: org.id, next: 'done' });
    t.match(await find(api, org.secret, 'fresh@example.org'), { status: 'active' });
    t.same(await storyOf(api, org.secret, 'fresh@example.org'), ['granted form']);
    t.same(await collectMail(api), []);

    await join('left@example.org');
    await end(api, org.secret, (await find(api, org.secret, 'left@example.org')).id, { reason: 'asked' });
    await blockAddress(api, 'blocked@example.org');
    for (const name of ['left', 'blocked']) {
      const answer = await join(`${name}@example.org`);
      t.same([answer.status, answer.text], [202, fresh.text]);
    }
    t.match(await find(api, org.secret, 'left@example.org'), { status: 'unsubscribed' });
    // A block was made elsewhere, and is not this organization's to know: nothing is ever mailed to it.
    t.match(await find(api, org.secret, 'blocked@example.org'), { status: 'active' });
    const letter = await collectLetter(api, 'left@example.org');
    t.equal((await confirm(api, tokenOf(letter))).status, 200);
    t.match(await find(api, org.secret, 'left@example.org'), { status: 'active' });
  });
});

onEveryEngine('createSubscription with a secret key', async (t, engine) => {
  const api = await start(t, engine);
  const org = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const text = await makeText(api, org.secret);
  const add = (email: string, more = {}, key = org.secret) =>
    subscribe(api, { email, consent_text_id: text.id, ...more }, key);

  await t.test('201 and 200: the truth; without evidence the mailbox is asked', async (t) => {
    const first = await add('ada@example.org', { external_id: 'crm-1', source: 'crm' });
    t.match(first, { status: 201, body: { created: true, status: 'pending', external_id: 'crm-1' } });
    t.match(await add('ADA@example.org'), { status: 200, body: { created: false, id: first.body.id } });
    const [letter] = await collectMail(api);
    await confirm(api, tokenOf(letter ?? ({ values: {} } as never)));
    t.match(await add('ada@example.org'), { status: 200, body: { created: false, status: 'active' } });
    t.same(await collectMail(api), [], 'who is active is not mailed again');
    t.match(await storyOf(api, org.secret, 'ada@example.org'), [
      'granted api',
      'requested api',
      'requested api',
    ]);
  });

  await t.test('201 and 200: evidence makes it active at once, and is kept with its proof', async (t) => {
    const evidence = { source: 'Stall', collected_at: '2026-01-02T03:04:05.000Z', note: 'Box 12' };
    t.match(await add('eve@example.org', { evidence }), {
      status: 201,
      body: { created: true, status: 'active', active_since: /Z$/ },
    });
    t.same(await collectMail(api), []);
    const [record] = await recordsOf(api, org.secret, 'eve@example.org');
    t.match(record, { action: 'granted', origin: 'api', evidence, proof_valid: true });
    t.match(record.consent_text, { id: text.id, version: 1, locale: 'en', sha256: text.sha256 });
    t.match(await add('eve@example.org', { evidence }), { status: 200, body: { created: false } });
    t.equal((await recordsOf(api, org.secret, 'eve@example.org')).length, 1, 'said once');
    await subscribe(api, { email: 'wait@example.org', consent_text_id: text.id });
    t.match(await add('wait@example.org', { evidence }), { status: 200, body: { status: 'active' } });
    await collectMail(api);
  });

  await t.test('409: blocked; ended since the consent was collected', async (t) => {
    const evidence = { source: 'Stall' };
    await add('blocked@example.org', { evidence });
    await complain(api, 'blocked@example.org');
    for (const more of [{}, { evidence }]) {
      const answer = await add('blocked@example.org', more);
      t.match(answer, { status: 409, body: { code: 'do_not_contact' } });
      t.notMatch(answer.text, 'blocked@');
    }
    // Of a complaint about somebody else's mail it hears nothing.
    await complain(api, 'elsewhere@example.org');
    t.match(await add('elsewhere@example.org'), { status: 201, body: { status: 'pending' } });
    t.match(await add('elsewhere@example.org', { evidence }), { status: 200, body: { status: 'active' } });
    t.same(await collectMail(api), [], 'and nothing is mailed');

    const email = 'left@example.org';
    await add(email, { evidence });
    const { id } = await find(api, org.secret, email);
    const { body: ended } = await end(api, org.secret, id, { reason: 'asked' });
    const at = (ms: number) => new Date(new Date(ended.ended_at).getTime() + ms).toISOString();
    for (const collected_at of [undefined, null, at(-1), at(0)]) {
      t.match(await add(email, { evidence: { ...evidence, collected_at } }), {
        status: 409,
        body: { code: 'consent_required' },
      });
    }
    t.match(await find(api, org.secret, email), { status: 'unsubscribed' });
    const tomorrow = { ...evidence, collected_at: new Date(Date.now() + DAY).toISOString() };
    t.match(await add(email, { evidence: tomorrow }), {
      status: 422,
      body: { errors: [{ pointer: '/evidence/collected_at', code: 'future' }] },
    });
    api.setClock(new Date(Date.now() + 1000));
    t.match(await add(email, { evidence: { ...evidence, collected_at: at(1) } }), {
      status: 200,
      body: { status: 'active', ended_at: null },
    });
    api.setClock(undefined);
  });

  await t.test('403 and 404: a key without the scope, the text of another organization', async (t) => {
    const weak = await api.newKey(org.key, 'secret', ['subscriptions:read']);
    t.match(await add('a@example.org', {}, weak), { status: 403, body: { code: 'scope_required' } });
    for (const more of [{}, { evidence: { source: 'x' } }]) {
      t.match(await add('a@example.org', more, other.secret), {
        status: 404,
        body: { code: 'consent_text_not_found' },
      });
    }
    t.equal(await find(api, org.secret, 'a@example.org'), undefined);
  });
});

onEveryEngine('the list of subscriptions', async (t, engine) => {
  const api = await start(t, engine);
  const org = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const text = await makeText(api, org.secret);
  const emails = Array.from({ length: 7 }, (_, i) => `s${i}@example.org`);
  for (const [i, email] of emails.entries()) {
    api.setClock(new Date(Date.UTC(2026, 0, 1 + i)));
    const evidence = i % 2 === 0 ? { evidence: { source: 'x' } } : {};
    const more = { source: i < 3 ? 'crm' : 'web', external_id: `e${i}`, ...evidence };
    await subscribe(api, { email, consent_text_id: text.id, ...more }, org.secret);
  }
  api.setClock(undefined);
  await end(api, org.secret, (await find(api, org.secret, 's0@example.org')).id, { reason: 'x' });
  const found = async (query: string) =>
    (await list(api, org.secret, query)).body.data.map(({ email }: any) => email[1]).join('');

  await t.test('listSubscriptions 200 and 304: filters and order', async (t) => {
    t.equal(await found(''), '6543210');
    t.equal(await found('?sort=created_at'), '0123456');
    t.equal(await found('?status=active'), '642');
    t.equal(await found('?status=pending&status=unsubscribed'), '5310');
    t.equal(await found('?status=suppressed'), '');
    t.equal(await found('?email=S3%40EXAMPLE.org'), '3');
    t.equal(await found('?email=nobody%40example.org'), '');
    t.equal(await found('?external_id=e4'), '4');
    t.equal(await found('?source=crm&status=active'), '2');
    t.equal(await found('?created_from=2026-01-02T00:00:00Z&created_before=2026-01-05T00:00:00Z'), '321');
    const answer = await list(api, org.secret, '?email=s0@example.org');
    t.match(answer.headers, { 'cache-control': 'private, no-store' });
    t.match(answer.body.data, [
      {
        id: /^sub_/,
        supporter_id: /^sup_/,
        status: 'unsubscribed',
        frequency: 'all',
        locale: 'en',
        source: 'crm',
        external_id: 'e0',
        created_at: '2026-01-01T00:00:00.000Z',
        ended_at: /Z$/,
      },
    ]);
    const again = await api.call('GET', '/v1/subscriptions?email=s0@example.org', {
      key: org.secret,
      headers: { 'if-none-match': answer.headers['etag'] ?? '' },
    });
    t.equal(again.status, 304);
    t.same((await list(api, other.secret)).body.data, [], 'only your own');
  });

  await t.test(
    'listSubscriptions 200: pages join without gap or repeat, over several statuses',
    async (t) => {
      for (const sort of ['created_at', '-created_at']) {
        let seen = '';
        let cursor = '';
        do {
          const { body } = await list(api, org.secret, `?limit=2&sort=${sort}${cursor}`);
          seen += body.data.map(({ email }: any) => email[1]).join('');
          cursor = body.has_more ? `&cursor=${body.next_cursor}` : '';
        } while (cursor !== '');
        t.equal(seen, sort === 'created_at' ? '0123456' : '6543210');
      }
    },
  );

  await t.test('listSubscriptions 400, 401, 403', async (t) => {
    for (const query of ['?status=all', '?sort=email', '?limit=0', '?cursor=zz', '?x=1', '?email=x']) {
      t.match(await list(api, org.secret, query), { status: 400 }, query);
    }
    t.match(await list(api, undefined), { status: 401 });
    t.match(await list(api, await api.newKey(org.key, 'publishable')), { status: 401 });
    const weak = await api.newKey(org.key, 'secret', ['subscriptions:write']);
    t.match(await list(api, weak), { status: 403, body: { code: 'scope_required' } });
  });

  await t.test(
    'getSubscription 200 and 304: with its consents; a record that somebody wrote into is seen',
    async (t) => {
      const { id } = await find(api, org.secret, 's0@example.org');
      const answer = await read(api, org.secret, id);
      t.match(answer, { status: 200, headers: { 'cache-control': 'private, no-store' } });
      t.match(answer.body.consents, [
        { action: 'withdrawn', origin: 'organiser', source: 'x', consent_text: null, proof_valid: true },
        { action: 'granted', origin: 'api', consent_text: { id: text.id }, proof_valid: true },
      ]);
      const etag = answer.headers['etag'] ?? '';
      t.equal((await read(api, org.secret, id, { 'if-none-match': etag })).status, 304);
      const { consents } = api.store.tables;
      const forge = (values: Record<string, unknown>) =>
        api.store.transact((tx) =>
          tx.db.update(consents).set(values).where(eq(consents.publicId, answer.body.consents[1].id)),
        );
      const validity = async () =>
        (await read(api, org.secret, id)).body.consents.map((record: any) => record.proof_valid);
      for (const [forged, real] of [
        [{ origin: 'form' }, { origin: 'api' }],
        [{ evidence: { source: 'y' } }, { evidence: { source: 'x' } }],
        [{ createdAt: new Date(0) }, { createdAt: new Date(answer.body.consents[1].created_at) }],
      ]) {
        await forge(forged ?? {});
        t.same(await validity(), [true, false]);
        await forge(real ?? {});
        t.same(await validity(), [true, true]);
      }
    },
  );

  await t.test('getSubscription 400, 401, 403, 404', async (t) => {
    const { id } = await find(api, org.secret, 's0@example.org');
    t.match(await read(api, org.secret, 'sub_x'), { status: 400 });
    t.match(await read(api, undefined, id), { status: 401 });
    t.match(await read(api, await api.newKey(org.key, 'secret', []), id), { status: 403 });
    for (const [key, one] of [
      [other.secret, id],
      [org.secret, NOBODY],
    ] as const) {
      t.match(await read(api, key, one), { status: 404, body: { code: 'subscription_not_found' } });
    }
  });

  await t.test('endSubscription 200: a repeat changes nothing, and nothing is mailed', async (t) => {
    const { id } = await find(api, org.secret, 's2@example.org');
    await collectMail(api);
    const first = await end(api, org.secret, id, { reason: 'Asked on the phone' });
    t.match(first, { status: 200, body: { id, status: 'unsubscribed', ended_at: /Z$/ } });
    t.match(first.body.consents[0], { action: 'withdrawn', source: 'Asked on the phone' });
    const again = await end(api, org.secret, id, { reason: 'Once more' });
    t.equal(again.status, 200);
    t.same(again.body, first.body);
    t.same(await collectMail(api), []);
  });

  await t.test('endSubscription 400, 401, 403, 404, 413, 422', async (t) => {
    const { id } = await find(api, org.secret, 's4@example.org');
    const reason = { reason: 'x' };
    t.match(await end(api, org.secret, id, '{'), { status: 400 });
    t.match(await end(api, undefined, id, reason), { status: 401 });
    const weak = await api.newKey(org.key, 'secret', ['subscriptions:read']);
    t.match(await end(api, weak, id, reason), { status: 403 });
    t.match(await end(api, other.secret, id, reason), {
      status: 404,
      body: { code: 'subscription_not_found' },
    });
    t.match(await end(api, org.secret, id, { reason: 'x'.repeat(70_000) }), { status: 413 });
    for (const wrong of [{}, { reason: '' }, { reason: 'x'.repeat(501) }]) {
      t.match(await end(api, org.secret, id, wrong), { status: 422 });
    }
    t.match(await find(api, org.secret, 's4@example.org'), { status: 'active' });
    const headers = { 'idempotency-key': 'end-1' };
    await end(api, org.secret, id, reason, headers);
    t.match(await end(api, org.secret, id, { reason: 'y' }, headers), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });
});

onEveryEngine('importSubscriptions', async (t, engine) => {
  const api = await start(t, engine);
  const org = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const text = await makeText(api, org.secret);
  const evidence = { source: 'Old database', collected_at: '2020-05-05T00:00:00.000Z' };
  const send = (rows: unknown, more = {}, key: string | undefined = org.secret, headers = {}) =>
    api.call('POST', '/v1/subscriptions/import', {
      key,
      headers,
      body: { consent_text_id: text.id, evidence, rows, ...more },
    });

  await t.test(
    '200: a thousand rows, of which bad ones stop nobody; again, and nothing changes',
    async (t) => {
      await subscribe(api, { email: 'waiting@example.org', consent_text_id: text.id });
      await subscribe(api, { email: 'left@example.org', consent_text_id: text.id, evidence }, org.secret);
      await end(api, org.secret, (await find(api, org.secret, 'left@example.org')).id, { reason: 'x' });
      await send([{ email: 'blocked@example.org' }]);
      for (const email of ['blocked@example.org', 'n8@example.org']) await complain(api, email);
      await collectMail(api);
      const special = [
        'waiting@example.org',
        'left@example.org',
        'Blocked@example.org',
        'no address',
        'N0@EXAMPLE.org',
      ];
      const rows = [
        ...Array.from({ length: 995 }, (_, i) => ({ email: `n${i}@example.org`, external_id: `e${i}` })),
        ...special.map((email) => ({ email })),
      ];
      const skipped = [
        { row: 996, code: 'consent_required' },
        { row: 997, code: 'do_not_contact' },
        { row: 998, code: 'invalid_email' },
        { row: 999, code: 'duplicate' },
      ];
      const first = await send(rows);
      t.match(first, { status: 200, headers: { 'cache-control': 'private, no-store' } });
      t.same(first.body, { created: 995, activated: 1, unchanged: 0, skipped });
      t.notMatch(first.text, '@', 'rows are named by their place');
      t.match(await find(api, org.secret, 'n7@example.org'), {
        status: 'active',
        external_id: 'e7',
        locale: 'en',
      });
      t.match(await find(api, org.secret, 'left@example.org'), { status: 'unsubscribed' });
      const again = await send(rows);
      t.same(again.body, { created: 0, activated: 0, unchanged: 996, skipped });
      t.same(await storyOf(api, org.secret, 'n7@example.org'), ['granted import']);
      t.match(await recordsOf(api, org.secret, 'n7@example.org'), [{ evidence, proof_valid: true }]);
      t.same(await collectMail(api), [], 'nobody is mailed');
    },
  );

  await t.test('200: a later consent brings back who has left; each row has its own labels', async (t) => {
    const now = new Date(Date.now() + 1000);
    api.setClock(now);
    const later = { evidence: { source: 'Stall', collected_at: now.toISOString() } };
    const rows = [{ email: 'left@example.org' }, { email: 'new@example.org', locale: 'de', source: 'stall' }];
    const { body } = await send(rows, later);
    t.same(body, { created: 1, activated: 1, unchanged: 0, skipped: [] });
    t.match(await find(api, org.secret, 'left@example.org'), { status: 'active', ended_at: null });
    t.match(await find(api, org.secret, 'new@example.org'), { locale: 'de', source: 'stall' });
    api.setClock(undefined);
  });

  await t.test('200: a retry gives the same answer', async (t) => {
    const headers = { 'idempotency-key': 'import-1' };
    const rows = [{ email: 'retry@example.org' }];
    const first = await send(rows, {}, org.secret, headers);
    t.same(first.body, { created: 1, activated: 0, unchanged: 0, skipped: [] });
    t.same((await send(rows, {}, org.secret, headers)).body, first.body);
  });

  await t.test('400, 401, 403, 404, 413, 415, 422', async (t) => {
    const rows = [{ email: 'x@example.org' }];
    const path = '/v1/subscriptions/import';
    t.match(await api.call('POST', path, { key: org.secret, body: '{' }), { status: 400 });
    t.match(await api.call('POST', path, { body: {} }), { status: 401 });
    const weak = await api.newKey(org.key, 'secret', ['subscriptions:read']);
    t.match(await send(rows, {}, weak), { status: 403, body: { code: 'scope_required' } });
    t.match(await send(rows, {}, other.secret), { status: 404, body: { code: 'consent_text_not_found' } });
    t.match(await send(rows, { x: 'x'.repeat(1_100_000) }), { status: 413 });
    const long = { external_id: 'x'.repeat(200), email: 'x@example.org' };
    t.equal((await send(Array.from({ length: 1000 }, () => long))).status, 200, 'larger than other bodies');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    t.match(await api.call('POST', path, { key: org.secret, body: 'a', headers: form }), { status: 415 });
    for (const wrong of [
      [],
      Array.from({ length: 1001 }, () => rows[0]),
      [{}],
      [{ email: 'x', status: 'active' }],
    ]) {
      t.match(await send(wrong), { status: 422, body: { code: 'invalid_body' } });
    }
    t.match(await send(rows, { evidence: null }), { status: 422 });
    t.match(await send(rows, { evidence: { source: 'x', collected_at: '2999-01-01T00:00:00Z' } }), {
      status: 422,
      body: { errors: [{ pointer: '/evidence/collected_at', code: 'future' }] },
    });
    await send(rows, {}, org.secret, { 'idempotency-key': 'k' });
    t.match(await send([...rows, ...rows], {}, org.secret, { 'idempotency-key': 'k' }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('who was imported can leave like everybody', async (t) => {
    const { body: mailing } = await api.call('POST', '/v1/mailings', {
      key: org.secret,
      body: { name: 'M' },
    });
    const links = await api.call('GET', `/v1/mailings/${mailing.id}/links?limit=1`, { key: org.secret });
    const [link] = links.body.data;
    const leave = await api.call('POST', `/v1/unsubscribe/${tokenIn(link.list_unsubscribe.slice(1, -1))}`);
    t.equal(leave.status, 200);
    t.match(await find(api, org.secret, link.email), { status: 'unsubscribed' });
  });
});
