import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { eq } from 'drizzle-orm';
import pg from 'pg';
import t, { type Test } from 'tap';
import { decodeId, encodeId, ID_PREFIXES, idPattern } from '../../schema/db/public-id.js';
import { createAdminKey } from '../../src/core/organization/admin-keys.js';
import { takeMailEvent } from '../../src/core/subscriptions/mail-events.js';
import { packageRoot } from '../../src/package.js';
import { migratePostgres, migrateSqlite, pending } from '../../src/store/migrate.js';
import { migrateStore, openStore } from '../../src/store/open.js';
import { connect } from '../../src/store/sqlite-connection.js';
import { openFile } from '../../src/store/sqlite-driver.js';
import {
  engines,
  makePartner,
  onEveryEngine,
  publish,
  start,
  type Engine,
  type EngineName,
  type TestApp,
} from '../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../support/mailbox.js';
import { main, serverModule } from '../support/process.js';
import { until } from '../support/until.js';

const root = fileURLToPath(packageRoot);

const fileOf = (url: string) => url.slice('file:'.length);

/** The files that a process holds open (Linux). */
function openFiles(pid: number | undefined): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      return '';
    }
  });
}

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-migrate-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A database without a table. */
async function empty(t: Test, engine: Engine): Promise<string> {
  if (engine.name === 'sqlite') return `file:${join(temporaryFolder(t), 'empty.db')}`;
  const url = await engine.database(t);
  await withDatabase(url, ({ run }) => run('drop schema public cascade; create schema public'));
  return url;
}

type Database_ = {
  run: (sql: string) => Promise<void>;
  rows: (sql: string) => Promise<Record<string, unknown>[]>;
  migrate: (folder?: string) => Promise<number>;
};

/** The database as its driver sees it, with the production settings on SQLite. */
async function withDatabase<T>(url: string, work: (on: Database_) => Promise<T>): Promise<T> {
  if (url.startsWith('file:')) {
    const connection = connect(fileOf(url));
    try {
      return await work({
        run: async (sql) => void connection.exec(sql),
        rows: async (sql) => connection.prepare(sql).all() as Record<string, unknown>[],
        migrate: async (folder) => migrateSqlite(connection, folder),
      });
    } finally {
      connection.close();
    }
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work({
      run: async (sql) => void (await client.query(sql)),
      rows: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      migrate: (folder) => migratePostgres(client, folder),
    });
  } finally {
    await client.end();
  }
}

/** The real migrations, and after them these. */
function migrationsPlus(t: Test, engine: EngineName, ...more: string[][]): string {
  const folder = temporaryFolder(t);
  cpSync(join(root, 'drizzle', engine), folder, { recursive: true });
  const file = join(folder, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as {
    entries: { idx: number; when: number; tag: string }[];
  };
  for (const statements of more) {
    const last = journal.entries.at(-1)!;
    const tag = `${String(last.idx + 1).padStart(4, '0')}_more`;
    writeFileSync(join(folder, `${tag}.sql`), statements.join(';--> statement-breakpoint\n'));
    journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1000, tag });
  }
  writeFileSync(file, JSON.stringify(journal));
  return folder;
}

const open = (url: string) =>
  openStore(url, {
    now: () => new Date(),
    maxWaiting: 10,
    poolSize: 2,
    statementTimeoutMs: 5000,
    allowUnsafeDurability: true,
    onFatal: () => undefined,
  });

const tablesOf = {
  sqlite: `select name, sql from sqlite_master where name not like 'sqlite_%' order by name`,
  postgres: `select table_name, column_name, data_type from information_schema.columns
    where table_schema = 'public' order by 1, 2`,
};
const LEDGER = 'select position, hash, applied_at from applied_migrations order by position';

onEveryEngine('an empty database is migrated once', async (t, engine) => {
  const url = await empty(t, engine);
  await t.rejects(open(url), /run 'undersigned migrate'/, 'no store before that');
  const ran = await migrateStore(url);
  t.ok(ran > 0);
  await withDatabase(url, async ({ rows }) => {
    const ledger = await rows(LEDGER);
    t.match(ledger, [{ position: 0, hash: /^[0-9a-f]{64}$/, applied_at: /^\d{4}-.*Z$/ }]);
    t.equal(ledger.length, ran);
    const before = await rows(tablesOf[engine.name]);
    t.equal(await migrateStore(url), 0, 'a second run does nothing');
    t.same(await rows(LEDGER), ledger);
    t.same(await rows(tablesOf[engine.name]), before);
  });
  await (await open(url)).close();
});

onEveryEngine('two processes that migrate at once both succeed', async (t, engine) => {
  const url = await empty(t, engine);
  const children: ChildProcess[] = [];
  const run = () => {
    const running = promisify(execFile)(process.execPath, [main, 'migrate'], {
      cwd: root,
      env: { ...process.env, DATABASE_URL: url },
    });
    children.push(running.child);
    return running;
  };
  // Both are made to wait for the lock, so that they certainly meet.
  const outputs = await withDatabase(url, async ({ run: execute, rows }) => {
    await execute(engine.name === 'sqlite' ? 'begin immediate' : 'select pg_advisory_lock(1431192658)');
    const both = Promise.all([run(), run()]);
    if (engine.name === 'sqlite') {
      const hasOpened = ({ pid }: ChildProcess) => openFiles(pid).includes(fileOf(url));
      await until(() => children.every(hasOpened), 'that both have opened the file');
      await execute('rollback');
    } else {
      const waiting = `select 1 from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      await until(async () => (await rows(waiting)).length === 2, 'that both wait for the lock');
      t.equal((await rows(waiting)).length, 2, 'they wait for each other');
      await execute('select pg_advisory_unlock(1431192658)');
    }
    return both;
  });
  t.match(outputs.map(({ stdout }) => stdout.trim()).sort(), [
    /^Migrated: \d+ new\.$/,
    'The database is up to date.',
  ]);
  t.same(
    outputs.map(({ stderr }) => stderr),
    ['', ''],
  );
  await (await open(url)).close();
});

t.test('processes that make the same SQLite file and root key at the same instant', async (t) => {
  const folder = temporaryFolder(t);
  const rounds = 40;
  const program = `
    import { loadRootKey } from ${JSON.stringify(serverModule('src/root-key.js'))};
    import { migrateStore } from ${JSON.stringify(serverModule('src/store/open.js'))};
    const [folder, rounds] = process.argv.slice(1);
    process.send('ready');
    process.once('message', async (start) => {
      let ran = 0;
      const keys = [];
      for (let i = 0; i < Number(rounds); i += 1) {
        while (Date.now() < start + i * 60);
        keys.push(loadRootKey({ ROOT_KEY: '', ROOT_KEY_FILE: folder + '/' + i + '.key' }).toString('hex'));
        ran += await migrateStore('file:' + folder + '/' + i + '.db');
      }
      process.send({ ran, keys });
      process.disconnect();
    });`;
  const children = [0, 1, 2].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', program, folder, String(rounds)], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    }),
  );
  const errors: string[] = [];
  for (const child of children) child.stderr!.on('data', (data: Buffer) => errors.push(String(data)));
  const heard = async () =>
    Promise.all(children.map(async (child) => (await once(child, 'message'))[0] as unknown));
  const exits = Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as unknown));
  await heard();
  const results = Promise.race([heard(), exits]);
  for (const child of children) child.send(Date.now() + 50);
  const told = (await results) as { ran: number; keys: string[] }[];
  t.same(await exits, [0, 0, 0]);
  t.equal(errors.join(''), '');
  const [first, ...others] = told.map(({ keys }) => keys);
  t.same(others, [first, first], 'they all hold the same keys');
  t.equal(new Set(first).size, rounds, 'each of them new');
  const known = pendingOf(folder);
  t.equal(
    told.reduce((sum, { ran }) => sum + ran, 0),
    rounds * known,
    'each was migrated once',
  );
});

const pendingOf = (folder: string) => {
  const connection = openFile(join(folder, '0.db'), { readonly: true });
  const n = connection.prepare('select count(*) from applied_migrations').pluck().get() as number;
  connection.close();
  return n;
};

onEveryEngine('a history that this version does not know is refused', async (t, engine) => {
  const one = migrationsPlus(t, engine.name, ['create table one (a integer)']);
  const two = migrationsPlus(
    t,
    engine.name,
    ['create table one (a integer)'],
    ['create table two (a integer)'],
  );
  const older = migrationsPlus(
    t,
    engine.name,
    ['create table between (a integer)'],
    ['create table one (a integer)'],
  );

  await t.test('a migration of a later version', async (t) => {
    const url = await engine.database(t);
    await withDatabase(url, async ({ migrate, rows }) => {
      t.equal(await migrate(one), 1);
      const before = await rows(LEDGER);
      await t.rejects(migrate(), /has migration \d+ that this version of Undersigned does not/);
      t.same(await rows(LEDGER), before);
    });
    await t.rejects(migrateStore(url), /later one/);
    await t.rejects(open(url), /later one/, 'nor does a store open on it');
  });

  await t.test('a migration that is older than the last applied one is not skipped', async (t) => {
    const url = await engine.database(t);
    await withDatabase(url, async ({ migrate, rows }) => {
      await migrate(one);
      const before = await rows(tablesOf[engine.name]);
      await t.rejects(migrate(older), /that this version of Undersigned does not/);
      t.same(await rows(tablesOf[engine.name]), before);
      t.equal(await migrate(two), 1, 'one that follows is run');
    });
  });

  await t.test('a migration that was edited after it ran', async (t) => {
    const edited = migrationsPlus(t, engine.name, ['create table one (a integer, b integer)']);
    await withDatabase(await engine.database(t), async ({ migrate }) => {
      await migrate(one);
      await t.rejects(migrate(edited), /that this version of Undersigned does not/);
    });
  });
  t.same(pending({ known: [], applied: [] }), []);
});

onEveryEngine('a failing migration leaves everything as it was', async (t, engine) => {
  const url = await engine.database(t);
  const good = ['create table fine (a integer)', `insert into fine values (1)`];
  await withDatabase(url, async ({ migrate, rows, run }) => {
    const before = [await rows(LEDGER), await rows(tablesOf[engine.name])];
    const failures = {
      'its last statement': migrationsPlus(t, engine.name, good, [
        'create table more (a integer)',
        'create tabel x',
      ]),
      'a constraint': migrationsPlus(t, engine.name, good, [
        'create unique index one_of_a_kind on fine (a)',
        'insert into fine values (1)',
      ]),
    };
    for (const [what, folder] of Object.entries(failures)) {
      await t.rejects(migrate(folder), what);
      t.same([await rows(LEDGER), await rows(tablesOf[engine.name])], before, what);
    }
    if (engine.name === 'sqlite') {
      t.same(await rows('pragma foreign_keys'), [{ foreign_keys: 1 }], 'and foreign keys are on again');
      const orphan = migrationsPlus(t, 'sqlite', [`insert into petition_slugs values ('orphan', 4711)`]);
      await t.rejects(migrate(orphan), /1 rows would lose their parent: nothing was migrated/);
      t.same(await rows('select * from petition_slugs'), []);
    }
    await run('select 1');
    t.equal(await migrate(migrationsPlus(t, engine.name, good)), 1, 'the next one runs');
  });
});

/** A translation, a delivery that was handed over, and what is left of it. */
async function fillDeliveries(api: TestApp, key: string, petition: string): Promise<void> {
  const texts = { title: 'Die Wiesen', statement: 'Lasst sie.' };
  const written = await api.call('PUT', `/v1/petitions/${petition}/translations/de`, { key, body: texts });
  if (written.status !== 201) throw new Error(written.text);
  const body = { petition, recipient: { name: 'The council' } };
  const made = await api.call('POST', '/v1/deliveries', { key, body });
  if (made.status !== 201) throw new Error(made.text);
  await api.store.transact(async ({ db, tables: t, now }) => {
    const [delivery] = await db.select({ deliveryKey: t.deliveries.key }).from(t.deliveries);
    const [signature] = await db.select({ signatureKey: t.signatures.key }).from(t.signatures);
    const { deliveryKey } = delivery!;
    const line = { number: 1, said: Buffer.alloc(16), salt: Buffer.alloc(16) };
    await db.insert(t.deliveryLines).values({ deliveryKey, ...signature!, ...line });
    await db.insert(t.deliveryStrikes).values({ deliveryKey, earlierKey: deliveryKey, number: 1 });
    const link = { hash: Buffer.alloc(32), createdAt: now, expiresAt: now };
    await db.insert(t.deliveryLinks).values({ deliveryKey, ...link });
    await db.insert(t.deliveryUses).values({ deliveryKey, what: 'receipt', file: null, at: now });
  });
}

/** A mailing with a recipient, and all that sending leaves behind. */
async function fillMailings(api: TestApp, key: string): Promise<void> {
  const texts = { en: { subject: 'The meadows', markdown: 'Dear friend, sign.' } };
  for (const [path, body] of [
    ['/v1/mailings', { name: 'First', texts }],
    ['/v1/segments', { name: 'Dutch', clause: { country: ['NL'] } }],
  ] as const) {
    const made = await api.call('POST', path, { key, body });
    if (made.status !== 201) throw new Error(made.text);
  }
  await api.store.transact(async ({ db, tables: t, now }) => {
    const [mailing] = await db
      .select({ mailingKey: t.mailings.key, organizationKey: t.mailings.organizationKey })
      .from(t.mailings)
      .innerJoin(t.mailingVariants, eq(t.mailingVariants.mailingKey, t.mailings.key));
    const [variant] = await db.select({ variantKey: t.mailingVariants.key }).from(t.mailingVariants);
    const { mailingKey, organizationKey } = mailing!;
    const { variantKey } = variant!;
    await db.insert(t.mailingRecipients).values({
      mailingKey,
      variantKey,
      bucket: 1,
      wave: 0,
      state: 'sent',
      family: 'google',
      settledAt: now,
    });
    await db.insert(t.mailingTallies).values({ mailingKey, variantKey, state: 'sent', recipients: 1 });
    await db.insert(t.mailingHours).values({ mailingKey, variantKey, hour: 1, outcome: 'sent', events: 1 });
    const link = { mailingKey, variantKey, position: 0, code: 'abcdefghijk', url: null };
    const [made] = await db.insert(t.mailingLinks).values(link).returning({ linkKey: t.mailingLinks.key });
    await db.insert(t.mailingLinkHours).values({ linkKey: made!.linkKey, hour: 1, requests: 1, clicks: 1 });
    await db.insert(t.sendingPolicies).values({ organizationKey, policy: { perHour: 1000 }, updatedAt: now });
    await db.insert(t.sendingPace).values({ scope: 'family:google', rate: 1, tokens: 1, at: now });
    await db.insert(t.sendingDays).values({ domain: 'example.org', day: 1, mails: 1 });
    await db.insert(t.mailFamilies).values({ domain: 'example.org', family: 'google', lookedUpAt: now });
  });
}

/** A database with a petition, a signature, a moderation and a retry: every table has rows. */
async function withRows(t: Test, engine: Engine): Promise<string> {
  const api = await start(t, engine);
  const lead = await api.organization('Lead');
  const petition = await publish(api, lead.secret, {
    goals: [1, 2],
    thresholds: [{ value: 2, promise: 'An answer' }],
    confirmation: 'none',
  });
  const path = `/v1/petitions/${petition.id}/signatures`;
  for (const name of ['ada', 'ben', 'eve']) {
    const body = { name, email: `${name}@example.org` };
    const headers = { 'idempotency-key': `"once-for-${name}"` };
    const { status, text } = await api.call('POST', path, { key: lead.secret, body, headers });
    if (status !== 201) throw new Error(text);
  }
  const list = await api.call('GET', `/v1/signatures?petition=${petition.id}`, { key: lead.secret });
  const out = `/v1/signatures/${list.body.items?.[0]?.id ?? list.body.data?.[0]?.id}/invalidate`;
  const invalidated = await api.call('POST', out, { key: lead.secret, body: { reason: 'a test' } });
  if (invalidated.status !== 200) throw new Error(invalidated.text);
  for (const [what, body] of [
    ['paper-signatures', { signatures: [{ name: 'Ada' }] }],
    ['offsets', { count: 1, source: 'Town hall' }],
    ['responses', { who: 'The council', date: '2026-11-28' }],
  ] as const) {
    const made = await api.call('POST', `/v1/petitions/${petition.id}/${what}`, { key: lead.secret, body });
    if (made.status !== 201) throw new Error(made.text);
  }
  await fillTheRest(api, lead.secret);
  await fillDeliveries(api, lead.secret, petition.id as string);
  await fillMailings(api, lead.secret);
  await fillTheCoalition(api, lead.secret, petition.id as string);
  return api.url;
}

/** A partner with a key that was set apart, a share link that brought somebody, a machine, a proof of work. */
async function fillTheCoalition(api: TestApp, key: string, petition: string): Promise<void> {
  const partner = await api.organization('Partner');
  for (const ref of [petition, 'mailed']) await makePartner(api, key, ref, partner);
  const site = await api.newKey(partner.key, 'publishable');
  const patch = { key, headers: { 'if-match': '*' }, body: { page_url: 'https://meadows.example/' } };
  await api.call('PATCH', `/v1/petitions/${petition}`, patch);
  const link = await api.call('POST', `/v1/petitions/${petition}/share-links`, { body: { network: 'copy' } });
  const sign = (ref: string, body: object, by?: string) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, { key: by, body: { name: 'N', ...body } });
  const words = { key, body: { button: 'Sign' } };
  const answers = [
    link,
    await api.call('PUT', `/v1/petitions/${petition}/words/en`, words),
    await api.call('PUT', '/v1/organization/word-list', { key, body: { words: ['spam'] } }),
    await sign(petition, { email: 'shared@example.org', share_code: link.body.code }),
    await sign(petition, { email: 'machine@example.org', website: 'https://spam.example' }),
    await sign('mailed', { email: 'partners@example.org' }, site),
    await sign(petition, { email: 'tagged+1@example.org' }),
    // Notes a contact, an import of the day, and what was vouched for.
    await sign(petition, { email: 'vouched@example.org', vouched: true }, partner.secret),
  ];
  for (const { status, text } of answers) if (status >= 300) throw new Error(text);
  // What came through a key is counted when its mail has left.
  await collectMail(api);
  await createAdminKey(api.app.ctx, 'set-up');
  const { formerHandles, isolatedNetworks, keyIsolations, pauses, publishedCells, usedChallenges } =
    api.store.tables;
  await api.store.transact(async (tx) => {
    const isolated = { apiKeyKey: 1, petitionKey: 1, asked: 50, confirmed: 1, isolatedAt: tx.now };
    await tx.db.insert(keyIsolations).values(isolated);
    await tx.db.insert(isolatedNetworks).values({ ...isolated, network: Buffer.alloc(12) });
    await tx.db.insert(formerHandles).values({ handle: Buffer.alloc(8), subscriptionKey: 1 });
    await tx.db.insert(pauses).values({ what: 'signing', retryAfter: 60, createdAt: tx.now });
    const nothing = { places: null, sources: null };
    await tx.db
      .insert(publishedCells)
      .values({ petitionKey: 1, cells: nothing, total: 0, publishedAt: tx.now });
    await tx.db.insert(usedChallenges).values({ hash: Buffer.alloc(32), expiresAt: tx.now });
  });
}

/** Consents, mail, links: somebody agrees to be mailed, confirms, looks at "my data" and moves to another address. */
async function fillTheRest(api: TestApp, key: string): Promise<void> {
  const post = async (path: string, body: unknown, headers = {}) => {
    const answer = await api.call('POST', path, { body, headers });
    if (answer.status >= 300) throw new Error(answer.text);
    return answer.body;
  };
  const secret = { authorization: `Bearer ${key}` };
  const email = 'zoe@example.org';
  const text = await post('/v1/consent-texts', { locale: 'en', text: 'Yes.' }, secret);
  const petition = await publish(api, key, { slug: 'mailed' });
  const optIns = [{ consent_text_id: text.id, opt_in: true }];
  await post(`/v1/petitions/${petition.id}/signatures`, { name: 'Zoe', email, opt_ins: optIns });
  await post('/v1/confirmations', { token: tokenOf(await collectLetter(api, email)) });
  const mailing = await post('/v1/mailings', { name: 'One' }, secret);
  await api.call('GET', `/v1/mailings/${mailing.id}/links`, { key });
  await post('/v1/manage-links', { email });
  const { session_token: session } = await post('/v1/sessions', {
    token: tokenOf(await collectLetter(api, email)),
  });
  await post('/v1/me/email-changes', { email: 'zoe@example.net' }, { authorization: `Bearer ${session}` });
  await takeMailEvent(api.app.ctx, { type: 'bounce', email: 'gone@example.org' });
}

const tableNames = async (engine: EngineName, { rows }: Database_): Promise<string[]> => {
  const query = {
    sqlite: `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by 1`,
    postgres: `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
  };
  return (await rows(query[engine])).map(({ name }) => String(name));
};

async function allRows(engine: EngineName, on: Database_): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {};
  for (const name of await tableNames(engine, on)) {
    if (name !== 'applied_migrations') found[name] = await on.rows(`select * from ${name} order by 1, 2`);
  }
  return found;
}

onEveryEngine('the real migrations run over a database with rows, and keep them', async (t, engine) => {
  const url = await withRows(t, engine);
  await withDatabase(url, async (on) => {
    const before = await allRows(engine.name, on);
    for (const [name, rows] of Object.entries(before)) t.ok(rows.length > 0, `${name} has rows`);
    const folder = migrationsPlus(t, engine.name, ['alter table organizations add column motto text']);
    t.equal(await on.migrate(folder), 1);
    const { organizations, ...others } = await allRows(engine.name, on);
    const { organizations: old, ...rest } = before;
    t.same(others, rest);
    t.same(
      organizations,
      old!.map((row) => ({ ...(row as object), motto: null })),
    );
  });
});

onEveryEngine('a database of the first release is brought up to date with its rows', async (t, engine) => {
  const url = await empty(t, engine);
  const first = temporaryFolder(t);
  cpSync(join(root, 'drizzle', engine.name), first, { recursive: true });
  const file = join(first, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(file, 'utf8')) as { entries: unknown[] };
  writeFileSync(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, 1) }));
  await withDatabase(url, async (on) => {
    t.equal(await on.migrate(first), 1);
    const at = engine.name === 'sqlite' ? '0' : `'2026-01-01T00:00:00Z'`;
    const id = (n: number) =>
      engine.name === 'sqlite' ? `x'${String(n).padStart(32, '0')}'` : `'${String(n).padStart(32, '0')}'`;
    const json = (text: string) => `'${text}'`;
    await on.run(`insert into organizations (key, public_id, slug, name, version, created_at, updated_at)
      values (1, ${id(1)}, 'lead', 'Lead', 1, ${at}, ${at})`);
    await on.run(`insert into api_keys (key, public_id, organization_key, kind, name, hash, hint, scopes, created_at)
      values (1, ${id(2)}, 1, 'secret', 'k', ${engine.name === 'sqlite' ? `x'01'` : `'\\x01'`}, 'abcd', ${json('[]')}, ${at})`);
    await on.run(`insert into petitions (key, public_id, organization_key, slug, status, title, statement, "references", targets,
      partners, locale, form, goals, share_texts, confirmation, outcome, metadata, search_text, version, created_at, updated_at)
      values (1, ${id(3)}, 1, 'p', 'published', 'P', 'S', '[]', '[]', '[]', 'en', '{}', '[]', '[]', 'none', 'none', '{}', ' p ', 1, ${at}, ${at})`);
    for (const n of [1, 2]) {
      await on.run(`insert into supporters (key, public_id, identity, delivery, created_at)
        values (${n}, ${id(10 + n)}, 's${n}@example.org', 's${n}@example.org', ${at})`);
      await on.run(`insert into signatures (key, public_id, petition_key, supporter_key, status, display, name, collector_key, created_at)
        values (${n}, ${id(20 + n)}, 1, ${n}, 'confirmed', 'public', 'S${n}', ${n === 2 ? 1 : 'null'}, ${at})`);
    }
    await on.run(`insert into moderations (key, signature_key, from_status, to_status, reason, api_key_key, created_at)
      values (1, 1, 'pending', 'confirmed', 'test', 1, ${at})`);
    const before = await on.rows(
      'select key, petition_key, supporter_key, status, name from signatures order by key',
    );
    t.equal(await migrateStore(url), journal.entries.length - 1);
    t.same(
      await on.rows('select key, petition_key, supporter_key, status, name from signatures order by key'),
      before,
    );
    t.match(await on.rows('select hidden, mailing_key, withdrawn_at from signatures'), [
      { hidden: 0, mailing_key: null, withdrawn_at: null },
      {},
    ]);
    t.match(
      await on.rows('select signature_key, reason from moderations'),
      [{ reason: 'test' }],
      'child rows stay',
    );
    t.match(await on.rows('select link_epoch, erased_at from supporters'), [
      { link_epoch: 0, erased_at: null },
      {},
    ]);
    t.match(await on.rows('select locale, double_opt_in from organizations'), [
      { locale: 'en', double_opt_in: 1 },
    ]);
    t.match(
      await on.rows('select petition_key, organization_key, pending, confirmed from partner_counts'),
      [{ pending: 0, confirmed: 1 }],
      'what was collected before is counted for its collector',
    );
  });
  await (await open(url)).close();
});

t.test('SQLite: a migration that rebuilds a parent table keeps its child rows', async (t) => {
  const [sqlite] = engines;
  const url = await withRows(t, sqlite!);
  await withDatabase(url, async (on) => {
    const cascade = [
      `create table notes (petition_key integer not null references petitions (key) on delete cascade, text text)`,
      `insert into notes select key, title from petitions`,
    ];
    await on.migrate(migrationsPlus(t, 'sqlite', cascade));
    const before = await allRows('sqlite', on);
    t.ok(before['notes']!.length > 0);

    const rebuild = (table: string): string[] => {
      const { sql } = before_sql(table);
      return [
        'PRAGMA foreign_keys=OFF',
        sql.replace(table, `__new_${table}`),
        `insert into __new_${table} select * from ${table}`,
        `drop table ${table}`,
        `alter table __new_${table} rename to ${table}`,
        'PRAGMA foreign_keys=ON',
      ];
    };
    const definitions = await on.rows(tablesOf.sqlite);
    const before_sql = (table: string) => definitions.find(({ name }) => name === table) as { sql: string };
    const folder = migrationsPlus(t, 'sqlite', cascade, rebuild('petitions'), rebuild('organizations'));
    t.equal(await on.migrate(folder), 2);
    t.same(await allRows('sqlite', on), before, 'every row of every table is there');
    t.same(await on.rows('pragma foreign_key_check'), []);
    await t.rejects(
      on.run(`insert into notes values (4711, 'orphan')`),
      /FOREIGN KEY/,
      'references still hold',
    );
    await on.run('delete from notes');
  });
});

t.test('public ids', async (t) => {
  const vectors = {
    // https://github.com/jetify-com/typeid/blob/main/spec/valid.yml
    '00000000000000000000000000': '00000000-0000-0000-0000-000000000000',
    '00000000000000000000000001': '00000000-0000-0000-0000-000000000001',
    '0000000000000000000000000a': '00000000-0000-0000-0000-00000000000a',
    '0000000000000000000000000g': '00000000-0000-0000-0000-000000000010',
    '00000000000000000000000010': '00000000-0000-0000-0000-000000000020',
    '7zzzzzzzzzzzzzzzzzzzzzzzzz': 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '0123456789abcdefghjkmnpqrs': '0110c853-1d09-52d8-d73e-1194e95b5f19',
    '01h455vb4pex5vsknk084sn02q': '01890a5d-ac96-774b-bcce-b302099a8057',
  };
  for (const [text, uuid] of Object.entries(vectors)) {
    const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
    t.equal(encodeId('pet', bytes), `pet_${text}`);
    t.equal(decodeId(`pet_${text}`).toString('hex'), bytes.toString('hex'));
  }
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.constantFrom(...ID_PREFIXES), bytes, bytes, (prefix, one, other) => {
      const [a, b] = [encodeId(prefix, one), encodeId(prefix, other)];
      return (
        new RegExp(idPattern(prefix)).test(a) &&
        decodeId(a).equals(one) &&
        Math.sign(Buffer.compare(one, other)) === (a < b ? -1 : a > b ? 1 : 0)
      );
    }),
    { numRuns: 2000 },
  );
  t.notMatch('pet_8zzzzzzzzzzzzzzzzzzzzzzzzz', new RegExp(idPattern('pet')), 'more than 128 bits');
});
