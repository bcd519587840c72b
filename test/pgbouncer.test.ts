import { get as request } from 'node:http';
import { sql } from 'drizzle-orm';
import t, { type Test } from 'tap';
import { createOrganization } from '../src/core/organization/organizations.js';
import { createContext } from '../src/create-context.js';
import { erasureJournalFile } from '../src/erasure-journal-file.js';
import type { ApiError } from '../src/errors.js';
import { statement, type Db, type Tx } from '../src/store/store.js';
import { openTestStore, ROOT_KEY } from './support/helper.js';
import { startMailServer } from './support/mail-server.js';
import { runningMailing } from './support/mailing-world.js';
import { startPooled, type Pooled } from './support/pgbouncer.js';
import {
  body,
  cli,
  FAST,
  get,
  home,
  load,
  oneLine,
  PETITION,
  post,
  query,
  secretKeyIn,
  serve,
  SIGNERS,
  type Env,
} from './support/process.js';
import { until } from './support/until.js';

/* The server behind a pgbouncer that pools transactions. */

const ROOT = ROOT_KEY.toString('base64');

const environment = ({ url, directUrl }: Pooled): Env => ({
  ...FAST,
  ROOT_KEY: ROOT,
  DATABASE_URL: url,
  DATABASE_DIRECT_URL: directUrl,
  POSTGRES_POOLER: 'transaction',
});

/** Everything that a listener to live counts has received. */
function listen(t: Test, url: string): () => string {
  let text = '';
  const stream = request(`${url}${PETITION}/counts/live`, (answer) => {
    answer.setEncoding('utf8').on('data', (part: string) => (text += part));
    answer.on('error', () => undefined);
  });
  stream.on('error', () => undefined);
  t.teardown(() => stream.destroy());
  return () => text;
}

/** What sessions behind the pooler are left with. */
const LEFT = `select current_setting('synchronous_commit') as durable, current_setting('statement_timeout') as statements,
  current_setting('enable_seqscan') as plans, (select count(*)::int from pg_prepared_statements) as named`;

t.test('signing, confirming and live counts through few sessions', async (t) => {
  const pooled = await startPooled(t, { default_pool_size: '3' });
  if (!pooled) return t.pass('skipped');
  const mail = await startMailServer(t);
  const env = { ...environment(pooled), SMTP_URL: mail.url };
  const [here, there] = [await serve(t, home(t), env), await serve(t, home(t), env)];
  const key = secretKeyIn(here.output());
  const heard = listen(t, there.url);
  await until(() => heard().includes('"confirmed":0'), 'the first count');

  t.equal((await post(`${here.url}${PETITION}/signatures`, body('ada@example.org'))).status, 202);
  const from = performance.now();
  await until(() => heard().includes('"confirmed":1'), 'the count of another process', { withinMs: 9000 });
  t.ok(performance.now() - from < 9000, 'long before it would have looked by itself');

  const made = await post(
    `${here.url}/v1/petitions`,
    { slug: 'asked', title: 'Asked', statement: 'Asked.', confirmation: 'email' },
    { authorization: `Bearer ${key}` },
  );
  const { id } = (await made.json()) as { id: string };
  await post(
    `${here.url}/v1/petitions/${id}/transitions`,
    { to: 'published' },
    { authorization: `Bearer ${key}` },
  );
  const people = Array.from({ length: 30 }, (_, i) => `person${i}@example.org`);
  const signed = await Promise.all(
    people.map((email, i) => post(`${[here, there][i % 2]?.url}/v1/petitions/asked/signatures`, body(email))),
  );
  t.same([...new Set(signed.map(({ status }) => status))], [202]);
  await until(() => mail.received.length >= people.length, 'a mail for each');
  const tokens = mail.received.map(({ mail }) => /[?&]token=([\w-]+)/.exec(mail.text ?? '')?.[1]);
  const confirmed = await Promise.all(
    tokens.map((token, i) => post(`${[there, here][i % 2]?.url}/v1/confirmations`, { token })),
  );
  t.same([...new Set(confirmed.map(({ status }) => status))], [200]);
  await until(
    async () =>
      (await get(`${there.url}/v1/petitions/asked/counts`)).json.confirmed === people.length || undefined,
    'the count of all',
  );
  t.equal(mail.received.length, people.length, 'no mail twice');

  const sessions = await query(
    pooled.directUrl,
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'undersigned'",
  );
  t.ok(Number(sessions[0]?.['n']) <= 3, 'two processes with mail share three sessions');
  for (let i = 0; i < 5; i += 1) {
    const left = { durable: 'off', statements: '10s', plans: 'on', named: 0 };
    t.match(await query(pooled.url, LEFT), [left], 'nothing is left in a session');
  }
  t.same(await here.end('SIGTERM'), { code: 0, signal: null });
  for (const { output } of [here, there]) t.notMatch(output(), /"level":[456]0/, 'nothing to complain about');
  t.match(await cli(home(t), env, 'recount'), { code: 0, stdout: /^Every counter equals/ });
});

t.test('without a way past it, live counts of other processes are polled', async (t) => {
  const pooled = await startPooled(t);
  if (!pooled) return t.pass('skipped');
  const env = { ...environment(pooled), DATABASE_DIRECT_URL: '' };
  const server = await serve(t, home(t), env);
  t.match(
    server.output(),
    /no DATABASE_DIRECT_URL past the pooler: live counts of other processes are polled/,
  );
  const heard = listen(t, server.url);
  await until(() => heard().includes('"confirmed":0'), 'the first count');
  await post(`${server.url}${PETITION}/signatures`, body('ada@example.org'));
  await until(() => heard().includes('"confirmed":1'), 'the count of this process', { withinMs: 9000 });
  const listening = "select 1 from pg_stat_activity where application_name = 'undersigned notify'";
  t.same(await query(pooled.directUrl, `${listening} and datname = current_database()`), []);
});

t.test('a mailing is sent through it, to each once', async (t) => {
  const pooled = await startPooled(t, { default_pool_size: '2' });
  if (!pooled) return t.pass('skipped');
  const { url, directUrl } = pooled;
  const store = await openTestStore(url, { pooler: 'transaction', directUrl });
  t.teardown(() => store.close());
  const folder = home(t);
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null };
  const erasures = erasureJournalFile(`${folder}/erasures.log`);
  const ctx = createContext({ config, store, rootKey: ROOT_KEY, erasures });
  const { key } = await createOrganization(ctx, { name: 'Meadows' });
  const people = Array.from({ length: 60 }, (_, i) => ({ email: `reader${i}@example.org`, name: 'Ada' }));
  await runningMailing(store, key, people);
  const mail = await startMailServer(t);
  const server = await serve(t, folder, { ...environment(pooled), SMTP_URL: mail.url, DEMO: 'false' });
  await until(() => mail.received.length >= people.length, 'a mail for each');
  const handedOver = "select count(*)::int as n from mailing_recipients where state = 'sent'";
  const all = async () => (await query(directUrl, handedOver))[0]?.['n'] === people.length;
  await until(all, 'that each is known to be sent');
  t.same(mail.received.map(({ to }) => to[0]).sort(), people.map(({ email }) => email).sort());
  t.notMatch(server.output(), /"level":[56]0/);
});

t.test('it dies under load and comes back: nothing acknowledged is lost', async (t) => {
  const pooled = await startPooled(t, { default_pool_size: '5' });
  if (!pooled) return t.pass('skipped');
  const { pgbouncer, directUrl } = pooled;
  const server = await serve(t, home(t), environment(pooled));
  const running = load(server.url, { clients: 20, prefix: 'bounced' });
  for (let times = 1; times <= 3; times += 1) {
    const before = running.acknowledged.size;
    await until(() => running.acknowledged.size > before + 50, 'that some are acknowledged');
    await pgbouncer.down();
    const refused = () => running.others['503 storage_unavailable'] ?? 0;
    const until503 = refused();
    await until(() => refused() > until503, 'that some are refused');
    t.equal((await fetch(`${server.url}/readyz`)).status, 503);
    await pgbouncer.up();
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 200, 'that it is ready');
  }
  const after = running.acknowledged.size;
  await until(() => running.acknowledged.size > after + 50, 'that it serves again');
  server.process.kill('SIGTERM');
  await running.done;
  const { ECONNREFUSED: _, ECONNRESET: __, ...others } = running.others;
  t.same(
    Object.keys(others).filter((what) => !/^503 /.test(what)),
    [],
    'no answer but 202 and 503',
  );
  const stored = (await query(directUrl, SIGNERS)).map(({ delivery }) => String(delivery));
  t.equal(stored.length, new Set(stored).size, 'none twice');
  const lost = [...running.acknowledged].filter((email) => !new Set(stored).has(email));
  t.same(lost, [], 'none lost');
  t.match(await cli(home(t), environment(pooled), 'recount'), { code: 0 });
});

t.test('limits of time hold, in a transaction and outside', async (t) => {
  // The session's are shorter, so that it can be told which of both has ended something.
  const pooled = await startPooled(t, {}, 300);
  if (!pooled) return t.pass('skipped');
  const { url, directUrl } = pooled;
  const options = { pooler: 'transaction', directUrl, statementTimeoutMs: 1500, poolSize: 2 } as const;
  const store = await openTestStore(url, options);
  t.teardown(() => store.close());
  const slow = sql`select pg_sleep(5)`;
  const ended = async (work: () => PromiseLike<unknown>) => {
    const from = performance.now();
    const error = await Promise.resolve(work()).then(
      () => new Error('it went on'),
      (failure: unknown) => store.explain(failure),
    );
    return { code: (error as ApiError).code, ms: performance.now() - from };
  };
  const all = (on: { db: unknown }) => on.db as Db;
  const reading = await ended(() => all(store.read).execute(slow));
  t.equal(reading.code, 'overloaded');
  t.ok(reading.ms < 1400, `after ${reading.ms} ms`);
  const writing = await ended(() => store.transact((tx) => all(tx).execute(slow)));
  t.equal(writing.code, 'overloaded');
  t.ok(writing.ms > 1400, `after ${writing.ms} ms`);
  const idle = await ended(() =>
    store.transact(async (tx) => {
      await all(tx).execute(sql`select 1`);
      const none = "select 1 from pg_stat_activity where state = 'idle in transaction'";
      const gone = async () =>
        (await query(directUrl, `${none} and datname = current_database()`)).length === 0;
      await until(gone, 'the end of its session');
      await all(tx).execute(sql`select 1`);
    }),
  );
  t.equal(idle.code, 'storage_unavailable');
  await store.ping();
});

t.test('two stores take turns in one session, statement by statement', async (t) => {
  const pooled = await startPooled(t, { default_pool_size: '1' });
  if (!pooled) return t.pass('skipped');
  const { url, directUrl } = pooled;
  const options = { pooler: 'transaction', directUrl } as const;
  const [here, there] = [await openTestStore(url, options), await openTestStore(url, options)];
  t.teardown(async () => void (await Promise.all([here.close(), there.close()])));
  const { petitionCounts: c } = here.tables;
  // The same name for other texts: prepared by name, the second would run the first.
  const one = statement('same_name', (on) => on.db.select({ n: sql<number>`1`.as('n') }).from(c));
  const two = statement('same_name', (on) => on.db.select({ n: sql<number>`count(*)::int`.as('n') }).from(c));
  for (let i = 0; i < 20; i += 1) {
    const answers = await Promise.all([one(here.read as Tx, {}), two(there.read as Tx, {})]);
    t.same(answers, [[], [{ n: 0 }]]);
  }
  const gathered = Array.from({ length: 40 }, (_, i) =>
    (i % 2 ? here : there).gather([String(i)], async (tx) => (await two(tx, {}))[0]?.n),
  );
  t.same([...new Set(await Promise.all(gathered))], [0]);
  t.match(await query(url, LEFT), [{ plans: 'on', named: 0 }], 'and leave nothing in it');
});

t.test('what is not declared, or leads elsewhere, is refused in one line', async (t) => {
  const pooled = await startPooled(t, {
    ignore_startup_parameters: 'statement_timeout,idle_in_transaction_session_timeout',
  });
  const strict = await startPooled(t, {}, 0);
  const other = await startPooled(t);
  if (!pooled || !strict || !other) return t.pass('skipped');
  const folder = home(t);
  const refused = async (env: Env, wanted: RegExp, ...args: string[]) =>
    oneLine(t, await cli(folder, { DEMO: 'false', ...env }, ...args), wanted, String(wanted));
  const env = environment(pooled);
  const { DATABASE_URL = '' } = env;
  await refused({ ...FAST, DATABASE_URL }, /pools transactions: set POSTGRES_POOLER=transaction/, 'recount');
  await refused({ ...FAST, DATABASE_URL: strict.url }, /refuses statement_timeout: set POSTGRES_/, 'recount');
  await refused(
    environment(strict),
    /statement_timeout is not at most 10000 ms: alter role "postg/,
    'recount',
  );
  const direct = 'DATABASE_DIRECT_URL leads to';
  await refused({ ...env, DATABASE_DIRECT_URL: DATABASE_URL }, new RegExp(`${direct} a pooler`), 'migrate');
  const elsewhere = { ...env, DATABASE_DIRECT_URL: other.directUrl };
  await refused(elsewhere, new RegExp(`${direct} another database`), 'migrate');
  const nobody = 'postgres://postgres:secret@127.0.0.1:1/x';
  await refused(
    { ...env, DATABASE_DIRECT_URL: nobody },
    /of DATABASE_DIRECT_URL .* \(ECONNREFUSED\)/,
    'recount',
  );
  const copying = ['copy', '--from', `file:${folder}/data/undersigned.db`, '--to', DATABASE_URL];
  t.match(await cli(folder, {}, 'migrate'), { code: 0 });
  await refused({}, /a pooler is between: name the PostgreSQL server itself/, ...copying);
  await refused({ POSTGRES_POOLER: 'transaction' }, /POSTGRES_POOLER is for PostgreSQL/, 'recount');
  await refused({ DATABASE_DIRECT_URL: other.directUrl }, /DATABASE_DIRECT_URL is for PostgreSQL/, 'recount');
});
