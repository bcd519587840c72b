import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import { accessible, embed, faultsOf, shoot, startWorld, strict } from '../support/embed-world.js';
import { engines, type Engine } from '../support/helper.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

t.test('what is disclosed, in a browser', { skip }, async (t) => {
  const { url, site, visit, petition, context } = await startWorld(t, sqlite);
  const form = {
    postal_code: 'optional',
    postal_address: 'optional',
    discloses: ['full_name', 'postal_code', 'city'],
  };
  await petition('told', { form });
  const open = async (attributes: string) => {
    const page = await visit(site.page(embed(url, attributes), { csp: strict(url) }));
    await page.locator('undersigned-petition form').waitFor();
    return page;
  };

  await t.test('it is said beside the button, in one sentence', async (t) => {
    const page = await open('slug="told"');
    const said = page.locator('undersigned-petition [part="disclosed"]');
    t.equal(
      await said.textContent(),
      'With your signature, those this petition is addressed to (\u2068Dana Whitlock\u2069) will be given your full name (even if the public list does not show it), your postal code, and your city.',
    );
    const next = said.locator('xpath=following-sibling::*[1]');
    t.equal(await next.evaluate(({ localName }: any) => localName), 'button');
    await said.scrollIntoViewIfNeeded();
    await accessible(t, page, 'disclosed');
    await shoot(page, 'disclosed');
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('from right to left, with names that keep their direction', async (t) => {
    const page = await open('slug="told" locale="ar"');
    const said = page.locator('undersigned-petition [part="disclosed"]');
    t.match(
      await said.textContent(),
      /^سيحصل .* \(\u2068Dana Whitlock\u2069\) .* ورمزك البريدي واسم مدينتك\.$/,
    );
    t.equal(await said.evaluate((one: any) => (globalThis as any).getComputedStyle(one).direction), 'rtl');
    await shoot(page, 'disclosed-ar');
    await page.close();
  });

  await t.test('beside the button for one tap, too', async (t) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}${site.page(embed(url, 'slug="told"'))}?r=anything`);
    const tap = page.locator('undersigned-petition [part="one-tap"]');
    await tap.waitFor();
    t.match(await tap.locator('[part="disclosed"]').textContent(), /will be given your full name/);
    await shoot(page, 'disclosed-tap');
    await page.close();
  });

  await t.test('nothing is said where nothing is disclosed', async (t) => {
    const page = await open('slug="meadows"');
    t.equal(await page.locator('undersigned-petition [part="disclosed"]').count(), 0);
    await page.close();
  });
});
