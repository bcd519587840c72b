import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { asc, count, eq, sql } from 'drizzle-orm';
import pg from 'pg';
import t, { type Test } from 'tap';
import { uuidv7obj } from 'uuidv7';
import { encodeId, type IdPrefix } from '../../schema/db/public-id.js';
import { startPostgres } from '../../scripts/postgres.js';
import { ApiError, describeError } from '../../src/errors.js';
import { packageRoot } from '../../src/package.js';
import { migrateStore, openStore } from '../../src/store/open.js';
import type { PostgresOptions } from '../../src/store/postgres.js';
import { openFile, SQLITE_PACKAGE } from '../../src/store/sqlite-driver.js';
import {
  bind,
  bindAll,
  statement,
  type Db,
  type Reader,
  type Store,
  type Sum,
  type Tx,
} from '../../src/store/store.js';
import { engines, onEveryEngine, openTestStore, type Engine } from '../support/helper.js';
import { until } from '../support/until.js';

const newId = (prefix: IdPrefix) => encodeId(prefix, uuidv7obj().bytes);

const organization = (slug: string) => ({
  publicId: newId('org'),
  slug,
  name: slug,
  version: 1,
  createdAt: new Date(),
  updatedAt: new Date(),
});

const insert = async (tx: Tx, slug: string) =>
  void (await tx.db.insert(tx.tables.organizations).values(organization(slug)));

const slugs = async ({ db, tables: { organizations: o } }: Reader): Promise<string[]> =>
  (await db.select({ slug: o.slug }).from(o).orderBy(asc(o.key))).map(({ slug }) => slug);

const numbered = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

/** The whole query builder: for what the types keep from verbs. */
const whole = (on: Reader) => on.db as unknown as Db;

function open(t: Test, url: string, options: Partial<PostgresOptions> = {}): Promise<Store> {
  const opening = openTestStore(url, options);
  t.teardown(async () => {
    await (await opening.catch(() => undefined))?.close();
  });
  return opening;
}

const fresh = async (t: Test, engine: Engine, options?: Partial<PostgresOptions>): Promise<Store> =>
  open(t, await engine.database(t), options);

/** What a transaction, or the expectation of one, came to: its value, or the code or message of its error. */
const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof ApiError ? error.code : (error as Error).message));

/** Lets `n` callers go on together. */
function barrier(n: number): () => Promise<void> {
  let release = () => undefined as void;
  const open = new Promise<void>((resolve) => (release = resolve));
  return () => {
    n -= 1;
    if (n === 0) release();
    return open;
  };
}

onEveryEngine('a transaction', async (t, engine) => {
  const url = await engine.database(t);
  const store = await open(t, url);

  await t.test('is in the database when it resolves, for everybody', async (t) => {
    const value = await store.transact(async (tx) => {
      await insert(tx, 'durable');
      t.same(await slugs(tx), ['durable'], 'it sees itself');
      t.same(await slugs(store.read), [], 'nobody else does');
      return 'its value';
    });
    t.equal(value, 'its value');
    t.same(await slugs(store.read), ['durable']);
    t.same(await slugs((await open(t, url)).read), ['durable'], 'nor does it depend on this connection');
  });

  await t.test('that throws leaves nothing behind, and hands its error on', async (t) => {
    const reason = new ApiError('petition_closed');
    const failing = store.transact(async (tx) => {
      await insert(tx, 'gone');
      throw reason;
    });
    t.equal(await failing.catch((error: unknown) => error), reason);
    t.same(await slugs(store.read), ['durable']);
  });

  await t.test('has one instant and a shard', async (t) => {
    const { now, shard } = await store.transact(async (tx) => tx);
    t.type(now, Date);
    t.ok(Number.isInteger(shard) && shard >= 0);
    if (engine.name === 'sqlite') t.equal(shard, 0);
  });
});

onEveryEngine(
  'transactions that wait together: one that fails does not fail its neighbours',
  async (t, engine) => {
    const store = await fresh(t, engine);
    await store.transact((tx) => insert(tx, 'taken'));
    const fate = (i: number) => (i % 7 === 3 ? 'throws' : i % 11 === 5 ? 'collides' : 'stays');
    const outcomes = await Promise.all(
      numbered('', 200).map((_, i) =>
        outcome(
          store.transact(async (tx) => {
            await insert(tx, `${i}-first`);
            if (fate(i) === 'throws') throw new Error(`mine is ${i}`);
            await insert(tx, fate(i) === 'collides' ? 'taken' : `${i}-second`);
            return i;
          }),
        ),
      ),
    );
    const errors = outcomes.map((came, i) => (fate(i) === 'collides' ? typeof came : came));
    const told = { stays: (i: number) => i, throws: (i: number) => `mine is ${i}`, collides: () => 'string' };
    t.same(
      errors,
      outcomes.map((_, i) => told[fate(i)](i)),
    );
    const wanted = outcomes.flatMap((_, i) => (fate(i) === 'stays' ? [`${i}-first`, `${i}-second`] : []));
    t.same((await slugs(store.read)).sort(), ['taken', ...wanted].sort());
    t.equal(store.stats().waiting, 0);
  },
);

onEveryEngine('transactions that wait together share commits on SQLite', async (t, engine) => {
  const store = await fresh(t, engine);
  const before = store.stats();
  let answered = 0;
  await Promise.all(
    numbered('s', 600).map(async (slug) => {
      await store.transact((tx) => insert(tx, slug));
      answered += 1;
    }),
  );
  const after = store.stats();
  t.equal(answered, 600);
  t.equal(after.transactions - before.transactions, 600);
  if (engine.name === 'sqlite') t.ok(after.commits - before.commits <= 3, `${after.commits} commits`);
  else t.equal(after.commits - before.commits, 600);
  t.equal((await slugs(store.read)).length, 600);
});

onEveryEngine('a long transaction hears whether others wait for it', async (t, engine) => {
  const store = await fresh(t, engine);
  const alone = engine.name === 'postgres';
  let others: Promise<unknown> | undefined;
  const heard = await store.transact(async () => {
    const before = store.isWanted();
    others = store.transact(() => Promise.resolve());
    return [before, store.isWanted()];
  });
  // On PostgreSQL what it has locked may be waited for by other processes, too.
  t.same(heard, [alone, true]);
  await others;
  const together = [0, 1].map(() => store.transact(() => Promise.resolve(store.isWanted())));
  t.same(await Promise.all(together), [true, true], 'in its own group, too');
});

onEveryEngine('what transactions add is written once for those that commit together', async (t, engine) => {
  const store = await fresh(t, engine);
  const { organizations: o } = store.tables;
  const key = await store.transact(async (tx) => {
    const [row] = await tx.db.insert(o).values(organization('sum')).returning({ key: o.key });
    return row!.key;
  });
  let writes = 0;
  const versions: Sum = {
    write: (tx, { place, version }) => {
      writes += 1;
      return tx.db
        .update(o)
        .set({ version: sql`${o.version} + ${version}` })
        .where(eq(o.key, Number(place)));
    },
  };
  const version = async () => (await store.read.db.select({ version: o.version }).from(o))[0]?.version;
  const outcomes = await Promise.all(
    numbered('', 100).map((_, i) =>
      outcome(
        store.transact(async (tx) => {
          tx.add(versions, { place: key }, { version: 1 });
          if (i % 4 === 0) throw new Error('undone');
          tx.add(versions, { place: key }, { version: 10 });
        }),
      ),
    ),
  );
  t.equal(outcomes.filter((came) => came === 'undone').length, 25);
  t.equal(await version(), 1 + 75 * 11, 'what failed has added nothing');
  t.equal(writes, engine.name === 'sqlite' ? 1 : 75);
  if (engine.name === 'sqlite') return;

  let tries = 0;
  await store.transact(async (tx) => {
    tx.add(versions, { place: key }, { version: 1000 });
    tries += 1;
    if (tries === 1) {
      await whole(tx).execute(sql`do $$ begin raise exception using errcode = '40001'; end $$`);
    }
  });
  t.equal(await version(), 1 + 75 * 11 + 1000, 'nor has an attempt that was tried again');
});

onEveryEngine('what fails is undone alone, whenever it fails', async (t, engine) => {
  const store = await fresh(t, engine);
  let runs = 0;
  const together = (prefix: string, fails: (i: number) => 'before' | 'after' | undefined) =>
    Promise.all(
      numbered(prefix, 30).map((slug, i) =>
        outcome(
          store.transact(async (tx) => {
            runs += 1;
            if (fails(i) === 'before') throw new Error('before');
            await insert(tx, slug);
            if (fails(i) === 'after') throw new Error('after');
          }),
        ),
      ),
    );
  const failing = (i: number) => (i % 5 === 1 ? ('before' as const) : undefined);
  const all = Array.from({ length: 30 }, (_, i) => i);

  t.same(
    await together('a', () => 'before'),
    all.map(() => 'before'),
  );
  t.equal(runs, 30, 'nothing was written, so nothing has to be undone');

  runs = 0;
  const mixed = (i: number) => (i % 7 === 3 ? ('after' as const) : failing(i));
  t.same(await together('b', mixed), all.map(mixed));
  const kept = all.filter((i) => !mixed(i)).map((i) => numbered('b', 30)[i]);
  t.same((await slugs(store.read)).sort(), kept.sort());
  if (engine.name === 'sqlite') {
    t.ok(runs > 30 && runs < 60, `${runs} runs: the first that failed stopped the group`);
  } else t.equal(runs, 30);

  runs = 0;
  t.same(await together('c', mixed), all.map(mixed));
  t.equal(runs, 30, 'the next groups expect it');
  t.equal((await slugs(store.read)).length, 2 * kept.length);
});

onEveryEngine(
  'a full queue refuses with overloaded, and takes more when it is shorter',
  async (t, engine) => {
    const store = await fresh(t, engine, { maxWaiting: 3, poolSize: 1 });
    // On PostgreSQL one runs and three wait; on SQLite they are one group, and all of it waits.
    const accepted = engine.name === 'sqlite' ? 3 : 4;
    const outcomes = await Promise.all(
      numbered('q', 20).map((slug) => outcome(store.transact((tx) => insert(tx, slug)))),
    );
    t.same(outcomes, [...Array<undefined>(accepted), ...Array<string>(20 - accepted).fill('overloaded')]);
    t.same(await slugs(store.read), numbered('q', accepted));
    await store.transact((tx) => insert(tx, 'later'));
  },
);

onEveryEngine('close finishes what waits, and then refuses', async (t, engine) => {
  const url = await engine.database(t);
  const store = await openStore(url, {
    now: () => new Date(),
    maxWaiting: 5000,
    poolSize: 2,
    statementTimeoutMs: 10_000,
    allowUnsafeDurability: true,
    onFatal: () => undefined,
  });
  const waiting = numbered('w', 50).map((slug) => outcome(store.transact((tx) => insert(tx, slug))));
  const closing = store.close();
  t.equal(await outcome(store.transact((tx) => insert(tx, 'late'))), 'shutting_down');
  t.same(await Promise.all(waiting), Array(50).fill(undefined));
  await closing;
  t.equal(await outcome(store.transact((tx) => insert(tx, 'later'))), 'shutting_down');
  const again = await open(t, url);
  t.same((await slugs(again.read)).sort(), numbered('w', 50).sort());
});

onEveryEngine('what only reads cannot write', async (t, engine) => {
  const store = await fresh(t, engine);
  // @ts-expect-error -- by type on both engines
  t.type(store.read.db.insert, 'function');
  // @ts-expect-error -- by type on both engines
  t.type(store.read.db.execute, engine.name === 'sqlite' ? 'undefined' : 'function');
  if (engine.name === 'postgres') return;
  const { organizations } = store.tables;
  const write = async () => whole(store.read).insert(organizations).values(organization('sly'));

  await t.rejects(write(), { code: 'SQLITE_READONLY' });
  t.same(await slugs(store.read), []);
});

onEveryEngine(
  'a broken constraint is no ApiError, and what may be said of it holds no value',
  async (t, engine) => {
    const store = await fresh(t, engine);
    const { organizations: o, apiKeys } = store.tables;
    const secret = 'zelda.quux@distinctive.example';
    await store.transact((tx) => insert(tx, secret));
    const breaches: Record<string, (tx: Tx) => PromiseLike<unknown>> = {
      unique: (tx) => insert(tx, secret),
      'not null': (tx) =>
        tx.db.insert(o).values({ ...organization(secret), name: null as unknown as string }),
      'foreign key': (tx) => tx.db.insert(apiKeys).values(apiKey({ organizationKey: 4711, name: secret })),
      check: (tx) =>
        tx.db.insert(apiKeys).values(apiKey({ organizationKey: 1, name: secret, kind: 'odd' as 'secret' })),
    };
    for (const [what, breach] of Object.entries(breaches)) {
      const error: unknown = await store
        .transact(async (tx) => void (await breach(tx)))
        .catch((e: unknown) => e);
      t.type(error, Error, what);
      t.notOk(error instanceof ApiError, what);
      t.equal(store.explain(error), error, `${what}: explain hands on what it does not know`);
      const said = describeError(error);
      t.notMatch(JSON.stringify(said), 'distinctive', what);
      t.match(
        said,
        { code: engine.name === 'sqlite' ? /^SQLITE_CONSTRAINT/ : /^23/ },
        `${what}: its code remains`,
      );
    }
    t.equal(store.explain(new ApiError('not_found')) instanceof ApiError, true);
    t.same(await slugs(store.read), [secret]);
  },
);

const apiKey = (fields: { organizationKey: number; name: string; kind?: 'secret' }) => ({
  publicId: newId('key'),
  kind: 'secret' as const,
  hash: Buffer.from(newId('key')),
  hint: 'abcd',
  scopes: [],
  createdAt: new Date(),
  ...fields,
});

onEveryEngine('statement: built once for a connection, right for every value', async (t, engine) => {
  const store = await fresh(t, engine, { poolSize: 1 });
  const built = { insert: 0, find: 0 };
  const columns = [
    'publicId',
    'organizationKey',
    'kind',
    'name',
    'hash',
    'hint',
    'scopes',
    'createdAt',
  ] as const;
  const add = statement('test_add', ({ db, tables: { apiKeys } }: Tx) => {
    built.insert += 1;
    return db
      .insert(apiKeys)
      .values(bindAll(apiKeys, [...columns, 'lastUsedAt']))
      .returning();
  });
  const find = statement('test_find', ({ db, tables: { apiKeys: k } }: Reader) => {
    built.find += 1;
    return db
      .select()
      .from(k)
      .where(eq(k.publicId, bind(k.publicId, 'id')));
  });
  const organizationKey = await store.transact(async ({ db, tables: { organizations: o } }) => {
    const [row] = await db.insert(o).values(organization('one')).returning({ key: o.key });
    return row!.key;
  });
  const keys = [
    { scopes: [], lastUsedAt: null, name: 'plain' },
    { scopes: ['a', `"quoted" 'and' \\ back`], lastUsedAt: new Date(0), name: `'); drop table x; --` },
    { scopes: ['日本', '👩‍👩‍👧'], lastUsedAt: new Date('2026-02-28T23:59:59.999Z'), name: 'ünï\u0301' },
    { scopes: ['z'], lastUsedAt: new Date('1969-12-31T23:59:59.001Z'), name: '' },
  ].map((fields) => ({ ...apiKey({ organizationKey, name: '' }), revokedAt: null, ...fields }));

  for (const values of keys) {
    const rows = await store.transact(async (tx) => add(tx, values));
    t.match(rows, [values], 'returning decodes');
  }
  for (const values of keys) t.match(await find(store.read, { id: values.publicId }), [values]);
  t.same(await find(store.read, { id: newId('key') }), []);
  t.same(built, { insert: 1, find: 1 });
  await store.transact(async (tx) => find(tx, { id: newId('key') }));
  t.equal(built.find, 2, 'the writing connection has its own');

  if (engine.name === 'postgres') {
    const listed = await store.transact((tx) =>
      whole(tx).execute(sql`select name from pg_prepared_statements`),
    );
    const names = (listed as pg.QueryResult<{ name: string }>).rows.map(({ name }) => name);
    t.match(names.sort(), ['test_add', 'test_find'], 'the server keeps them too');
  }
});

onEveryEngine('generation tells of every commit, whoever made it', async (t, engine) => {
  const url = await engine.database(t);
  const store = await open(t, url);
  if (engine.name === 'postgres') return void t.equal(store.generation(), undefined, 'it cannot tell');
  let last = store.generation();
  const changed = async (what: string, wanted: boolean) => {
    // Others are heard of from the next turn of the event loop on.
    await new Promise((resolve) => setImmediate(resolve));
    const now = store.generation();
    t.equal(now !== last, wanted, what);
    last = now;
  };
  await changed('nothing', false);
  await slugs(store.read);
  await changed('a read', false);
  await store.transact((tx) => insert(tx, 'own'));
  t.not(store.generation(), last, 'its own commit is there in the same turn');
  await changed('a commit of its own', true);
  await changed('nothing', false);
  await outcome(store.transact(async (tx) => insert(tx, 'own')));
  const file = url.slice('file:'.length);
  const other = openFile(file);
  t.teardown(() => other.close());
  last = store.generation();
  other.exec(`begin immediate; update organizations set version = 2; rollback`);
  await changed('a rollback of another connection', false);
  other.exec(`update organizations set version = 2`);
  await changed('a commit of another connection', true);
  const program = `new (require('${SQLITE_PACKAGE}'))(process.argv[1]).exec('update organizations set version = 3')`;
  execFileSync(process.execPath, ['-e', program, file], {
    cwd: fileURLToPath(packageRoot),
  });
  await changed('a commit of another process', true);
  const [row] = await store.read.db
    .select({ version: store.tables.organizations.version })
    .from(store.tables.organizations);
  t.equal(row?.version, 3);
});

onEveryEngine('a store that refuses to open leaves nothing open', async (t, engine) => {
  const url = await engine.database(t);
  if (engine.name === 'sqlite') {
    const file = url.slice('file:'.length);
    openFile(file).exec('delete from applied_migrations').close();
    await t.rejects(open(t, url), /have not run/);
    const held = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    t.same(
      held.filter((name) => name.startsWith(file)),
      [],
    );
    return;
  }
  await t.rejects(open(t, url, { allowUnsafeDurability: false }), /fsync = off/);
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  t.teardown(() => admin.end());
  const others = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await until(async () => (await admin.query(others)).rows.length === 0, 'the end of all connections');
});

t.test('SQLite: pragmas on every connection', async (t) => {
  const [sqlite] = engines;
  const store = await fresh(t, sqlite!);
  const read = (on: Reader, name: string) => {
    const row = (whole(on) as unknown as { get: (query: unknown) => Record<string, unknown> }).get(
      sql.raw(`pragma ${name}`),
    );
    return Object.values(row)[0];
  };
  const settings = (on: Reader) =>
    Object.fromEntries(
      ['journal_mode', 'synchronous', 'foreign_keys', 'wal_autocheckpoint', 'query_only'].map((name) => [
        name,
        read(on, name),
      ]),
    );
  const wanted = { journal_mode: 'wal', foreign_keys: 1 };
  await store.transact((tx) => insert(tx, 'first write'));
  // The writer's log is synced by LogSync, as bench:crash tries by cutting the power, and moved by Checkpointer.
  const writing = { ...wanted, synchronous: 1, wal_autocheckpoint: 16_000, query_only: 0 };
  t.same(await store.transact(async (tx) => settings(tx)), writing);
  t.same(settings(store.read), { ...wanted, synchronous: 2, wal_autocheckpoint: 4000, query_only: 1 });
});

t.test('SQLite: the log is moved into the database by another thread, and begins anew', async (t) => {
  const [sqlite] = engines;
  const url = await sqlite!.database(t);
  const file = url.slice('file:'.length);
  const store = await open(t, url);
  const long = 'x'.repeat(4000);
  const frames = () => statSync(`${file}-wal`).size / 4120;
  const other = openFile(file, { readonly: true });
  t.teardown(() => other.close());
  const [transactions, rows] = [300, 100];
  /** Each row fills at least a frame, so a log that holds fewer has begun anew. */
  const hasMoved = (written: number) => {
    const [at] = other.pragma('wal_checkpoint(noop)') as { log: number; checkpointed: number }[];
    return at!.checkpointed > 0 || at!.log < written;
  };
  for (let n = 0; n < transactions; n += 1) {
    await store.transact(async (tx) => {
      const many = numbered(`log-${n}-`, rows).map((slug) => ({ ...organization(slug), name: long }));
      await tx.db.insert(tx.tables.organizations).values(many);
    });
    // The thread takes a moment to start.
    if (n === 50) {
      await until(() => hasMoved(n * rows), 'that the thread moves the log', { everyMs: 50 });
    }
    await turn();
  }
  t.ok(
    frames() > 4000 && frames() < 12_000,
    `${frames()} of more than ${transactions * rows} frames at a time`,
  );
  await store.close();
  t.equal(other.prepare('select count(*) from organizations').pluck().get(), transactions * rows);
  t.equal(other.pragma('integrity_check', { simple: true }), 'ok');
});

t.test(
  'SQLite: a database that another process holds is overloaded, and free again afterwards',
  async (t) => {
    const [sqlite] = engines;
    const url = await sqlite!.database(t);
    const store = await open(t, url);
    const other = openFile(url.slice('file:'.length));
    t.teardown(() => other.close());
    other.exec('begin immediate');
    const outcomes = await Promise.all(
      numbered('b', 3).map((slug) => outcome(store.transact((tx) => insert(tx, slug)))),
    );
    t.same(outcomes, Array(3).fill('overloaded'));
    t.same(await slugs(store.read), [], 'reads go on');
    other.exec('rollback');
    await store.transact((tx) => insert(tx, 'free'));
    t.same(await slugs(store.read), ['free']);
  },
);

const postgres = engines.find(({ name }) => name === 'postgres');
// Only tests that are skipped together may share it: node-tap changes the options of a test that it skips.
const onPostgres = { skip: postgres ? false : 'no PostgreSQL' };

t.test('PostgreSQL: conflicts are tried again', onPostgres, async (t) => {
  const store = await fresh(t, postgres!);
  const { organizations: o } = store.tables;
  const bump = (tx: Tx, slug: string) =>
    tx.db
      .update(o)
      .set({ version: sql`${o.version} + 1` })
      .where(eq(o.slug, slug));
  await store.transact(async (tx) => {
    for (const slug of ['a', 'b']) await insert(tx, slug);
  });
  const versions = async () =>
    (await store.read.db.select({ version: o.version }).from(o).orderBy(o.slug)).map(
      ({ version }) => version,
    );

  await t.test('a deadlock', async (t) => {
    const meet = barrier(2);
    let attempts = 0;
    const cross = (first: string, second: string) => {
      let tries = 0;
      return store.transact(async (tx) => {
        attempts += 1;
        tries += 1;
        await bump(tx, first);
        if (tries === 1) await meet();
        await bump(tx, second);
        return 'done';
      });
    };
    t.same(await Promise.all([cross('a', 'b'), cross('b', 'a')]), ['done', 'done']);
    t.ok(attempts >= 3, `${attempts} attempts`);
    t.same(await versions(), [3, 3]);
  });

  await t.test('a serialization failure', async (t) => {
    const meet = barrier(2);
    let attempts = 0;
    const increment = () => {
      let tries = 0;
      return store.transact(async (tx) => {
        attempts += 1;
        tries += 1;
        await whole(tx).execute(sql`set transaction isolation level serializable`);
        const [row] = await tx.db.select({ version: o.version }).from(o).where(eq(o.slug, 'a'));
        if (tries === 1) await meet();
        await tx.db
          .update(o)
          .set({ version: row!.version + 1 })
          .where(eq(o.slug, 'a'));
      });
    };
    await Promise.all([increment(), increment()]);
    t.equal(attempts, 3);
    t.same(await versions(), [5, 3]);
  });

  await t.test('not for ever', async (t) => {
    let attempts = 0;
    const hopeless = store.transact(async (tx) => {
      attempts += 1;
      await whole(tx).execute(sql`do $$ begin raise exception using errcode = '40001'; end $$`);
    });
    t.equal(await outcome(hopeless), 'overloaded');
    t.equal(attempts, 10);
  });
  t.equal(store.stats().waiting, 0);
});

t.test('PostgreSQL: what takes too long is given up', onPostgres, async (t) => {
  const store = await fresh(t, postgres!, { statementTimeoutMs: 200, poolSize: 2 });
  // Real time, since it is the server that counts it: it gives up long before.
  const slow = sql`select pg_sleep(5)`;

  await t.test('a statement, in a transaction or not', async (t) => {
    t.equal(await outcome(store.transact((tx) => whole(tx).execute(slow))), 'overloaded');
    const error = await whole(store.read)
      .execute(slow)
      .catch((e: unknown) => e);
    t.equal((store.explain(error) as ApiError).code, 'overloaded');
  });

  await t.test('a transaction that does nothing: its connection is lost and nothing else', async (t) => {
    const isIdle = async () => {
      const sessions = sql`select 1 from pg_stat_activity
        where state = 'idle in transaction' and datname = current_database()`;
      const found: unknown = await whole(store.read).execute(sessions);
      return (found as pg.QueryResult).rows.length > 0;
    };
    const idle = store.transact(async (tx) => {
      await insert(tx, 'idle');
      t.ok(await isIdle());
      await until(async () => !(await isIdle()), 'the end of its connection');
      await insert(tx, 'too late');
    });
    t.equal(await outcome(idle), 'storage_unavailable');
    t.same(await slugs(store.read), []);
  });

  await t.test('and the connections serve again', async (t) => {
    await Promise.all(numbered('n', 8).map((slug) => store.transact((tx) => insert(tx, slug))));
    t.equal((await slugs(store.read)).length, 8);
  });
});

t.test('PostgreSQL: a connection that did not get its lock serves again', onPostgres, async (t) => {
  const url = await postgres!.database(t);
  const store = await open(t, url, { statementTimeoutMs: 200, poolSize: 1 });
  const patient = await open(t, url);
  await patient.transact(async (tx) => {
    await insert(tx, 'holds the lock');
    const shut = store.transact((other) => insert(other, 'waits for it'), { shut: 'organizations' });
    t.equal(await outcome(shut), 'overloaded');
    t.equal(await outcome(store.transact((other) => insert(other, 'after it'))), undefined);
  });
  t.same(await slugs(store.read), ['holds the lock', 'after it']);
});

t.test('PostgreSQL: a server that goes away and comes back', onPostgres, async (t) => {
  const server = (await startPostgres({ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }))!;
  t.teardown(() => server.stop());
  await migrateStore(server.url);
  const unsafe = `${server.url}?options=-c%20synchronous_commit%3Doff`;
  await t.rejects(open(t, unsafe, { allowUnsafeDurability: false }), /synchronous_commit = off/);
  const store = await open(t, server.url, { allowUnsafeDurability: false });

  const acknowledged: string[] = [];
  const codes = new Set<unknown>();
  let stop = false;
  let isBack = () => {};
  // Those who are refused come again when the server is back.
  const back = new Promise<void>((resolve) => (isBack = resolve));
  const writers = numbered('writer', 20).map(async (name) => {
    for (let i = 0; !stop; i += 1) {
      const slug = `${name}-${i}`;
      const code = await outcome(store.transact((tx) => insert(tx, slug)));
      if (code === undefined) acknowledged.push(slug);
      else {
        codes.add(code);
        await back;
      }
    }
  });
  const readers = numbered('reader', 5).map(async () => {
    while (!stop) {
      const { organizations: o } = store.tables;
      const query = async () =>
        void (await store.read.db.select({ n: count() }).from(o).where(eq(o.slug, 'x')));
      await query().catch((error: unknown) => {
        const told = store.explain(error);
        codes.add(told instanceof ApiError ? told.code : (error as Error).message);
        return back;
      });
    }
  });
  await until(() => acknowledged.length > 0, 'the first who is acknowledged');
  const before = acknowledged.length;
  t.ok(before > 0, `${before} acknowledged`);
  await server.down();
  await t.rejects(store.ping());
  t.equal(await outcome(store.transact((tx) => insert(tx, 'nobody hears'))), 'storage_unavailable');
  const during = acknowledged.length;
  await server.up();
  isBack();
  await until(() => acknowledged.length > during + writers.length, 'that it serves again');
  stop = true;
  await Promise.all([...writers, ...readers]);

  t.ok(acknowledged.length > during, 'it serves again');
  t.same([...codes], ['storage_unavailable'], 'and everybody who was refused heard why');
  await store.ping();
  const stored = new Set(await slugs(store.read));
  t.same(
    acknowledged.filter((slug) => !stored.has(slug)),
    [],
    'nothing acknowledged is lost',
  );
});

const postgresAlone = engines.find(({ name }) => name === 'postgres');
t.test(
  'of several PostgreSQL servers, the one that takes writes [postgres]',
  { skip: !postgresAlone },
  async (t) => {
    const url = new URL(await (postgresAlone as Engine).database(t));
    // Nobody listens on port 1.
    const several = (hosts: string) =>
      `postgres://${url.username}@${hosts}${url.pathname}?target_session_attrs=read-write`;
    const found = several(`127.0.0.1:1,${url.host}`);
    t.equal(await migrateStore(found), 0);
    const store = await openTestStore(found, { poolSize: 1 });
    t.teardown(() => store.close());
    await store.transact((tx) => insert(tx, 'one'));
    t.same(await slugs(store.read), ['one']);

    const sessions = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${url.pathname.slice(1)}' and pid <> pg_backend_pid()`;
    const admin = new pg.Client({ connectionString: url.href });
    await admin.connect();
    t.teardown(() => admin.end());
    const readOnly = (value: string) =>
      admin.query(`alter database ${url.pathname.slice(1)} set default_transaction_read_only = ${value}`);
    await readOnly('on');
    const { rows: ended } = await admin.query<{ pid: number }>(sessions.replace('select', 'select pid,'));
    const left = `select pid from pg_stat_activity where pid = any($1)`;
    const pids = ended.map(({ pid }) => pid);
    await until(async () => (await admin.query(left, [pids])).rows.length === 0, 'the end of the sessions');
    t.equal(
      await outcome(store.transact((tx) => insert(tx, 'two'))),
      'storage_unavailable',
      'as on a standby',
    );
    t.equal(await outcome(store.ping()), 'storage_unavailable', 'it is not ready');
    t.same(await slugs(store.read), ['one'], 'and reads go on');
    await admin.query('set default_transaction_read_only = off');
    await readOnly('off');
    // The same connection would be as it was: it must not come back from the pool.
    await store.ping();
    await store.transact((tx) => insert(tx, 'three'));
    t.same(await slugs(store.read), ['one', 'three']);

    await t.rejects(openTestStore(several('127.0.0.1:1,127.0.0.1:1')), { code: 'ENOPRIMARY' });
    const reading = found.replace('read-write', 'any');
    await t.rejects(openTestStore(reading), { message: /target_session_attrs in DATABASE_URL must be/ });
  },
);
