import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CHUNK } from '../src/store/copy/end.js';
import { tablesToCopy } from '../src/store/copy/tables.js';
import { openFile } from '../src/store/sqlite-driver.js';
import { fillEveryTable } from './support/awkward-rows.js';
import { dumpTables, type Dump } from './support/dump.js';
import { startForeignWorld } from './support/foreign-world.js';
import { engines, openTestStore, start, type Engine } from './support/helper.js';
import {
  cli,
  FAST,
  get,
  home,
  oneLine,
  post,
  PETITION,
  query,
  secretKeyIn,
  serve,
  supportProgram,
  type Ended,
} from './support/process.js';

/** Every engine to every engine. */
const WAYS = engines.flatMap((from) =>
  engines.map((to) => ({ from, to, name: `${from.name} → ${to.name}` })),
);

const copy = (t: Test, from: string, to: string, ...flags: string[]) =>
  cli(home(t), {}, 'copy', '--from', from, '--to', to, ...flags);

/** A database that is there for as long as `t`, for an app that ends before. */
const at = (engine: Engine, url: string): Engine => ({ ...engine, database: async () => url });

/** An address where there is no database yet, or an empty one. */
async function emptyTarget(t: Test, { name, database }: Engine): Promise<string> {
  return name === 'sqlite' ? `file:${join(home(t), 'new/target.db')}` : database(t);
}

async function filled(t: Test, engine: Engine, rows: number, longer = {}): Promise<string> {
  const url = await engine.database(t);
  const store = await openTestStore(url);
  await fillEveryTable(store, rows, longer);
  await store.close();
  return url;
}

async function dump(url: string): Promise<Dump> {
  const store = await openTestStore(url);
  const rows = await dumpTables({ store });
  await store.close();
  return sorted(rows);
}

/** PostgreSQL keeps no order of members. */
/** There are no more pauses than things to pause. */
const filledTo = (table: string, rows: number): number => (table === 'pauses' ? 2 : rows);

const sorted = (rows: Dump): Dump =>
  Object.fromEntries(
    Object.entries(rows).map(([name, lines]) => [
      name,
      lines.map((line) => JSON.stringify(JSON.parse(line, inOrder))).sort(),
    ]),
  );
const inOrder = (_: string, value: unknown) =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort())
    : value;

const succeeded = (t: Test, ended: Ended, name: string) => {
  t.equal(ended.code, 0, `${name}: ${ended.stderr}`);
  t.match(ended.stdout, /both sides are the same\. The copy is complete/, name);
};

for (const { from, to, name } of WAYS) {
  t.test(`every row of every table, with awkward values: ${name}`, async (t) => {
    const source = await filled(t, from, 60);
    const target = await emptyTarget(t, to);
    const ended = await copy(t, source, target);
    succeeded(t, ended, name);
    const [there, here] = [await dump(source), await dump(target)];
    for (const [table, rows] of Object.entries(there)) {
      t.equal(rows.length, filledTo(table, 60), `${table} is filled`);
      t.same(here[table], rows, table);
    }
    for (const table of tablesToCopy()) {
      t.match(ended.stdout, new RegExp(`^${table.name} +${filledTo(table.name, 60)} +[0-9a-f]{64}$`, 'm'));
    }
    t.notMatch(ended.stdout + ended.stderr, new URL(target).password || 'no password');

    oneLine(t, await copy(t, source, target), /--to: the target holds rows already/, 'a second time');
    const same = await copy(t, source, target, '--only-compare');
    t.match(same, { code: 0, stdout: /The databases are the same/ });
    const sql = to.name === 'sqlite' ? `x'0001'` : `'\\x0001'::bytea`;
    await change(target, `update consent_texts set hash = ${sql} where key in (17, 40)`);
    const differs = await copy(t, source, target, '--only-compare');
    t.equal(differs.code, 1);
    t.match(differs.stdout, /^consent_texts +60 +[0-9a-f]{64} {2}TARGET DIFFERS$/m);
    t.match(differs.stdout, /^consent_texts: first difference: the rows with key 17 differ$/m);
    t.equal(differs.stdout.split('TARGET DIFFERS').length, 2, 'and nothing else');
  });
}

async function change(url: string, sql: string): Promise<void> {
  await query(url, url.startsWith('file:') ? `${sql} returning 1` : sql);
}

t.test('no table is left out', async (t) => {
  const url = await engines[0]!.database(t);
  const found = await query(url, `select name from sqlite_schema where type = 'table' order by 1`);
  const copied = [...tablesToCopy().map(({ name }) => name), 'applied_migrations'];
  t.same(
    found.map(({ name }) => name),
    copied.sort(),
  );
  t.end();
});

for (const { from, to, name } of WAYS) {
  t.test(`kill -9 in the middle of a copy, and on: ${name}`, async (t) => {
    const source = await filled(t, from, 20, { petitionSlugs: 2 * CHUNK + 100 });
    const target = await emptyTarget(t, to);
    const program = supportProgram('copy-and-die');
    const child = spawn(process.execPath, [...program, source, target, 'petition_slugs']);
    t.same(await once(child, 'close'), [null, 'SIGKILL']);

    const server = await cli(home(t), { ...FAST, DATABASE_URL: target }, 'recount');
    oneLine(t, server, /A copy into this database is not complete/, 'nobody starts on it');
    oneLine(t, await copy(t, target, source), /--from: A copy into this/, 'nor is it a source');
    const [before] = await query(source, 'select name from organizations where key = 7');
    await change(source, `update organizations set name = 'Changed' where key = 7`);
    const changed = await copy(t, source, target);
    oneLine(t, changed, /the source has changed .*\(organizations, key 7\).*--restart/, 'a changed source');

    if (name === 'sqlite → postgres') {
      succeeded(t, await copy(t, source, target, '--restart'), 'from the start');
    } else {
      const back = String(before?.['name']).replaceAll("'", "''");
      await change(source, `update organizations set name = '${back}' where key = 7`);
      const ended = await copy(t, source, target);
      succeeded(t, ended, 'on from there');
      const [, kept = '', copied = ''] =
        /^(\S+) rows were there .*\n(\S+) rows copied/.exec(ended.stdout) ?? [];
      const [there, rest] = [kept, copied].map((text) => Number(text.replaceAll(',', ''))) as [
        number,
        number,
      ];
      t.ok(there >= CHUNK && rest >= 100, `${there} were there, ${rest} came`);
      t.equal(there + rest, 20 * (tablesToCopy().length - 2) + filledTo('pauses', 20) + 2 * CHUNK + 100);
    }
  });
}

/** To the other engine. */
const ACROSS = WAYS.filter(({ from, to }) => from !== to || engines.length === 1);

for (const { from, to, name } of ACROSS.slice(0, 1)) {
  t.test(`the server goes on where the other has stopped: ${name}`, async (t) => {
    const [source, folder] = [await from.database(t), home(t)];
    const env = { ...FAST, ROOT_KEY: Buffer.alloc(32, 5).toString('base64'), MAIL_FOLDER: 'mail' };
    const first = await serve(t, folder, { ...env, DATABASE_URL: source });
    const key = secretKeyIn(first.output());
    const sign = (url: string, email: string, headers = {}) =>
      post(`${url}${PETITION}/signatures`, { name: 'Ada', email, country: 'NL' }, headers);
    const retry = { 'idempotency-key': '"the-same"' };
    await sign(first.url, 'ada@example.org', retry);
    await sign(first.url, 'grace@example.org');
    const target = await emptyTarget(t, to);
    oneLine(t, await copy(t, source, target), /stop (?:the server|it) first/, 'the source is in use');
    await first.end('SIGTERM');
    succeeded(t, await copy(t, source, target), name);

    const second = await serve(t, folder, { ...env, DATABASE_URL: target });
    t.notMatch(second.output(), 'sk_', 'it is not new');
    const answer = await (await sign(second.url, 'ada@example.org', retry)).json();
    t.match(answer, { next: 'done', count: 0 }, 'a retry gets the answer of then');
    t.equal((await sign(second.url, 'linus@example.org')).status, 202);
    t.match((await get(`${second.url}${PETITION}/counts`)).json, { confirmed: 3 });
    const listed = await get(`${second.url}/v1/signatures?petition=${PETITION.split('/').at(-1)}`, key);
    t.match(listed.json.data.map((one: any) => one.email).sort(), [
      'ada@example.org',
      'grace@example.org',
      'linus@example.org',
    ]);
    await second.end('SIGTERM');
    t.match(await cli(folder, { ...env, DATABASE_URL: target }, 'recount'), { code: 0 });
  });
}

for (const { from, to, name } of ACROSS) {
  t.test(`links, sessions and keys that were given out before still work: ${name}`, async (t) => {
    const [source, target] = [await from.database(t), await emptyTarget(t, to)];
    const links: { leave: string; secret: string; petition: string; share: string }[] = [];
    await t.test('before', async (t) => {
      const { api, groups, things } = await startForeignWorld(t, at(from, source));
      for (const { name, secret, slug } of Object.values(groups)) {
        const mine = things.filter(({ seenBy, kind }) => seenBy.includes(name) || kind === 'code');
        const mailing = mine.find(({ kind }) => kind === 'mailing')?.text;
        const { body } = await api.call('GET', `/v1/mailings/${mailing}/links`, { key: secret });
        const share = things.filter(({ kind }) => kind === 'code')[links.length]?.text ?? '';
        const leave = /(\/v1\/unsubscribe\/.*)>/.exec(body.data[0].list_unsubscribe as string)?.[1] ?? '';
        links.push({ leave, secret, petition: slug, share });
      }
    });
    succeeded(t, await copy(t, source, target), name);
    const api = await start(t, at(to, target));
    for (const { leave, secret, petition, share } of links) {
      t.equal((await api.call('GET', '/v1/organization', { key: secret })).status, 200);
      t.equal((await api.call('POST', leave)).status, 200, 'a personal link');
      const { body } = await api.call('GET', '/v1/subscriptions?status=unsubscribed', { key: secret });
      t.equal(body.data.length, 1, 'and it did what it says');
      t.equal((await api.call('GET', `/s/${share}`)).status, 302, 'a share link');
      const vouched = { name: 'New', email: 'new@example.org', vouched: true };
      const counted = async () => (await api.call('GET', `/v1/petitions/${petition}/counts`)).body.confirmed;
      const before = await counted();
      const signed = await api.call('POST', `/v1/petitions/${petition}/signatures`, {
        key: secret,
        body: vouched,
      });
      // Something of the first one's petition is hidden from it: so it does not hear whether the signer is new.
      t.equal(signed.status, petition === 'open-lead' ? 202 : 201);
      t.equal(await counted(), before + 1, 'new rows get new keys');
    }
  });
}

t.test('what is refused', async (t) => {
  const folder = home(t);
  const source = await filled(t, engines[0]!, 3);
  const file = (name: string) => `file:${join(folder, name)}`;
  openFile(join(folder, 'foreign.db')).exec('create table recipes (id integer)').close();
  writeFileSync(join(folder, 'junk.db'), 'junk that is no database, and longer than a header '.repeat(99));
  const password = 'S3cretPassw0rd';
  const nowhere = `postgres://u:${password}@127.0.0.1:1/x`;
  const refused: [from: string, to: string, wanted: RegExp][] = [
    [source, file('foreign.db'), /--to: the target holds other tables \(recipes\)/],
    [file('none.db'), file('new.db'), /--from: there is no database at/],
    [source, file('junk.db'), /the database of --to cannot be used \(SQLITE_NOTADB\)/],
    [file('junk.db'), file('new.db'), /the database of --from cannot be used \(SQLITE_NOTADB\)/],
    [source, nowhere, /--to cannot be used \(ECONNREFUSED\)/],
    [nowhere, file('new.db'), /--from cannot be used \(ECONNREFUSED\)/],
    [source, `mysql://u:${password}@h/x`, /--to must be file:<path> or postgres/],
    [source, source, /--from and --to are the same/],
  ];
  for (const [from, to, wanted] of refused) {
    const ended = await copy(t, from, to);
    oneLine(t, ended, wanted, `${wanted}`);
    t.notMatch(ended.stderr, password);
  }
  t.notOk(existsSync(join(folder, 'new.db')), 'and nothing is made');

  for (const engine of engines) {
    const url = await engine.database(t);
    const running = await openTestStore(url);
    oneLine(
      t,
      await copy(t, url, file('new.db')),
      /stop (?:the server|it) first/,
      `${engine.name} as source`,
    );
    oneLine(t, await copy(t, source, url), /stop (?:the server|it) first/, `${engine.name} as target`);
    await running.close();
  }
});
