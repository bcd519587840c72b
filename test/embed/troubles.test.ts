import type { Page, Request } from 'playwright-core';
import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import {
  accessible,
  embed,
  FALLBACK,
  faultsOf,
  fillIn,
  focused,
  press,
  seeHeading,
  shoot,
  startWorld,
  strict,
} from '../support/embed-world.js';
import { engines, publish, type Engine } from '../support/helper.js';
import { collectMail } from '../support/mailbox.js';

/* The widget where something is in its way: refused pages, dead servers, robots, limits. */

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

t.test('the widget in trouble', { skip }, async (t) => {
  const { api, url, site, key, context, visit, petition, signatures, lead } = await startWorld(t, sqlite);
  const usual = site.page(embed(url, `slug="meadows" key="${key}"`), { csp: strict(url) });
  const warned = async (act: (page: Page) => Promise<void>): Promise<string> => {
    const page = await context.newPage();
    const warning = page.waitForEvent('console', (message) => message.text().includes('cannot be shown'));
    await act(page);
    const text = (await warning).text();
    t.ok(await page.getByRole('link', { name: 'Sign on our page' }).isVisible(), 'the link is there');
    t.equal(await page.getByRole('textbox').count(), 0, 'and no form');
    await page.close();
    return text;
  };

  await t.test('what cannot be signed here is a link', async (t) => {
    const other = (path: string) => (page: Page) => page.goto(site.otherOrigin + path).then(() => undefined);
    const here = (attributes: string) => (page: Page) =>
      page.goto(site.origin + site.page(embed(url, attributes))).then(() => undefined);
    t.match(await warned(other(usual)), 'origin_not_allowed', 'the key is for another page');
    t.match(await warned(here('slug="nothing"')), 'petition_not_found');
    t.match(await warned(here('slug="meadows" key="pk_wrong"')), 'invalid_key');
    t.match(await warned(here('slug="meadows" api="http://127.0.0.1:1"')), 'offline');
    await petition('gone');
    await api.call('POST', '/v1/petitions/gone/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'terms' },
    });
    t.match(await warned(here('slug="gone"')), 'petition_taken_down');
    await petition('elsewhere', { origins: ['https://*.rivermeadows.example'] });
    t.match(await warned(here('slug="elsewhere"')), 'origin_not_allowed', 'and without a key');
    const bare = await visit(site.page(embed(url, 'slug="elsewhere"', '\n')));
    await bare.getByRole('link', { name: 'Keep the Old Mill Meadows a meadow' }).waitFor();
    await shoot(bare, 'link');
    await bare.close();
  });

  await t.test('without JavaScript its children are shown', async (t) => {
    const still = await context.browser()?.newContext({ javaScriptEnabled: false });
    const page = await still?.newPage();
    await page?.goto(site.origin + usual);
    t.ok(await page?.getByRole('link', { name: 'Sign on our page' }).isVisible());
    await still?.close();
  });

  await t.test('taken down while somebody types: the link again', async (t) => {
    await petition('short-lived');
    const page = await visit(site.page(embed(url, 'slug="short-lived"')));
    await fillIn(page, 'ada@example.org');
    await api.call('POST', '/v1/petitions/short-lived/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'legal' },
    });
    await press(page, 'Sign now');
    await page.getByRole('link', { name: 'Sign on our page' }).waitFor();
    t.equal(await page.getByRole('textbox').count(), 0);
    await page.close();
  });

  await t.test('limits, and answers that get lost: nothing is, and it is signed once', async (t) => {
    const page = await visit(usual);
    await fillIn(page, 'lost@example.org');
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'Retry-After',
      'retry-after': '40',
    };
    const sent: Request[] = [];
    let lost = 1;
    await page.route('**/signatures', async (route) => {
      const request = route.request();
      if (request.method() !== 'POST') return route.continue();
      sent.push(request);
      if (sent.length === 1) {
        const body = JSON.stringify({ code: 'rate_limited', status: 429 });
        return route.fulfill({ status: 429, headers, contentType: 'application/problem+json', body });
      }
      if (lost === 0) return route.continue();
      lost -= 1;
      // It arrives, and its answer does not.
      await route.fetch();
      return route.abort();
    });
    await press(page, 'Sign now');
    await page.getByText('Please try again in 40 seconds').waitFor();
    t.match(await focused(page), /^That was too often/);
    t.equal(await page.getByLabel('E-mail address').inputValue(), 'lost@example.org');
    await shoot(page, 'limited');
    await accessible(t, page, 'limited');
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    const keys = sent.map((request) => request.headers()['idempotency-key']);
    t.equal(keys.length, 3);
    t.equal(new Set(keys).size, 1, 'under one key');
    const found = (await signatures('meadows')).filter(({ email }) => email === 'lost@example.org');
    t.equal(found.length, 1);
    await page.close();
  });

  await t.test('paused: in its language, or in the words of the operator', async (t) => {
    const page = await visit(usual);
    await fillIn(page, 'paused@example.org');
    const pause: { message?: string } = {};
    await page.route('**/signatures', (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      const headers = {
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'Retry-After',
        'retry-after': '600',
      };
      const body = JSON.stringify({ code: 'paused', status: 503, detail: 'For programs.', ...pause });
      return route.fulfill({ status: 503, headers, contentType: 'application/problem+json', body });
    });
    await press(page, 'Sign now');
    await page.getByText('Signing is paused at the moment. Please try again in 10 minutes.').waitFor();
    pause.message = 'We are under attack: come back at noon.';
    await press(page, 'Sign now');
    await page.getByText('We are under attack: come back at noon. Please try again in 10 minutes.').waitFor();
    t.equal(await page.getByText('For programs.').count(), 0);
    await page.close();
  });

  await t.test('a test says that it is one, and takes the code of its mail', async (t) => {
    const set = { key: lead.secret, headers: { 'if-match': '*' }, body: { test_email: 'tests@example.org' } };
    await api.call('PATCH', '/v1/organization', set);
    const made = { kind: 'secret', name: 'Trial', test: true };
    const { body } = await api.call('POST', '/v1/api-keys', { key: lead.secret, body: made });
    await publish(api, body.token, { slug: 'trial' });
    const page = await visit(site.page(embed(url, 'slug="trial"'), { csp: strict(url) }));
    await page.getByText('Test: nothing here counts').waitFor();
    await accessible(t, page, 'test');
    await shoot(page, 'test');
    await page.getByRole('textbox', { name: 'Full name' }).fill('Ada King');
    await page.getByLabel('E-mail address').fill('trial@example.org');
    // Quicker than any person, it would wait for an organiser.
    api.setClock(new Date(Date.now() + 60_000));
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    const letter = (await collectMail(api)).find(({ testFor }) => testFor === 'trial@example.org');
    await page.getByLabel('type the code').fill(letter?.values.code ?? '');
    await page.getByLabel('type the code').press('Enter');
    await seeHeading(page, 'Thank you');
    await page.close();
    const real = await visit(usual);
    t.equal(await real.getByText('Test: nothing here counts').count(), 0);
    await real.close();
  });

  await t.test('no connection: it says so, and keeps what was typed', async (t) => {
    const page = await visit(usual);
    await fillIn(page, 'offline@example.org');
    await page.route('**/signatures', (route) => route.abort());
    await press(page, 'Sign now');
    await page.getByText('There is no connection').waitFor();
    t.equal(await page.getByLabel('E-mail address').inputValue(), 'offline@example.org');
    await page.close();
  });

  await t.test('robots fall for the trap that people do not see', async (t) => {
    const page = await visit(usual);
    await fillIn(page, 'robot@example.org');
    const trap = page.locator('undersigned-petition [name=website]');
    t.equal(await page.getByRole('textbox', { name: 'Website' }).count(), 0, 'no assistive technology tells');
    t.match(await trap.evaluate((one: any) => [one.tabIndex, one.closest('[aria-hidden=true]') !== null]), [
      -1,
      true,
    ]);
    await trap.evaluate((one: any) => void (one.value = 'https://spam.example'));
    // Nobody fills it in within two seconds, but tests do.
    api.setClock(new Date(Date.now() + 60_000));
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    await press(page, 'Change my entries');
    await trap.evaluate((one: any) => void (one.value = ''));
    await page.getByLabel('E-mail address').fill('person@example.org');
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    api.setClock(undefined);
    const statuses = Object.fromEntries(
      (await signatures('meadows')).map(({ email, status }) => [email, status]),
    );
    t.match(statuses, { 'robot@example.org': 'quarantined', 'person@example.org': 'pending' });
    await page.close();
  });

  await t.test('a proof of work is brought without being asked twice', async (t) => {
    await petition('guarded', { challenge: 'always' });
    const page = await visit(site.page(embed(url, 'slug="guarded"'), { csp: strict(url) }));
    await fillIn(page, 'worker@example.org');
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    // The next one needs another: the first is used up.
    await press(page, 'Change my entries');
    await page.getByLabel('E-mail address').fill('other@example.org');
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    t.equal((await signatures('guarded')).length, 2);
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('under pressure that began while somebody typed', async (t) => {
    await petition('pressed', { challenge: 'off' });
    const page = await visit(site.page(embed(url, 'slug="pressed"')));
    await fillIn(page, 'late@example.org');
    const { headers } = await api.call('GET', '/v1/petitions/pressed', { key: lead.secret });
    const changed = await api.call('PATCH', '/v1/petitions/pressed', {
      key: lead.secret,
      headers: { 'if-match': String(headers['etag']) },
      body: { challenge: 'always' },
    });
    t.equal(changed.status, 200);
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    t.equal((await signatures('pressed')).length, 1);
    await page.close();
  });

  await t.test('a window that is blocked, a link that is copied', async (t) => {
    await petition('shared');
    const page = await visit(site.page(embed(url, 'slug="shared" networks="copy,X,nonsense"', FALLBACK)));
    await fillIn(page, 'sharer@example.org');
    await press(page, 'Sign now');
    await seeHeading(page, 'Bring others along');
    t.equal(await page.getByRole('button', { name: 'Share on' }).count(), 1);
    await page.evaluate(() => void ((globalThis as any).open = () => null));
    await press(page, 'Share on X');
    await page.getByRole('link', { name: /^https:\/\/x\.com\// }).waitFor();
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: site.origin });
    await press(page, 'Copy link');
    await page.getByText('Copied').waitFor();
    const copied: string = await page.evaluate(() => (globalThis as any).navigator.clipboard.readText());
    t.match(copied, /\/s\/[A-Za-z0-9]{10}$/);
    await shoot(page, 'copied');
    await accessible(t, page, 'copied');
    await page.evaluate(
      () => void ((globalThis as any).navigator.clipboard.write = () => Promise.reject(new Error('no'))),
    );
    await press(page, 'Copy link');
    t.equal(
      await page.getByLabel('Your link').inputValue(),
      copied,
      'where copying is forbidden, to take it',
    );
    await page.close();
  });
});
