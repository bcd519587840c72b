import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import {
  accessible,
  embed,
  faultsOf,
  fillIn,
  focused,
  press,
  seeHeading,
  shoot,
  startWorld,
  strict,
  visitWith,
} from '../support/embed-world.js';
import { engines, type Engine } from '../support/helper.js';
import { freePort } from '../../scripts/free-port.js';
import { collectLetter, collectMail, tokenOf } from '../support/mailbox.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

const TEXT = /You have come here from a mail/;
const TAP = 'Sign as the person this mail was sent to';
const FORM = 'Fill in the form instead';
const DONE = /If the mail was sent to you, look into the same mailbox/;

t.test('signing with one tap, where the page was opened from a mail', { skip }, async (t) => {
  const port = await freePort();
  const config = { publicUrl: `http://127.0.0.1:${port}`, trustProxy: [], limits: null };
  const world = await startWorld(t, sqlite, { build: { config } }, port);
  const { api, url, site, key, lead, visit, signatures, petition, context } = world;
  const text = await api.call('GET', '/v1/consent-texts', { key: lead.secret });
  const rows = [{ email: 'ada@example.org' }, { email: 'bo@example.org' }];
  await api.call('POST', '/v1/subscriptions/import', {
    key: lead.secret,
    body: { consent_text_id: text.body.data[0].id, evidence: { source: 'stall' }, rows },
  });
  await petition('before');
  const vouched = { email: 'ada@example.org', name: 'Ada Okonkwo', country: 'NL', vouched: true };
  await api.call('POST', '/v1/petitions/before/signatures', { key: lead.secret, body: vouched });
  const mailing = await api.call('POST', '/v1/mailings', {
    key: lead.secret,
    body: { name: 'First', petition: 'meadows', source: 'm-1' },
  });
  const links = await api.call('GET', `/v1/mailings/${mailing.body.id}/links`, { key: lead.secret });
  const token: string = links.body.data[0].recognise_token;
  await collectMail(api);
  const path = site.page(embed(url, `slug="meadows" key="${key}"`), { csp: strict(url) });

  await t.test('the element: one tap, and nothing about the person', async (t) => {
    const page = await visit(`${path}?r=${token}&source=m-1`);
    const article = page.locator('undersigned-petition article');
    await article.getByText(TEXT).waitFor();
    t.notOk(await page.getByLabel('Full name', { exact: true }).isVisible(), 'the form is folded');
    t.same(await signatures('meadows'), [], 'opening changes nothing');
    await shoot(page, 'one-tap');
    await accessible(t, page, 'one-tap');
    await page.getByRole('button', { name: TAP }).dblclick();
    await seeHeading(page, 'One more step');
    t.match(await article.innerText(), DONE);
    t.notMatch(await article.innerText(), /ada|okonkwo|@|Code/i);
    await shoot(page, 'one-tap-done');
    await accessible(t, page, 'one-tap-done');
    t.same(await signatures('meadows'), [], 'with the key of a partner, not before the mailbox has answered');
    const letter = await collectLetter(api, 'ada@example.org');
    t.equal(letter.template, 'confirm_signature');
    const body = { token: tokenOf(letter) };
    t.equal((await api.call('POST', '/v1/confirmations', { body })).status, 200);
    const found = await signatures('meadows');
    t.equal(found.length, 1);
    t.match(found[0], {
      email: 'ada@example.org',
      status: 'confirmed',
      source: 'm-1',
      mailing_id: mailing.body.id,
    });
    await press(page, FORM);
    t.equal(await focused(page), 'email', 'the form is one click away');
    await fillIn(page, 'forwarded@example.org');
    await press(page, 'Sign now');
    await page.getByText('forwarded@example.org').waitFor();
    t.equal((await signatures('meadows')).length, 2);
    t.same(faultsOf(page), []);
    await collectMail(api);
  });

  await t.test('the form at once: Enter in a field sends it, and not the tap', async (t) => {
    const page = await visit(`${path}?r=${token}`);
    await page.getByText(FORM).click();
    await page.getByLabel('E-mail address').fill('enter@');
    await page.getByLabel('E-mail address').press('Enter');
    await page
      .getByRole('alert')
      .getByText(/Please check/)
      .waitFor();
    await shoot(page, 'one-tap-errors');
    const sent = await signatures('meadows');
    t.equal(sent.length, 2);
  });

  await t.test('no offer without a token, nor where only the form will do', async (t) => {
    await petition('why', { form: { comment: 'required' } });
    for (const where of [path, `${site.page(embed(url, `slug="why" key="${key}"`))}?r=${token}`]) {
      const page = await visit(where);
      await page.getByLabel('Full name', { exact: true }).waitFor();
      t.notOk(await page.getByText(TEXT).isVisible());
    }
  });

  await t.test('narrow, dark, from right to left', async (t) => {
    for (const [name, more, colorScheme] of [
      ['one-tap-narrow', '', 'light'],
      ['one-tap-dark', '', 'dark'],
      ['one-tap-arabic', '&locale=ar', 'dark'],
    ] as const) {
      const page = await visit(`/p/meadows?r=${token}${more}`, url);
      await page.setViewportSize({ width: 375, height: 800 });
      await page.emulateMedia({ colorScheme });
      await page.locator('undersigned-petition article details > summary').last().waitFor();
      const wide = await page.evaluate(() => (globalThis as any).document.documentElement.scrollWidth);
      t.ok(wide <= 375, `${name}: ${wide} px`);
      await shoot(page, name);
      await accessible(t, page, name);
    }
  });

  await t.test('the page without scripts: a button, and what it did', async (t) => {
    const browser = context.browser();
    const plain = await browser?.newContext({
      javaScriptEnabled: false,
      viewport: { width: 375, height: 800 },
    });
    if (!plain) throw new Error('there is no browser');
    t.teardown(() => plain.close());
    const page = await visitWith(plain, `${url}/p/meadows?r=${token}&source=m-1`);
    await page.getByText(TEXT).waitFor();
    await shoot(page, 'one-tap-plain');
    await press(page, TAP);
    await seeHeading(page, 'One more step');
    await shoot(page, 'one-tap-plain-done');
    const body = new URLSearchParams({ r: links.body.data[1].recognise_token }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answers = [];
    for (const r of [token, links.body.data[1].recognise_token, 'pr_x']) {
      const answer = await api.call('POST', '/p/meadows', { body: `r=${r}`, headers });
      t.equal(answer.status, 202);
      t.match(answer.text, DONE);
      t.notMatch(answer.text, /@example|okonkwo|pr_/i);
      answers.push(answer.text);
    }
    t.equal(new Set(answers).size, 1, 'the same for every token');
    t.match(await collectMail(api), [{ to: 'bo@example.org', template: 'finish_signature' }]);
    t.equal((await api.call('POST', '/p/meadows', { body: '', headers })).status, 404);
    t.equal((await api.call('POST', '/p/nothing', { body, headers })).status, 404);
    const shown = await api.call('GET', `/p/meadows?r=${token}`);
    t.match(shown.headers['content-security-policy'], "form-action 'self'");
    t.match(shown.headers['cache-control'], 'private');
    const usual = await api.call('GET', '/p/meadows');
    t.match(usual.headers['content-security-policy'], "form-action 'none'");
    t.notMatch(usual.text, '<form');
  });
});
