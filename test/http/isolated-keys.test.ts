import { and, eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { build } from '../../src/app.js';
import { judgeKeys, type IsolatedKey } from '../../src/core/key-breaker.js';
import { slotOf } from '../../src/core/key-figures.js';
import { sweepLinksAndMail } from '../../src/core/sweeping.js';
import { startJobs } from '../../src/jobs.js';
import {
  onEveryEngine,
  openTestStore,
  publish,
  ROOT_KEY,
  start,
  type Engine,
  type TestApp,
  makePartner,
} from '../helper.js';
import { collectMail, tokenOf } from '../mailbox.js';

const EVENING = '2026-11-23T19:';
const at = (time: string) => new Date(`${EVENING}${time}:00Z`);

async function coalition(t: Test, engine: Engine) {
  const api = await start(t, engine);
  api.setClock(at('00'));
  const lead = await api.organization('River Meadows');
  const anglers = await api.organization('Anglers');
  const rowers = await api.organization('Rowers');
  const petition = await publish(api, lead.secret, { slug: 'meadows', challenge: 'off' });
  const other = await publish(api, lead.secret, { slug: 'harbour', challenge: 'off' });
  for (const { id } of [petition, other]) {
    await makePartner(api, lead.secret, id, anglers);
    await makePartner(api, lead.secret, id, rowers);
  }
  const keyOf = async (organization: { secret: string }): Promise<{ id: string; token: string }> => {
    const body = { kind: 'publishable', name: 'Site' };
    return (await api.call('POST', '/v1/api-keys', { key: organization.secret, body })).body;
  };
  return { api, lead, anglers, rowers, petition, keyOf };
}

let signers = 0;
const sign = (
  api: TestApp,
  key: string | undefined,
  slug = 'meadows',
  email = `n${(signers += 1)}@example.org`,
) => api.call('POST', `/v1/petitions/${slug}/signatures`, { key, body: { email, name: 'N' } });

/** Few at once: a busy machine should not time out over them. */
async function run(api: TestApp, key: string, number: number): Promise<void> {
  for (let left = number; left > 0; left -= 20) {
    const answers = await Promise.all(Array.from({ length: Math.min(20, left) }, () => sign(api, key)));
    const other = answers.find(({ status }) => status !== 202);
    if (other) throw new Error(other.text);
  }
}

/** Sends what waits, and answers for so many of the mailboxes. */
async function confirm(api: TestApp, number: number): Promise<number> {
  const letters = await collectMail(api);
  for (const letter of letters.slice(0, number)) {
    const { status } = await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    if (status !== 200) throw new Error(`a confirmation answered ${status}`);
  }
  return letters.length;
}

async function judged(api: Pick<TestApp, 'app'>): Promise<IsolatedKey[]> {
  const told: IsolatedKey[] = [];
  await judgeKeys(api.app.ctx, (one) => told.push(one));
  return told;
}

/** The status and the signals of the latest signature. */
async function latest({ store }: TestApp): Promise<{ status: string; signals: string[] | null } | undefined> {
  const { signatures: t, suspicions } = store.tables;
  const rows = await store.read.db
    .select({ key: t.key, status: t.status, signals: suspicions.signals })
    .from(t)
    .leftJoin(suspicions, eq(suspicions.signatureKey, t.key));
  const last = rows.sort((a, b) => a.key - b.key).at(-1);
  return last && { status: last.status, signals: last.signals };
}

/** A second process on the same database. */
async function anotherProcess(t: Test, api: TestApp): Promise<TestApp> {
  const { now, erasures } = api.app.ctx;
  const store = await openTestStore(api.url, { now });
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null };
  const app = await build({ config, store, rootKey: ROOT_KEY, erasures, now });
  t.teardown(async () => {
    await app.close();
    await store.close();
  });
  const call: TestApp['call'] = async (method, path, { key, body } = {}) => {
    const response = await app.inject({
      method: method as 'GET',
      url: path,
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    return { status: response.statusCode, headers: {}, body: response.json(), text: response.body };
  };
  return { ...api, app, store, call };
}

onEveryEngine('a bot run through the key of a partner', async (t, engine) => {
  const { api, lead, anglers, rowers, petition, keyOf } = await coalition(t, engine);
  const [bots, people, spare] = [await keyOf(anglers), await keyOf(rowers), await keyOf(anglers)];
  const twin = await anotherProcess(t, api);
  const list = (key: string | undefined = lead.secret, query = '', ref = 'meadows', headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}/isolated-keys${query}`, { key, headers });
  const release = (id: string, key: string | undefined = lead.secret, ref = 'meadows') =>
    api.call('POST', `/v1/petitions/${ref}/isolated-keys/${id}/release`, { key });

  await run(api, bots.token, 300);
  t.equal(await confirm(api, 5), 300);
  await run(api, people.token, 200);
  t.equal(await confirm(api, 80), 200);

  await t.test('it trips once people had time, and nobody else’s key does', async (t) => {
    api.setClock(at('29'));
    t.same(await judged(api), []);
    t.match(await sign(api, bots.token), { status: 202 });
    t.match(await latest(api), { status: 'pending' });
    api.setClock(at('30'));
    const told = (await Promise.all([judged(api), judged(twin)])).flat();
    t.same(told, [{ keyId: bots.id, petitionId: petition.id }], 'one of two processes tells');
    t.same(await judged(api), [], 'once');
  });

  await t.test('listIsolatedKeys 200, 304: the figures that did it', async (t) => {
    const answer = await list();
    t.match(answer, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.same(answer.body.data, [
      {
        key_id: bots.id,
        organization_id: anglers.id,
        organization_name: 'Anglers',
        asked: 300,
        confirmed: 5,
        isolated_at: at('30').toISOString(),
        released_at: null,
      },
    ]);
    t.notMatch(answer.text, /pk_|@example/);
    t.same((await list(lead.secret, '', 'harbour')).body.data, []);
    const etag = answer.headers['etag'] ?? '';
    t.equal((await list(lead.secret, '', petition.id, { 'if-none-match': etag })).status, 304);
  });

  await t.test(
    'what comes through it is quarantined from the next request on, in every process',
    async (t) => {
      const strangers = await sign(api, undefined);
      t.match(await latest(api), { status: 'pending' });
      for (const process of [api, twin]) {
        const { status, body } = await sign(process, bots.token);
        t.equal(status, 202);
        t.same(Object.keys(body), Object.keys(strangers.body), 'the answer is as ever');
        t.same(await latest(api), { status: 'quarantined', signals: ['isolated_key'] });
      }
      for (const [key, slug] of [
        [spare.token, 'meadows'],
        [people.token, 'meadows'],
        [bots.token, 'harbour'],
      ] as const) {
        t.match(await sign(api, key, slug), { status: 202 });
        t.match(await latest(api), { status: 'pending' }, 'another key, another petition');
      }
    },
  );

  await t.test('mails that waited for it are dropped', async (t) => {
    t.equal(await confirm(api, 0), 4, 'the stranger, the spare key, the people, the other petition');
    const { outbox } = api.store.tables;
    const dropped = await api.store.read.db
      .select({ reason: outbox.reason })
      .from(outbox)
      .where(eq(outbox.state, 'dropped'));
    t.ok(dropped.some(({ reason }) => reason === 'isolated'));
    t.equal(dropped.length, 3, 'one from before, two that were quarantined');
  });

  await t.test('the log and the metrics tell, and name nobody', async (t) => {
    t.match((await api.call('GET', '/metrics')).text, '\nkeys_isolated 1\n');
    const every: { ms: number | undefined; run: () => void }[] = [];
    t.intercept(globalThis, 'setInterval', {
      value: (run: () => void, ms?: number) => (every.push({ run, ms }), setTimeout(() => undefined, 0)),
    });
    await figures(api, spare.id, 'meadows', slotOf(at('30')), { asked: 1000, confirmed: 19 });
    const lines: unknown[] = [];
    startJobs(api.app.ctx, { warn: (...line) => lines.push(line) });
    every.filter(({ ms }) => ms === 60_000).forEach((job) => job.run());
    for (let i = 0; i < 100 && lines.length === 0; i += 1) await new Promise((done) => setTimeout(done, 20));
    t.same(lines, [[{ key: spare.id, petition: petition.id }, 'a key is isolated: hardly anybody confirms']]);
    t.match((await api.call('GET', '/metrics')).text, '\nkeys_isolated 2\n');
    t.same(
      (await list(lead.secret, '?limit=1')).body.data.map((one: any) => one.key_id),
      [spare.id],
      'a flood is not waited for; latest first',
    );
    const { next_cursor: cursor } = (await list(lead.secret, '?limit=1')).body;
    t.match((await list(lead.secret, `?limit=1&cursor=${cursor}`)).body, {
      data: [{ key_id: bots.id }],
      has_more: false,
    });
  });

  await t.test('listIsolatedKeys 400, 401, 403, 404', async (t) => {
    t.match(await list(lead.secret, '?cursor=zz'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await list(lead.secret, '?limit=0'), { status: 400 });
    t.match(await list(bots.token), { status: 401, body: { code: 'key_required' } });
    const weak = await api.newKey(lead.key, 'secret', ['signatures:moderate']);
    t.match(await list(weak), { status: 403, body: { code: 'scope_required' } });
    t.match(await list(anglers.secret), { status: 404, body: { code: 'petition_not_found' } });
    t.match(await list(lead.secret, '', 'nowhere'), { status: 404 });
  });

  await t.test('releaseKey 400, 401, 403, 404', async (t) => {
    t.match(await release('key_x'), { status: 400 });
    t.match(await release(bots.id, bots.token), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['signatures:read']);
    t.match(await release(bots.id, weak), { status: 403, body: { code: 'scope_required' } });
    const missing = { status: 404, body: { code: 'isolation_not_found' } };
    t.match(await release(people.id), missing);
    t.match(await release(bots.id, lead.secret, 'harbour'), missing);
    t.match(await release(`key_${'0'.repeat(26)}`), missing);
    const foreign = { status: 404, body: { code: 'petition_not_found' } };
    t.match(await release(bots.id, anglers.secret), foreign, 'a partner cannot help itself');
    t.match(await release(bots.id, lead.secret, 'nowhere'), foreign);
    t.equal((await list()).body.data.find((one: any) => one.key_id === bots.id).released_at, null);
  });

  await t.test('releaseKey 200: it works again, and is judged by what comes after', async (t) => {
    api.setClock(at('45'));
    t.match(await release(bots.id), {
      status: 200,
      headers: { 'cache-control': 'private, no-store' },
      body: { key_id: bots.id, asked: 300, confirmed: 5, released_at: at('45').toISOString() },
    });
    t.match(await release(bots.id), { status: 404, body: { code: 'isolation_not_found' } }, 'a repeat');
    for (const process of [api, twin]) {
      t.match(await sign(process, bots.token), { status: 202 });
      t.match(await latest(api), { status: 'pending' });
    }
    t.equal(await confirm(api, 0), 2, 'and is mailed');
    const { signatures } = api.store.tables;
    const quarantined = await api.store.read.db
      .select({ key: signatures.key })
      .from(signatures)
      .where(eq(signatures.status, 'quarantined'));
    t.equal(quarantined.length, 2, 'what was quarantined stays so');
    api.setClock(new Date('2026-11-23T22:00:00Z'));
    t.same(await judged(api), [], 'the old figures are known');
    await figures(api, bots.id, 'meadows', slotOf(at('45')), { asked: 500, confirmed: 0 });
    t.same(await judged(api), [], 'those of the slot of the release, too');
    await figures(api, bots.id, 'meadows', slotOf(at('59')), { asked: 250, confirmed: 3 });
    t.same(await judged(api), [{ keyId: bots.id, petitionId: petition.id }], 'but not new ones');
    t.match((await list()).body.data, [{ key_id: bots.id, asked: 250, confirmed: 3 }, {}, {}]);
  });
});

onEveryEngine('the figures of a key', async (t, engine) => {
  const { api, anglers, keyOf } = await coalition(t, engine);
  const site = await keyOf(anglers);
  const read = () => {
    const { keyFigures: t } = api.store.tables;
    return api.store.read.db.select({ slot: t.slot, asked: t.asked, confirmed: t.confirmed }).from(t);
  };
  const sum = async () =>
    (await read()).reduce((all, one) => ({ ...all, [one.slot]: [one.asked, one.confirmed] }), {});

  await t.test('asked is who was mailed: a mail server that is away says nothing about a key', async (t) => {
    await run(api, site.token, 3);
    await sign(api, undefined);
    t.same(await sum(), {}, 'nobody yet');
    api.setClock(at('25'));
    const letters = await collectMail(api);
    t.equal(letters.length, 4);
    t.same(total(await read()), { asked: 3, confirmed: 0 });
    t.ok((await read()).every(({ slot }) => slot === slotOf(at('25'))));
    api.setClock(at('55'));
    const body = { email: letters[0]?.to ?? '', petition_id: null };
    const petitions = await api.call('GET', '/v1/petitions/meadows');
    const again = { ...body, petition_id: petitions.body.id };
    t.equal((await api.call('POST', '/v1/confirmations/resend', { body: again })).status, 202);
    await sign(api, site.token, 'meadows', letters[0]?.to);
    await collectMail(api);
    t.same(total(await read()), { asked: 3, confirmed: 0 }, 'a mailbox is asked once');
    for (const letter of letters) {
      await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    }
    t.same(total(await read()), { asked: 3, confirmed: 3 });
  });

  await t.test('they are forgotten after 30 days', async (t) => {
    const day = 86_400_000;
    await sweepLinksAndMail(api.store, new Date(at('00').getTime() + 29 * day));
    t.equal(total(await read()).asked, 3);
    await sweepLinksAndMail(api.store, new Date(at('59').getTime() + 31 * day));
    t.same(await read(), []);
  });
});

const total = (rows: { asked: number; confirmed: number }[]) =>
  rows.reduce(
    (all, { asked, confirmed }) => ({ asked: all.asked + asked, confirmed: all.confirmed + confirmed }),
    { asked: 0, confirmed: 0 },
  );

/** As if so many had been asked through a key, and had answered: in a shard that no connection has. */
async function figures(
  { store }: TestApp,
  keyId: string,
  slug: string,
  slot: number,
  numbers: { asked: number; confirmed: number },
): Promise<void> {
  await store.transact(async ({ db, tables: { apiKeys, petitions, keyFigures } }) => {
    const [row] = await db
      .select({ apiKeyKey: apiKeys.key, petitionKey: petitions.key })
      .from(apiKeys)
      .innerJoin(petitions, and(eq(petitions.slug, slug), eq(apiKeys.publicId, keyId)));
    if (row) await db.insert(keyFigures).values({ ...row, slot, shard: 999, ...numbers });
  });
}
