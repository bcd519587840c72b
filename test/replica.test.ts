import t, { type Test } from 'tap';
import type { ReplicaState, StoreOptions } from '../src/store/store.js';
import { openTestStore, publish, start, type TestApp } from './support/helper.js';
import { cli, home, oneLine } from './support/process.js';
import { ask, startPair, type Pair } from './support/standby.js';
import { until } from './support/until.js';

/* Reads of callers without a key from a standby of PostgreSQL. */

type World = Pair & { api: TestApp; key: string; organization: number; states: ReplicaState['state'][] };

const PATHS = [
  '/v1/petitions/meadows',
  '/v1/petitions/meadows/counts',
  '/v1/petitions/meadows/signatures',
  '/v1/petitions/meadows/history',
  '/v1/petitions',
];

async function startWorld(t: Test, maxAgeMs: number): Promise<World | undefined> {
  const pair = await startPair(t);
  if (!pair) return undefined;
  const states: World['states'] = [];
  const store: Partial<StoreOptions> = {
    readUrl: pair.standby.url,
    readMaxAgeMs: maxAgeMs,
    onReplica: (state) => states.push(state),
  };
  const engine = { name: 'postgres', database: async () => pair.primary.url } as const;
  const api = await start(t, engine, { store });
  const { key: organization, secret: key } = await api.organization('Meadows');
  await publish(api, key, { slug: 'meadows', confirmation: 'none' });
  return { ...pair, api, key, organization, states };
}

const ready = async ({ api }: World) => (await api.call('GET', '/readyz')).body?.reads;
const used = (world: World) => until(async () => (await ready(world)) === 'replica', 'that it is used');
const alone = (world: World) => until(async () => (await ready(world)) === 'alone', 'that it is not used');

/** What callers without a key see. */
const counts = async ({ api }: World) => {
  const { status, body, headers } = await api.call('GET', PATHS[1] ?? '');
  return { status, confirmed: body?.confirmed as number, age: headers['age'] };
};
const sign = async ({ api }: World, email: string) => {
  const body = { name: 'Ada Okonkwo', email, country: 'NL' };
  const { status } = await api.call('POST', '/v1/petitions/meadows/signatures', { body });
  if (status !== 202) throw new Error(`signing was answered with ${status}`);
};
/** The standby has replayed all that the primary has written. */
const caughtUp = async ({ primary, onStandby }: World) => {
  const [written] = await ask(primary.url, 'select pg_current_wal_flush_lsn()::text as at');
  const behind = `select pg_last_wal_replay_lsn() >= '${String(written?.['at'])}' as there`;
  await until(async () => (await onStandby(behind))[0]?.['there'] === true, 'that the standby is there');
};

t.test('callers without a key read from the standby, and all others from the primary', async (t) => {
  // So old that a standby that stands still is used all the same: what it shows tells who has answered.
  const world = await startWorld(t, 60_000);
  if (!world) return t.pass('skipped');
  const { api, key, onStandby, standby } = world;
  await sign(world, 'ada@example.org');
  await used(world);
  await caughtUp(world);
  await onStandby('select pg_wal_replay_pause()');
  const paused = 'select pg_get_wal_replay_pause_state() as state';
  await until(async () => (await onStandby(paused))[0]?.['state'] === 'paused', 'that it stands still');
  await sign(world, 'bela@example.org');

  const seen = await counts(world);
  t.match(seen, { status: 200, confirmed: 1 }, 'the standby does not know of the second signature');
  t.match(seen.age, /^[1-9]\d?$/, 'and its age is told');
  t.match(await api.call('GET', PATHS[1] ?? '', { key }), { body: { confirmed: 2 } });
  for (const path of PATHS) {
    const [open, keyed] = [await api.call('GET', path), await api.call('GET', path, { key })];
    t.match(open.headers['age'], /^[1-9]\d?$/, `${path} from the standby`);
    t.equal(keyed.headers['age'], undefined, `${path} with a key from the primary`);
    t.not(open.text, path === PATHS[0] ? '' : keyed.text, `${path}: they differ by what is new`);
    const etag = String(open.headers['etag']);
    const again = await api.call('GET', path, { headers: { 'if-none-match': etag } });
    t.match({ status: again.status, age: again.headers['age'] }, { status: 304, age: /^[1-9]/ });
    const newer = await api.call('GET', path, {
      headers: { 'if-none-match': String(keyed.headers['etag']) },
    });
    t.equal(newer.headers['etag'], etag, 'who knows a newer state gets the older one with its own tag');
  }

  await publish(api, key, { slug: 'brand-new' });
  const fresh = await api.call('GET', '/v1/petitions/brand-new');
  t.match(fresh, { status: 200, headers: { age: undefined } }, 'what is not there yet is no 404');
  t.match(await api.call('GET', '/v1/petitions/nowhere'), { status: 404, headers: { age: undefined } });
  await api.call('GET', '/v1/me');
  await api.call('GET', '/v1/signatures?petition=meadows', { key });
  const { text } = await api.call('GET', '/metrics');
  t.match(text, /^replica_used 1$/m);
  t.match(text, /^replica_reads_total [1-9]\d*$/m);
  t.match(text, /^replica_fallbacks_total [1-9]\d*$/m);
  t.match(text, /^replica_outages_total \d+$/m);

  // The statistics of sessions are complete when these have ended.
  await onStandby(
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'undersigned'",
  );
  const rows = await ask(
    standby.url,
    'select relname as name from pg_stat_user_tables where coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0',
  );
  const read = rows.map(({ name }) => String(name));
  t.ok(read.includes('petition_counts') && read.includes('petitions') && read.includes('signatures'));
  const secrets = read.filter((name) =>
    /key|session|supporter|outbox|subscri|consent|token|request/.test(name),
  );
  t.same(secrets, [], 'no key, session or person was looked up there');
});

t.test('a standby that falls behind is not used beyond the bound', async (t) => {
  const world = await startWorld(t, 700);
  if (!world) return t.pass('skipped');
  const { onStandby, states } = world;
  await used(world);
  await onStandby('select pg_wal_replay_pause()');
  await sign(world, 'ada@example.org');
  const from = performance.now();
  for (;;) {
    const asked = performance.now() - from;
    const { status, confirmed } = await counts(world);
    t.equal(status, 200);
    if (confirmed === 1) break;
    if (asked > 700) {
      t.fail(`${Math.round(asked)} ms after it was acknowledged the signature is not there`);
      break;
    }
  }
  await alone(world);
  t.match(await counts(world), { status: 200, confirmed: 1, age: undefined });
  await onStandby('select pg_wal_replay_resume()');
  await used(world);
  await until(async () => (await counts(world)).age === '1', 'that it answers again');
  // On a busy machine it may also have been slow to answer.
  t.ok(states.some((state) => state === 'behind' || state === 'away'));
  t.same(
    states.filter((state, i) => state === states[i - 1]),
    [],
    'each change is told once',
  );
});

t.test('a standby that dies, comes back, and is promoted', async (t) => {
  const world = await startWorld(t, 1000);
  if (!world) return t.pass('skipped');
  const { standby, states, onStandby } = world;
  await used(world);
  await sign(world, 'ada@example.org');
  await standby.kill();
  for (let i = 0; i < 20; i += 1) t.equal((await counts(world)).status, 200, 'no reader notices');
  await alone(world);
  t.match(await counts(world), { confirmed: 1, age: undefined });
  await standby.down().catch(() => undefined);
  await standby.up();
  await used(world);
  await until(async () => (await counts(world)).age === '1', 'that it answers again');
  await onStandby('select pg_promote(true, 30)');
  await alone(world);
  await until(() => states.at(-1) === 'promoted', 'that it is known why');
  await sign(world, 'bela@example.org');
  t.match(await counts(world), { confirmed: 2, age: undefined }, 'it goes another way now, and is not asked');
});

t.test('a server that cannot be a replica is refused', async (t) => {
  const [pair, other] = [await startPair(t), await startPair(t)];
  if (!pair || !other) return t.pass('skipped');
  const open = (readUrl: string) => openTestStore(pair.primary.url, { readUrl });
  await t.rejects(open(other.standby.url), /DATABASE_READ_URL leads to another database/);
  const away = await open('postgres://postgres@127.0.0.1:1/postgres');
  t.equal(away.replica()?.state, 'away', 'one that is away may come');
  await away.close();
  const itself = await open(pair.primary.url);
  t.equal(itself.replica()?.state, 'promoted', 'one that takes writes may become a standby');
  await itself.close();
  const refused = await cli(home(t), { DATABASE_READ_URL: pair.standby.url }, 'recount');
  oneLine(t, refused, /DATABASE_READ_URL is for PostgreSQL/, 'with SQLite');
});
