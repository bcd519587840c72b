import { asc, eq, sql } from 'drizzle-orm';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { uuidv7obj } from 'uuidv7';
import { encodeId, type IdPrefix } from '../../schema/db/public-id.js';
import { ApiError } from '../../src/errors.js';
import { memoized } from '../../src/store/memo.js';
import type { PostgresOptions } from '../../src/store/postgres.js';
import { bind, bindAll, statement, type Reader, type Store, type Tx } from '../../src/store/store.js';
import { engines, onEveryEngine, openTestStore, type Engine } from '../support/helper.js';

const newId = (prefix: IdPrefix) => encodeId(prefix, uuidv7obj().bytes);

const postgres = engines.find(({ name }) => name === 'postgres');
// Only tests that are skipped together may share it: node-tap changes the options of a test that it skips.
const onPostgres = { skip: postgres ? false : 'no PostgreSQL' };

async function open(t: Test, engine: Engine, options: Partial<PostgresOptions> = {}): Promise<Store> {
  const store = await openTestStore(await engine.database(t), options);
  t.teardown(() => store.close());
  return store;
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof ApiError ? error.code : (error as Error).message));

const addOrganization = statement('test_gather_add', ({ db, tables: { organizations: o } }: Tx) =>
  db
    .insert(o)
    .values(bindAll(o, ['publicId', 'slug', 'name', 'url', 'version', 'createdAt', 'updatedAt']))
    .onConflictDoNothing()
    .returning({ key: o.key, slug: o.slug }),
);
const findOrganization = statement('test_gather_find', ({ db, tables: { organizations: o } }: Reader) =>
  db
    .select()
    .from(o)
    .where(eq(o.slug, bind(o.slug, 'slug'))),
);

const organization = (slug: string, fields: { name?: string; url?: string | null } = {}) => ({
  publicId: newId('org'),
  slug,
  name: slug,
  url: null,
  version: 1,
  createdAt: new Date('2026-02-28T23:59:59.999Z'),
  updatedAt: new Date(0),
  ...fields,
});

const add = async (tx: Tx, slug: string, fields?: { name?: string; url?: string | null }) =>
  (await addOrganization(tx, organization(slug, fields)))[0];

const slugs = async ({ db, tables: { organizations: o } }: Reader): Promise<string[]> =>
  (await db.select({ slug: o.slug }).from(o).orderBy(asc(o.slug))).map(({ slug }) => slug);

/** Works of as many different people, at once. */
const gatherAll = <T>(store: Store, works: ((tx: Tx) => Promise<T>)[]) =>
  Promise.all(works.map((work, i) => outcome(store.gather([`person ${i}`], work))));

onEveryEngine('gathered works each get what they would get alone', async (t, engine) => {
  const store = await open(t, engine);
  const text = fc
    .string({ unit: 'binary', maxLength: 12 })
    .filter((s) => !s.includes('\0') && s.isWellFormed());
  const odd = fc.oneof(text, fc.constantFrom('', 'NULL', '{}', '"', `\\"'`, '\\', 'a,b', ' x ', '日本'));
  const field = fc.record({ slug: odd, name: odd, url: fc.option(odd) });
  await fc.assert(
    fc.asyncProperty(fc.array(field, { minLength: 1, maxLength: 12 }), async (fields) => {
      await store.transact(async (tx) => void (await tx.db.delete(tx.tables.organizations).returning()));
      const before = store.stats().commits;
      const answers = await gatherAll(
        store,
        fields.map((one) => async (tx: Tx) => ({
          added: await add(tx, one.slug, one),
          found: (await findOrganization(tx, { slug: one.slug }))[0],
          missing: await findOrganization(tx, { slug: `${one.slug} not there` }),
        })),
      );
      if (store.stats().commits !== before + 1) throw new Error('they did not share a commit');
      for (const [i, { slug, name, url }] of fields.entries()) {
        const { added, found, missing } = answers[i] as Record<string, any>;
        const twins = fields.filter((one) => one.slug === slug);
        const winner = twins.find((one) => one.name === found?.name && one.url === found.url);
        if (!winner || missing.length > 0) throw new Error(`nobody's row: ${JSON.stringify(found)}`);
        if (added && (found.key !== added.key || found.name !== name || found.url !== url)) {
          throw new Error(`another's key: ${JSON.stringify([added, found])}`);
        }
        if (found.createdAt.getTime() !== Date.parse('2026-02-28T23:59:59.999Z')) {
          throw new Error('its instant');
        }
      }
      const inserted = answers.filter((answer) => (answer as { added?: object }).added);
      return inserted.length === new Set(fields.map(({ slug }) => slug)).size;
    }),
    { numRuns: 40 },
  );
});

onEveryEngine('a gathered work that fails does not fail its neighbours', async (t, engine) => {
  const store = await open(t, engine);
  await store.transact((tx) => add(tx, 'taken'));
  const fate = (i: number) => ['stays', 'stays', 'refuses', 'stays', 'throws', 'stays', 'breaks'][i % 7];
  const { organizations } = store.tables;
  const before = store.stats().commits;
  const answers = await gatherAll(
    store,
    Array.from({ length: 60 }, (_, i) => async (tx: Tx) => {
      if (fate(i) === 'refuses') throw new ApiError('petition_closed');
      await add(tx, `${i}`);
      if (fate(i) === 'throws') throw new Error(`mine is ${i}`);
      if (fate(i) === 'breaks') await tx.db.insert(organizations).values(organization('taken'));
      return i;
    }),
  );
  const told = answers.map((answer, i) => (fate(i) === 'breaks' ? typeof answer : answer));
  const wanted = {
    stays: (i: number) => i,
    refuses: () => 'petition_closed',
    throws: (i: number) => `mine is ${i}`,
  };
  t.same(
    told,
    answers.map((_, i) => (wanted as Record<string, (i: number) => unknown>)[fate(i) ?? '']?.(i) ?? 'string'),
  );
  const stayed = answers.flatMap((_, i) => (fate(i) === 'stays' ? [`${i}`] : []));
  t.same(await slugs(store.read), ['taken', ...stayed].sort());

  const commits = store.stats().commits;
  const refused = await gatherAll(
    store,
    Array.from({ length: 50 }, (_, i) => async (tx: Tx) => {
      await findOrganization(tx, { slug: `${i % 3}` });
      if (i % 2) throw new ApiError('petition_closed');
      return (await add(tx, `second-${i}`))?.slug;
    }),
  );
  t.same(
    refused,
    Array.from({ length: 50 }, (_, i) => (i % 2 ? 'petition_closed' : `second-${i}`)),
  );
  t.equal(store.stats().commits - commits, 1, 'who fails before writing costs nobody anything');
  t.ok(commits - before >= 1);
});

onEveryEngine('what gathered works add is written once, and what failed adds nothing', async (t, engine) => {
  const store = await open(t, engine);
  const { organizations: o } = store.tables;
  const key = (await store.transact((tx) => add(tx, 'sum')))!.key;
  let writes = 0;
  const sum = {
    write: (tx: Tx, { version }: Record<string, unknown>) => {
      writes += 1;
      return tx.db
        .update(o)
        .set({ version: sql`${o.version} + ${version}` })
        .where(eq(o.key, key));
    },
  };
  await gatherAll(
    store,
    Array.from({ length: 40 }, (_, i) => async (tx: Tx) => {
      tx.add(sum, { place: 1 }, { version: 1 });
      await findOrganization(tx, { slug: 'sum' });
      if (i % 4 === 0) throw new Error('undone');
    }),
  );
  const [row] = await findOrganization(store.read, { slug: 'sum' });
  t.equal(row?.version, 1 + 30);
  t.equal(writes, 1);
});

t.test('PostgreSQL: works of one person are kept apart', onPostgres, async (t) => {
  const store = await open(t, postgres!);
  let inside = 0;
  let most = 0;
  const work = async (tx: Tx) => {
    // Each transaction has a memo of its own.
    const together = tx.memo.get(work) ?? new Map<unknown, unknown>();
    together.set(inside, true);
    tx.memo.set(work, together);
    most = Math.max(most, together.size);
    inside += 1;
    await findOrganization(tx, { slug: 'x' });
  };
  await Promise.all(Array.from({ length: 8 }, () => store.gather(['ada'], work)));
  t.equal(inside, 8);
  t.equal(most, 1);
});

t.test('PostgreSQL: a connection that is lost takes its group along, and no more', onPostgres, async (t) => {
  const store = await open(t, postgres!);
  const answers = await gatherAll(
    store,
    Array.from({ length: 20 }, (_, i) => async (tx: Tx) => {
      await add(tx, `${i}`);
      if (i === 7) {
        await tx.db.select({ x: sql`pg_terminate_backend(pg_backend_pid())` }).from(tx.tables.organizations);
      }
    }),
  );
  t.same(answers, Array(20).fill('storage_unavailable'));
  t.same(await slugs(store.read), [], 'nothing is left of it');
  await gatherAll(
    store,
    Array.from({ length: 3 }, (_, i) => (tx: Tx) => add(tx, `later ${i}`)),
  );
  t.equal((await slugs(store.read)).length, 3, 'it serves again');
});

onEveryEngine('what is remembered for a commit', async (t, engine) => {
  const store = await openTestStore(await engine.database(t));
  t.teardown(() => store.close());
  const asked: number[] = [];
  const read = memoized(async (_on: Reader, key: number): Promise<string | undefined> => {
    asked.push(key);
    await Promise.resolve();
    return key < 0 ? undefined : `row ${key}`;
  });
  await store.transact(async (tx) => {
    t.same(await Promise.all([read(tx, 1), read(tx, 2)]), ['row 1', 'row 2']);
    t.same([await read(tx, 1), await read(tx, 2)], ['row 1', 'row 2']);
    t.same(asked, [1, 2], 'each is read once, though both were read at the same time');
    read.forget(tx, 1);
    await read(tx, 1);
    await read(tx, 2);
    t.same(asked.splice(0), [1, 2, 1], 'what is forgotten is read again, and nothing else');
    await read(tx, -1);
    await read(tx, -1);
    t.same(asked.splice(0), [-1, -1], 'what was not there may be there later');
  });
  await store.transact((tx) => read(tx, 2));
  t.same(asked.splice(0), [2], 'the next transaction reads for itself');
  await read(store.read, 2);
  await read(store.read, 2);
  t.same(asked, [2, 2], 'outside of a transaction nothing is remembered');
});
