import { randomBytes } from 'node:crypto';
import { dumpTables } from '../../support/dump.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { limits } from '../../support/high-limits.js';
import { insertMailing, type Sent } from '../../support/mailing-result-rows.js';
import { CHROME, FIREFOX, SAFARI_IOS } from '../../support/share-requests.js';
import { addresses } from '../../support/share-rows.js';

const NOON = Date.UTC(2026, 10, 24, 12);
const HOUR = 3_600_000;
const BROWSER = { accept: 'text/html', 'user-agent': CHROME };
const token = () => `pr_${randomBytes(48).toString('base64url')}`;

type Visit = { method?: string; path: string; from: string; at: number; headers?: Record<string, string> };

const visit = (api: TestApp, { method = 'GET', path, from, at, headers = {} }: Visit) => {
  api.setClock(new Date(at));
  return api.call(method, path, { headers: { ...BROWSER, ...headers, 'x-forwarded-for': from } });
};

/** What was counted of each link, and of the mailing by outcome. */
async function counted(api: TestApp, { key, variants }: Sent) {
  const { mailingLinkHours, mailingHours } = api.store.tables;
  const links = await api.store.read.db.select().from(mailingLinkHours);
  const hours = await api.store.read.db.select().from(mailingHours);
  const sum = (outcome: string) =>
    hours.reduce((n, row) => n + (row.mailingKey === key && row.outcome === outcome ? row.events : 0), 0);
  return {
    links: variants.flatMap((variant) =>
      variant.links.map((link) => {
        const mine = links.filter(({ linkKey }) => linkKey === link.key);
        const total = (name: 'clicks' | 'requests') => mine.reduce((n, row) => n + row[name], 0);
        return { people: total('clicks'), machines: total('requests') - total('clicks') };
      }),
    ),
    people: sum('clicks'),
    machines: sum('machine_clicks'),
  };
}

onEveryEngine('links of mailings', async (t, engine) => {
  const config = { publicUrl: 'http://undersigned.test', trustProxy: ['127.0.0.1'], limits };
  const api = await start(t, engine, { limits, build: { config } });
  t.teardown(() => api.setClock(undefined));
  const lead = await api.organization('River Meadows');
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    page_url: 'https://meadows.example/sign?lang=en#form',
  });
  const away = 'https://example.org/a[1]?x=1&y=2&amp;z#ü';
  const mailing = await insertMailing(api, lead, {
    petition: petition.id,
    source: 'm 1&x',
    variants: 2,
    links: [null, away, 'https://example.org/b', 'https://example.org/c'],
  });
  const [{ links } = { links: [] }] = mailing.variants;
  const code = (index: number) => links[index]?.code ?? '';
  const settle = async (at: number) => {
    api.setClock(new Date(at));
    await api.app.ctx.mailingClicks.flush();
  };

  await t.test('302: to the petition with the token and the source, and elsewhere without', async (t) => {
    const recognition = token();
    const open = (path: string, method = 'GET') => visit(api, { method, path, from: '192.0.2.1', at: NOON });
    const personal = await open(`/l/${code(0)}/${recognition}?utm_x=1`);
    t.match(personal, { status: 302, text: '', headers: { 'x-robots-tag': 'noindex' } });
    t.match(personal.headers['cache-control'], 'no-store');
    t.equal(personal.headers['set-cookie'], undefined);
    const url = new URL(personal.headers['location'] ?? '');
    t.equal(url.origin + url.pathname + url.hash, 'https://meadows.example/sign#form');
    t.same(Object.fromEntries(url.searchParams), { lang: 'en', r: recognition, source: 'm 1&x' });
    const elsewhere = await open(`/l/${code(1)}/${recognition}`);
    t.equal(elsewhere.headers['location'], new URL(away).href, 'as it was written');
    t.notMatch(elsewhere.headers['location'], recognition, 'others get no token');
    t.match(await open(`/l/${code(0)}`), { status: 302 });
    const bare = (await open(`/l/${code(0)}`)).headers['location'] ?? '';
    t.notMatch(bare, /[?&]r=/);
    const broken = (await open(`/l/${code(0)}/pr_broken`)).headers['location'] ?? '';
    t.equal(broken, bare, 'a broken token does not break the link');
    t.equal((await open(`/l/${code(0)}/pu_${'A'.repeat(52)}`)).headers['location'], bare, 'nor another one');
    t.equal((await open(`/l/${encodeURIComponent(`<${code(1)}>.`)}`)).status, 302, 'punctuation around it');
    t.equal((await open(`/l/${code(1)}`, 'HEAD')).status, 302);
  });

  await t.test('404: people get a page, programs a problem; 410: the petition was taken down', async (t) => {
    for (const path of ['/l/AAAAAAAAAAA', '/l/x', '/l/%00', `/l/AAAAAAAAAAA/${token()}`]) {
      const page = await api.call('GET', path, { headers: BROWSER });
      t.match(page, { status: 404, headers: { 'content-type': /^text\/html/ } }, path);
      t.match(page.text, 'This link leads nowhere');
      t.match(await api.call('GET', path), { status: 404, body: { code: 'mailing_link_not_found' } });
    }
    t.equal((await api.call('GET', `/l/${'x'.repeat(499)}`)).status, 404);
    const bare = await insertMailing(api, lead, { links: [null, 'not a url'] });
    for (const link of bare.variants[0]?.links ?? []) {
      t.equal((await api.call('GET', `/l/${link.code}`)).status, 404, 'there is no petition, and no address');
    }
    const gone = await publish(api, lead.secret, { slug: 'gone' });
    const about = await insertMailing(api, lead, { petition: gone.id });
    const path = `/l/${about.variants[0]?.links[0]?.code}`;
    t.match(await api.call('GET', path), { status: 302, headers: { location: /\/p\/gone$/ } });
    const takedown = { to: 'taken_down', reason: 'other' };
    await api.call('POST', '/v1/petitions/gone/transitions', { key: lead.secret, body: takedown });
    t.match(await api.call('GET', path), { status: 410, body: { code: 'petition_taken_down' } });
  });

  await t.test('414 and 429', async (t) => {
    t.equal((await api.call('GET', `/l/${code(0)}?${'x'.repeat(4100)}`)).status, 414);
    const few = { ...limits, client: { requests: 1, seconds: 60 } };
    const tight = await start(t, engine, { limits: few });
    await tight.call('GET', '/l/AAAAAAAAAAA');
    t.match(await tight.call('GET', '/l/AAAAAAAAAAA'), { status: 429, headers: { 'retry-after': /\d/ } });
  });

  await t.test('people are counted once for each link, machines apart, HEADs not at all', async (t) => {
    await settle(NOON + HOUR);
    const before = await counted(api, mailing);
    const at = NOON + 2 * HOUR;
    const add = (more: Omit<Visit, 'at'> & { after?: number }) =>
      visit(api, { ...more, at: at + (more.after ?? 0) });
    await add({ path: `/l/${code(0)}/${token()}`, from: '192.0.2.10' });
    await add({ path: `/l/${code(0)}/${token()}`, from: '192.0.2.11', headers: { 'user-agent': FIREFOX } });
    await add({ path: `/l/${code(0)}`, from: '192.0.2.11', headers: { 'user-agent': FIREFOX }, after: 2000 });
    await add({ path: `/l/${code(1)}`, from: '192.0.2.10', after: 5000 });
    await add({ path: `/l/${code(2)}`, from: '192.0.2.20', headers: { 'user-agent': 'curl/8' } });
    await add({ path: `/l/${code(2)}`, from: '192.0.2.21', headers: { 'sec-purpose': 'prefetch' } });
    await add({ method: 'HEAD', path: `/l/${code(3)}`, from: '192.0.2.22' });
    await settle(at + 60_000);
    const after = await counted(api, mailing);
    t.same(
      after.links.map(({ people, machines }, index) => [
        people - (before.links[index]?.people ?? 0),
        machines - (before.links[index]?.machines ?? 0),
      ]),
      [[2, 0], [1, 0], [0, 2], ...Array.from({ length: 5 }, () => [0, 0])],
    );
    t.same([after.people - before.people, after.machines - before.machines], [3, 2], 'the sums are theirs');
  });

  await t.test('a scanner that opens each link of each mail, as a browser, is no person', async (t) => {
    const scanned = await insertMailing(api, lead, {
      petition: petition.id,
      links: [null, 'https://a.example', 'https://b.example', 'https://c.example'],
    });
    const all = scanned.variants[0]?.links ?? [];
    const addressOf = addresses();
    let at = NOON + 4 * HOUR;
    // A gateway in front of 40 mailboxes, from ever new addresses of its cloud: a link each 1.5 seconds.
    for (let mail = 0; mail < 40; mail += 1) {
      for (const [index, link] of all.entries()) {
        const path = index === 0 ? `/l/${link.code}/${token()}` : `/l/${link.code}`;
        const { status } = await visit(api, { path, from: addressOf(`scanner ${mail}`), at: (at += 1500) });
        if (status !== 302) t.fail(String(status));
      }
    }
    // Another one opens two links at once and stops.
    for (const link of all.slice(0, 2)) {
      const headers = { 'user-agent': SAFARI_IOS };
      await visit(api, { path: `/l/${link.code}`, from: addressOf('hasty'), at, headers });
    }
    // And in between twelve people, each with one link, or with two as one reads.
    for (let person = 0; person < 12; person += 1) {
      const from = addressOf(`person ${person}`);
      await visit(api, { path: `/l/${all[0]?.code}/${token()}`, from, at: (at += 3000) });
      if (person < 4) await visit(api, { path: `/l/${all[1]?.code}`, from, at: (at += 4000) });
    }
    await settle(at + 60_000);
    const { links: found, people, machines } = await counted(api, scanned);
    t.same(
      found.map((one) => one.people),
      [12, 4, 0, 0],
    );
    t.same({ people, machines }, { people: 16, machines: 40 * 4 + 2 });
  });

  await t.test('nothing about anyone is stored', async (t) => {
    const dump = JSON.stringify(await dumpTables(api));
    t.notMatch(dump, /192\.0\.2\.|203\.\d+\.113|2001:db8|Mozilla|pr_[A-Za-z0-9_-]{64}/);
  });
});
