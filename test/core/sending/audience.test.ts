import { randomBytes, randomUUID } from 'node:crypto';
import { asc, eq, sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { Context } from '../../../src/core/context.js';
import { insertMany } from '../../../src/core/bulk-insert.js';
import { block, unblock } from '../../../src/core/mail/do-not-contact.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { buildAudienceStep, placeOf } from '../../../src/core/sending/audience.js';
import { readTallies } from '../../../src/core/sending/tallies.js';
import { mergeSupporters } from '../../../src/core/supporters/merging.js';
import type { Store } from '../../../src/store/store.js';
import { onEveryEngine, openTestStore, start, type TestApp } from '../../support/helper.js';

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
