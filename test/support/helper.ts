import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { SCOPES, type Scope } from '../../schema/db/tables/organization.js';
import { build, type App } from '../../src/app.js';
import type { BuildOptions } from '../../src/build-options.js';
import type { Config } from '../../src/config.js';
import { createKey } from '../../src/core/organization/api-keys.js';
import { createOrganization } from '../../src/core/organization/organizations.js';
import { verbsInPlace, type Verbs } from '../../src/core/verbs/verbs.js';
import { erasureJournalFile } from '../../src/erasure-journal-file.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import { StoreThread } from '../../src/start-store-thread.js';
import { migrateStore, openStore, sqliteFile } from '../../src/store/open.js';
import type { PostgresOptions } from '../../src/store/postgres.js';
import type { Store, StoreOptions } from '../../src/store/store.js';
import { turnMemory } from '../../src/store/writer-turn.js';
import { watchContract } from './contract.js';

export type EngineName = Store['engine'];
/** Makes an empty, migrated database that is gone after the test, and tells its URL. */
export type Engine = { name: EngineName; database: (t: Test) => Promise<string> };

/** A migrated, empty database in a file, made once: migrating takes a hundred times as long as copying. */
const sqliteTemplate = once(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'template.db');
  await migrateStore(`file:${file}`);
  return file;
});

const sqlite: Engine = {
  name: 'sqlite',
  async database(t) {
    const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'test.db');
    copyFileSync(await sqliteTemplate(), file);
    return `file:${file}`;
  },
};

/** The languages are the same for all. */
const locales = once(() => loadLocales());

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const postgres = (server: string): Engine => ({
  name: 'postgres',
  async database(t) {
    const name = `test_${randomBytes(8).toString('hex')}`;
    const template = process.env['TEST_POSTGRES_TEMPLATE'];
    await administer(server, `create database ${name} ${template ? `template ${template}` : ''}`);
    t.teardown(() => administer(server, `drop database ${name} with (force)`));
    const url = new URL(server);
    url.pathname = `/${name}`;
    if (!template) await migrateStore(url.href);
    return pooled ? Object.assign(url, { host: new URL(pooled).host }).href : url.href;
  },
});

async function administer(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(sql);
  await client.end();
}

const server = process.env['TEST_POSTGRES_URL'];
/** A pgbouncer that pools transactions in front of that server: stores are opened through it (see scripts/test.ts). */
const pooled = process.env['TEST_PGBOUNCER_URL'];
/** Both, or SQLite alone where the test runner found no PostgreSQL (it says so loudly). */
export const engines: Engine[] = server ? [sqlite, postgres(server)] : [sqlite];

/** Runs the same test on every engine. */
export function onEveryEngine(name: string, run: (t: Test, engine: Engine) => Promise<unknown>): void {
  for (const engine of engines) t.test(`${name} [${engine.name}]`, (t) => run(t, engine));
}

/** Where a URL through the pgbouncer of the tests would lead without it; undefined for every other. */
const pastPooler = (url: string): string | undefined =>
  pooled && server && url.startsWith('postgres') && new URL(url).host === new URL(pooled).host
    ? Object.assign(new URL(url), { host: new URL(server).host }).href
    : undefined;

export const openTestStore = (url: string, options: Partial<PostgresOptions> = {}): Promise<Store> =>
  openStore(url, {
    now: () => new Date(),
    maxWaiting: 5000,
    poolSize: 10,
    statementTimeoutMs: 10_000,
    allowUnsafeDurability: true,
    ...(pastPooler(url) ? { pooler: 'transaction', directUrl: pastPooler(url) } : {}),
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });

export type Answer = { status: number; headers: Record<string, string | undefined>; body: any; text: string };
export type CallOptions = { key?: string | undefined; headers?: Record<string, string>; body?: unknown };

export type TestApp = {
  app: App;
  /** As its routes call them. */
  verbs: Verbs;
  store: Store;
  url: string;
  /** Where files of the app are, until the test ends. */
  folder: string;
  /** One request, held against the OpenAPI document like every other. */
  call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  /** An organization with a secret key of all scopes. */
  organization: (name: string) => Promise<{ key: number; id: string; slug: string; secret: string }>;
  newKey: (
    organizationKey: number,
    kind: 'secret' | 'publishable',
    scopes?: readonly Scope[],
  ) => Promise<string>;
  /** Sets the clock of the app; undefined: the real one. */
  setClock: (instant: Date | undefined) => void;
};

export const ROOT_KEY = Buffer.alloc(32, 7);

export type StartOptions = {
  limits?: Config['limits'];
  store?: Partial<StoreOptions>;
  build?: Partial<BuildOptions>;
  /** On SQLite: with the store thread, as a server has it. */
  storeThread?: boolean;
  /** When the store thread has failed; by default the test has. */
  onFailure?: (what: string) => void;
};

/** TEST_STORE_THREAD=1 runs every test as a server runs: with the store thread, on SQLite. */
const WITH_STORE_THREAD = process.env['TEST_STORE_THREAD'] === '1';

const threadLog = {
  isLevelEnabled: (level: string) => level === 'error',
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (values: unknown, message: string) => console.error(message, values),
};

/** The production app over an empty database, with a clock that can be set. */
export async function start(t: Test, engine: Engine, options: StartOptions = {}): Promise<TestApp> {
  const url = await engine.database(t);
  let clock: Date | undefined;
  const now = () => clock ?? new Date();
  const { storeThread = WITH_STORE_THREAD } = options;
  const file = storeThread ? sqliteFile(url) : undefined;
  const turn = turnMemory();
  const thread = file === undefined ? undefined : new StoreThread();
  const store = await openTestStore(url, { now, turn, alongside: thread, ...options.store });
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const failed =
    options.onFailure ??
    ((what: string) => {
      throw new Error(what);
    });
  const erasureJournal = join(folder, 'erasures.log');
  const config = {
    publicUrl: 'http://undersigned.test',
    trustProxy: [],
    limits: options.limits ?? null,
    DELIVERIES_FOLDER: join(folder, 'deliveries'),
  };
  const built: BuildOptions = {
    config,
    store,
    rootKey: ROOT_KEY,
    erasures: erasureJournalFile(erasureJournal),
    now,
    locales: locales(),
    verbs: thread && ((ctx) => thread.verbs(ctx)),
    ...options.build,
  };
  if (file !== undefined) {
    await thread?.start({
      file,
      config: built.config,
      erasureJournal,
      rootKey: built.rootKey,
      turn,
      clock: () => clock?.getTime(),
      logger: threadLog,
      onFailure: () => failed('the disk failed'),
      onEnd: () => failed('the store thread ended'),
    });
  }
  let verbs: Verbs | undefined;
  const app = await build({
    ...built,
    verbs: (ctx) => (verbs = built.verbs?.(ctx) ?? verbsInPlace(ctx)),
  });
  watchContract(app);
  t.teardown(async () => {
    await app.close();
    await thread?.stop();
    await store.close();
  });

  const call: TestApp['call'] = async (method, path, { key, headers = {}, body } = {}) => {
    const response = await app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const json = /[/+]json/.test(String(response.headers['content-type'])) && response.body !== '';
    return {
      status: response.statusCode,
      headers: response.headers as Answer['headers'],
      body: json ? response.json() : undefined,
      text: response.body,
    };
  };

  const newKey: TestApp['newKey'] = async (organizationKey, kind, scopes = kind === 'secret' ? SCOPES : []) =>
    (await createKey(app.ctx, { organizationKey, kind, name: 'test', scopes })).token;

  return {
    app,
    verbs: verbs ?? verbsInPlace(app.ctx),
    store,
    url,
    folder,
    call,
    newKey,
    organization: async (name) => {
      const { key, publicId, slug } = await createOrganization(app.ctx, { name });
      return { key, id: publicId, slug, secret: await newKey(key, 'secret') };
    },
    setClock: (instant) => void (clock = instant),
  };
}

export const PETITION = {
  title: 'Keep the Old Mill Meadows a meadow',
  statement: 'Build the depot elsewhere and leave the meadows to the river.',
};

/** Creates a petition and publishes it. */
export async function publish(api: TestApp, key: string, fields: Record<string, unknown> = {}): Promise<any> {
  const created = await api.call('POST', '/v1/petitions', { key, body: { ...PETITION, ...fields } });
  if (created.status !== 201) throw new Error(created.text);
  const path = `/v1/petitions/${created.body.id}/transitions`;
  const published = await api.call('POST', path, { key, body: { to: 'published' } });
  if (published.status !== 200) throw new Error(published.text);
  return published.body;
}

/** Makes an organization a partner of a petition: the lead invites it, it accepts. Returns the partnership. */
export async function makePartner(
  api: TestApp,
  leadKey: string,
  petition: string,
  partner: { id: string; secret: string },
  leadSees: 'full' | 'names' | 'counts' = 'full',
  vouching: { may_vouch?: boolean; vouch_limit?: number } = { may_vouch: true },
): Promise<any> {
  const terms = { lead_sees: leadSees };
  const body = { organization: partner.id, ...terms, ...vouching };
  const invited = await api.call('POST', `/v1/petitions/${petition}/partners`, { key: leadKey, body });
  if (invited.status !== 201) throw new Error(invited.text);
  const path = `/v1/partnerships/${invited.body.id}/accept`;
  const accepted = await api.call('POST', path, { key: partner.secret, body: terms });
  if (accepted.status !== 200) throw new Error(accepted.text);
  return accepted.body;
}
