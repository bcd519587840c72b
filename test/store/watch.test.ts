import pg from 'pg';
import t, { type Test } from 'tap';
import type { Store, Sum } from '../../src/store/store.js';
import { engines, onEveryEngine, openTestStore } from '../support/helper.js';
import { until } from '../support/until.js';

/** It writes nothing: what is told does not depend on what is written. */
const SUM: Sum = { notifies: 'petitionKey', write: () => undefined };
const SILENT: Sum = { write: () => undefined };

type Heard = (number | null)[];

/** Every key that was told, in turn; null: any of them. */
function watch(t: Test, store: Store, column = 'petitionKey'): { heard: Heard; stop: () => void } {
  const heard: Heard = [];
  const stop = store.watch(column, (keys) => void heard.push(...(keys ?? [null])));
  t.teardown(stop);
  return { heard, stop };
}

async function open(t: Test, url: string): Promise<Store> {
  const store = await openTestStore(url);
  t.teardown(() => store.close());
  return store;
}

const write = (store: Store, ...keys: number[]) =>
  store.transact(async (tx) => {
    for (const petitionKey of keys) tx.add(SUM, { petitionKey }, {});
  });

onEveryEngine('who watches a column hears what was committed', async (t, engine) => {
  const store = await open(t, await engine.database(t));
  const { heard, stop } = watch(t, store);
  const other = watch(t, store, 'organizationKey');
  if (engine.name === 'postgres') {
    await until(() => heard.includes(null), 'that the connection is made');
    heard.length = 0;
    other.heard.length = 0;
  }
  await write(store, 7, 8);
  t.same(heard, [7, 8], 'before the caller goes on');
  await store.transact(async (tx) => tx.add(SILENT, { petitionKey: 9 }, {}));
  t.same(heard, [7, 8], 'sums that do not tell are not told');
  const failing = store.transact(async (tx) => {
    tx.add(SUM, { petitionKey: 10 }, {});
    throw new Error('no');
  });
  await t.rejects(failing);
  t.same(heard, [7, 8], 'what is rolled back is not told');
  t.same(other.heard, [], 'nor to those who watch another column');
  stop();
  await write(store, 11);
  t.same(heard, [7, 8], 'nor to those who have stopped');
});

onEveryEngine('who watches hears of the commits of others', async (t, engine) => {
  const url = await engine.database(t);
  const [here, there] = [await open(t, url), await open(t, url)];
  const looks: (() => void)[] = [];
  if (engine.name === 'sqlite') {
    const value = (look: () => void) => (looks.push(look), { unref: () => undefined });
    t.intercept(globalThis, 'setInterval', { value });
  }
  const { heard } = watch(t, here);
  if (engine.name === 'postgres') {
    await until(() => heard.includes(null), 'that the connection is made');
    heard.length = 0;
    await write(there, 1, 2);
    await until(() => heard.length > 0, 'both');
    t.same(heard, [1, 2], 'which places it were');
    return;
  }
  t.equal(looks.length, 1);
  // SQLite tells nobody: it is looked every second.
  const look = () => looks[0]?.();
  look();
  t.same(heard, [], 'nothing was committed');
  await write(here, 1);
  look();
  t.same(heard, [1], 'our own commits are told once');
  const { organizations } = there.tables;
  const values = { publicId: 'org_1', slug: 'a', name: 'A', version: 1 };
  const now = new Date();
  await there.transact(
    async (tx) =>
      void (await tx.db.insert(organizations).values({
        ...values,
        publicId: `org_${'0'.repeat(26)}`,
        createdAt: now,
        updatedAt: now,
      })),
  );
  look();
  t.same(heard, [1, null], 'but not which places');
});

for (const engine of engines.filter(({ name }) => name === 'postgres')) {
  t.test('other processes are told after the commit, a few times a second [postgres]', async (t) => {
    const url = await engine.database(t);
    const store = await open(t, url);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    t.teardown(() => client.end());
    const told: { pid: number; payload: string }[] = [];
    client.on('notification', ({ processId, payload = '' }) => told.push({ pid: processId, payload }));
    await client.query('listen undersigned');

    await Promise.all(Array.from({ length: 200 }, (_, i) => write(store, i % 5)));
    const keys = () => new Set(told.flatMap(({ payload }) => payload.split(' ').slice(1)));
    await until(() => keys().size === 5, 'all five places');
    t.ok(told.length <= 5, `200 commits in ${told.length} notifications`);
    t.match(told[0]?.payload, /^petitionKey( \d+)+$/);
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'undersigned notify'`,
    );
    t.same([...new Set(told.map(({ pid }) => pid))], [rows[0]?.pid], 'over a connection of its own');

    told.length = 0;
    await write(store, ...Array.from({ length: 2000 }, (_, i) => i));
    await until(() => told.some(({ payload }) => payload === 'petitionKey'), 'that it may be any of them');
    t.ok(told.every(({ payload }) => payload.length < 8000));
  });

  t.test('what is pending is told before a store closes [postgres]', async (t) => {
    const url = await engine.database(t);
    const [here, there] = [await open(t, url), await openTestStore(url)];
    const { heard } = watch(t, here);
    await until(() => heard.includes(null), 'that the connection is made');
    heard.length = 0;
    await write(there, 1);
    await write(there, 2);
    await there.close();
    await until(() => heard.length === 2, 'both');
    t.same(heard, [1, 2]);
  });
}
