import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { sweepChallenges } from '../../src/core/challenges.js';
import { recount } from '../../src/core/recount.js';
import { onEveryEngine, publish, start, type Answer, type Engine, type TestApp } from '../helper.js';
import { solve, type Altcha } from '../proof-of-work.js';

const MINUTE = 60_000;
const FORM_TOKEN = /^ft_[A-Za-z0-9_-]{59}$/;

const getChallenge = (api: TestApp, ref: string, key?: string) =>
  api.call('GET', `/v1/petitions/${ref}/challenge`, { key });

const sign = (
  api: TestApp,
  ref: string,
  email: string,
  more: Record<string, unknown> = {},
  key?: string,
  headers = {},
) =>
  api.call('POST', `/v1/petitions/${ref}/signatures`, {
    key,
    headers,
    body: { email, name: 'Ada King', ...more },
  });

const used = async ({ store }: TestApp): Promise<number> =>
  (await store.read.db.select().from(store.tables.usedChallenges)).length;

const is = (t: Test, answer: Answer, status: number, code?: string) =>
  t.match(answer, { status, ...(code === undefined ? {} : { body: { code } }) }, answer.text);

onEveryEngine('getChallenge', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'calm' });
  await publish(api, lead.secret, { slug: 'guarded', challenge: 'always' });
  await publish(api, lead.secret, { slug: 'free', challenge: 'off' });

  await t.test('200: without pressure there is a form token and nothing to solve', async (t) => {
    for (const ref of ['calm', 'free']) {
      const answer = await getChallenge(api, ref);
      t.match(answer, {
        status: 200,
        headers: { 'cache-control': 'private, no-store' },
        body: { required: false, form_token: FORM_TOKEN, altcha: null },
      });
      t.not(answer.body.form_token, (await getChallenge(api, ref)).body.form_token, 'fresh each time');
    }
  });

  await t.test('200: where the petition wants one there is a proof of work, another each time', async (t) => {
    const { status, body } = await getChallenge(api, 'guarded');
    t.equal(status, 200);
    t.match(body, {
      required: true,
      form_token: FORM_TOKEN,
      altcha: { algorithm: 'SHA-256', maxnumber: 50_000 },
    });
    t.not(body.altcha.challenge, (await getChallenge(api, 'guarded')).body.altcha.challenge);
    const publishable = await api.newKey(lead.key, 'publishable');
    t.match((await getChallenge(api, 'guarded', publishable)).body, { required: true });
    t.match((await getChallenge(api, 'guarded', lead.secret)).body, { required: false, altcha: null });
  });

  await t.test('308, 404 and 410', async (t) => {
    const draft = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'Not yet', statement: 'Wait.', slug: 'draft-one' },
    });
    is(t, await getChallenge(api, draft.body.slug), 404, 'petition_not_found');
    is(t, await getChallenge(api, 'nowhere'), 404, 'petition_not_found');
    const moving = await publish(api, lead.secret, { slug: 'old-name' });
    await api.call('PATCH', `/v1/petitions/${moving.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
      body: { slug: 'new-name' },
    });
    t.match(await getChallenge(api, 'old-name'), {
      status: 308,
      headers: { location: '/v1/petitions/new-name/challenge' },
    });
    const transitions = `/v1/petitions/${moving.id}/transitions`;
    await api.call('POST', transitions, { key: lead.secret, body: { to: 'taken_down', reason: 'legal' } });
    is(t, await getChallenge(api, 'new-name'), 410, 'petition_taken_down');
  });
});

async function guarded(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const petition = await publish(api, lead.secret, { slug: 'guarded', challenge: 'always' });
  const altcha = async (ref = 'guarded') => (await getChallenge(api, ref)).body.altcha as Altcha;
  return { api, lead, petition, altcha };
}

onEveryEngine('signPetition with a proof of work', async (t, engine) => {
  const { api, lead, petition, altcha } = await guarded(t, engine);

  await t.test('403 challenge_required: the detail says where to get one', async (t) => {
    const publishable = await api.newKey(lead.key, 'publishable');
    for (const key of [undefined, publishable]) {
      const answer = await sign(api, 'guarded', 'ada@example.org', {}, key);
      is(t, answer, 403, 'challenge_required');
      t.match(answer.body.detail, '/v1/petitions/{petition}/challenge');
      t.notMatch(answer.text, /ada|example\.org/);
    }
    t.same(await recount(api.store.read), []);
  });

  await t.test('202: solved, it is good for one signature', async (t) => {
    const proof = solve(await altcha());
    is(t, await sign(api, 'guarded', 'one@example.org', { altcha: proof }), 202);
    is(t, await sign(api, 'guarded', 'two@example.org', { altcha: proof }), 403, 'challenge_invalid');
    is(t, await sign(api, 'guarded', 'one@example.org', { altcha: proof }), 403, 'challenge_invalid');
    const spaced = Buffer.from(` ${Buffer.from(proof, 'base64').toString()} `).toString('base64');
    const again = await sign(api, 'guarded', 'two@example.org', { altcha: spaced });
    is(t, again, 403, 'challenge_invalid');
    const { usedChallenges, signatures } = api.store.tables;
    const [row] = await api.store.read.db.select().from(usedChallenges);
    t.ok(
      row?.hash.equals(
        createHash('sha256')
          .update(JSON.parse(atob(proof)).challenge)
          .digest(),
      ),
    );
    t.equal((await api.store.read.db.select().from(signatures)).length, 1);
  });

  await t.test('202: fifty at once use one proof once', async (t) => {
    const proof = solve(await altcha());
    const before = await used(api);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => sign(api, 'guarded', `p${i}@example.org`, { altcha: proof })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    t.same(statuses, [202, ...Array<number>(49).fill(403)]);
    t.equal((await used(api)) - before, 1);
    const { supporters } = api.store.tables;
    const people = await api.store.read.db.select().from(supporters);
    t.equal(people.filter(({ identity }) => /^p\d+@/.test(identity)).length, 1);
  });

  await t.test('403 challenge_invalid: of another petition, tampered with, wrong, not ours', async (t) => {
    const other = await publish(api, lead.secret, { slug: 'other', challenge: 'always' });
    t.not(other.id, petition.id);
    const fresh = await altcha();
    const theirs = await altcha('other');
    const digits = fresh.salt.replace('expires=1', 'expires=9');
    const spoiled = {
      'another petition': solve(theirs),
      'another number': solve(fresh, { number: 50_001 }),
      'a number as text': solve(fresh, { number: '7' }),
      'a longer life': solve(fresh, { salt: digits }),
      'their petition': solve(theirs, { salt: theirs.salt.replace(other.id, petition.id) }),
      'another signature': solve(fresh, { signature: theirs.signature }),
      'another hash': solve(fresh, { algorithm: 'SHA-1' }),
      'no JSON': Buffer.from('{').toString('base64'),
      null: Buffer.from('null').toString('base64'),
      'a list': Buffer.from('[1]').toString('base64'),
      'no base64': 'A=A=A',
    };
    const before = await used(api);
    for (const [what, proof] of Object.entries(spoiled)) {
      const answer = await sign(api, 'guarded', 'eve@example.org', { altcha: proof });
      t.match(answer, { status: 403, body: { code: 'challenge_invalid' } }, what);
    }
    t.equal(await used(api), before, 'nothing is used up');
    is(t, await sign(api, 'guarded', 'fay@example.org', { altcha: solve(fresh) }), 202);
  });

  await t.test('403 challenge_invalid: moved digits between salt and number', async (t) => {
    const fresh = await altcha();
    const { number } = JSON.parse(atob(solve(fresh))) as { number: number };
    const [first = '', ...rest] = String(number);
    const moved = solve(fresh, { salt: `${fresh.salt}${first}`, number: Number(rest.join('')) });
    is(t, await sign(api, 'guarded', 'gus@example.org', { altcha: moved }), 403, 'challenge_invalid');
  });

  await t.test('403 challenge_invalid: after 20 minutes, and used ones are forgotten then', async (t) => {
    t.teardown(() => api.setClock(undefined));
    const now = Date.now();
    api.setClock(new Date(now));
    const proof = solve(await altcha());
    api.setClock(new Date(now + 19 * MINUTE));
    await sweepChallenges(api.store, new Date(now + 19 * MINUTE));
    const known = await used(api);
    t.ok(known > 0, 'what could still be used is remembered');
    api.setClock(new Date(now + 20 * MINUTE + 1000));
    is(t, await sign(api, 'guarded', 'late@example.org', { altcha: proof }), 403, 'challenge_invalid');
    await sweepChallenges(api.store, new Date(now + 60 * MINUTE));
    t.equal(await used(api), 0);
  });

  await t.test('409: a signing that fails later has not used it up', async (t) => {
    const proof = solve(await altcha());
    const before = await used(api);
    const { ctx } = api.app as { ctx: { newId: (prefix: string) => string } };
    const { newId } = ctx;
    const { signatures } = api.store.tables;
    const [taken] = await api.store.read.db.select().from(signatures);
    ctx.newId = (prefix) => (prefix === 'sig' ? (taken?.publicId ?? '') : newId(prefix));
    is(t, await sign(api, 'guarded', 'hal@example.org', { altcha: proof }), 409);
    ctx.newId = newId;
    t.equal(await used(api), before);
    is(t, await sign(api, 'guarded', 'hal@example.org', { altcha: proof }), 202);
  });

  await t.test('201: secret keys are exempt', async (t) => {
    is(t, await sign(api, 'guarded', 'crm@example.org', {}, lead.secret), 201);
  });

  await t.test(
    '202: an Idempotency-Key gives the first answer again, though the proof is used up',
    async (t) => {
      const proof = solve(await altcha());
      const headers = { 'idempotency-key': 'a-retry-of-a-proof' };
      const first = await sign(api, 'guarded', 'ida@example.org', { altcha: proof }, undefined, headers);
      const second = await sign(api, 'guarded', 'ida@example.org', { altcha: proof }, undefined, headers);
      is(t, first, 202);
      is(t, second, 202);
      const moved = await api.app.inject({
        method: 'POST',
        url: '/v1/petitions/guarded/signatures',
        headers,
        remoteAddress: '203.0.113.9',
        payload: { email: 'ida@example.org', name: 'Ada King', altcha: proof },
      });
      t.equal(moved.statusCode, 202, 'from another network, too: nobody else has that proof');
      const guessed = await sign(api, 'guarded', 'eve@example.org', { altcha: proof }, undefined, headers);
      is(t, guessed, 403, 'challenge_invalid');
    },
  );

  await t.test('422: what cannot be a proof', async (t) => {
    is(t, await sign(api, 'guarded', 'x@example.org', { altcha: 'not base64!' }), 422, 'invalid_body');
    is(t, await sign(api, 'guarded', 'x@example.org', { form_token: 'ft_short' }), 422, 'invalid_body');
  });
});

onEveryEngine('a petition under pressure', async (t, engine) => {
  const challengeAbove = { requests: 5, seconds: 60 };
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null, challengeAbove };
  const api = await start(t, engine, { build: { config } });
  const lead = await api.organization('River Meadows');
  for (const challenge of ['auto', 'off']) await publish(api, lead.secret, { slug: challenge, challenge });
  await publish(api, lead.secret, { slug: 'beside' });
  const from = Math.ceil(Date.now() / MINUTE) * MINUTE;
  const at = (ms: number) => api.setClock(new Date(from + ms));
  t.teardown(() => api.setClock(undefined));
  let n = 0;
  const many = async (ref: string, count: number, key?: string) => {
    const answers: Answer[] = [];
    for (let i = 0; i < count; i += 1) {
      answers.push(await sign(api, ref, `n${(n += 1)}@example.org`, {}, key));
    }
    return answers.map(({ status, body }) => (status === 403 ? body.code : status));
  };

  await t.test('202, then 403 challenge_required above the rate', async (t) => {
    at(0);
    t.same(await many('auto', 5), [202, 202, 202, 202, 202]);
    t.match((await getChallenge(api, 'auto')).body, { required: false });
    t.same(await many('auto', 2), ['challenge_required', 'challenge_required']);
    const { body } = await getChallenge(api, 'auto');
    t.match(body, { required: true });
    is(t, await sign(api, 'auto', 'solver@example.org', { altcha: solve(body.altcha) }), 202);
  });

  await t.test('202: neither other petitions, nor where it is off, nor secret keys', async (t) => {
    t.same(await many('beside', 3), [202, 202, 202]);
    t.same(await many('off', 12), Array(12).fill(202));
    t.same(await many('auto', 2, lead.secret), [201, 201]);
    t.match((await getChallenge(api, 'beside')).body, { required: false });
  });

  await t.test('it stays on for ten minutes after the last moment of it, and is off then', async (t) => {
    at(9 * MINUTE);
    t.same(await many('auto', 1), ['challenge_required']);
    at(10 * MINUTE + 1000);
    t.match((await getChallenge(api, 'auto')).body, { required: false });
    t.same(await many('auto', 2), [202, 202]);
  });

  await t.test('the window slides: what came at the end of one minute counts in the next', async (t) => {
    at(30 * MINUTE + 58_000);
    t.same(await many('auto', 4), [202, 202, 202, 202]);
    at(31 * MINUTE + 2000);
    t.same(await many('auto', 2), [202, 'challenge_required']);
  });

  await t.test('publishable keys count too', async (t) => {
    at(60 * MINUTE);
    const publishable = await api.newKey(lead.key, 'publishable');
    t.same(await many('auto', 6, publishable), [202, 202, 202, 202, 202, 'challenge_required']);
  });
});
