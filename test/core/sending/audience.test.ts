import { randomBytes, randomUUID } from 'node:crypto';
import { asc, eq, inArray, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import t, { type Test } from 'tap';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { Context } from '../../../src/core/context.js';
import { insertMany } from '../../../src/core/bulk-insert.js';
import { issueToken, TOKEN_BYTES } from '../../../src/core/links/random-tokens.js';
import { block, unblock } from '../../../src/core/mail/do-not-contact.js';
import { authenticate } from '../../../src/core/organization/api-keys.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { buildAudienceStep, placeOf } from '../../../src/core/sending/audience.js';
import { countOutcome } from '../../../src/core/counts/mailing-counts.js';
import { endMailings } from '../../../src/core/sending/ending.js';
import { cancelAbandoned, forgetRecipients } from '../../../src/core/sending/recipient-retention.js';
import { readTallies } from '../../../src/core/sending/tallies.js';
import { mergeSupporters } from '../../../src/core/supporters/merging.js';
import type { Store } from '../../../src/store/store.js';
import { DAY_MS } from '../../../src/time.js';
import {
  makePartner,
  onEveryEngine,
  openTestStore,
  publish,
  start,
  type TestApp,
} from '../../support/helper.js';

const STARTED = new Date('2026-11-28T12:00:00.000Z');
const BEFORE = new Date('2026-11-01T12:00:00.000Z');

const insertPeople = insertMany(
  'test_people',
  ['publicId', 'identity', 'delivery', 'createdAt'],
  ({ supporters }) => supporters,
  ({ db, tables: { supporters: t } }, rows) => db.insert(t).values(rows).returning({ key: t.key }),
);
const insertSubscriptions = insertMany(
  'test_subscriptions',
  [
    'publicId',
    'organizationKey',
    'supporterKey',
    'status',
    'handle',
    'frequency',
    'createdAt',
    'activeSince',
  ],
  ({ subscriptions }) => subscriptions,
  ({ db, tables: { subscriptions: t } }, rows) => db.insert(t).values(rows).returning({ key: t.key }),
);

/** Active subscribers, written as rows: thousands of them through the API would take minutes. */
async function subscribe({ store, newId }: Context, organizationKey: number, n: number, since = BEFORE) {
  return store.transact(async (tx) => {
    const addresses = Array.from({ length: n }, () => `${randomUUID()}@mail${n % 7}.example`);
    const people = await insertPeople(
      tx,
      addresses.map((one) => ({ publicId: newId('sup'), identity: one, delivery: one, createdAt: since })),
    );
    await insertSubscriptions(
      tx,
      people.map(({ key }) => ({
        publicId: newId('sub'),
        organizationKey,
        supporterKey: key,
        status: 'active',
        handle: randomBytes(14),
        frequency: 'all',
        createdAt: since,
        activeSince: since,
      })),
    );
    return { keys: people.map(({ key }) => key).sort((a, b) => a - b), addresses };
  });
}

type Started = { variants?: number; testShare?: number; clause?: Clause | null };

/** A mailing that has just been started. */
const startMailing = (
  { store, newId }: Context,
  organizationKey: number,
  { variants = 1, testShare = 100, clause = null }: Started = {},
) =>
  store.transact(async ({ db, tables }) => {
    const [mailing] = await db
      .insert(tables.mailings)
      .values({
        publicId: newId('mlg'),
        organizationKey,
        handle: randomBytes(9),
        name: 'Kept by the organization',
        state: 'building',
        clause,
        testShare,
        createdAt: BEFORE,
        startedAt: STARTED,
      })
      .returning();
    if (!mailing) throw new Error('no mailing');
    const keys: number[] = [];
    for (let position = 0; position < variants; position += 1) {
      const [row] = await db
        .insert(tables.mailingVariants)
        .values({
          publicId: newId('mvr'),
          mailingKey: mailing.key,
          position,
          name: 'ABCDEFGH'[position] ?? '',
          handle: randomBytes(9),
          content: {},
        })
        .returning();
      keys.push(row?.key ?? 0);
    }
    return { ...mailing, variants: keys };
  });

const recipientsOf = ({ store: { read } }: Pick<Context, 'store'>, mailingKey: number) =>
  read.db
    .select()
    .from(read.tables.mailingRecipients)
    .where(eq(read.tables.mailingRecipients.mailingKey, mailingKey))
    .orderBy(asc(read.tables.mailingRecipients.key));

const stateOf = async ({ store: { read } }: Context, key: number) => {
  const [row] = await read.db.select().from(read.tables.mailings).where(eq(read.tables.mailings.key, key));
  return row?.state;
};

/** The tallies must equal the rows at every moment. */
async function balances(t: Test, ctx: Context, mailingKey: number): Promise<number> {
  const rows = await recipientsOf(ctx, mailingKey);
  const counted = new Map<string, number>();
  for (const { variantKey, state } of rows) {
    const id = `${variantKey ?? 0} ${state}`;
    counted.set(id, (counted.get(id) ?? 0) + 1);
  }
  const tallies = await readTallies(ctx.store.read, mailingKey);
  t.same(
    new Map(tallies.map(({ variantKey, state, recipients }) => [`${variantKey} ${state}`, recipients])),
    counted,
    `tallies equal the ${rows.length} rows`,
  );
  return rows.length;
}

async function build(ctx: Context, mailingKey: number): Promise<void> {
  while (!(await buildAudienceStep(ctx, mailingKey)));
}

/** A store whose process dies at one moment: before a commit, or after it and before its caller hears of it. */
function dying(store: Store, at: 'before' | 'after'): Store {
  return {
    ...store,
    read: store.read,
    transact: async (work, options) => {
      const done = await store.transact(async (tx) => {
        const result = await work(tx);
        if (at === 'before') throw new Error('killed');
        return result;
      }, options);
      if (at === 'after') throw new Error('killed');
      return done;
    },
  };
}

onEveryEngine('the audience of a mailing', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);

  await t.test('whoever is killed goes on: nobody twice, nobody left out, sums at each commit', async (t) => {
    const { key } = await api.organization('Killed');
    const { keys } = await subscribe(ctx, key, 11_000);
    await subscribe(ctx, (await api.organization('Others')).key, 300);
    const mailing = await startMailing(ctx, key);
    let done = false;
    for (let step = 0; !done; step += 1) {
      await t.rejects(
        buildAudienceStep({ ...ctx, store: dying(ctx.store, 'before') }, mailing.key),
        /killed/,
      );
      t.equal(await balances(t, ctx, mailing.key), step * 5000, 'a commit that failed has left nothing');
      t.equal(await stateOf(ctx, mailing.key), 'building');
      if (step === 1) {
        await t.rejects(
          buildAudienceStep({ ...ctx, store: dying(ctx.store, 'after') }, mailing.key),
          /killed/,
        );
      } else done = await buildAudienceStep(ctx, mailing.key);
      await balances(t, ctx, mailing.key);
    }
    const rows = await recipientsOf(ctx, mailing.key);
    t.same(
      rows.map((row) => row.supporterKey).sort((a, b) => Number(a) - Number(b)),
      keys,
    );
    t.equal(await stateOf(ctx, mailing.key), 'running');
    t.equal(await buildAudienceStep(ctx, mailing.key), true, 'nothing is left to do');
    t.equal((await recipientsOf(ctx, mailing.key)).length, 11_000);
  });

  await t.test('two processes add each chunk once', async (t) => {
    const { key } = await api.organization('Two');
    await subscribe(ctx, key, 10_100);
    const mailing = await startMailing(ctx, key);
    const other = await openTestStore(api.url);
    t.teardown(() => other.close());
    await Promise.all([build(ctx, mailing.key), build({ ...ctx, store: other }, mailing.key)]);
    t.equal(await balances(t, ctx, mailing.key), 10_100);
  });

  await t.test('who joined or came back after the start is not in it, who left before neither', async (t) => {
    const { key } = await api.organization('Late');
    await subscribe(ctx, key, 3);
    await subscribe(ctx, key, 2, STARTED);
    await subscribe(ctx, key, 5, new Date(STARTED.getTime() + 1));
    const { keys } = await subscribe(ctx, key, 1);
    const { subscriptions: s } = ctx.store.tables;
    await ctx.store.transact(({ db }) =>
      db
        .update(s)
        .set({ status: 'unsubscribed' })
        .where(eq(s.supporterKey, keys[0] ?? 0)),
    );
    const mailing = await startMailing(ctx, key);
    await build(ctx, mailing.key);
    t.equal(await balances(t, ctx, mailing.key), 5);
  });

  await t.test('who must not be mailed is skipped with a reason; with nobody else it is done', async (t) => {
    const { key } = await api.organization('Blocked');
    const { addresses } = await subscribe(ctx, key, 600);
    const all = addresses.map((one) => ctx.secrets.subject(one));
    const [first = Buffer.alloc(0), ...rest] = all;
    await ctx.store.transact((tx) => block(tx, first, 'complaint'));
    const some = await startMailing(ctx, key);
    await build(ctx, some.key);
    t.equal(await stateOf(ctx, some.key), 'running');
    const skipped = (await recipientsOf(ctx, some.key)).filter(({ state }) => state === 'skipped');
    t.match(skipped, [{ reason: 'do_not_contact', settledAt: STARTED }]);
    t.equal(skipped.length, 1);
    await ctx.store.transact(async (tx) => {
      for (const one of rest) await block(tx, one, 'complaint');
    });
    const none = await startMailing(ctx, key);
    await build(ctx, none.key);
    t.equal(await balances(t, ctx, none.key), 600);
    t.equal(await stateOf(ctx, none.key), 'done');
    await ctx.store.transact(async (tx) => {
      for (const one of all) await unblock(tx, one);
    });
    const empty = await startMailing(ctx, key, { clause: { source: ['nowhere'] } });
    await build(ctx, empty.key);
    t.equal(await balances(t, ctx, empty.key), 0);
    t.equal(await stateOf(ctx, empty.key), 'done');
  });

  await t.test('a mailing that is not being built is left alone', async (t) => {
    const { key } = await api.organization('Paused');
    await subscribe(ctx, key, 3);
    const { mailings: m } = ctx.store.tables;
    const mailing = await startMailing(ctx, key);
    for (const state of ['paused', 'cancelled', 'draft', 'running'] as const) {
      await ctx.store.transact(({ db }) => db.update(m).set({ state }).where(eq(m.key, mailing.key)));
      t.equal(await buildAudienceStep(ctx, mailing.key), true);
      t.equal(await stateOf(ctx, mailing.key), state);
    }
    t.equal(await balances(t, ctx, mailing.key), 0);
  });

  await t.test('test and variants have equal shares in each chunk, whatever the chunks are', async (t) => {
    const { key } = await api.organization('Shares');
    await subscribe(ctx, key, 10_500);
    const halves = await startMailing(ctx, key, { variants: 2 });
    await build(ctx, halves.key);
    const rows = await recipientsOf(ctx, halves.key);
    // Five standard deviations of a fair draw.
    const near = (n: number, of: number, share: number) =>
      Math.abs(n - of * share) < 5 * Math.sqrt(of * share * (1 - share));
    for (const [from, to] of [
      [0, 5000],
      [5000, 10_000],
      [10_000, 10_500],
      [0, 10_500],
    ] as const) {
      const chunk = rows.slice(from, to);
      for (const variant of halves.variants) {
        const n = chunk.filter(({ variantKey }) => variantKey === variant).length;
        t.ok(near(n, chunk.length, 1 / 2), `${n} of ${chunk.length} get a variant`);
      }
      t.ok(
        chunk.every(({ wave }) => wave === 0),
        'nobody waits for a winner',
      );
    }
    const tested = await startMailing(ctx, key, { variants: 3, testShare: 15 });
    await build(ctx, tested.key);
    await balances(t, ctx, tested.key);
    const people = await recipientsOf(ctx, tested.key);
    for (const variant of tested.variants) {
      const n = people.filter(({ variantKey }) => variantKey === variant).length;
      t.ok(near(n, people.length, 0.05), `${n} of ${people.length} get one of three in a test of 15 %`);
    }
    t.ok(
      people.every(
        ({ wave, variantKey, bucket }) =>
          (wave === 0) === bucket < 1500 && (wave === 1) === (variantKey === null),
      ),
    );
    const one = await startMailing(ctx, key, { variants: 1, testShare: 15 });
    await build(ctx, one.key);
    t.ok(
      (await recipientsOf(ctx, one.key)).every(
        ({ wave, variantKey }) => wave === 0 && variantKey === one.variants[0],
      ),
    );
    const same = (a: typeof rows, b: typeof rows) =>
      a.filter(({ bucket }, i) => bucket === b[i]?.bucket).length;
    t.ok(same(rows, people) < 20, 'another mailing draws anew');
  });
});

onEveryEngine('what becomes of recipients', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);
  const { key } = await api.organization('River Meadows');
  const { mailingRecipients: r, subscriptions: s } = ctx.store.tables;

  await t.test('a person who is erased leaves no row that names them, and the sums stay', async (t) => {
    const { keys, addresses } = await subscribe(ctx, key, 5);
    const mailing = await startMailing(ctx, key);
    await build(ctx, mailing.key);
    await eraseSupporter(ctx, keys[2] ?? 0);
    const rows = await recipientsOf(ctx, mailing.key);
    const nameless = rows.filter((row) => row.supporterKey === null && row.subscriptionKey === null);
    t.equal(nameless.length, 1);
    t.match(nameless, [{ family: '' }], 'nor the domain of their address');
    t.equal(await balances(t, ctx, mailing.key), 5);
    t.notMatch(JSON.stringify(rows), String(addresses[2]));
  });

  await t.test('of two people who are merged one stays where both were in a mailing', async (t) => {
    const { keys } = await subscribe(ctx, key, 2);
    const [from = 0, into = 0] = keys;
    const both = await startMailing(ctx, key);
    await build(ctx, both.key);
    const alone = await startMailing(ctx, key);
    await ctx.store.transact(({ db }) =>
      db.update(s).set({ status: 'unsubscribed' }).where(eq(s.supporterKey, into)),
    );
    await build(ctx, alone.key);
    await ctx.store.transact((tx) => mergeSupporters(tx, from, into), { shut: 'supporters' });
    const mine = (await recipientsOf(ctx, both.key)).filter((row) => row.supporterKey === into);
    t.equal(mine.length, 2);
    t.equal(mine.filter((row) => row.subscriptionKey === null).length, 1, 'one can no longer be mailed');
    const [kept] = await ctx.store.read.db.select().from(s).where(eq(s.supporterKey, into));
    t.match(kept, { status: 'active' });
    const [moved] = (await recipientsOf(ctx, alone.key)).filter((row) => row.supporterKey === into);
    t.equal(moved?.subscriptionKey, kept?.key);
    const left = await ctx.store.read.db
      .select({ n: sql`1` })
      .from(r)
      .where(eq(r.supporterKey, from));
    t.same(left, []);
  });
});

onEveryEngine('people who are merged around a mailing', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);
  const { mailingRecipients: r, subscriptions: s } = ctx.store.tables;
  const merge = (from: number, into: number) =>
    ctx.store.transact((tx) => mergeSupporters(tx, from, into), { shut: 'supporters' });

  await t.test('while the audience is built: the one who is built takes a place ahead', async (t) => {
    const { key } = await api.organization('Building');
    const { keys } = await subscribe(ctx, key, 5010);
    const mailing = await startMailing(ctx, key);
    t.equal(await buildAudienceStep(ctx, mailing.key), false);
    await merge(keys[0] ?? 0, keys.at(-1) ?? 0);
    await build(ctx, mailing.key);
    t.equal(await balances(t, ctx, mailing.key), 5009);
    t.equal(await stateOf(ctx, mailing.key), 'running');
    const mine = (await recipientsOf(ctx, mailing.key)).filter((row) => row.supporterKey === keys.at(-1));
    t.equal(mine.length, 1);
  });

  for (const state of ['sent', 'sending', 'uncertain', 'queued'] as const) {
    await t.test(`after it is built: of one who is ${state} and one who waits, one is left`, async (t) => {
      const { key } = await api.organization(`Merged ${state}`);
      const [from = 0, into = 0] = (await subscribe(ctx, key, 2)).keys;
      const mailing = await startMailing(ctx, key);
      await build(ctx, mailing.key);
      await ctx.store.transact(({ db }) => db.update(r).set({ state }).where(eq(r.supporterKey, from)));
      await merge(from, into);
      const [kept] = await ctx.store.read.db.select().from(s).where(eq(s.supporterKey, into));
      const [one, two] = await recipientsOf(ctx, mailing.key);
      const place = { state, supporterKey: into };
      t.match(one, { ...place, subscriptionKey: state === 'queued' ? null : kept?.key });
      const other = { state: 'queued', supporterKey: into };
      t.match(two, { ...other, subscriptionKey: state === 'queued' ? kept?.key : null });
    });
  }
});

onEveryEngine('the mailings of a test go with its other data', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);
  const real = await api.organization('River Meadows');
  await api.call('PATCH', '/v1/organization', {
    key: real.secret,
    headers: { 'if-match': '*' },
    body: { test_email: 'tests@example.org' },
  });
  const { body: made } = await api.call('POST', '/v1/api-keys', {
    key: real.secret,
    body: { name: 'T', kind: 'secret', test: true, scopes: ['mailings:write'] },
  });
  const { organizationKey } = await authenticate(ctx, made.token as string);
  const { keys } = await subscribe(ctx, organizationKey, 3);
  await subscribe(ctx, real.key, 2);
  const tables = ctx.store.tables;
  const stays = await startMailing(ctx, real.key);
  const goes = await startMailing(ctx, organizationKey, { variants: 2 });
  await build(ctx, stays.key);
  await build(ctx, goes.key);
  const save = (key: string) =>
    api.call('POST', '/v1/segments', { key, body: { name: 'S', clause: { country: ['NL'] } } });
  for (const key of [real.secret, made.token as string]) t.equal((await save(key)).status, 201);
  await ctx.store.transact(async (tx) => {
    const { db } = tx;
    await db
      .update(tables.supporters)
      .set({ testOrganizationKey: organizationKey })
      .where(inArray(tables.supporters.key, keys));
    for (const { key: mailingKey, variants } of [stays, goes]) {
      await countOutcome(tx, { mailingKey, variantKey: null }, 'clicks');
      const variantKey = variants[0] ?? 0;
      const link = { mailingKey, variantKey, position: 0, code: `code-${mailingKey}`, url: null };
      const [row] = await db.insert(tables.mailingLinks).values(link).returning();
      const hour = { linkKey: row?.key ?? 0, hour: 1, requests: 1, clicks: 1 };
      await db.insert(tables.mailingLinkHours).values(hour);
    }
    for (const key of [real.key, organizationKey]) {
      await db.insert(tables.sendingPolicies).values({ organizationKey: key, policy: {}, updatedAt: tx.now });
      const pace = { scope: `organization:${key}`, rate: 1, tokens: 1, at: tx.now };
      await db.insert(tables.sendingPace).values(pace);
    }
  });

  const cleared = await api.call('DELETE', '/v1/organization/test-data', { key: real.secret });
  t.match(cleared, { status: 200, body: { mailings: 1, supporters: 3, subscriptions: 3 } }, cleared.text);
  const rows = async (table: PgTable) => (await ctx.store.read.db.select().from(table)).length;
  const left = {
    mailings: await rows(tables.mailings),
    mailingVariants: await rows(tables.mailingVariants),
    mailingLinks: await rows(tables.mailingLinks),
    mailingLinkHours: await rows(tables.mailingLinkHours),
    mailingRecipients: await rows(tables.mailingRecipients),
    mailingTallies: await rows(tables.mailingTallies),
    mailingHours: await rows(tables.mailingHours),
    segments: await rows(tables.segments),
    sendingPolicies: await rows(tables.sendingPolicies),
    sendingPace: await rows(tables.sendingPace),
  };
  t.same(left, {
    mailings: 1,
    mailingVariants: 1,
    mailingLinks: 1,
    mailingLinkHours: 1,
    mailingRecipients: 2,
    mailingTallies: 1,
    mailingHours: 1,
    segments: 1,
    sendingPolicies: 1,
    sendingPace: 1,
  });
  t.equal(await balances(t, ctx, stays.key), 2, 'those of the organization itself are untouched');
});

onEveryEngine('a partnership that ends before the audience is built', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  const { mailings: m } = ctx.store.tables;
  api.setClock(STARTED);
  t.teardown(() => api.setClock(undefined));
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Herons');
  const petition = await publish(api, lead.secret, { slug: 'meadows' });
  const agreed = await makePartner(api, lead.secret, 'meadows', partner);
  const { keys } = await subscribe(ctx, partner.key, 3);
  const clause: Clause = { not: { signed: { petition: petition.id as string } } };
  const mailing = await startMailing(ctx, partner.key, { clause });
  const [{ id } = { id: '' }] = await ctx.store.read.db
    .select({ id: m.publicId })
    .from(m)
    .where(eq(m.key, mailing.key));
  const stateOf = async () =>
    (await api.call('GET', `/v1/mailings/${id}`, { key: partner.secret })).body as Record<string, unknown>;
  const resume = () => api.call('POST', `/v1/mailings/${id}/resume`, { key: partner.secret });
  const about = await startMailing(ctx, partner.key);
  const [{ key: petitionKey } = { key: 0 }] = await ctx.store.read.db
    .select({ key: ctx.store.tables.petitions.key })
    .from(ctx.store.tables.petitions);
  await ctx.store.transact((tx) =>
    tx.db.update(m).set({ petitionKey }).where(eq(m.key, about.key)).returning(),
  );
  const ended = await api.call('POST', `/v1/partnerships/${agreed.id}/end`, {
    key: partner.secret,
    body: {},
  });
  t.equal(ended.status, 200, ended.text);

  await build(ctx, mailing.key);
  t.match(await stateOf(), { state: 'paused', pause_reason: 'segment_unusable' });
  t.equal((await recipientsOf(ctx, mailing.key)).length, 0, 'nobody is mailed who may have signed');
  t.match(await resume(), { status: 200, body: { state: 'building', pause_reason: null } });
  await build(ctx, mailing.key);
  t.match(await stateOf(), { state: 'paused', pause_reason: 'segment_unusable' }, 'as long as it is over');

  await build(ctx, about.key);
  t.equal((await recipientsOf(ctx, about.key)).length, 3, 'without such a segment it goes on');

  await makePartner(api, lead.secret, 'meadows', partner);
  t.equal((await resume()).status, 200);
  await build(ctx, mailing.key);
  t.match(await stateOf(), { state: 'running', pause_reason: null });
  t.equal(await balances(t, ctx, mailing.key), keys.length);
});

onEveryEngine('who was among the recipients is forgotten 400 days after the end', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  const { mailings: m } = ctx.store.tables;
  api.setClock(STARTED);
  const org = await api.organization('River Meadows');
  // More than are deleted in one transaction.
  await subscribe(ctx, org.key, 501);
  const made = async (set: { state: 'done' | 'cancelled' | 'running'; finishedAt: Date | null }) => {
    const { key } = await startMailing(ctx, org.key);
    await build(ctx, key);
    await ctx.store.transact((tx) => countOutcome(tx, { mailingKey: key, variantKey: null }, 'bounced'));
    const [row] = await ctx.store.transact((tx) =>
      tx.db.update(m).set(set).where(eq(m.key, key)).returning({ id: m.publicId }),
    );
    const statistics = async () => {
      const { status, body } = await api.call('GET', `/v1/mailings/${row?.id}/statistics`, {
        key: org.secret,
      });
      t.equal(status, 200);
      return body;
    };
    const kept = async () => (await recipientsOf(ctx, key)).length;
    return { statistics, kept, before: await statistics() };
  };
  const old = [
    await made({ state: 'done', finishedAt: STARTED }),
    await made({ state: 'cancelled', finishedAt: STARTED }),
  ];
  const others = [
    await made({ state: 'done', finishedAt: new Date(STARTED.getTime() + 2 * DAY_MS) }),
    await made({ state: 'cancelled', finishedAt: null }),
    await made({ state: 'running', finishedAt: null }),
  ];
  api.setClock(new Date(STARTED.getTime() + 400 * DAY_MS));
  t.equal(await forgetRecipients(ctx), 0, 'not before');
  api.setClock(new Date(STARTED.getTime() + 401 * DAY_MS));
  t.equal(await forgetRecipients(ctx), 2 * 501);
  for (const { statistics, kept, before } of old) {
    t.equal(await kept(), 0);
    t.same(await statistics(), before, 'no sum has changed');
    t.match(before, { audience: 501, bounced: 1 });
  }
  for (const { kept } of others) t.equal(await kept(), 501);
  t.equal(await forgetRecipients(ctx), 0);
  const marked = await ctx.store.read.db.select({ at: m.forgottenAt }).from(m).orderBy(m.key);
  const at = new Date(STARTED.getTime() + 401 * DAY_MS);
  t.same(
    marked.map((row) => row.at),
    [at, at, null, null, null],
    'they are not asked again',
  );
});

onEveryEngine('a mailing that stays paused is cancelled after 400 days', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);
  const org = await api.organization('River Meadows');
  await subscribe(ctx, org.key, 3);
  const paused = async () => {
    const { key, publicId } = await startMailing(ctx, org.key);
    await build(ctx, key);
    const path = `/v1/mailings/${publicId}`;
    const move = (what: string) => api.call('POST', `${path}/${what}`, { key: org.secret });
    t.equal((await move('pause')).status, 200);
    const look = async () => (await api.call('GET', path, { key: org.secret })).body;
    return { key, move, look };
  };
  const left = await paused();
  const resumed = await paused();
  const after = (days: number) => api.setClock(new Date(STARTED.getTime() + days * DAY_MS));
  after(399);
  t.equal((await resumed.move('resume')).status, 200);
  t.equal((await resumed.move('pause')).status, 200);
  after(400);
  t.equal(await cancelAbandoned(ctx), 0, 'not before');
  t.match(await left.look(), { state: 'paused', pause_reason: 'organiser' });
  after(401);
  t.equal(await cancelAbandoned(ctx), 1);
  t.equal(await cancelAbandoned(ctx), 0, 'once');
  t.match(await left.look(), { state: 'cancelled', pause_reason: 'abandoned', finished_at: null });
  t.match(await resumed.look(), { state: 'paused' }, 'who was there lately has time again');
  while (await endMailings(ctx));
  t.match(await left.look(), { finished_at: new Date(STARTED.getTime() + 401 * DAY_MS).toISOString() });
  const states = async (key: number) =>
    (await recipientsOf(ctx, key)).map(({ state, reason }) => [state, reason]);
  t.same(await states(left.key), Array(3).fill(['skipped', 'cancelled']));
  t.same(await states(resumed.key), Array(3).fill(['queued', null]));
  t.match(await left.move('resume'), { status: 409 });
  after(801);
  t.equal(await forgetRecipients(ctx), 0, 'not before');
  after(802);
  t.equal(await forgetRecipients(ctx), 3, 'those of both would be kept for ever');
});

onEveryEngine('a person learns which mailings they were among', async (t, engine) => {
  const api: TestApp = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(STARTED);
  const org = await api.organization('River Meadows');
  const { addresses, keys } = await subscribe(ctx, org.key, 2);
  await ctx.store.transact((tx) => block(tx, ctx.secrets.subject(String(addresses[0])), 'complaint'));
  const mailing = await startMailing(ctx, org.key);
  await build(ctx, mailing.key);
  const { supporters } = ctx.store.tables;
  const [person] = await ctx.store.read.db
    .select()
    .from(supporters)
    .where(eq(supporters.identity, String(addresses[0])));
  const issued = {
    purpose: 'manage',
    bytes: ctx.random(TOKEN_BYTES),
    supporterKey: person?.key ?? 0,
    epoch: 0,
  } as const;
  const token = await ctx.store.transact(async (tx) => (await issueToken(tx, issued)).token);
  const { body: session } = await api.call('POST', '/v1/sessions', { body: { token } });
  const answer = await api.call('GET', '/v1/me/export', { key: session.session_token as string });
  t.equal(answer.status, 200, answer.text);
  t.same(answer.body.mailings, [
    {
      organization_id: org.id,
      mailing_id: mailing.publicId,
      name: 'Kept by the organization',
      state: 'skipped',
      settled_at: STARTED.toISOString(),
      result: null,
      result_at: null,
    },
  ]);
  t.equal(keys.length, 2);
  t.notMatch(answer.text, String(addresses[1]));
});

t.test('placeOf gives seven variants a seventh each', async (t) => {
  const split = { handle: Buffer.alloc(9, 1), variants: [1, 2, 3, 4, 5, 6, 7], tested: 10_000 };
  const shares = new Map<number | null, number>();
  for (let i = 0; i < 70_000; i += 1) {
    const { variantKey } = placeOf(split, Buffer.from(`subscription ${i}`));
    shares.set(variantKey, (shares.get(variantKey) ?? 0) + 1);
  }
  t.equal(shares.size, 7);
  for (const n of shares.values()) t.ok(Math.abs(n - 10_000) < 500, `${n} of 70,000`);
  t.throws(() => placeOf({ ...split, variants: [] }, Buffer.alloc(14)), /no variant/);
});
