import t from 'tap';
import { missingBrowser } from '../support/browser.js';
import {
  accessible,
  embed,
  faultsOf,
  fillIn,
  focused,
  PETITION,
  press,
  seeHeading,
  shoot,
  startWorld,
  strict,
} from '../support/embed-world.js';
import { engines, type Engine } from '../support/helper.js';

const skip = missingBrowser(t);
const [sqlite, postgres] = engines as [Engine, Engine?];

t.test('the widget in a browser', { skip }, async (t) => {
  const world = await startWorld(t, sqlite);
  const { api, url, site, key, visit, petition, signatures, lead } = world;

  await t.test('a partner’s page with a strict policy: read, err, sign, share', async (t) => {
    const path = site.page(embed(url, `slug="meadows" key="${key}"`), { csp: strict(url) });
    const page = await visit(`${path}?source=our-site&utm_campaign=meadows-1&share=nonsense`);
    const article = page.locator('undersigned-petition article');
    await article.waitFor();
    await page.evaluate(() => {
      const { document } = globalThis as any;
      const heard: unknown[] = ((globalThis as any).heard = []);
      for (const what of ['undersigned:signed', 'undersigned:shared']) {
        document.addEventListener(what, ({ type, detail }: any) => heard.push([type, detail]));
      }
    });
    t.notOk(await page.getByText('Sign on our page').isVisible(), 'what stood in for it is gone');
    for (const text of [PETITION.title, PETITION.statement, 'Dana Whitlock', '0 signatures', '100']) {
      t.ok(await article.getByText(text).first().isVisible(), text);
    }
    const boxes = article.getByRole('checkbox');
    t.equal(await boxes.count(), 2, 'the lead and this partner ask');
    for (const box of await boxes.all()) t.notOk(await box.isChecked(), 'nothing is ticked beforehand');
    await shoot(page, 'form');
    await accessible(t, page, 'form');
    await article.getByText('Why it matters').click();
    t.ok(await article.locator('strong', { hasText: 'winter floods' }).isVisible(), 'the background as HTML');
    await article.locator('sup a').click();
    t.match(await focused(page), /^Flood storage/, 'a citation leads to its source');
    await shoot(page, 'background');
    await accessible(t, page, 'background');

    await page.getByLabel('E-mail address').fill('ada@');
    await press(page, 'Sign now');
    const alert = await article.getByRole('alert').innerText();
    t.match(
      alert,
      /Full name: Please fill this in\.[^]*E-mail address: Please write[^]*Country: Please fill/,
    );
    t.equal(await focused(page), 'name', 'the focus is on the first that is wrong');
    const name = page.getByLabel('Full name', { exact: true });
    t.equal(await name.getAttribute('aria-describedby'), 'name-error');
    t.equal(await page.getByLabel('E-mail address').inputValue(), 'ada@', 'nothing is lost');
    await shoot(page, 'errors');
    await accessible(t, page, 'errors');

    await fillIn(page, 'ada@example.org');
    await boxes.last().check();
    await page.getByRole('button', { name: 'Sign now' }).dblclick();
    await seeHeading(page, 'One more step');
    t.match(await article.innerText(), 'ada@example.org');
    t.equal(await focused(page), 'One more step');
    await shoot(page, 'signed');
    await accessible(t, page, 'signed');
    const [one, ...more] = await signatures('meadows');
    t.same(more, [], 'a double click signs once');
    t.match(one, { country: 'NL', display: 'anonymous', name: 'Ada Okonkwo' });
    // The mangled share code has kept nobody from signing.
    t.match(one, { source: 'our-site', utm: { campaign: 'meadows-1' } });

    const popup = page.waitForEvent('popup');
    await press(page, 'Share on WhatsApp');
    const composer = await popup;
    await composer.waitForURL(/^https:\/\/wa\.me\//);
    t.equal(await composer.evaluate(() => (globalThis as any).opener), null);
    t.match(decodeURIComponent(composer.url()), /\/s\/[A-Za-z0-9]{10}/);
    await composer.close();
    const links = await api.call('GET', '/v1/share-links?petition=meadows', { key: lead.secret });
    t.match(links.body.data, [{ network: 'whatsapp', credited: true }]);
    const heard = await page.evaluate(() => (globalThis as any).heard);
    t.match(heard, [
      ['undersigned:signed', { slug: 'meadows', next: 'confirm_email' }],
      ['undersigned:shared', { slug: 'meadows', network: 'whatsapp' }],
    ]);
    t.notMatch(JSON.stringify(heard), /ada|Okonkwo|rc_/i, 'the page is not told who it was');
    t.same(await page.context().cookies(), []);
    t.equal(await page.evaluate(() => (globalThis as any).localStorage.length), 0, 'nothing is stored');
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('with the keyboard alone, from the first Tab to sharing', async (t) => {
    await petition('keys');
    const page = await visit(site.page(embed(url, `slug="keys" key="${key}" networks="telegram"`)));
    await page.locator('undersigned-petition article').waitFor();
    const { keyboard } = page;
    const tabTo = async (what: string) => {
      for (let i = 0; i < 20; i += 1) {
        await keyboard.press('Tab');
        if ((await focused(page)).startsWith(what)) return;
      }
      t.fail(`Tab does not lead to ${what}`);
    };
    await tabTo('name');
    await keyboard.type('Grace Holt');
    await tabTo('email');
    await keyboard.type('grace@example.org');
    await tabTo('country');
    await keyboard.type('Nether');
    await tabTo('display');
    await keyboard.press('ArrowUp');
    await tabTo('txt_');
    await keyboard.press('Space');
    await tabTo('Sign now');
    await shoot(page, 'keyboard');
    await keyboard.press('Enter');
    await seeHeading(page, 'One more step');
    const [one] = await signatures('keys');
    t.match(one, { name: 'Grace Holt', country: 'NL', display: 'initials', email: 'grace@example.org' });
    await tabTo('Telegram');
    const popup = page.waitForEvent('popup');
    await keyboard.press('Enter');
    const composer = await popup;
    await composer.waitForURL(/^https:\/\/t\.me\//);
    t.pass('the composer has opened');
    await composer.close();
    await page.close();
  });

  await t.test('on a phone, in German, in the dark, with all that a form can ask', async (t) => {
    const all = Object.fromEntries(Object.keys(PETITION.form).map((name) => [name, 'optional']));
    await petition('wiesen', {
      locale: 'de',
      title: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
      form: all,
    });
    const head = '<style>:root { color-scheme: dark; font-family: Georgia }</style>';
    const page = await visit(site.page(embed(url, `slug="wiesen" key="${key}"`), { head, lang: 'de' }));
    await page.setViewportSize({ width: 390, height: 844 });
    await seeHeading(page, 'Petition unterschreiben');
    const widths = await page.evaluate(() => {
      const { document, innerWidth } = globalThis as any;
      return [document.documentElement.scrollWidth, innerWidth];
    });
    t.ok(widths[0] <= widths[1], `nothing scrolls sideways: ${widths.join(' in ')}`);
    t.ok(await page.getByRole('option', { name: 'Österreich' }).count(), 'countries have German names');
    t.equal(await page.locator('undersigned-petition article').getAttribute('lang'), 'de');
    await shoot(page, 'phone-form');
    await accessible(t, page, 'phone, German, dark');
    await page.getByLabel('Vor- und Nachname').fill('Ada');
    await page.getByLabel('E-Mail-Adresse').fill('ada@example.org');
    t.notOk(
      await page.getByLabel('Postleitzahl').isVisible(),
      'an address that nobody has to give is folded',
    );
    await page.getByText('Meine Postanschrift angeben').click();
    await page.getByRole('textbox', { name: 'Ort (freiwillig)', exact: true }).fill('Ewehaven');
    await page.getByLabel('Postleitzahl').fill('??');
    await press(page, 'Jetzt unterschreiben');
    await page.getByText('Straße und Hausnummer: Bitte füllen Sie dieses Feld aus.').waitFor();
    t.equal(await focused(page), 'street', 'what the server refuses is shown at its field');
    await shoot(page, 'phone-errors');
    await accessible(t, page, 'errors of the server');
    await page.getByLabel('Straße und Hausnummer').fill('Mühltor 4');
    await page.getByLabel('Postleitzahl').fill('10115');
    await press(page, 'Jetzt unterschreiben');
    await seeHeading(page, 'Noch ein Schritt');
    t.match((await signatures('wiesen'))[0].postal_address, { lines: ['Mühltor 4'], city: 'Ewehaven' });
    await shoot(page, 'phone-signed');
    await accessible(t, page, 'signed, dark');
    await press(page, 'Angaben ändern');
    t.equal(
      await page.getByRole('textbox', { name: 'Ort (freiwillig)', exact: true }).inputValue(),
      'Ewehaven',
    );
    await page.close();
  });

  await t.test('the fields of a petition’s own: choose, tick, err, in the reader’s language', async (t) => {
    const choice = (name: string, labels: string[], more = {}) => ({
      name,
      label: name,
      kind: 'choice',
      choices: labels.map((label) => ({ value: label.toLowerCase(), label })),
      ...more,
    });
    await petition('own', {
      form: { country: 'off' },
      form_fields: [
        { name: 'school', label: 'School', labels: { de: 'Schule' }, kind: 'text', max_length: 10 },
        choice('size', ['S', 'M', 'L'], { labels: { de: 'Größe' } }),
        choice('day', ['Monday', 'Friday'], { required: true }),
        choice('role', ['Pupil', 'Student', 'Teacher', 'Parent', 'Other'], { required: true }),
        { name: 'over_16', label: 'I am over 16.', kind: 'checkbox', required: true },
        { name: 'comes', label: 'I come to the march', kind: 'checkbox' },
      ],
    });
    const page = await visit(
      site.page(embed(url, `slug="own" key="${key}" locale="de-AT"`), { csp: strict(url) }),
    );
    const article = page.locator('undersigned-petition article');
    await page.getByLabel('Vor- und Nachname').fill('Ada');
    await page.getByLabel('E-Mail-Adresse').fill('ada@example.org');
    await page.getByLabel('Schule (freiwillig)').fill('Hill');
    const size = page.getByRole('radiogroup', { name: 'Größe' });
    t.ok(await size.getByLabel('Keine Angabe').isChecked(), 'a choice that is optional can be taken back');
    const day = page.getByRole('radiogroup', { name: 'day' });
    t.equal(await day.getByRole('radio').count(), 2);
    t.equal(await day.getByRole('radio', { checked: true }).count(), 0, 'nothing is chosen beforehand');
    t.equal(await page.getByText('day', { exact: true }).getAttribute('lang'), 'en', 'spoken as English');
    t.notOk(await page.getByText('Größe', { exact: true }).getAttribute('lang'));
    await shoot(page, 'own-fields');
    await accessible(t, page, 'own fields');

    await press(page, 'Jetzt unterschreiben');
    const alert = await article.getByRole('alert').innerText();
    t.match(
      alert,
      /day: Bitte füllen[^]*role: Bitte füllen[^]*I am over 16\. Bitte setzen Sie dieses Häkchen/,
    );
    t.equal(await focused(page), 'answers.day');
    t.equal(await day.getAttribute('aria-invalid'), 'true');
    t.equal(await day.getAttribute('aria-describedby'), 'answers.day-error');
    await shoot(page, 'own-fields-errors');
    await accessible(t, page, 'own fields, errors');
    await page.keyboard.press('Space');
    t.ok(await day.getByLabel('Monday').isChecked());
    t.equal(await day.getAttribute('aria-invalid'), null, 'the error goes with the first choice');
    await page.getByLabel('role').selectOption('teacher');
    await page.getByLabel('I am over 16.').check();
    await press(page, 'Jetzt unterschreiben');
    await seeHeading(page, 'Noch ein Schritt');
    t.same((await signatures('own'))[0].answers, {
      school: 'Hill',
      day: 'monday',
      role: 'teacher',
      over_16: true,
      comes: false,
    });
    t.same(faultsOf(page), []);
    await page.close();
  });

  await t.test('a petition that is closed tells how it ended', async (t) => {
    await petition('won');
    await api.call('POST', '/v1/petitions/won/transitions', {
      key: lead.secret,
      body: { to: 'closed', outcome: 'victory', response: 'The depot will be built on the old rail yard.' },
    });
    const page = await visit(site.page(embed(url, 'slug="won"')));
    await seeHeading(page, 'Won!');
    t.ok(await page.getByText('The depot will be built on the old rail yard.').isVisible());
    t.equal(await page.getByRole('button').count(), 0);
    await shoot(page, 'closed');
    await accessible(t, page, 'closed');
    await page.close();
  });

  await t.test('several on a page, themed, with a live count', async (t) => {
    await petition('first', { form: { country: 'off' } });
    await petition('second');
    const head = `<style>undersigned-petition { --undersigned-accent: #7a1f5c; --undersigned-radius: 0; margin-top: 1em }
      undersigned-petition::part(title) { text-transform: uppercase }</style>`;
    const two = embed(url, 'slug="first"') + embed(url, 'slug="second" locale="de"');
    const page = await visit(site.page(two, { head }));
    const [first, second] = ['first', 'second'].map((slug) => page.locator(`[slug=${slug}]`));
    if (!first || !second) return;
    await second.getByRole('heading', { name: 'Petition unterschreiben' }).waitFor();
    const sign = first.getByRole('button', { name: 'Sign now' });
    t.equal(
      await sign.evaluate((one) => (globalThis as any).getComputedStyle(one).backgroundColor),
      'rgb(122, 31, 92)',
    );
    await shoot(page, 'themed');
    await api.call('POST', '/v1/petitions/first/signatures', {
      key: lead.secret,
      body: { email: 'far@example.org', name: 'Far Away', vouched: true },
    });
    await first.getByText('1 signature', { exact: true }).waitFor();
    t.notOk(await first.getByText('including').isVisible(), 'nothing is said where nothing else counts');
    for (const [path, body] of [
      ['paper-signatures', { signatures: [{ name: 'Ada' }, { name: 'Bo' }] }],
      ['offsets', { count: 1300, source: 'Town hall' }],
    ] as const) {
      for (const slug of ['first', 'second']) {
        await api.call('POST', `/v1/petitions/${slug}/${path}`, { key: lead.secret, body });
      }
    }
    await first.getByText('1,303 signatures', { exact: true }).waitFor();
    await first.getByText('including 2 on paper and 1,300 from elsewhere', { exact: true }).waitFor();
    await second.getByText('davon 2 auf Papier und 1.300 anderswo gesammelt', { exact: true }).waitFor();
    await first.getByLabel('Full name', { exact: true }).fill('Ada');
    await first.getByLabel('E-mail address').fill('ada@example.org');
    await sign.click();
    await first.getByRole('heading', { name: 'One more step' }).waitFor();
    t.ok(await second.getByRole('button', { name: 'Jetzt unterschreiben' }).isVisible());
    await accessible(t, page, 'two on a page');
    t.same(faultsOf(page), []);
    await page.close();
  });
});

t.test('the widget, on PostgreSQL', { skip: skip || !postgres }, async (t) => {
  if (!postgres) return;
  const { url, site, key, visit, signatures } = await startWorld(t, postgres);
  const page = await visit(site.page(embed(url, `slug="meadows" key="${key}"`), { csp: strict(url) }));
  await page.locator('undersigned-petition article').waitFor();
  await fillIn(page, 'ada@example.org');
  await press(page, 'Sign now');
  await seeHeading(page, 'One more step');
  t.match(await signatures('meadows'), [{ name: 'Ada Okonkwo', country: 'NL' }]);
});
