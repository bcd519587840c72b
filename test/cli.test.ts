import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import { isGoodNode } from '../src/cli/node-version.js';
import { packageRoot } from '../src/package.js';
import { onEveryEngine } from './support/helper.js';
import {
  body,
  cli,
  FAST,
  get,
  home,
  oneLine,
  PETITION,
  post,
  query,
  secretKeyIn,
  serve,
  type Env,
} from './support/process.js';

onEveryEngine('nothing that was sent stands in the log', async (t, engine) => {
  const folder = home(t);
  const DATABASE_URL = await engine.database(t);
  const server = await serve(t, folder, {
    ...FAST,
    DATABASE_URL,
    LOG_LEVEL: 'trace',
    POSTGRES_STATEMENT_TIMEOUT_MS: '200',
  });
  const key = secretKeyIn(server.output());
  const printed = server.output();
  const sign = `${server.url}${PETITION}/signatures`;
  const marked = (name: string) => `zelda.quux+${name}@distinctive.example`;
  const token = 'sk_ZeldaQuuxZeldaQuuxZeldaQuuxZeldaQuux01';
  const bearer = { authorization: `Bearer ${token}` };
  const withKey = { authorization: `Bearer ${key}` };

  const statuses = {
    signed: (await post(sign, body(marked('signed')), { 'idempotency-key': '"distinctive-idempotency"' }))
      .status,
    again: (await post(sign, body(marked('signed')), withKey)).status,
    'wrong address': (await post(sign, body('zelda.quux@@distinctive.example'))).status,
    'wrong fields': (await post(sign, { ...body(marked('x')), 'distinctive-field': 1, phone: 'distinctive' }))
      .status,
    'no JSON': (await post(sign, `{"email":"${marked('json')}"`)).status,
    'no such petition': (await post(`${server.url}/v1/petitions/none/signatures`, body(marked('x')))).status,
    'no such page': (await fetch(`${server.url}/${marked('path')}?email=${marked('query')}`)).status,
    'no such query': (await fetch(`${sign}?email=${marked('query')}`)).status,
    'found by address': (
      await fetch(
        `${server.url}/v1/signatures?petition=save-the-old-mill-meadows&email=${encodeURIComponent(marked('signed'))}`,
        {
          headers: withKey,
        },
      )
    ).status,
    'wrong key': (await fetch(`${server.url}/v1/signatures`, { headers: bearer })).status,
    'wrong scheme': (
      await fetch(`${server.url}/v1/signatures`, { headers: { authorization: `Basic ${token}` } })
    ).status,
    'too large': (await post(sign, body(marked('large'), { comment: 'distinctive '.repeat(9999) }))).status,
    'header too large': (await fetch(sign, { headers: { 'x-distinctive': 'distinctive'.repeat(2000) } }))
      .status,
  };
  t.same(statuses, {
    signed: 202,
    again: 200,
    'wrong address': 422,
    'wrong fields': 422,
    'no JSON': 400,
    'no such petition': 404,
    'no such page': 404,
    'no such query': 400,
    'found by address': 200,
    'wrong key': 401,
    'wrong scheme': 401,
    'too large': 413,
    'header too large': 431,
  });
  const { hostname, port } = new URL(server.url);
  const rude = createConnection(Number(port), hostname);
  rude.end(`${marked('rude')} is no HTTP\r\n\r\n`);
  await once(rude.resume(), 'close');

  if (engine.name === 'postgres') {
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query('begin; lock table supporters in access exclusive mode');
    const late = await post(sign, body(marked('late')));
    t.match([late.status, await late.json()], [503, { code: 'overloaded' }]);
    t.equal(late.headers.get('retry-after'), '1');
    await client.end();
    t.match(server.output(), /"overloaded".*cannot serve/, 'the log says so');
  }
  t.equal((await server.end('SIGTERM')).code, 0);
  const log = server.output().slice(printed.length);
  t.notMatch(log, /zelda|quux|distinctive/i);
  t.notMatch(log, key);
  t.equal(
    printed.split(key).length - 1,
    2,
    'the keys of the first start are printed once, and in the example',
  );
});

t.test('a wrong configuration is told in one line that names the variable', async (t) => {
  const folder = home(t);
  writeFileSync(join(folder, 'junk.key'), 'junk that is no key\n');
  writeFileSync(join(folder, 'junk.db'), 'junk that is no database, and longer than a header '.repeat(99));
  const secret = 'S3cretPassw0rd';
  const wrong: [env: Env, RegExp][] = [
    [{ PORT: 'abc' }, /\bPORT\b/],
    [{ PORT: '1', HOST: '203.0.113.7' }, /\bHOST\b/],
    [{ DATABASE_URL: `mysql://u:${secret}@h/x` }, /\bDATABASE_URL\b/],
    [{ DATABASE_URL: `postgres://u:${secret}@127.0.0.1:1/x` }, /\bDATABASE_URL\b.*ECONNREFUSED/],
    [{ DATABASE_URL: 'file:junk.key/x.db' }, /\bDATABASE_URL\b/],
    [{ DATABASE_URL: 'file:junk.db' }, /\bDATABASE_URL\b.*SQLITE_NOTADB/],
    [{ ROOT_KEY: secret }, /\bROOT_KEY\b/],
    [{ ROOT_KEY_FILE: 'junk.key' }, /junk\.key holds no root key/],
    [{ ROOT_KEY_FILE: 'junk.key/root.key' }, /\bROOT_KEY_FILE\b/],
    [{ TRUST_PROXY: 'somewhere' }, /\bTRUST_PROXY\b/],
    [{ RATE_LIMIT_CLIENT: 'fast' }, /\bRATE_LIMIT_CLIENT\b/],
  ];
  const server = process.env['TEST_POSTGRES_URL'];
  if (server) wrong.push([{ DATABASE_URL: server.replace(/[^/]*$/, 'no_such') }, /\bDATABASE_URL\b.*3D000/]);
  const run = ([env]: [Env, RegExp]) =>
    cli(folder, { PORT: '0', ROOT_KEY_FILE: 'good.key', ...env }, 'serve');
  const ended = await inPairs(wrong, run);
  for (const [i, [env, wanted]] of wrong.entries()) {
    oneLine(t, ended[i]!, wanted, JSON.stringify(env));
    t.notMatch(ended[i]!.stderr, secret);
  }
});

t.test('what does not run on this Node is told in one line', async (t) => {
  const { engines } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8'));
  t.equal(engines.node, '^20.19.0 || ^22.14.0 || >=24.0.0', 'the same as here');
  const good = ['20.19.0', '20.20.2', '22.14.0', '22.23.3', '24.0.0', '26.10.0', '30.0.0'];
  const bad = ['18.20.8', '20.9.0', '20.18.3', '21.7.3', '22.9.0', '22.13.1', '23.11.1'];
  t.same([...good, ...bad].filter(isGoodNode), good);

  const folder = home(t);
  writeFileSync(
    join(folder, 'no-sqlite.cjs'),
    `const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name.startsWith('better-sqlite3')) throw Object.assign(new Error(name), { code: 'ERR_DLOPEN_FAILED' });
      return load(name, ...rest);
    };`,
  );
  const NODE_OPTIONS = `--require ${join(folder, 'no-sqlite.cjs')}`;
  const ended = await cli(folder, { NODE_OPTIONS }, 'migrate');
  oneLine(t, ended, /better-sqlite3\S*, .* cannot be loaded: run npm ci with this Node\.js/, 'no SQLite');
});

/** As many at once as there are cores. */
async function inPairs<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += 2) {
    results.push(...(await Promise.all(items.slice(i, i + 2).map(work))));
  }
  return results;
}

t.test('undersigned --help', async (t) => {
  const folder = home(t);
  const commands: Record<string, RegExp[]> = {
    '': [/Usage: undersigned/, /serve/, /migrate/, /recount/, /organizations/, /keys/, /openapi/],
    serve: [/migrate the database and serve/],
    migrate: [/up to date/],
    recount: [/counter/],
    openapi: [/--write <file>/],
    organizations: [/create/, /list/],
    'organizations create': [/--name <name>/, /--slug <slug>/, /--url <url>/],
    'organizations list': [/list the organizations/],
    keys: [/create/, /list/, /revoke/],
    'keys create': [
      /--test/,
      /--organization <slug>/,
      /--kind <kind>/,
      /--scopes <list>/,
      /--origin <origin>/,
    ],
    'keys list': [/--organization <slug>/],
    'keys revoke': [/<id>/],
  };
  const helped = await inPairs(Object.keys(commands), (command) =>
    cli(folder, { DATABASE_URL: 'nothing is opened' }, ...command.split(' ').filter(Boolean), '--help'),
  );
  for (const [i, [command, words]] of Object.entries(commands).entries()) {
    const { code, stdout, stderr } = helped[i]!;
    t.same({ code, stderr }, { code: 0, stderr: '' }, command);
    for (const word of [...words, /^Usage: undersigned/]) t.match(stdout, word, command);
  }
  t.same(readdirSync(folder), [], 'and nothing is made');
});

t.test('bounces import: a row that is wrong stops no other', async (t) => {
  const folder = home(t);
  t.match(await cli(folder, FAST, 'migrate'), { code: 0 });
  const from = (text: string) => {
    writeFileSync(join(folder, 'bounces.csv'), text);
    return cli(folder, FAST, 'bounces', 'import', 'bounces.csv');
  };
  const rows = [
    '\uFEFF Type ; "Bounce";EMAIL ;what they said',
    'bounce;hard; gone@example.org ;"550 5.1.1; no such user, sorry"',
    'complaint;;"angry@example.org"',
    'bounce;soft;full@example.org;"of two',
    'lines"',
    '',
    'bounce;hard;"torn"@example.org;x',
    'holiday;;away@example.org;x',
    'bounce;sometimes;odd@example.org;x',
    'bounce;hard;not-an-address;x',
    ';;late@example.org;x',
    'bounce;;last@example.org',
  ];
  const taken = await from(rows.join('\r\n'));
  t.match(taken, { code: 1, stdout: '4 suppressed, 1 ignored (soft), 4 invalid\n' });
  t.same(
    taken.stderr.trim().split('\n'),
    [7, 8, 9, 10].map((line) => `line ${line}: neither a bounce nor a complaint of an address`),
  );
  const blocked = await query(
    `file:${join(folder, 'data/undersigned.db')}`,
    'select reason from do_not_contact',
  );
  t.same(
    blocked.map(({ reason }) => reason).sort(),
    ['bounce', 'bounce', 'bounce', 'complaint'],
    'a cell may be missing at the end',
  );

  t.match(await from('email\nagain@example.org\n'), { code: 0, stdout: /^1 suppressed/ }, 'addresses alone');
  const foreign =
    '"Email Address",Type,Bounce\nspam@example.org,SpamComplaint,\ns@example.org,soft_bounce,\nt@example.org,Bounced,Transient\n,,\n';
  t.match(
    await from(foreign),
    { code: 0, stdout: '1 suppressed, 2 ignored (soft), 0 invalid\n' },
    'as providers write',
  );
  for (const headless of ['', 'gone@example.org\n', 'type,bounce\nbounce,hard\n']) {
    oneLine(t, await from(headless), /first line must name the columns: email, type, bounce/, headless);
  }
});

onEveryEngine('the commands', async (t, engine) => {
  const folder = home(t);
  const url = await engine.database(t);
  const env: Env = { ...FAST, DATABASE_URL: url };
  const run = (...args: string[]) => cli(folder, env, ...args);
  const good = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  if (engine.name === 'sqlite') {
    t.equal(await good('migrate'), 'The database is up to date.\n');
    const later = { DATABASE_URL: 'file:new/later.db' };
    mkdirSync(join(folder, 'new'));
    oneLine(t, await cli(folder, later, 'recount'), /run 'undersigned migrate'/, 'not migrated');
    t.match(await cli(folder, later, 'migrate'), { code: 0, stdout: /^Migrated: \d+ new\.\n$/ });
  }
  t.match(await good('organizations', 'create', '--name', 'River & Co'), /^org_\w{26} {2}river-and-co\n$/);
  oneLine(
    t,
    await run('organizations', 'create', '--name', 'River and Co'),
    /slug river-and-co/,
    'a slug twice',
  );
  t.match(await good('organizations', 'list'), /^org_\w{26} {2}river-and-co {2}River & Co\n$/);

  const server = await serve(t, folder, env);
  t.notMatch(server.output(), 'sk_', 'no demo in a database that is in use');
  const created = await run('keys', 'create', '--organization', 'river-and-co', '--name', 'Desk');
  const [, id = '', token = ''] = /^(key_\w{26}) {2}(sk_\w{38})\n$/.exec(created.stdout) ?? [];
  t.ok(token, created.stdout);
  t.match(created.stderr, /not shown again/);
  const own = () => get(`${server.url}/v1/organization`, token);
  t.match(await own(), { status: 200, json: { slug: 'river-and-co' } });

  if (engine.name === 'postgres') {
    t.equal(await good('keys', 'revoke', id), `${id} is revoked.\n`);
    t.match(await own(), { status: 401, json: { code: 'invalid_key' } }, 'on the very next request');
    return;
  }
  const narrow = await good(
    'keys',
    'create',
    '--organization',
    'river-and-co',
    '--scopes',
    'petitions:write',
  );
  const pair = await get(`${server.url}/v1/api-keys`, secretKeyIn(narrow));
  t.match(pair, { status: 403, json: { code: 'scope_required' } });
  t.equal(await good('keys', 'revoke', id), `${id} is revoked.\n`);
  t.match(await own(), { status: 401, json: { code: 'invalid_key' } }, 'on the very next request');
  const origins = ['--origin', 'https://river.example', '--origin', 'https://*.river.example'];
  const site = ['keys', 'create', '--organization', 'river-and-co', '--name', 'Site', ...origins];
  t.match(await good(...site, '--kind', 'publishable'), /^key_\w{26} {2}pk_/);
  const trying = ['keys', 'create', '--organization', 'river-and-co', '--name', 'Trial', '--test'];
  t.match(await run(...trying), { code: 1, stderr: /test_email/ });
  const listed = await good('keys', 'list', '--organization', 'river-and-co');
  t.equal(listed.trim().split('\n').length, 3);
  t.match(
    listed,
    / {2}Site {2}last used never {2}on https:\/\/river\.example https:\/\/\*\.river\.example\n/,
  );
  t.match(listed, `…${token.slice(-4)}  Desk  revoked`);
  t.notMatch(listed, token);
  await server.end('SIGTERM');

  const refused: [args: string[], RegExp][] = [
    [['keys', 'revoke', id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))], /no such key/i],
    [['keys', 'list', '--organization', 'nobody'], /no organization nobody/],
    [[...site.slice(0, 6), '--kind', 'publishable', '--origin', 'river.example'], /origin like https/],
    [[...site.slice(0, 6), '--kind', 'publishable', '--origin', 'https://*.org'], /domain of your own/],
    [[...site.slice(0, 4), '--kind', 'secret', '--name', '\u3164'], /name: There is nothing to see/],
    [['organizations', 'create', '--name', '\u2800'], /name: There is nothing to see/],
    [['organizations', 'create', '--name', 'A', '--url', 'https://a:b@c.example'], /url: .*without a user/],
    [['organizations', 'create', '--name', 'A', '--slug', 'A B'], /slug: /],
    [site, /leave --origin out/],
  ];
  const ended = await inPairs(refused, ([args]) => run(...args));
  for (const [i, [args, wanted]] of refused.entries()) oneLine(t, ended[i]!, wanted, args.join(' '));
  const usage = await inPairs(
    [['keys', 'create', '--organization', 'x', '--scopes', 'all'], ['no-such'], ['organizations', 'create']],
    (args) => run(...args),
  );
  for (const { code, stderr } of usage) {
    t.equal(code, 1);
    t.match(stderr, /^error: .*\n\nUsage: /);
  }

  t.equal(await good('openapi', '--write', 'document.yaml'), '');
  t.match(readFileSync(join(folder, 'document.yaml'), 'utf8'), /^openapi: 3\.1\.0\n/);
});
