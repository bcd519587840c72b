import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';
import { createKey } from '../../src/core/organization/api-keys.js';
import { launch } from './browser.js';
import { publish, start, type Engine, type StartOptions, type TestApp } from './helper.js';
import { partnerSite, type PartnerSite } from './partner-site.js';

/*
 * What the tests of the widget have in common: a real server, a partner's website on an origin of its own, a browser.
 * SCREENSHOTS names a folder for pictures of every state.
 */

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshots = process.env['SCREENSHOTS'];
if (screenshots) mkdirSync(screenshots, { recursive: true });

type Organization = Awaited<ReturnType<TestApp['organization']>>;

export type World = {
  api: TestApp;
  url: string;
  site: PartnerSite;
  context: BrowserContext;
  lead: Organization;
  /** The partner's key, good for the site's first origin. */
  key: string;
  /** Opens a page of the site; of its other origin, if that is said. */
  visit: (path: string, origin?: string) => Promise<Page>;
  /** Publishes a petition that the partner takes part in. */
  petition: (slug: string, fields?: Record<string, unknown>) => Promise<any>;
  signatures: (slug: string) => Promise<any[]>;
};

export const PETITION = {
  title: 'Keep the Old Mill Meadows a meadow',
  statement:
    'We call on Corvane Logistics to build its depot elsewhere and leave the Old Mill Meadows to the river.',
  targets: [{ name: 'Dana Whitlock', title: 'Chief Executive', organization: 'Corvane Logistics' }],
  background: 'The meadows hold back the **winter floods**.[^1]\n\n- curlews\n- otters',
  references: [{ number: 1, title: 'Flood storage in the Ewe valley', url: 'https://water.example/survey' }],
  goals: [100, 1000],
  form: {
    country: 'required',
    postal_code: 'optional',
    postal_address: 'off',
    phone: 'off',
    comment: 'optional',
  },
  page_url: 'https://rivermeadows.example/meadows',
};

const CONSENTS = [
  'River Meadows Alliance may e-mail me about this and other campaigns. I can leave at any time.',
  'The Anglers of the Ewe may e-mail me about the river.',
];

/** Starts all of it, with the petition `meadows`. */
export async function startWorld(
  t: Test,
  engine: Engine,
  options: StartOptions = {},
  port = 0,
): Promise<World> {
  const api = await start(t, engine, options);
  const url = await api.app.listen({ port, host: '127.0.0.1' });
  const site = await partnerSite(t);
  const browser = await launch(t);
  const context = await browser.newContext({ viewport: { width: 900, height: 1100 }, locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  // Composers of networks: nothing here goes out into the world.
  await context.route(/^https:/, (route) => route.fulfill({ body: 'a composer' }));
  const lead = await api.organization('River Meadows Alliance');
  const partner = await api.organization('Anglers of the Ewe');
  for (const [i, { secret }] of [lead, partner].entries()) {
    await api.call('POST', '/v1/consent-texts', { key: secret, body: { locale: 'en', text: CONSENTS[i] } });
  }
  const { token: key } = await createKey(api.app.ctx, {
    organizationKey: partner.key,
    kind: 'publishable',
    name: 'their page',
    scopes: [],
    origins: [site.origin],
  });
  const petition: World['petition'] = async (slug, fields = {}) => {
    const made = await publish(api, lead.secret, { ...PETITION, ...fields, slug });
    await takePart(api, lead, partner, slug);
    return made;
  };
  await petition('meadows');
  return {
    api,
    url,
    site,
    context,
    lead,
    key,
    petition,
    visit: (path, origin = site.origin) => visitWith(context, origin + path),
    signatures: async (slug) =>
      (await api.call('GET', `/v1/signatures?petition=${slug}`, { key: lead.secret })).body.data,
  };
}

async function takePart(api: TestApp, lead: Organization, partner: Organization, slug: string) {
  const invited = await api.call('POST', `/v1/petitions/${slug}/partners`, {
    key: lead.secret,
    body: { organization: partner.id },
  });
  const accepted = await api.call('POST', `/v1/partnerships/${invited.body.id}/accept`, {
    key: partner.secret,
    body: { lead_sees: 'full' },
  });
  if (accepted.status !== 200) throw new Error(accepted.text);
}

const faults = new WeakMap<Page, string[]>();

/** What went wrong in the scripts of a page, and what its policy has refused. */
export const faultsOf = (page: Page): string[] => faults.get(page) ?? [];

/** Opens a page, and remembers what goes wrong in it: see `faultsOf`. */
export async function visitWith(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  const said: string[] = [];
  faults.set(page, said);
  page.on('pageerror', (error) => said.push(error.message));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) said.push(message.text());
  });
  await page.goto(url);
  return page;
}

export const FALLBACK = '<a href="https://rivermeadows.example/meadows">Sign on our page</a>';

/** The two lines that a partner puts into a page. */
export const embed = (url: string, attributes: string, children = FALLBACK): string =>
  `<script src="${url}/embed/v1.js" defer></script><undersigned-petition ${attributes}>${children}</undersigned-petition>`;

/** A policy that allows what the widget needs, and nothing else. */
export const strict = (url: string): string =>
  `default-src 'none'; script-src ${url}; connect-src ${url}; require-trusted-types-for 'script'`;

export async function shoot(page: Page, name: string): Promise<void> {
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

/** Nothing that axe finds fault with, in the page and in the shadow. */
export async function accessible(t: Test, page: Page, name: string): Promise<void> {
  // Not eval in the page: its policy forbids it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as any).axe.run({ rules: { 'target-size': { enabled: true } } }),
  );
  const found = violations.map(
    ({ id, nodes }: any) => `${id}: ${nodes.map((node: any) => node.html).join(' | ')}`,
  );
  t.same(found, [], `axe: ${name}`);
}

/** What has the focus, in the shadow too: its name, or its text. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    let element = (globalThis as any).document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.name || element?.textContent || '';
  });

export async function fillIn(page: Page, email: string): Promise<void> {
  await page.getByLabel('Full name', { exact: true }).fill('Ada Okonkwo');
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Country').selectOption('NL');
}

export const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name }).click();
export const seeHeading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { name }).waitFor();
