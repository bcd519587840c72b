import type { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { ANONYMOUS, UNKNOWN_CALLER, type Actor } from '../src/core/actor.js';
import { recount } from '../src/core/counts/recount.js';
import { retryOf } from '../src/core/idempotency.js';
import { Moved } from '../src/core/petitions/petition-lookup.js';
import type { SignInput } from '../src/core/signatures/sign-input.js';
import { ApiError } from '../src/errors.js';
import { engines, publish, start, type StartOptions, type TestApp } from './support/helper.js';
import { collectMail, tokenOf } from './support/mailbox.js';
import { inTime } from './support/until.js';

/* Verbs on the store thread of SQLite: what they answer, and what becomes of the calls inside when something ends. */

const [sqlite] = engines;

/** An app with the store thread, and an open petition. */
async function world(t: Test, options: StartOptions = {}, fields: Record<string, unknown> = {}) {
  const api = await start(t, sqlite!, { storeThread: true, ...options });
  const { key, id, secret } = await api.organization('Meadow Friends');
  const petition = await publish(api, secret, { slug: 'meadows', confirmation: 'none', ...fields });
  return { api, secret, organization: { key, id }, petition: petition.id as string };
}

const input = (email: string, more: Partial<SignInput> = {}): SignInput => ({ email, name: 'Ada', ...more });

/** What a call came to, without what is drawn by chance. */
const outcome = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => JSON.parse(JSON.stringify(value).replace(/\b(sig|pet|org|sub|sup)_[0-9a-z]{26}/g, '$1')),
    (error: unknown) => {
      if (error instanceof Moved) return { moved: error.slug };
      if (!(error instanceof ApiError)) throw error;
      const { code, status, message, details } = error;
      return { code, status, message, details };
    },
  );

/** Everything that routes ask of verbs, in turn: with what comes of it. */
async function everything(api: TestApp) {
  const { verbs, app, organization, call, setClock } = api;
  setClock(new Date('2026-07-01T12:00:00Z'));
  const lead = await organization('Meadow Friends');
  const challenge = 'off';
  await publish(api, lead.secret, { slug: 'old', confirmation: 'email', challenge });
  await publish(api, lead.secret, { slug: 'guarded', confirmation: 'none', challenge: 'always' });
  const path = '/v1/petitions/old';
  const { headers } = await call('GET', path, { key: lead.secret });
  const renamed = { slug: 'meadows', form: { country: 'required' } };
  const match = { 'if-match': headers['etag'] ?? '' };
  await call('PATCH', path, { key: lead.secret, headers: match, body: renamed });
  const text = await call('POST', '/v1/consent-texts', {
    key: lead.secret,
    body: { locale: 'en', text: 'Yes, mail me.' },
  });
  const actor: Actor = {
    kind: 'secret',
    keyKey: 1,
    keyId: 'key',
    organizationKey: lead.key,
    organizationId: lead.id,
    scopes: ['signatures:write', 'subscriptions:write'],
    origins: [],
  };
  const optIn = { consent_text_id: text.body.id as string, opt_in: true };
  const ada = input('ada@example.org', { country: 'NL', optIns: [optIn] });
  const retry = () => retryOf(app.ctx.retryKey, 'lead', 'a key', 'a body');
  const other = () => retryOf(app.ctx.retryKey, 'lead', 'a key', 'another body');
  const waiting = { ...UNKNOWN_CALLER, waits: 7 };
  const evidence = { source: 'paper', collectedAt: new Date('2026-06-01T12:00:00Z') };
  const yes = { email: 'grace@example.org', consentTextId: text.body.id as string };
  const outcomes = [
    await outcome(verbs.sign(ANONYMOUS, 'meadows', ada)),
    await outcome(verbs.sign(ANONYMOUS, 'meadows', ada)),
    await outcome(verbs.sign(actor, 'meadows', input('bo@example.org', { country: 'SE', vouched: true }))),
    await outcome(verbs.sign(actor, 'meadows', { ...ada, externalId: 'one' }, retry())),
    await outcome(verbs.sign(actor, 'meadows', { ...ada, externalId: 'one' }, retry())),
    await outcome(verbs.sign(actor, 'meadows', ada, other())),
    await outcome(verbs.sign(ANONYMOUS, 'meadows', input('no address', { country: 'NL' }))),
    await outcome(verbs.sign(ANONYMOUS, 'meadows', input('cy@example.org'))),
    await outcome(verbs.sign(ANONYMOUS, 'meadows', ada, undefined, waiting)),
    await outcome(verbs.sign(ANONYMOUS, 'old', ada)),
    await outcome(verbs.sign(ANONYMOUS, 'nothing', ada)),
    await outcome(verbs.sign(ANONYMOUS, 'guarded', ada)),
    await outcome(verbs.sign(ANONYMOUS, 'guarded', { ...ada, altcha: 'bm90aGluZw==' })),
    await outcome(verbs.sign(ANONYMOUS, 'meadows', { ...ada, externalId: 'two' })),
    await outcome(verbs.signByMail(ANONYMOUS, 'meadows', { recognition: 'rg_none' })),
    await outcome(verbs.subscribe(ANONYMOUS, yes)),
    await outcome(verbs.subscribe(actor, { ...yes, email: 'hal@example.org', evidence })),
    await outcome(verbs.subscribe(ANONYMOUS, { ...yes, consentTextId: 'txt_none' })),
    await outcome(verbs.confirm({ token: 'cf_none' })),
    await outcome(verbs.createChallenge(ANONYMOUS, 'old', { waits: 0 })),
    Object.keys(await verbs.createChallenge(ANONYMOUS, 'guarded', { waits: 0 })),
  ];
  const letters = await collectMail(api);
  const links = letters
    .map((letter) => ({ to: letter.to, token: tokenOf(letter) }))
    .filter(({ token }) => token);
  for (const { token } of links.sort((a, b) => (a.to < b.to ? -1 : 1))) {
    const { request, ...confirmed } = await verbs.confirm({ token });
    outcomes.push(await outcome(Promise.resolve(confirmed)), Buffer.isBuffer(request.code), request.origin);
  }
  return outcomes;
}

t.test('a verb answers the same on the store thread as in place', async (t) => {
  const here = await everything(await start(t, sqlite!, { storeThread: false }));
  const there = await everything(await start(t, sqlite!, { storeThread: true }));
  t.same(there, here);
  const codes = new Set(here.flatMap((one) => (one as { code?: string }).code ?? []));
  for (const code of [
    'idempotency_key_reused',
    'invalid_body',
    'rate_limited',
    'petition_not_found',
    'challenge_required',
    'challenge_invalid',
    'scope_required',
    'consent_text_not_found',
    'link_not_found',
  ]) {
    t.ok(codes.has(code), code);
  }
  t.ok(
    here.some((one) => (one as { moved?: string }).moved === 'meadows'),
    'a petition that has moved',
  );
});

t.test('a retry of a signing that is kept by main and by the thread is one', async (t) => {
  const { api, petition } = await world(t);
  const retry = () => retryOf(api.app.ctx.retryKey, 'somebody', 'a key', 'a body');
  const calls = Array.from({ length: 20 }, () =>
    api.verbs.sign(ANONYMOUS, petition, input('ada@example.org'), retry()),
  );
  const signed = await Promise.all(calls);
  t.equal(new Set(signed.map(({ signature }) => signature.publicId)).size, 1);
  t.ok(
    signed.every(({ created }) => created),
    'each has the first answer',
  );
});

t.test('signatures and changes from the main thread take turns', async (t) => {
  const { api, secret, petition } = await world(t);
  const path = `/v1/petitions/${petition}`;
  const before = api.store.stats();
  const told: number[] = [];
  t.teardown(api.store.watch('petitionKey', (keys) => void told.push(...(keys ?? []))));
  const { petitionKey } = await api.verbs.sign(ANONYMOUS, petition, input('first@example.org'));
  t.same(told, [petitionKey], 'who watches is told before the caller goes on');
  let over = false;
  const signing = (async () => {
    for (let i = 0; i < 40; i += 1) {
      const group = Array.from({ length: 30 }, (_, n) => input(`s${i}-${n}@example.org`));
      await Promise.all(group.map((one) => api.verbs.sign(ANONYMOUS, petition, one)));
    }
    over = true;
  })();
  let changes = 0;
  for (; !over; changes += 1) {
    const { headers } = await api.call('GET', path, { key: secret });
    const match = { 'if-match': headers['etag'] ?? '' };
    const patched = await api.call('PATCH', path, {
      key: secret,
      headers: match,
      body: { title: `Title ${changes}` },
    });
    t.equal(patched.status, 200, patched.text);
    const { data } = (await api.call('GET', `/v1/signatures?limit=1&petition=${petition}`, { key: secret }))
      .body;
    const gone = await api.call('POST', `/v1/signatures/${data[0].id}/invalidate`, {
      key: secret,
      body: { reason: 'no' },
    });
    t.ok([200, 409].includes(gone.status), gone.text);
  }
  await signing;
  t.ok(changes > 2, `${changes} changes`);
  t.same(await recount(api.store.read), []);
  const { body } = await api.call('GET', `${path}/counts`);
  const rows = await api.store.read.db.select().from(api.store.tables.signatures);
  t.equal(rows.length, 1201, 'all who were answered are there');
  t.equal(body.confirmed, rows.filter(({ status }) => status === 'confirmed').length);
  const { transactions, commits, waiting } = api.store.stats();
  t.ok(transactions - before.transactions >= 1201 + 2 * changes, 'the metrics count both threads');
  t.ok(commits - before.commits < 1201, 'calls that come together share a commit');
  t.equal(waiting, 0);
});

t.test('what waits for the thread is counted, bounded, and drained', async (t) => {
  const { api, petition } = await world(t, { store: { maxWaiting: 50 } });
  const calls = Array.from({ length: 80 }, (_, i) =>
    outcome(api.verbs.sign(ANONYMOUS, petition, input(`p${i}@example.org`))),
  );
  t.equal(api.store.stats().waiting, 50);
  t.equal(api.store.isWanted(), true, 'long works of the main thread end sooner');
  const refused = await outcome(api.store.transact(async () => 1));
  t.match(refused, { code: 'overloaded' }, 'one bound for both threads');
  const outcomes = await Promise.all(calls);
  const codes = outcomes.map((one) => (one as { code?: string }).code);
  t.equal(codes.filter((code) => code === 'overloaded').length, 30);
  t.equal(codes.filter((code) => code === undefined).length, 50);
});

t.test(
  'the thread ends amid its calls: what was acknowledged is there, nothing more is accepted',
  async (t) => {
    const workers: Worker[] = [];
    const note = (worker: Worker) => void workers.push(worker);
    process.on('worker', note);
    let failure: unknown;
    let failed = () => {};
    const failing = new Promise<void>((resolve) => (failed = resolve));
    const { api, petition } = await world(t, {
      onFailure: (error) => {
        failure = error;
        failed();
      },
    });
    process.off('worker', note);
    const acknowledged: string[] = [];
    const others: unknown[] = [];
    const sign = async (email: string) => {
      const done = await outcome(api.verbs.sign(ANONYMOUS, petition, input(email)));
      const { code } = done as { code?: string };
      if (code === undefined) acknowledged.push(email);
      else others.push(code);
    };
    const calls = Array.from({ length: 1000 }, (_, i) => sign(`p${i}@example.org`));
    await calls[0];
    await workers.at(-1)?.terminate();
    await inTime(Promise.all(calls), 'an answer to each');
    await inTime(failing, 'that the process is told');
    t.equal(failure, 'the store thread ended');
    t.ok(acknowledged.length > 0 && others.length > 0, `${acknowledged.length} and ${others.length}`);
    t.same([...new Set(others)], ['storage_unavailable']);
    const { supporters } = api.store.tables;
    const stored = new Set(
      (await api.store.read.db.select().from(supporters)).map(({ delivery }) => delivery),
    );
    t.same(
      acknowledged.filter((email) => !stored.has(email)),
      [],
      'nothing acknowledged is lost',
    );
    t.match(await outcome(api.verbs.sign(ANONYMOUS, petition, input('late@example.org'))), {
      code: 'storage_unavailable',
    });
    t.match(await outcome(api.store.transact(async () => 1)), { code: 'storage_unavailable' });
    await t.rejects(api.store.ping(), { code: 'storage_unavailable' }, 'nor is it ready');
    t.same(await recount(api.store.read), []);
  },
);

t.test('the proof of work is asked for above the rate that the thread has counted', async (t) => {
  const challengeAbove = { requests: 3, seconds: 60 };
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null, challengeAbove };
  const { api, petition } = await world(t, { build: { config } });
  const required = async () =>
    (await api.call('GET', `/v1/petitions/${petition}/challenge`)).body.required as boolean;
  t.equal(await required(), false);
  const codes: unknown[] = [];
  for (let i = 0; i < 5; i += 1) {
    codes.push(
      ((await outcome(api.verbs.sign(ANONYMOUS, petition, input(`p${i}@example.org`)))) as { code?: string })
        .code,
    );
  }
  t.same(codes, [undefined, undefined, undefined, 'challenge_required', 'challenge_required']);
  t.equal(await required(), true);
});
