import { and, eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { build } from '../../../src/app.js';
import { judgeKeys, type IsolatedKey } from '../../../src/core/brakes/key-breaker.js';
import { slotOf } from '../../../src/core/counts/key-figures.js';
import { sweepLinksAndMail } from '../../../src/core/mail/sweeping.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { startJobs } from '../../../src/jobs.js';
import {
  onEveryEngine,
  openTestStore,
  publish,
  ROOT_KEY,
  start,
  type Engine,
  type TestApp,
  makePartner,
} from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { solve } from '../../support/proof-of-work.js';
import { until } from '../../support/until.js';

const EVENING = '2026-11-23T19:';
const at = (time: string) => new Date(`${EVENING}${time}:00Z`);

async function coalition(t: Test, engine: Engine) {
  const config = { publicUrl: 'http://undersigned.test', trustProxy: ['127.0.0.1'], limits: null };
  const api = await start(t, engine, { build: { config } });
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
  const keyOf = async (
    organization: { secret: string },
    more: object = { kind: 'publishable' },
  ): Promise<{ id: string; token: string }> => {
    const body = { name: 'Site', ...more };
    return (await api.call('POST', '/v1/api-keys', { key: organization.secret, body })).body;
  };
  return { api, lead, anglers, rowers, petition, keyOf };
}

let signers = 0;
const sign = (
  api: TestApp,
  key: string | undefined,
  slug = 'meadows',
  { email = `n${(signers += 1)}@example.org`, client = '192.0.2.1', altcha }: Signer = {},
) =>
  api.call('POST', `/v1/petitions/${slug}/signatures`, {
    key,
    headers: { 'x-forwarded-for': client },
    body: { email, name: 'N', altcha },
  });

type Signer = { email?: string | undefined; client?: string; altcha?: string };

/** One of many networks, another one for each. */
const anywhere = (i: number) => `10.${Math.floor(i / 200)}.${i % 200}.7`;

/** Few at once: a busy machine should not time out over them. */
async function run(
  api: TestApp,
  key: string,
  number: number,
  { slug, clientOf = anywhere }: { slug?: string; clientOf?: (i: number) => string } = {},
): Promise<void> {
  for (let done = 0; done < number; done += 20) {
    const answers = await Promise.all(
      Array.from({ length: Math.min(20, number - done) }, (_, i) =>
        sign(api, key, slug, { client: clientOf(done + i) }),
      ),
    );
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
  const crm = await keyOf(anglers, { kind: 'secret', scopes: ['signatures:write'] });
  const twin = await anotherProcess(t, api);
  const list = (key: string | undefined = lead.secret, query = '', ref = 'meadows', headers = {}) =>
    api.call('GET', `/v1/petitions/${ref}/isolated-keys${query}`, { key, headers });
  const release = (id: string, key: string | undefined = lead.secret, ref = 'meadows') =>
    api.call('POST', `/v1/petitions/${ref}/isolated-keys/${id}/release`, { key });

  const farm = (i: number) => `203.0.${i % 30}.${i % 9}`;
  await run(api, bots.token, 300, { clientOf: farm });
  t.equal(await confirm(api, 5), 300);
  await run(api, people.token, 200);
  t.equal(await confirm(api, 80), 200);

  await t.test('it trips once people had time, and nobody else’s key does', async (t) => {
    api.setClock(at('29'));
    t.same(await judged(api), []);
    for (const client of [farm(29), '192.0.2.2']) {
      t.match(await sign(api, bots.token, 'meadows', { client }), { status: 202 });
      t.match(await latest(api), { status: 'pending' });
    }
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
    t.equal(
      await confirm(api, 0),
      5,
      'the stranger, the spare key, the people, the other petition, a clean network',
    );
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
      value: (run: () => void, ms?: number) => (every.push({ run, ms }), { unref: () => undefined }),
    });
    await figures(api, crm.id, 'meadows', slotOf(at('30')), { asked: 1000, confirmed: 19 });
    const lines: unknown[] = [];
    startJobs(api.app.ctx, { warn: (...line) => lines.push(line) });
    every.filter(({ ms }) => ms === 60_000).forEach((job) => job.run());
    await until(() => lines.length > 0, 'a line of the log');
    t.same(lines, [
      [
        { key: crm.id, petition: petition.id },
        'a key is isolated: hardly any of its signatures are confirmed',
      ],
    ]);
    t.match((await api.call('GET', '/metrics')).text, '\nkeys_isolated 2\n');
    t.same(
      (await list(lead.secret, '?limit=1')).body.data.map((one: any) => one.key_id),
      [crm.id],
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

  await t.test('releaseIsolatedKey 400, 401, 403, 404', async (t) => {
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

  await t.test('releaseIsolatedKey 200: it works again, and is judged by what comes after', async (t) => {
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
    api.setClock(at('59'));
    await run(api, bots.token, 220, { clientOf: farm });
    t.equal(await confirm(api, 0), 220);
    api.setClock(new Date('2026-11-23T22:00:00Z'));
    t.same(await judged(api), [{ keyId: bots.id, petitionId: petition.id }], 'but not new ones');
    t.match((await list()).body.data, [{ key_id: bots.id, asked: 220, confirmed: 0 }, {}, {}]);
  });
});

onEveryEngine('a copied key in the hands of one visitor', async (t, engine) => {
  const { api, lead, anglers, keyOf } = await coalition(t, engine);
  const petition = await publish(api, lead.secret, { slug: 'open' });
  await makePartner(api, lead.secret, petition.id, anglers);
  const site = await keyOf(anglers);
  const bot = (i: number) => `203.0.113.${i % 250}`;
  const list = () => api.call('GET', '/v1/petitions/open/isolated-keys', { key: lead.secret });
  const opened = async (client: string, keyed = true) => {
    const headers = { 'x-forwarded-for': client };
    const key = keyed ? site.token : undefined;
    return (await api.call('GET', '/v1/petitions/open/challenge', { key, headers })).body;
  };
  const through = async (signer: Signer & { client: string }) => {
    const altcha = solve((await opened(signer.client)).altcha);
    return sign(api, site.token, 'open', { ...signer, altcha });
  };

  await run(api, site.token, 40, { slug: 'open' });
  t.equal(await confirm(api, 20), 40);
  await run(api, site.token, 250, { slug: 'open', clientOf: bot });
  t.equal(await confirm(api, 0), 250);
  const waiting = 'waits@example.org';
  api.setClock(at('29'));
  await sign(api, site.token, 'open', { email: waiting, client: '198.51.100.1' });
  await sign(api, site.token, 'open', { client: bot(1) });
  api.setClock(at('30'));

  await t.test('the key is not set apart, and nobody else is held up', async (t) => {
    t.same(await judged(api), []);
    t.same((await list()).body.data, []);
    t.same(
      (await collectMail(api)).map(({ to }) => to),
      [waiting],
      'who signed before gets the mail, but for the network',
    );
    const { outbox } = api.store.tables;
    const dropped = await api.store.read.db.select().from(outbox).where(eq(outbox.state, 'dropped'));
    t.same(
      dropped.map(({ reason }) => reason),
      ['isolated'],
    );
    t.match(await opened('198.51.100.2', false), { required: false }, 'without the key nothing is asked');
    t.match(await sign(api, undefined, 'open', { client: bot(2) }), { status: 202 });
    t.match(await latest(api), { status: 'pending' });
  });

  await t.test('403, then 202: others are asked for a proof of work, are mailed, and count', async (t) => {
    const client = '198.51.100.2';
    const asked = await sign(api, site.token, 'open', { client });
    t.match(asked, { status: 403, body: { code: 'challenge_required' } });
    t.match(await opened(client), { required: true });
    const before = (await api.call('GET', '/v1/petitions/open/counts')).body.confirmed;
    await collectMail(api);
    t.match(await through({ client, email: 'real@example.org' }), { status: 202 });
    t.match(await latest(api), { status: 'pending', signals: null });
    const letters = await collectMail(api);
    t.same(
      letters.map(({ to }) => to),
      ['real@example.org'],
    );
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letters[0]!) } });
    api.setClock(new Date(at('30').getTime() + 2000));
    t.equal((await api.call('GET', '/v1/petitions/open/counts')).body.confirmed, before + 1);
    api.setClock(at('30'));
  });

  await t.test('202: the network hears the same, and is quarantined', async (t) => {
    t.match(await sign(api, site.token, 'open', { client: bot(3) }), { status: 403 });
    t.match(await through({ client: bot(4) }), { status: 202 });
    t.same(await latest(api), { status: 'quarantined', signals: ['isolated_network'] });
    t.same(await collectMail(api), []);
    t.same(await judged(api), [], 'it is set apart once');
  });

  await t.test('a captured database does not tell the network', async (t) => {
    const { signatureNetworks, isolatedNetworks } = api.store.tables;
    const rows = await api.store.read.db.select().from(signatureNetworks);
    t.ok(rows.length > 290);
    t.equal((await api.store.read.db.select().from(isolatedNetworks)).length, 1);
    for (const { network } of rows) t.equal(network.length, 12);
    const dump = JSON.stringify(
      rows.map(({ network }) => [network.toString('latin1'), network.toString('hex')]),
    );
    t.notMatch(dump, /203\.0|10\.0|198\.51|cb0071|c63364/);
  });

  await t.test('a day later it is forgiven, and two days later forgotten', async (t) => {
    const later = (hours: number) => new Date(at('31').getTime() + hours * 3_600_000);
    api.setClock(later(24));
    t.same(await judged(api), []);
    t.match(await sign(api, site.token, 'open', { client: bot(5) }), { status: 202 });
    t.match(await latest(api), { status: 'pending' });
    t.match(await opened(bot(5)), { required: false });
    await sweepLinksAndMail(api.store, later(49));
    const { signatureNetworks, isolatedNetworks } = api.store.tables;
    t.equal(
      (await api.store.read.db.select().from(signatureNetworks)).length,
      1,
      'but for what has just come',
    );
    t.same(await api.store.read.db.select().from(isolatedNetworks), []);
  });
});

onEveryEngine('a key that is isolated, where people can work for it', async (t, engine) => {
  const { api, lead, anglers, keyOf } = await coalition(t, engine);
  const petition = await publish(api, lead.secret, { slug: 'open' });
  await makePartner(api, lead.secret, petition.id, anglers);
  const site = await keyOf(anglers);
  const farm = (i: number) => `203.0.${i % 25}.7`;
  await run(api, site.token, 250, { slug: 'open', clientOf: farm });
  t.equal(await confirm(api, 0), 250);
  api.setClock(at('30'));
  t.same(await judged(api), [{ keyId: site.id, petitionId: petition.id }]);
  const altcha = async (client: string) => {
    const headers = { 'x-forwarded-for': client };
    return solve(
      (await api.call('GET', '/v1/petitions/open/challenge', { key: site.token, headers })).body.altcha,
    );
  };

  await t.test('202: a real signer goes on, and is mailed', async (t) => {
    const client = '198.51.100.2';
    t.match(await sign(api, site.token, 'open', { client }), {
      status: 403,
      body: { code: 'challenge_required' },
    });
    const signer = { client, email: 'real@example.org', altcha: await altcha(client) };
    t.match(await sign(api, site.token, 'open', signer), { status: 202 });
    t.match(await latest(api), { status: 'pending', signals: null });
    t.match(await collectMail(api), [{ to: 'real@example.org' }]);
  });

  await t.test('202: its networks are quarantined, whatever they work', async (t) => {
    t.same(await judged(api), [], 'told once');
    const client = farm(7);
    t.match(await sign(api, site.token, 'open', { client, altcha: await altcha(client) }), { status: 202 });
    t.same(await latest(api), { status: 'quarantined', signals: ['isolated_network'] });
    t.same(await collectMail(api), []);
  });

  await t.test('releaseIsolatedKey 200: all networks go with it', async (t) => {
    const path = `/v1/petitions/open/isolated-keys/${site.id}/release`;
    t.match(await api.call('POST', path, { key: lead.secret }), { status: 200 });
    t.match(await sign(api, site.token, 'open', { client: farm(8) }), { status: 202 });
    t.match(await latest(api), { status: 'pending' });
    t.equal((await collectMail(api)).length, 1);
    t.same(await judged(api), []);
  });

  await t.test('an erased person leaves no network', async (t) => {
    const { signatureNetworks } = api.store.tables;
    const count = async () => (await api.store.read.db.select().from(signatureNetworks)).length;
    const before = await count();
    const { supporters } = api.store.tables;
    const people = await api.store.read.db.select().from(supporters);
    await eraseSupporter(
      api.app.ctx,
      people.find(({ identity }) => identity === 'real@example.org')?.key ?? 0,
    );
    t.equal(await count(), before - 1);
  });
});

onEveryEngine('the figures of a key', async (t, engine) => {
  const { api, lead, anglers, keyOf } = await coalition(t, engine);
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
    await sign(api, site.token, 'meadows', { email: letters[0]?.to });
    await collectMail(api);
    t.same(total(await read()), { asked: 3, confirmed: 0 }, 'a mailbox is asked once');
    for (const letter of letters) {
      await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    }
    t.same(total(await read()), { asked: 3, confirmed: 3 });
  });

  await t.test('of signatures that nobody asks about, opt-ins say nothing', async (t) => {
    const { id } = await publish(api, lead.secret, { slug: 'instant', confirmation: 'none' });
    await makePartner(api, lead.secret, id, anglers);
    const text = { key: anglers.secret, body: { locale: 'en', text: 'Yes, mail me.' } };
    const { body } = await api.call('POST', '/v1/consent-texts', text);
    const before = total(await read());
    const mailing = {
      email: 'opts-in@example.org',
      name: 'N',
      opt_ins: [{ consent_text_id: body.id, opt_in: true }],
    };
    await api.call('POST', '/v1/petitions/instant/signatures', { key: site.token, body: mailing });
    t.equal((await collectMail(api)).length, 1, 'may they be mailed?');
    t.same(total(await read()), before);
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
