import { Writable } from 'node:stream';
import pino from 'pino';
import type { Test } from 'tap';
import { addShareClicks } from '../../../src/core/counts/share-figures.js';
import { ClickRecorder } from '../../../src/core/sharing/click-recorder.js';
import { ApiError } from '../../../src/errors.js';
import { dumpTables } from '../../support/dump.js';
import { onEveryEngine, type TestApp } from '../../support/helper.js';
import { campaign, type Sent, type Truth } from '../../support/share-campaign.js';
import { CHROME, getsCard, PATTERNS, type Pattern } from '../../support/share-requests.js';
import {
  addresses,
  figuresOf,
  insertLink,
  setUpSharing,
  type Link,
  type Sharing,
} from '../../support/share-rows.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 10, 24, 12);
const CAMPAIGN = NOON + 24 * HOUR;
const END = NOON + 48 * HOUR;
const SETTLED = 30_000;

const send = (api: TestApp, { at, method, headers, from, code }: Sent) => {
  api.setClock(new Date(at));
  // The test's own client would put in a name where there is none.
  return api.call(method ?? 'GET', `/s/${code}`, {
    headers: { 'user-agent': '', ...headers, 'x-forwarded-for': from },
  });
};

/** What previewers, checkers and people are known to send, each on a link of its own. */
async function replay(t: Test, { api, petition }: Sharing) {
  const addressOf = addresses();
  const links = new Map<Pattern, Link>();
  for (const [i, pattern] of PATTERNS.entries()) {
    const code = `pattern${String(i).padStart(3, '0')}`;
    links.set(pattern, await insertLink(api, petition.id, { code }));
  }
  for (const [pattern, { code }] of links) {
    for (const request of pattern.requests) {
      const from = addressOf(`${pattern.name} ${request.from}`);
      const { status } = await send(api, { ...request, at: NOON + request.at, from, code });
      t.equal(status, getsCard(request) ? 200 : 302, `${pattern.name}: ${request.method ?? 'GET'}`);
    }
  }
  api.setClock(new Date(NOON + HOUR));
  await api.app.ctx.clicks.flush();
  for (const [{ name, requests, people }, link] of links) {
    t.same(await figuresOf(api, link), { requests: requests.length, clicks: people }, name);
  }
}

async function simulate(t: Test, { api, petition }: Sharing) {
  const links = [];
  for (const code of ['first23456', 'second2345', 'third23456']) {
    links.push(await insertLink(api, petition.id, { code }));
  }
  const { sent, truth } = campaign(20_261_124, CAMPAIGN, links);
  for (const [i, request] of sent.entries()) {
    await send(api, request);
    if (i % 97 === 0) await api.app.ctx.clicks.flush();
  }
  api.setClock(new Date(CAMPAIGN + 8 * HOUR));
  await api.app.ctx.clicks.flush();

  const history = await api.store.read.db.select().from(api.store.tables.shareHistory);
  const owners = await api.store.read.db.select().from(api.store.tables.shareLinks);
  for (const link of links) {
    const { requests, clicks, hours } = truth.get(link.code) as Truth;
    t.ok(clicks > 150 && requests > 300, `${requests} requests, ${clicks} people`);
    t.same(await figuresOf(api, link), { requests, clicks });
    const variant = owners.find(({ key }) => key === link.key)?.variantKey;
    const found = new Map<number, number>();
    for (const row of history) {
      if (row.variantKey !== variant || row.clicks === 0) continue;
      found.set(row.hour, (found.get(row.hour) ?? 0) + row.clicks);
    }
    t.same([...found].sort(), [...hours].sort(), 'each click in its hour');
  }

  const dump = JSON.stringify(await dumpTables(api));
  const addresses = new Set(sent.map(({ from }) => from));
  const agents = new Set(sent.map(({ headers }) => headers['user-agent']).filter(Boolean));
  for (const one of [...addresses, ...agents]) {
    t.notOk(dump.includes(String(one)), 'nobody is in the database');
  }
  t.notMatch(dump, /Mozilla|2001:db8|203\.\d+\.113/);
  t.ok(dump.includes('second2345'), 'what should be in it is found');
}

onEveryEngine('counting', async (t, engine) => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const logger = pino({ level: 'trace' }, stream);
  const sharing = await setUpSharing(t, engine, { logger });
  const { api, petition } = sharing;
  await t.test('who counts as a click', (t) => replay(t, sharing));
  await t.test('the figures of a campaign are the truth', (t) => simulate(t, sharing));

  const link = await insertLink(api, petition.id, { code: 'last234567' });
  const [a, b] = ['203.0.113.77', '2001:db8:77::1'];
  const visit = (at: number, from: string) =>
    send(api, { at, from, code: link.code, headers: { 'user-agent': `${CHROME} Unheard/1` } });

  await t.test('when the database takes nothing, sums wait', async (t) => {
    let open = false;
    const store = {
      ...api.store,
      transact: (work: Parameters<typeof api.store.transact>[0]) =>
        open ? api.store.transact(work) : Promise.reject(new ApiError('overloaded')),
    } as typeof api.store;
    let at = END;
    const recorder = new ClickRecorder({
      store,
      now: () => new Date(at),
      random: (n) => Buffer.alloc(n, 1),
      write: addShareClicks,
    });
    const note = () => recorder.note({ link: link.key, kind: 'visit', network: a, agent: CHROME });
    note();
    await t.rejects(recorder.flush(), { code: 'overloaded' });
    at += SETTLED;
    note();
    await t.rejects(recorder.flush(), { code: 'overloaded' });
    t.same(await figuresOf(api, link), { requests: 0, clicks: 0 });
    open = true;
    await Promise.all([recorder.flush(), recorder.flush()]);
    t.same(await figuresOf(api, link), { requests: 2, clicks: 1 }, 'once');
    note();
    open = false;
    await t.rejects(recorder.close(), { code: 'overloaded' }, 'the end says so');
    open = true;
    await recorder.close();
    t.same(await figuresOf(api, link), { requests: 3, clicks: 1 });
  });

  await t.test('by the second, without being asked', async (t) => {
    await visit(END + HOUR, a);
    api.setClock(new Date(END + HOUR + SETTLED));
    await until(async () => (await figuresOf(api, link)).clicks >= 2, 'the clicks');
    t.same(await figuresOf(api, link), { requests: 4, clicks: 2 });
  });

  await t.test('when the app closes, what is held back counts', async (t) => {
    await visit(END + 2 * HOUR, b);
    await visit(END + 2 * HOUR + 1, a);
    await api.app.close();
    t.same(await figuresOf(api, link), { requests: 6, clicks: 4 });
  });

  const dump = JSON.stringify(await dumpTables(api));
  for (const text of [dump, lines.join('')]) t.notMatch(text, /203\.0\.113|2001:db8|Unheard|Mozilla/);
  t.notMatch(lines.join(''), /last234567/);
});
