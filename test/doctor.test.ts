import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import t, { type Test } from 'tap';
import { startRedis } from '../scripts/redis.js';
import { loadConfig } from '../src/config.js';
import { rotateLinkKeys } from '../src/core/links/link-keys.js';
import { checkDatabase } from '../src/doctor/database.js';
import { checkDisk } from '../src/doctor/disk.js';
import type { Check } from '../src/doctor/finding.js';
import { checkMailDomain } from '../src/doctor/mail-domain.js';
import { checkMailServer } from '../src/doctor/mail-server.js';
import { checkPublicUrl, checkRedirect } from '../src/doctor/public-url.js';
import { checkRedis } from '../src/doctor/redis.js';
import { checkSettings } from '../src/doctor/settings.js';
import { startDnsServer } from './support/dns-server.js';
import { engines, onEveryEngine, ROOT_KEY, start, type Engine } from './support/helper.js';
import { cli, home, query } from './support/process.js';

/** One line for each finding: its level, and what was found; with the advice where that is asked for. */
const told = async (
  check: Check,
  env: Record<string, string> = {},
  asked: Parameters<Check>[1] = {},
): Promise<string[]> =>
  (await check(loadConfig({ ROOT_KEY: ROOT_KEY.toString('base64'), ...env }, false), asked)).map(
    ({ level, found }) => `${level}: ${found}`,
  );

t.test('doctor says what is wrong and what to do, and no secrets', async (t) => {
  const folder = home(t);
  const env = { PUBLIC_URL: 'http://127.0.0.1:9', SMTP_URL: 'smtp://me:verysecret@127.0.0.1:9' };
  const sick = await cli(folder, env, 'doctor');
  t.match(sick, { code: 1, stderr: '' });
  t.match(sick.stdout, /^problem {2}database: there is no file DATABASE_URL\n +Run/m);
  t.match(sick.stdout, /^problem {2}mail server: it cannot be used \(ECONNREFUSED\)/m);
  t.match(sick.stdout, /^problem {2}public URL: nothing answers/m);
  t.match(sick.stdout, /^warning {2}settings: NODE_ENV/m);
  t.match(sick.stdout, /^ok {7}memory: \d+ MB/m);
  t.match(sick.stdout, /^ok {7}disk: it keeps a write within [\d.]+ ms/m);
  t.notMatch(sick.stdout, 'verysecret');
  t.equal((await cli(folder, {}, 'migrate')).code, 0);
  const healed = await cli(folder, env, 'doctor', '--json');
  const { problems, findings } = JSON.parse(healed.stdout);
  t.match(findings, [{ about: 'settings', level: 'warning', found: /./, advice: /./ }]);
  t.equal(problems, 2, 'the mail server, and the public URL');
  t.equal(healed.code, 1);
  const database = findings.filter(({ about }: { about: string }) => about === 'database');
  t.match(database, [{ level: 'ok', found: /^it is there, migrated/ }]);
});

t.test('settings and the disk', async (t) => {
  const quiet = {
    NODE_ENV: 'production',
    DEMO: 'false',
    MAIL_FROM: 'a@ewe.example',
    PUBLIC_URL: 'https://a.example',
  };
  t.same(await told(checkSettings, quiet), ['ok: nothing stands out']);
  t.same(await told(checkSettings, { ...quiet, TRUST_PROXY: '10.0.0.1,0.0.0.0/0' }), [
    'problem: TRUST_PROXY is the whole internet',
  ]);
  if (!existsSync('/dev/shm')) return;
  const memory = mkdtempSync('/dev/shm/undersigned-doctor-');
  t.teardown(() => rmSync(memory, { recursive: true }));
  const found = await told(checkDisk, { DATABASE_URL: `file:${join(memory, 'a.db')}` });
  t.match(found.at(-1), /^problem: the data is on tmpfs/);
});

const rsaKey = (bits: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'der', type: 'spki' });

t.test('doctor asks the DNS of the domain that mails come from', async (t) => {
  const dkim = (name: string, key: string) => ({
    [`${name}._domainkey.ewe.example`]: { txt: [`v=DKIM1; ${key}`] },
  });
  const dns = await startDnsServer(t, {
    'ewe.example': { txt: ['some-verification=1', 'v=spf1 mx -all'], mx: ['mx.ewe.example'] },
    '_dmarc.ewe.example': { txt: ['v=DMARC1; p=reject; rua=mailto:d@ewe.example'] },
    ...dkim('good', `k=rsa; p=${rsaKey(2048).toString('base64')}`),
    ...dkim('short', `p=${rsaKey(1024).toString('base64')}`),
    ...dkim('gone', 'p='),
    ...dkim('broken', 'p=AAAA'),
    'news.ewe.example': { txt: ['v=spf1 +all'], mx: ['.'] },
    'two.example': { txt: ['v=spf1 -all', 'v=spf1 mx ~all'] },
    '_dmarc.two.example': { txt: ['v=DMARC1; p=reject', 'v=DMARC1; p=none'] },
    'long.example': { txt: [`v=spf1 ${'include:a.example '.repeat(11)}-all`] },
    '_dmarc.long.example': { txt: ['v=DMARC1; rua=mailto:d@ewe.example'] },
    'open.example': { txt: ['v=spf1 mx'] },
    'broken.example': { fails: true },
  });
  const about = (domain: string, dkimSelector?: string) =>
    told(
      (config, asked) => checkMailDomain(config, asked, dns),
      { MAIL_FROM: `a@${domain}` },
      { dkimSelector },
    );
  t.match(await about('ewe.example', 'good'), [
    'ok: ewe.example has an MX',
    'ok: ewe.example has an SPF record',
    'ok: ewe.example has a DMARC record (p=reject)',
    'ok: the DKIM key at good._domainkey.ewe.example has 2048 bits',
  ]);
  t.match((await about('ewe.example', 'short')).at(-1), /^warning: .* has 1024 bits/);
  t.match((await about('ewe.example', 'gone')).at(-1), /^problem: .* is withdrawn/);
  t.match((await about('ewe.example', 'broken')).at(-1), /^problem: .* cannot be read/);
  t.match((await about('ewe.example', 'none')).at(-1), /^problem: there is no DKIM key at none\./);
  t.match(await about('news.ewe.example'), [
    'warning: news.ewe.example says that it takes no mail',
    /^problem: the SPF record of news.ewe.example lets every server send/,
    'ok: news.ewe.example has a DMARC record (p=reject)',
    'warning: the DKIM key was not looked for',
  ]);
  t.match((await about('two.example')).slice(0, 3), [
    'warning: two.example has no MX',
    'problem: two.example has 2 SPF records',
    'problem: two.example has 2 DMARC records',
  ]);
  t.match((await about('long.example')).slice(1, 3), [
    /^problem: .* names too many/,
    /^problem: .* no valid policy/,
  ]);
  t.match((await about('open.example'))[1], /^warning: the SPF record of open.example has no end/);
  t.match((await about('absent.example')).slice(0, 3), [/no MX/, /no SPF/, /no DMARC/]);
  t.same(await about('broken.example'), ['problem: DNS does not answer for broken.example (ESERVFAIL)']);
  t.same(await about('localhost'), [], 'there is nothing to ask');
});

type Replies = { mailFrom?: number; recipient?: number };

/** A mail server that notices when something is sent. */
async function smtp(
  t: Test,
  options: SMTPServerOptions,
  { mailFrom, recipient }: Replies = {},
): Promise<number> {
  const failing = (code: number | undefined) =>
    code === undefined
      ? null
      : Object.assign(new Error('5.7.1 not for ada@ewe.example'), { responseCode: code });
  const server = new SMTPServer({
    disableReverseLookup: true,
    closeTimeout: 50,
    onMailFrom: (_address, _session, done) => done(failing(mailFrom)),
    onRcptTo: (_address, _session, done) => done(failing(recipient)),
    onAuth: ({ username, password }, _session, done) =>
      username === 'me' && password === 'se/cret' ? done(null, { user: 'me' }) : done(new Error('no')),
    onData(stream, _session, done) {
      t.fail('a mail was sent');
      stream.resume().on('end', done);
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)));
  return (server.server.address() as AddressInfo).port;
}

t.test('doctor talks with the mail server, and sends nothing', async (t) => {
  const about = (url: string) => told(checkMailServer, { SMTP_URL: url, MAIL_FROM: 'a@ewe.example' });
  const plain = await smtp(t, { disabledCommands: ['STARTTLS', 'AUTH'] });
  const far = '[::ffff:127.0.0.1]';
  t.same(await about(`smtp://127.0.0.1:${plain}`), ['ok: it takes mails from MAIL_FROM'], 'on this machine');
  t.same(await about(`smtp://${far}:${plain}`), [
    'warning: it offers no STARTTLS',
    'ok: it takes mails from MAIL_FROM',
  ]);
  t.same(await about(`smtp://127.0.0.1:${plain}?requireTLS=true`), ['problem: it offers no STARTTLS']);
  t.same(await about(`smtp://me:se%2Fcret@${far}:${plain}`), ['problem: it offers no STARTTLS']);
  t.same(await about(`smtp://me:se%2Fcret@127.0.0.1:${plain}`), ['problem: it takes no login']);
  t.same(await about(`smtps://127.0.0.1:${plain}`), [
    'problem: it cannot be used (ERR_SSL_WRONG_VERSION_NUMBER)',
  ]);

  // It brings a certificate of its own, which no authority has signed.
  const encrypted = await smtp(t, {});
  const unseen = 'tls.rejectUnauthorized=false';
  t.match(await about(`smtp://me:se%2Fcret@127.0.0.1:${encrypted}`), [
    /^problem: its certificate is not valid: it /,
  ]);
  t.same(await about(`smtp://me:se%2Fcret@127.0.0.1:${encrypted}?${unseen}`), [
    'warning: its certificate is not looked at',
    'ok: it takes mails from MAIL_FROM',
  ]);
  t.match(
    (await about(`smtp://me:wrong@127.0.0.1:${encrypted}?${unseen}`)).at(-1),
    'problem: it refuses user and password (535)',
  );
  t.match(
    (await about(`smtp://127.0.0.1:${encrypted}?${unseen}`)).at(-1),
    'problem: it refuses MAIL_FROM as sender (530)',
  );
  const login = await smtp(t, { secure: true, authMethods: ['LOGIN'] });
  t.match((await about(`smtps://me:se%2Fcret@127.0.0.1:${login}?${unseen}`)).at(-1), 'ok: it takes mails');
  const modern = await smtp(t, { secure: true, authMethods: ['XOAUTH2'] });
  t.match(
    (await about(`smtps://me:a@127.0.0.1:${modern}?${unseen}`)).at(-1),
    'warning: the login was not tried',
  );

  const open = { disabledCommands: ['STARTTLS', 'AUTH'] };
  const cases: [Replies, string][] = [
    [{ mailFrom: 550 }, 'problem: it refuses MAIL_FROM as sender (550 5.7.1)'],
    [{ mailFrom: 451 }, 'warning: it refuses MAIL_FROM as sender (451 5.7.1), for now'],
    [{ recipient: 554 }, 'problem: it refuses the recipient (554 5.7.1)'],
    [{ recipient: 450 }, 'warning: it refuses the recipient (450 5.7.1), for now'],
  ];
  for (const [replies, expected] of cases) {
    t.same(await about(`smtp://127.0.0.1:${await smtp(t, open, replies)}`), [expected]);
  }
});

/** A proxy that does with a request what its configuration makes of it. */
async function proxy(
  t: Test,
  upstream: string,
  change: (path: string, headers: Record<string, unknown>) => string,
): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers };
    const path = change(incoming.url ?? '', headers);
    const options = { method: incoming.method, headers };
    incoming.pipe(
      forward(upstream + path, options, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('doctor comes through the proxy, and asks the server what it has seen', async (t) => {
  const [sqlite] = engines as [Engine];
  const trusting = async (trustProxy: string[]) => {
    const config = { publicUrl: 'http://undersigned.test', trustProxy, limits: null };
    const { app } = await start(t, sqlite, { build: { config } });
    return app.listen({ port: 0, host: '127.0.0.1' });
  };
  const server = await trusting(['127.0.0.1']);
  const alone = await trusting([]);
  const about = (PUBLIC_URL: string, env: Record<string, string> = { TRUST_PROXY: '127.0.0.1' }) =>
    told(checkPublicUrl, { PUBLIC_URL, ...env });
  const headerTo = (value: string | undefined) => (path: string, headers: Record<string, unknown>) => {
    if (value === undefined) delete headers['x-forwarded-for'];
    else headers['x-forwarded-for'] = value;
    return path;
  };
  const here = 'ok: this installation answers there';

  const good = await proxy(t, server, (path, headers) =>
    headerTo('127.0.0.1')(path.replace('/campaigns', ''), headers),
  );
  t.same(await about(`${good}/campaigns`), [here, 'ok: the proxy says who the client is, and is believed']);
  t.same(await about(alone, {}), [here, 'ok: clients come directly']);
  t.same(await about(server), [here, 'problem: X-Forwarded-For is believed as clients forge it']);
  const unchanged = await proxy(t, server, (path) => path);
  t.same(await about(`${unchanged}/campaigns`), [
    'problem: PUBLIC_URL/livez answers 404: the proxy passes the prefix on',
  ]);
  t.match((await about(unchanged)).at(-1), /^problem: X-Forwarded-For is believed/);
  t.same(
    (await about(await proxy(t, server, headerTo(undefined)))).at(-1),
    'problem: the proxy does not say who the client is',
  );
  const unnamed = await proxy(t, alone, headerTo('192.0.2.123, 127.0.0.1'));
  t.same((await about(unnamed, {})).at(-1), 'problem: there is a proxy that TRUST_PROXY does not name');
  const two = await proxy(t, server, headerTo('192.0.2.123, 198.51.100.1, 10.0.0.9'));
  t.same((await about(two)).at(-1), 'problem: there is another proxy, which TRUST_PROXY does not name');

  const other = Buffer.alloc(32, 8).toString('base64');
  const elsewhere = 'problem: a server answers there, and it is not of this installation';
  t.same(await about(alone, { ROOT_KEY: other }), [elsewhere]);
  t.same(await about(alone, { ROOT_KEY: '', ROOT_KEY_FILE: join(home(t), 'none') }), [
    'ok: a server answers there',
  ]);
  const answer = await fetch(`${alone}/livez`, { headers: { 'undersigned-doctor': 'AAAA' } });
  t.equal(answer.status, 200);
  t.notOk(answer.headers.has('undersigned-doctor'), 'others learn nothing');
  for (const [status, expected] of [
    [502, /does not reach the server/],
    [301, /livez answers 301/],
    [200, /livez answers 200/],
  ] as const) {
    const strange = createServer((_, response) => response.writeHead(status, { location: '/' }).end('hello'));
    strange.listen(0, '127.0.0.1');
    await once(strange, 'listening');
    t.teardown(() => strange.close());
    const url = `http://127.0.0.1:${(strange.address() as AddressInfo).port}`;
    t.match(await about(url), [expected]);
    if (status === 200) {
      const [found] = await checkRedirect(url);
      t.match(found, { level: 'warning', found: /^plain HTTP answers 200, without/ });
    }
  }
  t.same(await checkRedirect('http://127.0.0.1:9'), [], 'nothing listens, and nothing is wrong');
});

onEveryEngine('doctor asks the database', async (t, engine) => {
  const { app, url } = await start(t, engine);
  await rotateLinkKeys(app.ctx);
  const about = (env: Record<string, string> = {}) =>
    told(checkDatabase, { DATABASE_URL: url, POSTGRES_ALLOW_UNSAFE: 'true', ...env });
  const first = 'ok: it is there, migrated, durable and takes writes';
  const other = { ROOT_KEY: Buffer.alloc(32, 8).toString('base64') };
  t.equal((await about())[0], first);
  t.same((await about(other)).slice(0, 2), [first, 'problem: it was used with another root key']);
  if (engine.name === 'sqlite') return t.same(await about(), [first]);

  const name = new URL(url).pathname.slice(1);
  t.match(await about(), [first, /^ok: PostgreSQL \d/]);
  t.match((await about()).at(-1), 'ok: this clock and the database’s are 0 s apart');
  t.ok(
    (await about({ POSTGRES_POOL: '500' })).some((one) =>
      /^problem: \d+ connections for a POSTGRES_POOL of 500$/.test(one),
    ),
  );
  await query(url, `alter database ${name} set synchronous_commit = off`);
  t.ok((await about()).includes('problem: PostgreSQL runs with synchronous_commit = off'));
  t.match((await about({ POSTGRES_ALLOW_UNSAFE: 'false' }))[0], /^problem: PostgreSQL runs with \w+ = off/);
  await query(
    url,
    'delete from applied_migrations where position = (select max(position) from applied_migrations)',
  );
  t.match((await about())[0], /^problem: 1 of the migrations have not run: run/);

  const now = Date.now;
  Date.now = () => now() + 90_000;
  t.teardown(() => (Date.now = now));
  t.equal((await about()).at(-1), 'problem: this clock and the database’s are 90 s apart');
});

t.test('doctor asks Redis', async (t) => {
  t.same(await told(checkRedis), [], 'there is none');
  t.same(await told(checkRedis, { REDIS_URL: 'redis://127.0.0.1:9' }), [
    'problem: it cannot be used (ECONNREFUSED)',
  ]);
  const redis = await startRedis();
  if (!redis) return t.comment('no redis-server was found');
  t.teardown(() => redis.stop());
  t.match(await told(checkRedis, { REDIS_URL: redis.url }), [/^ok: it answers within \d+ ms$/]);
  const wrong = redis.url.replace('//', '//me:wrong@');
  t.same(await told(checkRedis, { REDIS_URL: wrong }), ['problem: it cannot be used (WRONGPASS)']);
});
