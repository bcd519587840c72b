import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { packageRoot } from '../../../src/package.js';
import { launch, missingBrowser } from '../../support/browser.js';
import { accessible, faultsOf, press, seeHeading, shoot, startWorld } from '../../support/embed-world.js';
import { engines, onEveryEngine, PETITION, publish, start, type Engine } from '../../support/helper.js';
import { until } from '../../support/until.js';

const PUBLIC = 'http://undersigned.test';

onEveryEngine('the page of a petition', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River <b>Meadows</b>');
  const bare = await publish(api, lead.secret, { slug: 'bare', targets: [{ name: 'Dana Whitlock' }] });
  await publish(api, lead.secret, {
    slug: 'paged',
    page_url: 'https://rivermeadows.example/meadows',
    origins: ['https://*.rivermeadows.example'],
    image: { url: 'https://pictures.example/mill.jpg', alt: 'The mill' },
  });
  const page = (path: string) => api.app.inject({ url: path });

  await t.test('200: to read without scripts, with a policy for the element', async (t) => {
    const { statusCode, headers, body } = await page('/p/bare?fbclid=x&source=poster');
    t.equal(statusCode, 200);
    t.match(headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': /^public/ });
    for (const text of [PETITION.title, PETITION.statement, 'Dana Whitlock', '0 signatures']) {
      t.match(body, text);
    }
    t.notMatch(body, 'including');
    t.match(body, 'River &lt;b&gt;Meadows');
    t.match(body, `<link rel="canonical" href="${PUBLIC}/p/bare"`);
    t.match(body, /<meta property="og:image" content="[^"]+\/v1\/petitions\/pet_[a-z0-9]+\/og\.png"/);
    t.match(body, '<undersigned-petition slug="bare"');
    const policy = String(headers['content-security-policy']);
    t.match(policy, `script-src ${PUBLIC}/embed/v1.js;`);
    t.match(policy, /default-src 'none';.*img-src 'none';.*frame-ancestors \*$/);
    t.notMatch(policy, 'unsafe');
    t.notOk(headers['x-frame-options'], 'older browsers would refuse the frame');
    t.equal(headers['referrer-policy'], 'same-origin');
  });

  await t.test('200: says what was not signed here', async (t) => {
    await publish(api, lead.secret, { slug: 'papered' });
    const body = { signatures: [{ name: 'Ada' }] };
    await api.call('POST', '/v1/petitions/papered/paper-signatures', { key: lead.secret, body });
    t.match((await page('/p/papered')).body, /1 signature<\/strong>.*including 1 on paper</s);
  });

  await t.test(
    '200: framed by the origins of the petition alone, canonical where it has its own page',
    async (t) => {
      const { headers, body } = await page('/p/paged?locale=de');
      t.match(
        headers['content-security-policy'],
        /frame-ancestors 'self' https:\/\/\*\.rivermeadows\.example$/,
      );
      t.match(headers['content-security-policy'], 'img-src https://pictures.example;');
      t.match(body, '<link rel="canonical" href="https://rivermeadows.example/meadows"');
      t.match(body, /<html lang="de".*locale="de"/s);
    },
  );

  await t.test('308, 404 and 410: pages too, and no frame', async (t) => {
    const { headers } = await api.call('GET', '/v1/petitions/bare', { key: lead.secret });
    const said = { 'if-match': String(headers['etag']) };
    await api.call('PATCH', '/v1/petitions/bare', {
      key: lead.secret,
      headers: said,
      body: { slug: 'new-name' },
    });
    const moved = await page('/p/bare?source=poster');
    t.match(moved, { statusCode: 308, headers: { location: `${PUBLIC}/p/new-name?source=poster` } });
    const unknown = await page('/p/nothing');
    t.equal(unknown.statusCode, 404);
    t.match(unknown.body, 'There is no such petition');
    t.match(unknown.headers['content-security-policy'], "frame-ancestors 'none'");
    const body = { to: 'taken_down', reason: 'legal' };
    await api.call('POST', '/v1/petitions/paged/transitions', { key: lead.secret, body });
    t.equal((await page('/p/paged')).statusCode, 410);
    const draft = { key: lead.secret, body: { ...PETITION, slug: 'draft' } };
    await api.call('POST', '/v1/petitions', draft);
    t.equal((await page('/p/draft')).statusCode, 404);
  });

  await t.test('a petition without a page of its own: share links and oEmbed lead here', async (t) => {
    const made = await api.call('POST', `/v1/petitions/${bare.id}/share-links`, {
      body: { network: 'copy' },
    });
    t.equal(made.status, 201);
    const { headers } = await page(new URL(made.body.url).pathname);
    t.equal(headers['location'], `${PUBLIC}/p/new-name?source=share-copy&share=${made.body.code}`);
    const query = (more: string) => `/v1/oembed?url=${encodeURIComponent(`${PUBLIC}/p/new-name`)}${more}`;
    const element = await api.call('GET', query(''));
    t.match(element.body.html, `<undersigned-petition slug="new-name"><a href="${PUBLIC}/p/new-name">`);
    const { body } = await api.call('GET', query('&iframe=true&maxwidth=400&maxheight=500'));
    t.match(body, { type: 'rich', width: 400, height: 500 });
    t.match(
      body.html,
      /^<iframe src="http:\/\/undersigned\.test\/p\/new-name" title="[^"]+" width="400" height="500"/,
    );
    t.notMatch(body.html, '<script');
    const { body: html } = await page('/p/new-name');
    const found =
      /type="application\/json\+oembed"\s+href="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const discovered = await api.call('GET', found.replace(PUBLIC, ''));
    t.match(discovered.body.html, '<iframe', 'what WordPress finds is what WordPress can show');
  });
});

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

/** A free port: the server has to know its own address before it listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

t.test('the page in a browser', { skip }, async (t) => {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const config = { publicUrl, trustProxy: [], limits: null };
  const world = await startWorld(t, sqlite, { build: { config } }, port);
  const { site, petition, visit, signatures } = world;
  const fields = { page_url: null, form: { country: 'off' } };
  await petition('plain', fields);

  await t.test('signed there, though only some pages may show it', async (t) => {
    await petition('kept', { ...fields, origins: [site.origin] });
    for (const scheme of ['light', 'dark'] as const) {
      const page = await visit('/p/kept?source=poster', publicUrl);
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width: 375, height: 800 });
      await seeHeading(page, 'Sign the petition');
      await shoot(page, `page-${scheme}`);
      await accessible(t, page, `page, ${scheme}`);
      await page.getByLabel('Full name', { exact: true }).fill('Ada');
      await page.getByLabel('E-mail address').fill(`${scheme}@example.org`);
      await press(page, 'Sign now');
      await seeHeading(page, 'One more step');
      t.same(faultsOf(page), []);
      await page.close();
    }
    t.match(await signatures('kept'), [{ source: 'poster' }, { source: 'poster' }]);
  });

  await t.test('without scripts', async (t) => {
    const browser = await launch(t);
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(`${publicUrl}/p/plain`);
    for (const text of ['0 signatures', 'your browser has to run JavaScript', 'Dana Whitlock']) {
      await page.getByText(text).waitFor();
    }
    await shoot(page, 'page-without-scripts');
  });

  await t.test('in a frame: of a listed page, of none else, and sandboxed as in WordPress', async (t) => {
    const frame = (slug: string, more = '') =>
      `<iframe src="${publicUrl}/p/${slug}" title="petition" width="600" height="800" ${more}></iframe>`;
    const listed = await visit(site.page(frame('kept')));
    await listed.frameLocator('iframe').getByRole('button', { name: 'Sign now' }).waitFor();
    await shoot(listed, 'page-framed');
    await listed.close();
    const snippet = /<script>\n(  addEventListener[^]*?)<\/script>/.exec(
      readFileSync(new URL('docs/embedding.md', packageRoot), 'utf8'),
    )?.[1];
    const grown = await visit(site.page(`${frame('kept')}<script>${snippet}</script>`));
    await grown.setViewportSize({ width: 375, height: 800 });
    const inside = grown.frameLocator('iframe');
    await inside.getByRole('button', { name: 'Sign now' }).waitFor();
    const heights = async () => [
      await grown.locator('iframe').evaluate((one: any) => one.clientHeight),
      await inside.locator('body').evaluate((one: any) => one.offsetHeight),
    ];
    const fits = async (what: string) => {
      const fitting = async () => {
        const [frame, body] = await heights();
        return frame === body && frame;
      };
      return until(fitting, what);
    };
    const before = await fits('the frame is as high as its page');
    t.not(before, 800);
    await inside.getByText('Why it matters').click();
    t.ok((await fits('it grows')) > before);
    await inside.getByText('Why it matters').click();
    t.equal(await fits('it shrinks'), before);
    await shoot(grown, 'page-framed-grown');
    await grown.close();
    const other = await visit(site.page(frame('kept')), site.otherOrigin);
    await other.waitForLoadState('networkidle');
    t.equal(await other.frameLocator('iframe').getByRole('button', { name: 'Sign now' }).count(), 0);
    await other.close();
    const sandboxed = await visit(site.page(frame('plain', 'sandbox="allow-scripts" security="restricted"')));
    const inner = sandboxed.frameLocator('iframe');
    await inner.getByLabel('Full name', { exact: true }).fill('Ada');
    await inner.getByLabel('E-mail address').fill('framed@example.org');
    await inner.getByLabel('E-mail address').press('Enter');
    await inner.getByRole('heading', { name: 'One more step' }).waitFor();
    t.match(await signatures('plain'), [{ email: 'framed@example.org' }]);
    await sandboxed.close();
  });
});
