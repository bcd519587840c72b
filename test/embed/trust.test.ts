import t from 'tap';
import { MOST_PARTNERS } from '../../schema/db/tables/partners.js';
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
  type World,
} from '../support/embed-world.js';
import { engines, makePartner, type Engine } from '../support/helper.js';
import { collectLetter, collectMail } from '../support/mailbox.js';

const skip = missingBrowser(t);
const [sqlite] = engines as [Engine];

async function change(world: World, body: object): Promise<any> {
  const { api, lead } = world;
  const { headers } = await api.call('GET', '/v1/organization', { key: lead.secret });
  const said = { 'if-match': String(headers['etag']) };
  return api.call('PATCH', '/v1/organization', { key: lead.secret, headers: said, body });
}

t.test('the element that people trust', { skip }, async (t) => {
  const world = await startWorld(t, sqlite);
  const { api, url, site, key, lead, petition, visit, signatures, context } = world;
  const picture = `${url}/v1/petitions/meadows/og.png`;
  await change(world, {
    logo_url: picture,
    color: '#7a1f5c',
    imprint: 'River Meadows Alliance e. V.\nMillgate 4, Ewehaven',
    privacy_url: 'https://rivermeadows.example/privacy',
    url: 'https://rivermeadows.example',
  });
  const image = { url: picture, alt: 'The old mill above the flooded meadows' };
  const partners = [{ name: 'Friends of the Mill', url: 'https://mill.example' }];

  await t.test('who is behind it, in their colour, on light and dark pages', async (t) => {
    await petition('shown', { image, partners, form: { country: 'off', comment: 'off' } });
    for (const scheme of ['light', 'dark']) {
      const head = `<style>:root { color-scheme: ${scheme}; font-family: system-ui }</style>`;
      const page = await visit(site.page(embed(url, 'slug="shown"'), { head }));
      await page.setViewportSize({ width: 375, height: 800 });
      await page.getByRole('link', { name: 'Privacy notice of River Meadows Alliance' }).waitFor();
      t.equal(
        await page.getByRole('link', { name: 'River Meadows Alliance', exact: true }).getAttribute('href'),
        'https://rivermeadows.example',
      );
      for (const name of ['Friends of the Mill', 'Anglers of the Ewe']) {
        t.ok(await page.getByText(name, { exact: true }).isVisible(), name);
      }
      t.ok(await page.getByText('Millgate 4, Ewehaven').isVisible(), 'the imprint');
      await page.getByAltText(image.alt).waitFor();
      const color = await page
        .getByRole('button', { name: 'Sign now' })
        .evaluate((one) => (globalThis as any).getComputedStyle(one).backgroundColor);
      if (scheme === 'light') t.equal(color, 'rgb(122, 31, 92)');
      else t.not(color, 'rgb(122, 31, 92)', 'a shade that can be read in the dark');
      await page.getByAltText(image.alt).evaluate((one: any) => one.decode());
      await shoot(page, `trust-${scheme}`);
      await accessible(t, page, scheme);
      t.same(faultsOf(page), []);
      await page.close();
    }
    const page = await visit(
      site.page(embed(url, 'slug="shown"'), {
        csp: `default-src 'none'; script-src ${url}; connect-src ${url}`,
      }),
    );
    await seeHeading(page, 'Sign the petition');
    await page.getByAltText(image.alt).waitFor({ state: 'detached' });
    t.equal(await page.locator('img').count(), 0, 'pictures that a page forbids leave no gap');
    await page.close();
  });

  await t.test('in Arabic', async (t) => {
    await petition('masha', {
      locale: 'ar',
      image,
      partners,
      title: 'احموا مروج الطاحونة القديمة',
      statement: 'ندعو الشركة إلى بناء المستودع في مكان آخر وترك المروج للنهر.',
      form: { country: 'off', phone: 'off' },
    });
    const page = await visit(site.page(embed(url, 'slug="masha"'), { lang: 'ar' }));
    await page.setViewportSize({ width: 375, height: 800 });
    await seeHeading(page, 'توقيع العريضة');
    await shoot(page, 'trust-arabic');
    await accessible(t, page, 'Arabic');
    await page.getByLabel('الاسم الكامل').fill('ليلى');
    await page.getByLabel('عنوان البريد الإلكتروني').fill('layla@gmial.com');
    await page.getByLabel('الاسم الكامل').focus();
    await shoot(page, 'trust-arabic-hint');
    await press(page, 'أوقّع الآن');
    await seeHeading(page, 'بقيت خطوة واحدة');
    await shoot(page, 'trust-arabic-signed');
    await accessible(t, page, 'Arabic, signed');
    await page.close();
    await collectMail(api);
  });

  await t.test('own words on the button and after signing, in the language of the form', async (t) => {
    await petition('own', { confirmation: 'none', call_to_action: 'Join in', form: { country: 'off' } });
    const write = (locale: string, body: object) =>
      api.call('PUT', `/v1/petitions/own/words/${locale}`, { key: lead.secret, body });
    await write('en', {
      button: 'I stand with {organization}',
      thanks: 'You are **in**. [See you](https://rivermeadows.example/next) in Ewehaven.\n\n- Bring a friend',
    });
    await write('ar', { button: 'أنا مع المروج', thanks: '**شكرًا لك!** نلتقي عند الطاحونة.' });
    await write('fr', { button: 'Je signe' });
    const button = async (attributes: string) => {
      const page = await visit(site.page(embed(url, attributes)));
      const name = (await page.locator('button.main').innerText()).trim();
      return { page, name };
    };
    const french = await button('slug="own" locale="fr-BE"');
    t.equal(french.name, 'Je signe', 'though this server has no French');
    await french.page.close();
    const other = await button('slug="own" locale="sv"');
    t.equal(other.name, 'I stand with River Meadows Alliance', 'the language of the petition');
    const { page } = other;
    await page.setViewportSize({ width: 375, height: 800 });
    await page.getByLabel('Full name', { exact: true }).fill('Ada');
    await page.getByLabel('E-mail address').fill('own@example.org');
    await page.locator('button.main').click();
    await seeHeading(page, 'Thank you for signing');
    t.equal(await page.locator('.thanks strong').innerText(), 'in');
    const link = page.getByRole('link', { name: 'See you' });
    t.equal(await link.getAttribute('target'), '_blank');
    await shoot(page, 'own-thanks');
    await accessible(t, page, 'own thanks');
    t.same(faultsOf(page), []);
    await page.close();
    const arabic = await button('slug="own" locale="ar"');
    t.equal(arabic.name, 'أنا مع المروج');
    await arabic.page.setViewportSize({ width: 375, height: 800 });
    await arabic.page.getByLabel('الاسم الكامل').fill('ليلى');
    await arabic.page.getByLabel('عنوان البريد الإلكتروني').fill('layla@example.org');
    await arabic.page.locator('button.main').click();
    await arabic.page.getByText('نلتقي عند الطاحونة').waitFor();
    await shoot(arabic.page, 'own-thanks-arabic');
    await arabic.page.close();
    const strict =
      "default-src 'none'; script-src *; connect-src *; require-trusted-types-for 'script'; trusted-types x";
    const plain = await visit(site.page(embed(url, 'slug="own"'), { csp: strict }));
    await plain.getByLabel('Full name', { exact: true }).fill('Bo');
    await plain.getByLabel('E-mail address').fill('bo@example.org');
    await plain.locator('button.main').click();
    await plain.getByText('You are in. See you in Ewehaven.').waitFor();
    await plain.close();
    await collectMail(api);
  });

  await t.test('beside each consent is the privacy notice of its organization', async (t) => {
    const partner = await api.organization('Otter Watch');
    const patch = { privacy_url: 'https://otters.example/privacy' };
    await api.call('PATCH', '/v1/organization', {
      key: partner.secret,
      body: patch,
      headers: { 'if-match': '*' },
    });
    const text = { locale: 'en', text: 'Otter Watch may e-mail me.' };
    await api.call('POST', '/v1/consent-texts', { key: partner.secret, body: text });
    await petition('noticed', { form: { country: 'off' } });
    await makePartner(api, lead.secret, 'noticed', partner);
    for (const scheme of ['light', 'dark']) {
      const head = `<style>:root { color-scheme: ${scheme}; font-family: system-ui }</style>`;
      const page = await visit(site.page(embed(url, 'slug="noticed"'), { head }));
      await page.setViewportSize({ width: 375, height: 800 });
      const notice = page.getByRole('link', { name: 'Privacy notice of Otter Watch' });
      t.equal(await notice.getAttribute('href'), 'https://otters.example/privacy');
      t.equal(await page.getByRole('link', { name: 'Privacy notice of' }).count(), 2, 'the lead’s once');
      t.equal(
        await page.getByRole('checkbox', { name: 'Otter Watch may e-mail me.', exact: true }).count(),
        1,
      );
      await page.getByRole('link', { name: 'Privacy notice of Otter Watch' }).scrollIntoViewIfNeeded();
      await shoot(page, `notices-${scheme}`);
      await accessible(t, page, `notices ${scheme}`);
      await page.close();
    }
  });

  await t.test('the code of the mail is typed where the petition was signed', async (t) => {
    await petition('coded');
    const page = await visit(site.page(embed(url, `slug="coded" key="${key}"`)));
    await page.evaluate(() => {
      const { document } = globalThis as any;
      (globalThis as any).heard = [];
      document.addEventListener('undersigned:confirmed', ({ detail }: any) =>
        (globalThis as any).heard.push(detail),
      );
    });
    await fillIn(page, 'coder@example.org');
    // Machines fill forms within two seconds, and their signatures cause no mail.
    api.setClock(new Date(Date.now() + 60_000));
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    const first = await collectLetter(api, 'coder@example.org');
    t.match(first.values.code_page, /\/confirm\?petition=pet_/);
    await press(page, 'Confirm');
    await page.getByText('Please fill this in.').waitFor();
    await page.getByLabel('Or type the code').fill('12345');
    await press(page, 'Confirm');
    await page.getByText('This code does not work').waitFor();
    t.equal(await focused(page), 'code');
    await shoot(page, 'code-wrong');
    await accessible(t, page, 'a wrong code');
    await press(page, 'Send it again');
    await page.getByText('another message is on its way').waitFor();
    const { code = '' } = (await collectLetter(api, 'coder@example.org')).values;
    t.equal((await signatures('coded'))[0].status, 'pending');
    // As it is pasted from a mail: with a space, a dash, and full-width digits.
    const wide = [...code].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join('');
    await page.getByLabel('Or type the code').fill(` ${wide.slice(0, 3)} - ${wide.slice(3)} `);
    await page.keyboard.press('Enter');
    await seeHeading(page, 'Thank you for signing');
    t.equal(await focused(page), 'Thank you for signing');
    t.ok(await page.getByRole('button', { name: 'Share on WhatsApp' }).isVisible());
    t.equal((await signatures('coded'))[0].status, 'confirmed');
    t.same(await page.evaluate(() => (globalThis as any).heard), [{ slug: 'coded' }]);
    await shoot(page, 'code-done');
    await accessible(t, page, 'confirmed');
    api.setClock(undefined);
    await page.close();
  });

  await t.test('the pages behind the mail have the same face', async (t) => {
    await petition('faced', { image, form: { country: 'off' } });
    const words = { thanks: 'You are **in**. On 12 December we hand the names over.' };
    await api.call('PUT', '/v1/petitions/faced/words/en', { key: lead.secret, body: words });
    const body = { name: 'Ada', email: 'faced@example.org' };
    await api.call('POST', '/v1/petitions/faced/signatures', { body });
    const { link = '' } = (await collectLetter(api, 'faced@example.org')).values;
    const page = await context.newPage();
    await page.setViewportSize({ width: 375, height: 800 });
    const look = async (name: string) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await shoot(page, `${name}-${colorScheme}`);
        await accessible(t, page, `${name} ${colorScheme}`);
      }
    };
    await page.goto(url + new URL(link).pathname + new URL(link).search);
    await look('page-confirm');
    const drawn = page.waitForResponse((response) => response.url() === picture);
    await page.getByRole('button', { name: 'Confirm my signature' }).click();
    await page.getByText('You are in').waitFor();
    t.notOk((await (await drawn).request().allHeaders())['referer'], 'without a referrer');
    await page.getByAltText(image.alt).evaluate((one: any) => one.decode());
    await look('page-thanks');
    await page.route(`${url}/confirm*`, (route) =>
      route.continue({ headers: { ...route.request().headers(), 'accept-language': 'ar' } }),
    );
    await page.goto(url + new URL(link).pathname + new URL(link).search);
    t.equal(await page.locator('html').getAttribute('dir'), 'rtl');
    await shoot(page, 'page-arabic');
    await accessible(t, page, 'right to left');
    await page.close();
  });

  await t.test('a mistyped domain is noticed, a right one is not', async (t) => {
    await petition('typos', { form: { country: 'off', postal_address: 'off' } });
    const page = await visit(site.page(embed(url, 'slug="typos"')));
    const email = page.getByLabel('E-mail address');
    const leave = () => page.getByLabel('Full name', { exact: true }).focus();
    const suggestion = page.getByRole('button', { name: 'Did you mean' });
    for (const right of [
      'gmail.com',
      'mail.com',
      'ymail.com',
      'gmx.at',
      'yahoo.co.uk',
      'hotmail.fr',
      'small.org',
    ]) {
      await email.fill(`ada@${right}`);
      await leave();
      t.equal(await suggestion.count(), 0, right);
    }
    const wrong = {
      'gmial.com': 'gmail.com',
      'gmail.con': 'gmail.com',
      'hotmial.com': 'hotmail.com',
      'yahoo.co': 'yahoo.com',
    };
    for (const [typed, meant] of Object.entries(wrong)) {
      await email.fill(`ada@${typed}`);
      await leave();
      t.equal(await suggestion.innerText(), `Did you mean ada@${meant}?`);
    }
    await shoot(page, 'typo');
    await accessible(t, page, 'a suggestion');
    await suggestion.click();
    t.equal(await email.inputValue(), 'ada@yahoo.com');
    t.equal(await suggestion.count(), 0);
    await page.close();
  });

  await t.test('with a hundred partners the form stays short, and all of them can be ticked', async (t) => {
    await petition('coalition', { form: { country: 'off', postal_address: 'off' } });
    const invite = (organization: string) =>
      api.call('POST', '/v1/petitions/coalition/partners', { key: lead.secret, body: { organization } });
    // The world has one partner already.
    for (let i = 2; i <= MOST_PARTNERS; i += 1) {
      const { id, secret } = await api.organization(`Group ${i}`);
      const text = { locale: 'en', text: `Group ${i} may e-mail me.` };
      await api.call('POST', '/v1/consent-texts', { key: secret, body: text });
      const { body } = await invite(id);
      const accept = `/v1/partnerships/${body.id}/accept`;
      await api.call('POST', accept, { key: secret, body: { lead_sees: 'full' } });
    }
    const { id } = await api.organization('One too many');
    t.match(await invite(id), { status: 409, body: { code: 'too_many_partners', detail: /100/ } });
    const page = await visit(site.page(embed(url, 'slug="coalition"')));
    await page.getByText(`More organizations (${MOST_PARTNERS})`).waitFor();
    t.equal(await page.getByRole('checkbox').count(), 1, 'the lead’s alone');
    await shoot(page, 'many-closed');
    await page.getByText(`More organizations (${MOST_PARTNERS})`).click();
    t.equal(await page.getByRole('checkbox').count(), MOST_PARTNERS + 1);
    t.equal(await page.getByRole('checkbox', { checked: true }).count(), 0, 'nothing is ticked beforehand');
    await accessible(t, page, 'many');
    await press(page, 'Tick all');
    t.equal(await page.getByRole('checkbox', { checked: true }).count(), MOST_PARTNERS, 'not the lead’s');
    await press(page, 'Tick none');
    t.equal(await page.getByRole('checkbox', { checked: true }).count(), 0);
    await page.getByRole('checkbox', { name: 'Group 99 may' }).check();
    await shoot(page, 'many-open');
    await page.getByLabel('Full name', { exact: true }).fill('Ada');
    await page.getByLabel('E-mail address').fill('many@example.org');
    // A form that is sent within two seconds looks like a robot's.
    api.setClock(new Date(api.app.ctx.now().getTime() + 60_000));
    await press(page, 'Sign now');
    await seeHeading(page, 'One more step');
    const { opt_ins: asked = [] } = (await collectLetter(api, 'many@example.org')).values;
    t.same(asked, [{ organization: 'Group 99', text: 'Group 99 may e-mail me.' }]);
    await page.close();
  });

  await t.test('the console says why it gave up, and never who was there', async (t) => {
    await petition('elsewhere', { origins: ['https://only.example'] });
    const cases: [string, RegExp, ((said: string) => void)?][] = [
      ['', /no slug.*Add slug/],
      ['slug="nothing-here"', /no published petition has this slug.*404/],
      [`slug="meadows" key="${key}x"`, /key is wrong.*invalid_key, 401/],
      [`slug="meadows" key="${lead.secret}"`, /Revoke it now/],
      [
        'slug="elsewhere"',
        /pages on http:\/\/127\.0\.0\.1:\d+ may not show it.*Add it to the origins of the key/,
      ],
    ];
    for (const [attributes, expected] of cases) {
      const page = await context.newPage();
      const warned = page.waitForEvent('console', (message) => /undersigned-petition/.test(message.text()));
      await page.goto(`${site.origin}${site.page(embed(url, attributes))}?r=pr_secret&email=ada@example.org`);
      const message = await warned;
      t.equal(message.type(), 'warning');
      t.match(message.text(), expected);
      t.notMatch(message.text(), /pr_secret|ada@|sk_|pk_[A-Za-z0-9]/);
      t.ok(await page.getByText('Sign on our page').isVisible());
      await page.close();
    }
    for (const [status, expected] of [
      [500, /cannot be shown: the server failed.*\(words: failed, 500\)/],
      [404, /\(words: failed, 404\)/],
    ] as const) {
      const page = await context.newPage();
      await page.route(/\/embed\/v1\/words\//, (route) => route.fulfill({ status, body: 'ada@example.org' }));
      const warned = page.waitForEvent('console', (message) => /undersigned-petition/.test(message.text()));
      await page.goto(site.origin + site.page(embed(url, 'slug="meadows"')));
      const text = (await warned).text();
      t.match(text, expected);
      t.notMatch(text, 'ada@');
      await page.close();
    }
  });
});
