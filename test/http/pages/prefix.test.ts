import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { launch, missingBrowser } from '../../support/browser.js';
import { accessible, embed, fillIn, press, seeHeading, shoot } from '../../support/embed-world.js';
import { onEveryEngine, publish, start } from '../../support/helper.js';
import { collectLetter } from '../../support/mailbox.js';
import { partnerSite } from '../../support/partner-site.js';
import { strippingProxy } from '../../support/stripping-proxy.js';

/* PUBLIC_URL with a path, behind a proxy that strips it, in a browser. SCREENSHOTS names a folder for pictures. */

const INSTALLATION = {
  name: 'River League',
  imprint: 'River League e.V.\nMillgate 4, Ewehaven',
  url: '',
  logo: '',
};

/** At most 375 pixels wide, in light and dark, without faults for people with disabilities. */
async function inspect(t: Test, page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await accessible(t, page, `${name} ${colorScheme}`);
    await shoot(page, `page-${name}-${colorScheme}`);
  }
  const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
  t.equal(wide, false, `${name} fits`);
  t.same(await page.evaluate('document.cookie'), '', 'there are no cookies whose path could be wrong');
}

onEveryEngine('below a path that the proxy strips', async (t, engine) => {
  if (missingBrowser(t)) return;
  const proxy = await strippingProxy(t, '/campaigns/here');
  const config = { publicUrl: proxy.url, trustProxy: [], limits: null, installation: INSTALLATION };
  const api = await start(t, engine, { build: { config } });
  proxy.to(await api.app.listen({ port: 0, host: '127.0.0.1' }));
  const site = await partnerSite(t);
  const path = site.page(embed(proxy.url, 'slug="meadows"'));
  const lead = await api.organization('River Meadows Alliance');
  await publish(api, lead.secret, {
    slug: 'meadows',
    page_url: site.origin + path,
    form: { country: 'required' },
  });
  const context = await (
    await launch(t)
  ).newContext({
    viewport: { width: 375, height: 700 },
    // Share links send headless browsers what they send previewers.
    userAgent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  });
  context.setDefaultTimeout(20_000);
  await context.route(/^https:/, (route) => route.fulfill({ body: 'a composer' }));
  const page = await context.newPage();

  await t.test('sign, open the link, press the button', async (t) => {
    await page.goto(site.origin + path);
    await fillIn(page, 'ada@example.org');
    // Faster than people are looks like a machine.
    api.setClock(new Date(Date.now() + 10_000));
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    const { values } = await collectLetter(api, 'ada@example.org');
    t.ok(values.link?.startsWith(`${proxy.url}/confirm?token=pc_`));
    await page.goto(`${values.link}.`);
    await inspect(t, page, 'confirm');
    await press(page, 'Confirm my signature');
    await seeHeading(page, 'Thank you');
    t.equal(page.url(), `${proxy.url}/confirm`);
    await inspect(t, page, 'thanks');
    t.match(await api.call('GET', '/v1/petitions/meadows/counts'), { body: { confirmed: 1 } });
    const [composer] = await Promise.all([context.waitForEvent('page'), press(page, 'WhatsApp')]);
    await composer.waitForURL(/^https:\/\/wa\.me\//);
    const [shared] = /http[^ ]*\/s\/\w+/.exec(new URL(composer.url()).searchParams.get('text') ?? '') ?? [];
    t.ok(shared?.startsWith(`${proxy.url}/s/`));
    await composer.goto(shared ?? '');
    t.ok(composer.url().startsWith(site.origin + path), 'the share link leads to the petition');
    await page.goto(values.link ?? '');
    await seeHeading(page, 'You have confirmed already');
  });

  await t.test('my data, from a link that does not work', async (t) => {
    await page.goto(`${proxy.url}/confirm?token=pc_dead`);
    await inspect(t, page, 'dead-link');
    await page.getByRole('link', { name: 'My data' }).click();
    await page.getByLabel('E-mail address').fill('ada@example.org');
    await press(page, 'Send me the link');
    const { values } = await collectLetter(api, 'ada@example.org');
    await page.goto(values.link ?? '');
    await press(page, 'Open');
    await seeHeading(page, 'My signatures');
    await inspect(t, page, 'my-data');
    await page.getByLabel('Country').selectOption({ label: 'Netherlands' });
    await page.getByRole('heading', { name: 'My details' }).waitFor();
    await page
      .locator('form', { has: page.getByLabel('Country') })
      .getByRole('button')
      .click();
    await page.getByText('Your details are saved').waitFor();
    t.equal(await page.getByLabel('Country').inputValue(), 'NL');
    await press(page, 'Erase everything');
    await inspect(t, page, 'erase');
    await press(page, 'Cancel');
    await press(page, 'Leave');
    await seeHeading(page, 'You have left');
  });

  await t.test('the front page, the reference, an unknown path', async (t) => {
    await page.goto(`${proxy.url}/no/such/page`);
    await inspect(t, page, 'not-found');
    await page.getByRole('link', { name: 'To the start page' }).click();
    await seeHeading(page, 'River League');
    t.equal(page.url(), `${proxy.url}/`);
    await inspect(t, page, 'home');
    await page.getByRole('link', { name: 'API reference' }).click();
    await page.waitForURL(`${proxy.url}/docs/`);
    await page.goto(`${proxy.url}/v1/unsubscribe/pu_dead`);
    await page.getByLabel('E-mail address').fill('ada@example.org');
    await press(page, 'Send me the links');
    await page.getByText('a message with the links is on its way').waitFor();
  });

  await t.test('answers that name URLs of this server', async (t) => {
    const preview = { 'user-agent': 'Twitterbot/1.0' };
    const link = await api.call('POST', '/v1/petitions/meadows/share-links', { body: { network: 'x' } });
    const { pathname } = new URL(link.body.url);
    const card = await fetch(link.body.url, { headers: preview });
    const oembed = await api.call('GET', `/v1/oembed?url=${encodeURIComponent(link.body.url)}`);
    const petition = await api.call('GET', '/v1/petitions/meadows');
    const texts = [
      await card.text(),
      oembed.text,
      petition.text,
      String(petition.headers['link']),
      link.text,
    ];
    t.match(pathname, /^\/campaigns\/here\/s\//);
    for (const text of texts) {
      const own = [...text.matchAll(/https?:\/\/127\.0\.0\.1:\d+[^"\s&<>\\)]*/g)].map(([url]) => url);
      const lost = own.filter(
        (url) => new URL(url).origin === new URL(proxy.url).origin && !url.startsWith(proxy.url),
      );
      t.same(lost, []);
    }
    t.match(texts[0], `<meta property="og:url" content="${link.body.url}" />`);
  });

  await t.test('right to left', async (t) => {
    await page.setExtraHTTPHeaders({ 'accept-language': 'ar' });
    await page.goto(`${proxy.url}/confirm?token=pc_dead`);
    t.equal(await page.evaluate('getComputedStyle(document.body).direction'), 'rtl');
    const align = `getComputedStyle(document.querySelector('input[type=email]')).textAlign`;
    t.equal(await page.evaluate(align), 'end', 'an address runs from left to right, and stands at the right');
    await inspect(t, page, 'rtl');
  });

  // Browsers ask for the icon of the origin by themselves.
  t.same(
    proxy.strays.filter((stray) => stray !== 'GET /favicon.ico'),
    [],
    'nothing has lost the path',
  );
});
