import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { loadConfig } from '../../../src/config.js';
import { launch, missingBrowser } from '../../support/browser.js';
import { engines, publish, start, type Engine } from '../../support/helper.js';

const engine = engines[0] as Engine;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const startWith = (t: Test, secretKeysInDocs: boolean) =>
  start(t, engine, {
    build: {
      config: { publicUrl: 'http://undersigned.test', trustProxy: [], limits: null, secretKeysInDocs },
    },
  });

t.test('/docs holds all that it needs, and a strict policy keeps it so', async (t) => {
  const api = await startWith(t, false);
  const moved = await api.app.inject('/docs');
  t.match([moved.statusCode, moved.headers.location], [308, 'docs/']);
  const page = await api.app.inject('/docs/');
  t.equal(page.statusCode, 200);
  t.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self';/);
  t.notMatch(page.headers['content-security-policy'], /https?:|script-src[^;]*unsafe/);
  t.notMatch(page.body, /(?:src|href)="(?:https?:)?\/\//);
  const script = await api.app.inject({ url: '/docs/scalar.js', headers: { 'accept-encoding': 'gzip' } });
  t.match([script.statusCode, script.headers['content-encoding']], [200, 'gzip']);
  const again = { url: '/docs/scalar.js', headers: { 'if-none-match': String(script.headers.etag) } };
  t.equal((await api.app.inject(again)).statusCode, 304);
  const { info, servers, ...rest } = (await api.app.inject('/docs/openapi.json')).json();
  t.same(servers, [{ url: '/' }], 'requests stay where the page came from');
  t.match(info.description, 'Secret keys are refused here');
  t.match((await api.call('GET', '/openapi.json')).body, rest);
  t.equal((await api.app.inject({ method: 'POST', url: '/docs/' })).statusCode, 405);
});

t.test('a secret key from a page: only where it is allowed, and only from this server’s own', async (t) => {
  const OWN = {
    origin: 'http://undersigned.test',
    host: 'undersigned.test',
    'sec-fetch-site': 'same-origin',
  };
  const FOREIGN: Record<string, string>[] = [
    { ...OWN, origin: 'https://partner.example', 'sec-fetch-site': 'cross-site' },
    { ...OWN, origin: 'https://partner.example' },
    { ...OWN, 'sec-fetch-site': 'same-site' },
    { origin: 'http://undersigned.test:8080' },
    { origin: 'http://undersigned.test.evil.example' },
    { origin: 'null' },
  ];
  const OWN_ONES: Record<string, string>[] = [
    OWN,
    { origin: 'http://undersigned.test' },
    { ...OWN, origin: 'http://localhost:3000', host: 'localhost:3000' },
  ];
  for (const allowed of [true, false]) {
    const api = await startWith(t, allowed);
    const { secret } = await api.organization('River Meadows');
    const create = (headers: Record<string, string>) =>
      api.call('POST', '/v1/petitions', { key: secret, headers, body: {} });
    for (const headers of FOREIGN) {
      const { body } = await create(headers);
      t.match(body, { code: 'secret_key_in_browser', detail: /revoke it/ }, JSON.stringify(headers));
    }
    for (const headers of OWN_ONES) {
      const { body } = await create(headers);
      t.match(
        body,
        allowed
          ? { code: 'invalid_body' }
          : { code: 'secret_key_in_browser', detail: /DOCS_SECRET_KEYS=true/ },
        JSON.stringify(headers),
      );
    }
    // A browser names no origin when it reads from its own.
    const read = await api.call('GET', '/v1/signatures?petition=none', {
      key: secret,
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    t.equal(read.body.code, allowed ? 'petition_not_found' : 'secret_key_in_browser');
    const note = (await api.app.inject('/docs/openapi.json')).json().info.description;
    t.match(note, allowed ? 'Secret keys work here' : 'Secret keys are refused here');
  }
});

t.test('production allows none, unless it is told to', async (t) => {
  const allows = (env: NodeJS.ProcessEnv) => loadConfig(env, false).secretKeysInDocs;
  t.equal(allows({}), true);
  t.equal(allows({ NODE_ENV: 'development' }), true);
  t.equal(allows({ NODE_ENV: 'production' }), false);
  t.equal(allows({ NODE_ENV: 'production', DOCS_SECRET_KEYS: 'true' }), true);
  t.equal(allows({ DOCS_SECRET_KEYS: 'false' }), false);
  t.throws(() => allows({ DOCS_SECRET_KEYS: 'yes' }), /DOCS_SECRET_KEYS/);
});

t.test('a browser reads and tries it without the internet', { skip: missingBrowser(t) }, async (t) => {
  const api = await startWith(t, true);
  const url = await api.app.listen({ port: 0, host: '127.0.0.1' });
  const { secret } = await api.organization('River Meadows');
  await publish(api, secret, { slug: 'save-the-old-mill-meadows' });
  const browser = await launch(t);

  for (const [width, colorScheme] of [
    [1280, 'light'],
    [375, 'dark'],
  ] as const) {
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme,
      bypassCSP: false,
    });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const outside: string[] = [];
    const refused: string[] = [];
    page.on('request', (request) => {
      if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(url)) {
        outside.push(request.url());
      }
    });
    page.on('console', (message) => {
      if (message.type() === 'error') refused.push(message.text());
    });

    await page.goto(`${url}/docs/`);
    await page.getByRole('heading', { name: 'Undersigned' }).waitFor();
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), width, 'nothing sticks out');

    await persistently(page, () => choose(page, secret));
    const read = await persistently(page, () => tryIt(page, 'Read a petition'));
    t.match([read.status, read.sent['if-none-match']], [200, undefined], 'what is optional is empty');
    t.match(read.sent['authorization'], /^Bearer sk_/);
    const created = await persistently(page, () => tryIt(page, 'Create a petition'));
    t.equal(created.status, 201, 'a secret key works');

    t.same(outside, [], 'nobody else is asked for anything');
    t.same(refused, [], 'the policy refuses nothing');
    await page.evaluate(axe);
    const contrast = `axe.run(document, { runOnly: ['color-contrast'] }).then(({ violations }) => violations.flatMap(({ nodes }) => nodes.map(({ html }) => html)))`;
    t.same(await page.evaluate(contrast), [], `contrast, ${colorScheme}`);
    await context.close();
  }
});

/**
 * Scalar draws its sections as they come into view, and a click may land on one that has just moved: people click again.
 */
async function persistently<T>(page: Page, act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === 5) throw error;
      await page.keyboard.press('Escape');
    }
  }
}

async function choose(page: Page, secret: string): Promise<void> {
  await page
    .getByRole('button', { name: /Auth Type/ })
    .first()
    .click();
  await page
    .getByRole('option', { name: /secretKey/ })
    .first()
    .click();
  await page.keyboard.press('Escape');
  await page.getByPlaceholder('Token').first().fill(secret);
}

/** Presses the button of an operation, sends what it proposes, and tells what came of it. */
async function tryIt(page: Page, summary: string) {
  const heading = page.getByRole('heading', { name: summary, exact: true });
  await heading.scrollIntoViewIfNeeded();
  await page
    .locator('section')
    .filter({ has: heading })
    .last()
    .getByRole('button', { name: /Test Request/ })
    .click();
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().includes('/v1/petitions')),
    page.getByRole('button', { name: /^Send/ }).last().click(),
  ]);
  const sent = await answer.request().allHeaders();
  await page.keyboard.press('Escape');
  return { status: answer.status(), sent };
}
