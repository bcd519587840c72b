import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { freePort } from '../scripts/free-port.js';
import { launch, missingBrowser } from './support/browser.js';
import { faultsOf, fillIn, press, seeHeading, visitWith } from './support/embed-world.js';
import { startMailServer, type MailServer } from './support/mail-server.js';
import {
  missingProxy,
  open,
  startProxy,
  visit,
  type Certificate,
  type ProxyName,
  type Visit,
} from './support/proxies.js';
import { cli, home, secretKeyIn, serve, type Env, type Running } from './support/process.js';
import { inTime, until } from './support/until.js';

/* The installation as it is documented: the examples of deploy/ in front of the real server, and people in a browser. */

type World = {
  folder: string;
  env: Env;
  /** PUBLIC_URL. */
  base: string;
  certificate: Certificate;
  mail: MailServer;
  secret: string;
  server: Running;
  restart: () => Promise<void>;
  call: (path: string, how?: Visit & { key?: string; json?: unknown }) => Promise<Called>;
};
type Called = { status: number; headers: IncomingMessage['headers']; text: string; body: any };

const PAGE = { title: 'Keep the Old Mill Meadows a meadow', statement: 'Build the depot elsewhere.' };
const CONSENT = 'River Meadows Alliance may e-mail me.';
const ROWS = 6000;
const SHARES = 3;

async function startWorld(t: Test, name: ProxyName, prefix: string): Promise<World> {
  const mail = await startMailServer(t);
  const folder = home(t);
  const [https, http] = [await freePort(), await freePort()];
  const base = `https://localhost:${https}${prefix}`;
  const env: Env = {
    PUBLIC_URL: base,
    TRUST_PROXY: '127.0.0.1',
    SMTP_URL: mail.url,
    RATE_LIMIT_SHARE: `${SHARES}/60`,
    // A busy machine is not what is tried.
    MAX_WAIT_MS: '60000',
  };
  const server = await serve(t, folder, env);
  const upstream = Number(new URL(server.url).port);
  const certificate = await startProxy(t, name, { https, http, upstream }, prefix !== '');
  const call: World['call'] = async (path, { key, json, ...how } = {}) => {
    const { status, headers, bytes } = await visit(certificate, base + path, {
      ...how,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...how.headers,
      },
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
    });
    const text = String(bytes);
    const isJson = /[/+]json/.test(headers['content-type'] ?? '') && text.startsWith('{');
    return { status, headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  const world: World = {
    folder,
    env,
    base,
    certificate,
    mail,
    secret: secretKeyIn(server.output()),
    server,
    call,
    restart: async () => void (world.server = await serve(t, folder, { ...env, PORT: String(upstream) })),
  };
  const redirect = await visit(certificate, `http://localhost:${http}${prefix}/livez`);
  t.match(redirect, { status: /^30[18]$/ }, 'plain HTTP leads to TLS');
  t.match(redirect.headers['location'], new RegExp(`^https://localhost.*${prefix}/livez$`));
  return world;
}

async function publish({ call, secret: key }: World, slug: string): Promise<void> {
  const { body } = await call('/v1/petitions', {
    key,
    json: { ...PAGE, slug, form: { country: 'required' } },
  });
  await call(`/v1/petitions/${body.id}/transitions`, { key, json: { to: 'published' } });
}

/** The link in the next mail to this address. */
async function linkIn({ mail, base }: World, to: string, seen: number): Promise<string> {
  const letter = await until(
    () => mail.received.filter((one) => one.to[0] === to)[seen],
    `mail ${seen + 1} to ${to}`,
  );
  const link = (letter.mail.text ?? '').split(/\s+/).find((word) => /[?&]token=/.test(word));
  if (!link?.startsWith(`${base}/`)) throw new Error(`no link to here in: ${letter.mail.text}`);
  return link;
}

/** A person signs with the element, confirms, looks at their data, and unsubscribes. */
async function signs(t: Test, world: World, context: BrowserContext): Promise<void> {
  const { base } = world;
  const page: Page = await visitWith(context, `${base}/p/meadows`);
  await fillIn(page, 'ada@example.org');
  await page.getByLabel(CONSENT).check();
  // The form is there, so its time runs; since when cannot be seen.
  const shown = performance.now();
  // Faster than people are looks like a machine, and gets no mail.
  await until(() => performance.now() - shown > 2500, 'the time of a person', { everyMs: 100 });
  await press(page, 'Sign now');
  await seeHeading(page, 'One more step');
  const protocol = 'performance.getEntriesByType("navigation")[0].nextHopProtocol';
  t.equal(await page.evaluate(protocol), 'h2');

  await page.goto(await linkIn(world, 'ada@example.org', 0));
  await press(page, 'Confirm my signature');
  await seeHeading(page, 'Thank you');
  t.match(await world.call('/v1/petitions/meadows/counts'), { status: 200, body: { confirmed: 1 } });

  await page.goto(`${base}/manage`);
  await page.getByLabel('E-mail address').fill('ada@example.org');
  await press(page, 'Send me the link');
  await page.goto(await linkIn(world, 'ada@example.org', 1));
  await press(page, 'Open');
  await seeHeading(page, 'My signatures');
  await press(page, 'Leave');
  await seeHeading(page, 'You have left');

  await page.goto(`${base}/unsubscribe`);
  await page.getByLabel('E-mail address').fill('ada@example.org');
  await press(page, 'Send me the links');
  await page.goto(await linkIn(world, 'ada@example.org', 2));
  await press(page, 'Unsubscribe');
  await seeHeading(page, 'You are off the list');
  t.ok(page.url().startsWith(`${base}/`), 'it never left the prefix');
  t.same(faultsOf(page), []);
  await page.close();
}

/** Live counts come when they change, through HTTP/2 in a browser and as they are. */
async function live(t: Test, world: World, context: BrowserContext): Promise<void> {
  const { base, certificate, secret, call } = world;
  const page = await context.newPage();
  await page.goto(`${base}/docs/`);
  await page.evaluate((url) => {
    const { EventSource } = globalThis as any;
    const told: string[] = ((globalThis as any).told = []);
    new EventSource(url).addEventListener('counts', ({ data }: any) => told.push(data));
  }, `${base}/v1/petitions/meadows/counts/live`);
  const stream = await open(certificate, `${base}/v1/petitions/meadows/counts/live`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  t.notOk(stream.headers['content-encoding'], 'a stream is not packed: it would be held back');
  let heard = '';
  stream.on('data', (part: Buffer) => (heard += String(part)));
  stream.on('error', () => undefined);
  const events = async () => Number(await page.evaluate('told.length'));
  await until(async () => (await events()) === 1 && /^event: counts$/m.test(heard), 'the first event');

  const signed = await call('/v1/petitions/meadows/signatures', {
    key: secret,
    json: { name: 'Bo', email: 'bo@example.org', country: 'SE', vouched: true },
  });
  t.equal(signed.status, 201);
  // A proxy that collected answers would hold it back until its buffer is full.
  await until(() => heard.includes('"confirmed":2'), 'the next event');
  await until(async () => (await events()) >= 2, 'the next event in the browser');
  stream.destroy();
  await page.close();
}

/** Files larger than what proxies take by default. */
async function files(t: Test, { base, certificate, secret, call }: World): Promise<void> {
  const comment = 'We have walked here since 1962 and the river has always come up to the third gate; '
    .repeat(2)
    .trim();
  const line = (_: unknown, i: number) => `stall-${i}@paper.example,Dan Achterberg ${i},NL,${comment}\n`;
  const csv = `email,name,country,comment\n${Array.from({ length: ROWS }, line).join('')}`;
  t.ok(csv.length > 1.2e6, `${csv.length} bytes`);
  const imported = await call('/v1/signatures/import?petition=paper', {
    method: 'POST',
    key: secret,
    headers: { 'content-type': 'text/csv' },
    body: csv,
  });
  t.equal(imported.status, 200);
  t.equal(imported.body?.created, ROWS);

  const exported = await open(certificate, `${base}/v1/signatures/export?petition=paper&format=ndjson`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  let rows = 0;
  for await (const text of createInterface(exported)) {
    if (JSON.parse(text).comment === comment) rows += 1;
  }
  t.equal(rows, ROWS);
  t.ok(exported.complete, 'it ended properly');
}

/** The limit of a client is that of the person in front of the proxy, whatever they claim. */
async function clients(t: Test, { call }: World): Promise<void> {
  const share = (from: string, headers: Record<string, string> = {}) =>
    call('/v1/petitions/meadows/share-links', { from, headers, json: { network: 'x' } });
  for (let i = 0; i < SHARES; i += 1) t.equal((await share('127.0.0.2')).status, 201);
  t.equal((await share('127.0.0.2')).status, 429);
  t.equal((await share('127.0.0.3')).status, 201, 'another client');
  for (const claimed of ['198.51.100.7', '198.51.100.8, 127.0.0.1', '127.0.0.1']) {
    const headers = { 'x-forwarded-for': claimed, 'x-real-ip': claimed, forwarded: `for=${claimed}` };
    t.equal((await share('127.0.0.2', headers)).status, 429, `not believed: ${claimed}`);
  }
}

/** Packed once, and not sent again when it is known. */
async function answers(t: Test, { call, certificate, base }: World): Promise<void> {
  const packed = await visit(certificate, `${base}/v1/petitions/meadows`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  t.equal(packed.headers['content-encoding'], 'gzip');
  t.equal(JSON.parse(String(gunzipSync(packed.bytes))).slug, 'meadows', 'once');
  const plain = await call('/v1/petitions/meadows');
  t.notOk(plain.headers['content-encoding']);
  for (const etag of [packed.headers.etag, plain.headers.etag]) {
    t.match(etag, /"/);
    const again = await call('/v1/petitions/meadows', { headers: { 'if-none-match': String(etag) } });
    t.match(again, { status: 304, text: '' });
  }
  for (const path of ['/metrics', '/metrics?x=1', '/%6detrics', '//metrics']) {
    const kept = await call(path);
    t.notMatch(kept.text, /mail_queued/, path);
    t.equal(kept.status, 404, path);
  }
  t.match(await call('/openapi.json'), { status: 200, body: { openapi: /^3\.1/ } });
  const asBrowser = { headers: { accept: 'text/html' } };
  const bare = await visit(certificate, base, asBrowser);
  const start = new URL(bare.headers['location'] ?? '', base).href;
  const page = bare.status === 200 ? bare : await visit(certificate, start, asBrowser);
  t.equal(page.status, 200, 'the front page, with and without the slash at the end');
}

/** Through TLS, the proxy and its prefix. */
async function doctor(t: Test, { folder, env, certificate }: World): Promise<void> {
  const { stdout } = await cli(folder, { ...env, NODE_EXTRA_CA_CERTS: certificate.file }, 'doctor', '--json');
  const { problems, findings } = JSON.parse(stdout);
  t.equal(problems, 0, stdout);
  const about = ({ about }: { about: string }) => about === 'public URL';
  t.same(
    findings.filter(about).map(({ level, found }: { level: string; found: string }) => `${level}: ${found}`),
    [
      'ok: its certificate ends in 89 days',
      'ok: this installation answers there',
      'ok: the proxy says who the client is, and is believed',
    ],
  );
}

/** While the server restarts, the proxy says so, and finds the new one. */
async function restarts(t: Test, world: World): Promise<void> {
  await inTime(world.server.end('SIGTERM'), 'the end');
  t.equal((await world.call('/livez')).status, 502);
  await world.restart();
  t.match(await world.call('/v1/petitions/meadows/counts'), { status: 200, body: { confirmed: 2 } });
}

const noBrowser = missingBrowser(t);
const browser = noBrowser ? undefined : await launch(t);

for (const name of ['nginx', 'caddy'] as const) {
  const skip = missingProxy(t, name) || noBrowser;
  for (const prefix of ['', '/petitions']) {
    t.test(`${name} at ${prefix || 'the root'}`, { skip }, async (t) => {
      const world = await startWorld(t, name, prefix);
      const json = { locale: 'en', text: CONSENT };
      await world.call('/v1/consent-texts', { key: world.secret, json });
      await publish(world, 'meadows');
      await publish(world, 'paper');
      const context = await browser!.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
      context.setDefaultTimeout(20_000);
      t.teardown(() => context.close());
      await t.test('a person', (t) => signs(t, world, context));
      await t.test('live counts', (t) => live(t, world, context));
      await t.test('files', (t) => files(t, world));
      await t.test('clients', (t) => clients(t, world));
      await t.test('answers', (t) => answers(t, world));
      await t.test('the doctor', (t) => doctor(t, world));
      await t.test('a restart', (t) => restarts(t, world));
    });
  }
}
