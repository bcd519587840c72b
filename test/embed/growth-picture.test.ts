import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import { faultsOf, shoot, startWorld, visitWith } from '../support/embed-world.js';
import { engines, type Engine } from '../support/helper.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

t.test('the picture of growth in a browser', { skip }, async (t) => {
  const { url, site, visit, context } = await startWorld(t, sqlite);
  const address = `${url}/v1/petitions/meadows/history.svg`;

  await t.test('on its own: its policy lets its own style work, and finds nothing to refuse', async (t) => {
    const page = await visitWith(context, address);
    const shown = await page.evaluate(() =>
      [
        ['.back', 'fill'],
        ['.wide', 'display'],
        ['.narrow', 'display'],
      ].map(([selector, property]) => {
        const { document, getComputedStyle } = globalThis as any;
        return getComputedStyle(document.querySelector(selector)).getPropertyValue(property);
      }),
    );
    t.same(shown, ['rgb(255, 255, 255)', 'inline', 'none']);
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('in an <img> of another site, dark where the system is', async (t) => {
    const page = await visit(site.page(`<img src="${address}" alt="" style="width:320px">`));
    await page.emulateMedia({ colorScheme: 'dark' });
    const image = page.locator('img');
    const size = await image.evaluate(async (one: any) => {
      await one.decode();
      return [one.naturalWidth, one.naturalHeight, one.width, one.height];
    });
    t.same(size, [640, 360, 320, 180]);
    await shoot(page, 'growth-img');
    await page.close();
  });
});
