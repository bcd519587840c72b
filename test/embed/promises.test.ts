import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import { accessible, embed, faultsOf, shoot, startWorld, strict } from '../support/embed-world.js';
import { freePort } from '../../scripts/free-port.js';
import { engines, type Engine } from '../support/helper.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

t.test('promises and answers in a browser', { skip }, async (t) => {
  const port = await freePort();
  const config = { publicUrl: `http://127.0.0.1:${port}`, trustProxy: [], limits: null };
  const world = await startWorld(t, sqlite, { build: { config } }, port);
  const { api, url, site, visit, petition, lead, context } = world;
  const thresholds = [
    { value: 2, promise: 'The planning committee reads it' },
    { value: 10_000, promise: 'The council replies' },
  ];
  await petition('promised', { thresholds, confirmation: 'none', form: { country: 'off' } });
  const sign = (name: string) =>
    api.call('POST', '/v1/petitions/promised/signatures', {
      key: lead.secret,
      body: { email: `${name}@example.org`, name },
    });
  const record = (body: unknown) =>
    api.call('POST', '/v1/petitions/promised/responses', { key: lead.secret, body });

  await t.test('the next promise stands beside the goal, and moves with the count', async (t) => {
    const page = await visit(site.page(embed(url, 'slug="promised"'), { csp: strict(url) }));
    const article = page.locator('undersigned-petition article');
    await article.getByText('At 2: The planning committee reads it').waitFor();
    t.equal(
      await article.getByText('Answers and hearings').count(),
      0,
      'nothing is said where there is none',
    );
    await sign('ada');
    await sign('ben');
    await article.getByText('2 reached: The planning committee reads it').waitFor();
    t.ok(await article.getByText('At 10,000: The council replies').isVisible());
    t.same(faultsOf(page), []);
    await page.close();
  });

  await record({
    who: 'Ewehaven Town Council',
    date: '2026-12-04',
    text: 'We look at **other sites** before we decide.\n\n- the rail yard\n- the old dairy',
    url: 'https://ewehaven.example/council/412',
    threshold: 2,
  });
  await record({
    kind: 'hearing',
    who: 'Planning committee of Ewe County Council',
    date: '2026-12-20',
    time: '18:30',
    time_zone: 'Europe/London',
    place: 'Town hall, room 4',
  });

  await t.test('the answers are folded, and loaded when they are opened', async (t) => {
    const page = await visit(site.page(embed(url, 'slug="promised"'), { csp: strict(url) }));
    const article = page.locator('undersigned-petition article');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const line = article.getByText('Answers and hearings: 2');
    await line.waitFor();
    t.same(
      asked.filter((one) => one.endsWith('/responses')),
      [],
    );
    await line.click();
    await article.locator('strong', { hasText: 'other sites' }).waitFor();
    const when = 'Hearing · December 20, 2026 · 18:30 (Europe/London)';
    t.ok(await article.getByText(when).isVisible());
    t.ok(await page.getByText('Town hall, room 4', { exact: true }).isVisible());
    t.ok(await article.getByText('December 4, 2026').isVisible());
    const link = article.getByRole('link', { name: 'Ewehaven Town Council' });
    t.equal(await link.getAttribute('href'), 'https://ewehaven.example/council/412');
    await shoot(page, 'promises');
    await accessible(t, page, 'promises');
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('from right to left, on a dark page, on a phone', async (t) => {
    const head = '<meta name="viewport" content="width=device-width"><style>:root{color-scheme:dark}</style>';
    for (const locale of ['ar', 'de']) {
      const page = await visit(site.page(embed(url, `slug="promised" locale="${locale}"`), { head }));
      await page.setViewportSize({ width: 375, height: 900 });
      const article = page.locator('undersigned-petition article');
      const line = article.getByText(
        locale === 'ar' ? 'الردود وجلسات الاستماع' : 'Antworten und Anhörungen: 2',
      );
      await line.click();
      await article.locator('strong', { hasText: 'other sites' }).waitFor();
      const wide = await page.evaluate(() => (globalThis as any).document.documentElement.scrollWidth);
      t.ok(wide <= 375, 'nothing sticks out');
      await shoot(page, `promises-${locale}`);
      await accessible(t, page, `promises, ${locale}`);
      await page.close();
    }
  });

  await t.test('the page of the petition, with scripts and without', async (t) => {
    const page = await context.newPage();
    await page.goto(`${url}/p/promised`);
    const article = page.locator('undersigned-petition article');
    await article.getByText('Answers and hearings: 2').click();
    await article.locator('strong', { hasText: 'other sites' }).waitFor();
    await shoot(page, 'promises-page');
    await page.close();
    const browser = context.browser();
    const bare = await browser?.newContext({
      javaScriptEnabled: false,
      viewport: { width: 375, height: 900 },
    });
    const plain = await bare?.newPage();
    if (!plain) return;
    await plain.goto(`${url}/p/promised?locale=de`);
    t.ok(await plain.getByText('2 erreicht: The planning committee').isVisible());
    t.ok(await plain.getByText('Bei 10.000: The council replies').isVisible());
    await plain.getByText('Antworten und Anhörungen: 2').click();
    t.ok(await plain.getByText('Anhörung · 20. Dezember 2026').isVisible());
    t.ok(await plain.locator('strong', { hasText: 'other sites' }).isVisible());
    await shoot(plain, 'promises-plain');
    await bare?.close();
  });
});
