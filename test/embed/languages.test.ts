import t from 'tap';
import { freePort } from '../../scripts/free-port.js';
import { missingBrowser } from '../support/browser.js';
import { accessible, embed, faultsOf, press, shoot, startWorld, strict } from '../support/embed-world.js';
import { engines, type Engine } from '../support/helper.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

const GERMAN = {
  title: 'Die Mühlenwiesen sollen Wiesen bleiben: kein Lagerhausgroßbauvorhaben in der Flussaue',
  statement: 'Wir fordern Corvane Logistics auf, das Lager anderswo zu bauen.',
  call_to_action: 'Für die Wiesen unterschreiben',
};
const ARABIC = {
  title: 'لتبقَ مروج الطاحونة القديمة مروجًا',
  statement: 'نطالب شركة كورفان ببناء مستودعها في مكان آخر وترك المروج للنهر.',
};

t.test('a petition in several languages in a browser', { skip }, async (t) => {
  const port = await freePort();
  const config = { publicUrl: `http://127.0.0.1:${port}`, trustProxy: [], limits: null };
  const world = await startWorld(t, sqlite, { build: { config } }, port);
  const { api, url, site, visit, petition, lead, context, signatures } = world;
  const fields = { confirmation: 'none', form: { country: 'off', comment: 'off' }, page_url: null };
  await petition('three', { ...fields, background: null, references: [] });
  for (const [locale, body] of Object.entries({ de: GERMAN, ar: ARABIC })) {
    const path = `/v1/petitions/three/translations/${locale}`;
    const made = await api.call('PUT', path, { key: lead.secret, body });
    t.equal(made.status, 201, made.text);
  }

  await t.test('in the language of the reader, and in another one by a button', async (t) => {
    const page = await visit(site.page(embed(url, 'slug="three"'), { csp: strict(url) }));
    const article = page.locator('undersigned-petition article');
    await article.getByRole('heading', { name: 'Keep the Old Mill Meadows' }).waitFor();
    await press(page, 'Deutsch');
    await article.getByRole('heading', { name: GERMAN.title }).waitFor();
    t.equal(await article.getAttribute('lang'), 'de');
    t.ok(await article.getByRole('button', { name: GERMAN.call_to_action }).isVisible());
    t.same(await article.locator('[part="languages"] button').allTextContents(), ['English', 'العربية']);
    t.equal(
      await page.evaluate(() => (globalThis as any).document.activeElement.tagName),
      'UNDERSIGNED-PETITION',
    );
    await accessible(t, page, 'in German');
    await page.getByLabel('Vor- und Nachname').fill('Ada Okonkwo');
    await page.getByLabel('E-Mail-Adresse').fill('ada@example.org');
    await press(page, GERMAN.call_to_action);
    await article.getByRole('heading', { name: 'Danke für Ihre Unterschrift' }).waitFor();
    t.same(
      (await signatures('three')).map((one: any) => one.signed_locale),
      ['de'],
    );
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('narrow, in German and Arabic, on a page of this server', async (t) => {
    for (const [locale, { title }] of Object.entries({ de: GERMAN, ar: ARABIC })) {
      const narrow = await context.browser()?.newContext({ viewport: { width: 375, height: 800 }, locale });
      if (!narrow) return t.fail('no browser');
      const page = await narrow.newPage();
      await page.goto(`${url}/p/three`);
      const article = page.locator('undersigned-petition article');
      await article.getByRole('heading', { name: title }).waitFor();
      t.equal(await article.getAttribute('dir'), locale === 'ar' ? 'rtl' : 'ltr');
      const wide = await page.evaluate(() => (globalThis as any).document.documentElement.scrollWidth);
      t.ok(wide <= 375, `${wide} pixels`);
      await shoot(page, `languages-${locale}`);
      await accessible(t, page, locale);
      await narrow.close();
    }
  });

  await t.test('one language: no menu', async (t) => {
    const page = await visit(site.page(embed(url, 'slug="meadows"'), { csp: strict(url) }));
    const article = page.locator('undersigned-petition article');
    await article.getByRole('heading', { name: 'Keep the Old Mill Meadows' }).waitFor();
    t.equal(await article.locator('[part="languages"]').count(), 0);
    await page.close();
  });

  await t.test('without scripts the page has links to the other languages', async (t) => {
    const plain = await context.browser()?.newContext({ javaScriptEnabled: false, locale: 'de' });
    if (!plain) return t.fail('no browser');
    const page = await plain.newPage();
    await page.goto(`${url}/p/three`);
    await page.getByText(GERMAN.statement).waitFor();
    await page.getByRole('link', { name: 'العربية' }).click();
    await page.getByText(ARABIC.statement).waitFor();
    t.equal(new URL(page.url()).search, '?locale=ar');
    await plain.close();
  });
});
