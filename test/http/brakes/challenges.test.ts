import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { loadConfig } from '../../../src/config.js';
import { sweepChallenges } from '../../../src/core/brakes/challenges.js';
import { recount } from '../../../src/core/counts/recount.js';
import {
  onEveryEngine,
  publish,
  start,
  type Answer,
  type Engine,
  type TestApp,
} from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { solve, type Altcha } from '../../support/proof-of-work.js';

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
  // In place: one of the tests replaces the ids of the app's Context.
  const api = await start(t, engine, { storeThread: false });
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

/** Some at a time: on PostgreSQL each answer takes its time. */
async function atOnce<T>(all: readonly T[], run: (one: T, i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < all.length; i += 50) {
    await Promise.all(all.slice(i, i + 50).map((one, j) => run(one, i + j)));
  }
}

/** An app under the limits that it is delivered with, behind a proxy that names the client. */
async function delivered(t: Test, engine: Engine) {
  const { limits } = loadConfig({}, false);
  const config = { publicUrl: 'http://undersigned.test', trustProxy: ['127.0.0.1'], limits };
  const api = await start(t, engine, { build: { config } });
  const lead = await api.organization('River Meadows');
  const as = (client: string) => ({ 'x-forwarded-for': client });
  /** Signs without a proof of work. */
  const bare = async (ref: string, client: string, key?: string) => {
    const { status, body } = await sign(api, ref, `b${(bare.n += 1)}@example.org`, {}, key, as(client));
    return status === 202 ? 202 : (body.code as string);
  };
  bare.n = 0;
  const many = async (ref: string, clients: string[], key?: string) => {
    const told: Record<string, number> = {};
    await atOnce(clients, async (client) => {
      const one = await bare(ref, client, key);
      told[one] = (told[one] ?? 0) + 1;
    });
    return told;
  };
  /** Signs as the document says: with a proof of work when one is asked for. */
  const patiently = async (ref: string, email: string, client: string, more = {}, key?: string) => {
    const first = await sign(api, ref, email, more, key, as(client));
    if (first.body.code !== 'challenge_required') return first;
    const path = `/v1/petitions/${ref}/challenge`;
    const { body } = await api.call('GET', path, { key, headers: as(client) });
    if (!body.altcha) return first;
    return sign(api, ref, email, { ...more, altcha: solve(body.altcha) }, key, as(client));
  };
  return { api, lead, as, many, patiently };
}

const times = (number: number, client: string | ((i: number) => string)) =>
  Array.from({ length: number }, (_, i) => (typeof client === 'string' ? client : client(i)));

onEveryEngine('how much is signed from one network without a proof of work', async (t, engine) => {
  const { api, lead, as, many } = await delivered(t, engine);
  const petition = await publish(api, lead.secret, { slug: 'old-name' });
  const rename = (slug: string) =>
    api.call('PATCH', `/v1/petitions/${petition.id}`, {
      key: lead.secret,
      headers: { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
      body: { slug },
    });

  await t.test(
    '403: slug, id, an encoded and an old slug are one petition: thirty, and no more',
    async (t) => {
      t.same(await many('old-name', times(10, '203.0.113.1')), { 202: 10 });
      await rename('new-name');
      t.same(await many('new-name', times(10, '203.0.113.1')), { 202: 10 });
      t.same(await many(petition.id, times(5, '203.0.113.1')), { 202: 5 });
      t.equal((await sign(api, 'old-name', 'x@example.org', {}, undefined, as('203.0.113.1'))).status, 308);
      t.same(await many('%6Eew-n%61me', times(6, '203.0.113.1')), { 202: 4, challenge_required: 2 });
      for (const ref of ['new-name', petition.id, 'n%65w-name']) {
        t.same(await many(ref, times(2, '203.0.113.1')), { challenge_required: 2 }, ref);
      }
      t.same(await many('new-name', ['203.0.113.2']), { 202: 1 }, 'another client');
      await publish(api, lead.secret, { slug: 'beside' });
      t.same(await many('beside', ['203.0.113.1']), { 202: 1 }, 'another petition');
    },
  );

  await t.test('404: what is invented, or a draft, has no bucket and looks the same', async (t) => {
    const body = { title: 'Not yet', statement: 'Wait.', slug: 'a-draft' };
    const draft = (await api.call('POST', '/v1/petitions', { key: lead.secret, body })).body;
    const refs = [
      'nowhere',
      'a-draft',
      draft.id,
      `pet_${'0'.repeat(26)}`,
      'x'.repeat(300),
      '%00',
      '%F0%9F%A7',
    ];
    const seen = new Set<string>();
    for (const [i, ref] of refs.entries()) {
      const { status, headers } = await sign(
        api,
        ref,
        'x@example.org',
        {},
        undefined,
        as(`203.0.113.${50 + i}`),
      );
      t.ok([400, 404].includes(status), `${ref}: ${status}`);
      if (status === 404) seen.add(`${headers['ratelimit-policy']} ${headers['ratelimit']}`);
    }
    t.equal(seen.size, 1, [...seen].join('\n'));
    for (let i = 0; i < 40; i += 1) {
      t.equal(
        (await sign(api, `made-up-${i}`, 'x@example.org', {}, undefined, as('203.0.113.60'))).status,
        404,
      );
    }
  });

  await t.test('403: five times as much from a /48, and from a /24, whoever they say they are', async (t) => {
    await publish(api, lead.secret, { slug: 'wide' });
    const six = (i: number) => `2001:db8:7:${(i % 60).toString(16)}::1`;
    t.same(await many('wide', times(200, six)), { 202: 150, challenge_required: 50 });
    t.same(await many('wide', ['2001:db8:8::1']), { 202: 1 }, 'another /48');
    const four = (i: number) => `198.51.100.${i % 60}`;
    t.same(await many('wide', times(200, four)), { 202: 150, challenge_required: 50 });
    t.same(await many('wide', ['198.51.101.1']), { 202: 1 }, 'another /24');
  });

  await t.test(
    '429: where the petition wants no proof of work there is none, and one has to wait',
    async (t) => {
      await publish(api, lead.secret, { slug: 'unguarded', challenge: 'off' });
      t.same(await many('unguarded', times(32, '203.0.113.4')), { 202: 30, rate_limited: 2 });
      const answer = await sign(api, 'unguarded', 'x@example.org', {}, undefined, as('203.0.113.4'));
      t.match(answer, {
        status: 429,
        headers: { 'retry-after': /^[1-9]\d?$/, ratelimit: /"sign-burst";r=0/ },
      });
      t.match((await getChallenge(api, 'unguarded')).body, { required: false, altcha: null });
    },
  );

  await t.test('201: secret keys and publishable ones: the latter count as their visitors', async (t) => {
    const publishable = await api.newKey(lead.key, 'publishable');
    await publish(api, lead.secret, { slug: 'keyed' });
    t.same(await many('keyed', times(32, '203.0.113.5'), publishable), { 202: 30, challenge_required: 2 });
    const body = { email: 'sk@example.org', name: 'S' };
    const path = '/v1/petitions/keyed/signatures';
    const headers = as('203.0.113.5');
    t.equal((await api.call('POST', path, { key: lead.secret, headers, body })).status, 201);
  });
});

onEveryEngine('a hundred people behind one address', async (t, engine) => {
  const { api, lead, as, many, patiently } = await delivered(t, engine);
  const [school, elsewhere] = ['203.0.113.9', '203.0.114.9'];
  const people = Array.from({ length: 100 }, (_, i) => `p${i}@example.org`);
  const { id } = await publish(api, lead.secret, { slug: 'rally' });
  const required = async (client: string, ref = 'rally') =>
    (await api.call('GET', `/v1/petitions/${ref}/challenge`, { headers: as(client) })).body
      .required as boolean;

  await t.test('202: all of them sign within a minute, are mailed, confirm, share, and count', async (t) => {
    const from = performance.now();
    let asked = 0;
    await atOnce(people, async (email) => {
      const headers = { ...as(school), origin: 'https://site.example' };
      // What the element asks for before anybody has typed a word.
      for (const path of ['', '/consent-texts', '/counts', '/challenge', '/counts', '/counts']) {
        t.equal((await api.call('GET', `/v1/petitions/rally${path}`, { headers })).status, 200);
      }
      const answer = await patiently('rally', email, school);
      t.equal(answer.status, 202, answer.text);
      asked += Number(answer.headers['ratelimit']?.includes(';r=0;'));
    });
    t.ok(performance.now() - from < 55_000, 'or a new window had begun');
    t.ok(asked >= 70, `${asked} went on with a proof of work`);
    const letters = await collectMail(api);
    t.equal(letters.length, 100);
    await atOnce(letters, async (letter) => {
      const page = await api.call('GET', `/confirm?token=${tokenOf(letter)}`, { headers: as(school) });
      t.equal(page.status, 200);
      const body = { token: tokenOf(letter) };
      const answer = await api.call('POST', '/v1/confirmations', { headers: as(school), body });
      t.equal(answer.status, 200, answer.text);
    });
    t.match((await api.call('GET', '/v1/petitions/rally/counts')).body, { confirmed: 100 });
  });

  await t.test('202: nobody is quarantined for the crowd, odd as a form may look', async (t) => {
    const body = { form_token: `ft_${'A'.repeat(59)}` };
    t.equal((await patiently('rally', 'odd@example.org', school, body)).status, 202);
    const path = '/v1/signatures?petition=rally&email=odd@example.org';
    t.match((await api.call('GET', path, { key: lead.secret })).body.data, [{ status: 'pending' }]);
  });

  await t.test('202: a hundred ask for another mail, and share', async (t) => {
    await atOnce(people, async (email) => {
      const options = { headers: as(school), body: { email, petition_id: id } };
      t.equal((await api.call('POST', '/v1/confirmations/resend', options)).status, 202);
    });
    await publish(api, lead.secret, { slug: 'shared', page_url: 'https://river.example/' });
    await atOnce(people, async () => {
      const options = { headers: as(school), body: { network: 'copy' } };
      t.equal((await api.call('POST', '/v1/petitions/shared/share-links', options)).status, 201);
    });
  });

  await t.test('getChallenge 200: required for whom signing would ask, and for nobody else', async (t) => {
    t.equal(await required(school), true);
    t.equal(await required(school, id), true, 'by its id, too');
    t.equal(await required(elsewhere), false);
    await publish(api, lead.secret, { slug: 'quiet' });
    t.equal(await required(school, 'quiet'), false);
    t.same(await many('quiet', times(29, school)), { 202: 29 });
    for (let i = 0; i < 5; i += 1) t.equal(await required(school, 'quiet'), false, 'asking uses nothing up');
    t.same(await many('quiet', [school]), { 202: 1 });
    t.equal(await required(school, 'quiet'), true);
  });

  await t.test('429: with proofs of work, too, there is an end', async (t) => {
    await publish(api, lead.secret, { slug: 'mined' });
    const config = { publicUrl: 'http://undersigned.test', trustProxy: ['127.0.0.1'] };
    const few = { requests: 4, seconds: 60 };
    const limits = { ...loadConfig({}, false).limits!, signBurst: { ...few, requests: 1 }, signMost: few };
    const tight = await start(t, engine, { build: { config: { ...config, limits } } });
    const owner = await tight.organization('River Meadows');
    await publish(tight, owner.secret, { slug: 'mined', challenge: 'always' });
    const statuses = [];
    for (let i = 0; i < 6; i += 1) {
      const { altcha } = (await getChallenge(tight, 'mined')).body;
      statuses.push((await sign(tight, 'mined', `m${i}@example.org`, { altcha: solve(altcha) })).status);
    }
    t.same(statuses, [202, 202, 202, 202, 429, 429]);
  });
});
