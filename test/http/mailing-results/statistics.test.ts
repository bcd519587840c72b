import { eq } from 'drizzle-orm';
import type { MailingOutcome } from '../../../schema/db/tables/sending.js';
import type { KeyedActor } from '../../../src/core/actor.js';
import { getMailingStatistics } from '../../../src/core/mailing-results/statistics.js';
import { decideDue } from '../../../src/core/mailing-results/winner.js';
import { addMailingClicks } from '../../../src/core/mailing-results/mailing-clicks.js';
import { countOutcome } from '../../../src/core/counts/mailing-counts.js';
import { moveTallies } from '../../../src/core/sending/tallies.js';
import { chartWords } from '../../../src/http/mailing-results/chart-words.js';
import { drawStatistics } from '../../../src/http/mailing-results/statistics-chart.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { makePartner, onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { insertMailing, insertRecipients, subscribe, type Sent } from '../../support/mailing-result-rows.js';

const MONDAY = Date.UTC(2027, 0, 4, 9);
const HOUR = 3_600_000;
const HOUR_NOW = MONDAY / HOUR;

const statisticsOf = (api: TestApp, id: string, key: string | undefined, headers = {}) =>
  api.call('GET', `/v1/mailings/${id}/statistics`, { key, headers });
const chartOf = (api: TestApp, id: string, key: string | undefined, headers = {}) =>
  api.call('GET', `/v1/mailings/${id}/statistics.svg`, { key, headers });
const choose = (api: TestApp, id: string, key: string | undefined, body: unknown) =>
  api.call('POST', `/v1/mailings/${id}/winner`, { key, body });

/** Mails that were sent, without their recipients: sums alone. */
const sent = (api: TestApp, { key: mailingKey, variants }: Sent, variant: number, recipients: number) =>
  api.store.transact((tx) => {
    const to = { variantKey: variants[variant]?.key ?? null, state: 'sent' as const };
    return moveTallies(tx, [{ mailingKey, from: null, to, recipients }]);
  });

const happened = (api: TestApp, mailing: Sent, variant: number, outcome: MailingOutcome, events: number) =>
  api.store.transact((tx) =>
    countOutcome(
      tx,
      { mailingKey: mailing.key, variantKey: mailing.variants[variant]?.key ?? null },
      outcome,
      events,
    ),
  );

/** Signatures as rows, credited to a wording. */
const signed = (
  api: TestApp,
  mailing: Sent,
  petitionId: string,
  emails: string[],
  {
    variant = null,
    status = 'confirmed',
    collectorKey = null,
  }: {
    variant?: number | null;
    status?: 'pending' | 'confirmed' | 'withdrawn' | 'quarantined';
    collectorKey?: number | null;
  } = {},
) =>
  api.store.transact(async (tx) => {
    const { petitions, supporters, signatures } = tx.tables;
    const all = await tx.db.select({ key: petitions.key, id: petitions.publicId }).from(petitions);
    const people = await tx.db.select({ key: supporters.key, email: supporters.delivery }).from(supporters);
    for (const email of emails) {
      await tx.db.insert(signatures).values({
        publicId: api.app.ctx.newId('sig'),
        petitionKey: all.find(({ id }) => id === petitionId)?.key ?? 0,
        supporterKey: people.find((one) => one.email === email)?.key ?? null,
        status,
        display: 'public',
        name: 'N',
        collectorKey,
        mailingKey: mailing.key,
        mailingVariantKey: variant === null ? null : (mailing.variants[variant]?.key ?? null),
        createdAt: tx.now,
        confirmedAt: status === 'pending' ? null : tx.now,
      });
    }
  });

const people = (name: string, n: number) => Array.from({ length: n }, (_, i) => `${name}${i}@example.org`);
const winnerOf = async (api: TestApp, { key, variants }: Sent) => {
  const { mailings: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.key, key));
  const index = variants.findIndex((one) => one.key === row?.winnerKey);
  return { state: row?.state, winner: index < 0 ? null : index };
};

onEveryEngine('statistics of mailings', async (t, engine) => {
  const api = await start(t, engine);
  t.teardown(() => api.setClock(undefined));
  const at = (hours: number) => api.setClock(new Date(MONDAY + hours * HOUR));
  at(0);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const petition = await publish(api, lead.secret, { slug: 'meadows' });
  const shared = await publish(api, lead.secret, { slug: 'shared', confirmation: 'none' });
  await makePartner(api, lead.secret, 'shared', partner, 'counts');
  await subscribe(api, lead, people('p', 40));
  await subscribe(api, partner, people('q', 12));
  const mailing = await insertMailing(api, lead, {
    petition: petition.id,
    variants: 2,
    links: [null, 'https://example.org/a'],
    testShare: 20,
    name: 'Meadows & “friends” <first>',
  });
  await insertRecipients(api, mailing, people('p', 20), { variant: 0 });
  await insertRecipients(api, mailing, people('p', 40).slice(20, 35), { variant: 1 });
  await insertRecipients(api, mailing, people('p', 40).slice(35), { variant: null, state: 'queued' });

  await t.test('200: sums that add up, by wording, link and hour', async (t) => {
    await happened(api, mailing, 0, 'bounced', 2);
    await happened(api, mailing, 1, 'unsubscribed', 1);
    const link = mailing.variants[1]?.links[0]?.key ?? 0;
    const clicked = { link, hour: HOUR_NOW + 1, requests: 9, clicks: 3, machines: 4 };
    await api.store.transact((tx) => addMailingClicks(tx, [clicked]));
    at(1);
    await signed(api, mailing, petition.id, people('p', 3), { variant: 0, status: 'pending' });
    await signed(api, mailing, petition.id, people('p', 8).slice(3), { variant: 1 });
    await signed(api, mailing, petition.id, people('p', 9).slice(8), { status: 'confirmed' });
    await signed(api, mailing, petition.id, people('p', 11).slice(9), { variant: 1, status: 'withdrawn' });
    const { status, headers, body, text } = await statisticsOf(api, mailing.id, lead.secret);
    t.match({ status, headers }, { status: 200, headers: { 'cache-control': 'private, no-store' } });
    t.match(body, {
      mailing_id: mailing.id,
      audience: 40,
      states: { queued: 5, sent: 35, failed: 0, uncertain: 0 },
      sent: 35,
      bounced: 2,
      unsubscribed: 1,
      clicks: 3,
      machine_clicks: 4,
      signatures: 9,
      confirmed_signatures: 6,
      test: { metric: 'confirmed_signatures', share: 20, winner_id: null, decided_at: null, proven: false },
    });
    const [a, b] = body.variants;
    t.match(a, { name: 'A', sent: 20, bounced: 2, signatures: 3, confirmed_signatures: 0, winner: false });
    t.match(b, { sent: 15, clicks: 3, click_rate: 0.2, confirmed_signatures: 5, confirmed_rate: 0.333333 });
    t.ok(b.chance_to_be_best > 0.99 && Math.abs(a.chance_to_be_best + b.chance_to_be_best - 1) < 1e-3);
    t.same(
      body.links.map(({ url, clicks, machine_clicks: machines }: any) => [url, clicks, machines]),
      [
        [null, 0, 0],
        ['https://example.org/a', 0, 0],
        [null, 3, 4],
        ['https://example.org/a', 0, 0],
      ],
    );
    t.match(body.hours, [
      { from: '2027-01-04T09:00:00.000Z', sent: 35, bounced: 2, clicks: 0 },
      { from: '2027-01-04T10:00:00.000Z', clicks: 3, signatures: 9, confirmed_signatures: 6 },
    ]);
    for (const name of [
      'sent',
      'clicks',
      'machine_clicks',
      'bounced',
      'signatures',
      'confirmed_signatures',
    ]) {
      const sum = body.hours.reduce((n: number, hour: any) => n + hour[name], 0);
      t.equal(sum, body[name], `${name}: the hours are the sum`);
    }
    t.equal(
      Object.values(body.states as Record<string, number>).reduce((n, one) => n + one, 0),
      body.audience,
    );
    t.notMatch(text, /@|example\.org\/?"?,"name|sup_|sub_|sig_/);
    const again = await statisticsOf(api, mailing.id, lead.secret, { 'if-none-match': headers['etag'] });
    t.match(again, { status: 304, text: '' });
  });

  await t.test('200: of a petition of others, only the signatures that may be seen', async (t) => {
    const theirs = await insertMailing(api, partner, { petition: shared.id });
    await signed(api, theirs, shared.id, people('q', 4), { collectorKey: partner.key });
    await signed(api, theirs, shared.id, people('p', 20).slice(12), { collectorKey: partner.key });
    await signed(api, theirs, shared.id, people('p', 24).slice(20), { collectorKey: lead.key });
    const { body } = await statisticsOf(api, theirs.id, partner.secret);
    t.match(body, { confirmed_signatures: 4, signatures: 4 }, 'those that it collected, of its subscribers');
    const ours = await insertMailing(api, lead, { petition: shared.id });
    await signed(api, ours, shared.id, people('q', 12).slice(4), { collectorKey: partner.key });
    await signed(api, ours, shared.id, people('p', 30).slice(25), { collectorKey: lead.key });
    t.match(
      (await statisticsOf(api, ours.id, lead.secret)).body,
      { signatures: 13 },
      'the lead sees numbers',
    );
  });

  await t.test('200: nothing was written, and nothing sent', async (t) => {
    const { body: bare } = await api.call('POST', '/v1/mailings', {
      key: lead.secret,
      body: { name: 'Bare' },
    });
    t.match(await statisticsOf(api, bare.id, lead.secret), {
      status: 200,
      body: { audience: 0, sent: 0, test: null, links: [], hours: [] },
    });
    t.match((await chartOf(api, bare.id, lead.secret)).text, 'Nothing has been sent yet.');
  });

  await t.test('the chart, 200 and 304: well-formed, in both schemes, without addresses', async (t) => {
    const chart = await chartOf(api, mailing.id, lead.secret);
    t.match(chart, {
      status: 200,
      headers: { 'content-type': /^image\/svg\+xml/, 'cache-control': 'private, no-store' },
    });
    t.match(chart.headers['content-security-policy'], /sandbox/);
    t.match(chart.text, /<title id="title">Meadows &amp; “friends” &lt;first&gt;<\/title>/);
    t.match(chart.text, /<desc id="desc">[^<]*35 of 40 sent[^<]*Confirmed signatures: 6/);
    t.match(chart.text, /prefers-color-scheme:dark/);
    const german = await api.call('GET', `/v1/mailings/${mailing.id}/statistics.svg?locale=de-AT`, {
      key: lead.secret,
    });
    t.match(german.text, /<desc id="desc">[^<]*35 von 40 versandt[^<]*Bestätigte Unterschriften: 6/);
    t.match(german.text, /xml:lang="de" direction="ltr"/);
    t.notMatch(german.text.replace(/<style>[\s\S]*<\/style>/, ''), /\b(?:sent|Sent|Clicks|best)\b/);
    t.not(german.headers['etag'], chart.headers['etag']);
    const { ctx } = api.app;
    const actor = { kind: 'secret', organizationKey: lead.key } as KeyedActor;
    const found = await getMailingStatistics(ctx.store.read, actor, mailing.id);
    const rtl = drawStatistics(found, chartWords({ ...loadLocales().pick('en'), dir: 'rtl' }));
    t.match(rtl, /direction="rtl"[\s\S]*<text class="title" x="1168" y="42"/, 'from the right');
    t.match(rtl, /<text class="title" x="359" y="42"/);
    t.notMatch(chart.text, /@example|<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)|NaN|undefined|Infinity/);
    const headers = { 'if-none-match': chart.headers['etag'] ?? '' };
    t.match(await chartOf(api, mailing.id, lead.secret, headers), { status: 304, text: '' });
    const odd = await insertMailing(api, lead, { name: `Ω\u0001 ${'حملة '.repeat(40)}`, variants: 8 });
    t.equal((await chartOf(api, odd.id, lead.secret)).status, 200);
  });

  await t.test('401, 403, 404', async (t) => {
    const weak = await api.newKey(lead.key, 'secret', ['mailings:send']);
    for (const ask of [statisticsOf, chartOf]) {
      t.match(await ask(api, mailing.id, undefined), { status: 401 });
      t.match(await ask(api, mailing.id, weak), { status: 403, body: { code: 'scope_required' } });
      t.match(await ask(api, mailing.id, partner.secret), {
        status: 404,
        body: { code: 'mailing_not_found' },
      });
    }
  });

  await t.test('chooseMailingWinner, 200 and 409: while the test runs, once', async (t) => {
    const make = (fields = {}) => insertMailing(api, lead, { variants: 2, testShare: 20, ...fields });
    const [first, second] = mailing.variants.map(({ id }) => id);
    const chosen = await choose(api, mailing.id, lead.secret, { variant_id: second });
    t.match(chosen, { status: 200, body: { test: { winner_id: second, decided_at: /^2027/ } } });
    t.same(await winnerOf(api, mailing), { state: 'running', winner: 1 });
    t.match(await choose(api, mailing.id, lead.secret, { variant_id: second }), { status: 200 });
    const code = { status: 409, body: { code: 'mailing_transition_not_allowed' } };
    t.match(await choose(api, mailing.id, lead.secret, { variant_id: first }), code);
    const waiting = await make({ state: 'deciding' });
    t.match(await choose(api, waiting.id, lead.secret, { variant_id: waiting.variants[0]?.id }), {
      status: 200,
    });
    t.same(await winnerOf(api, waiting), { state: 'running', winner: 0 });
    const paused = await make({ state: 'paused', pausedFrom: 'deciding' });
    await choose(api, paused.id, lead.secret, { variant_id: paused.variants[0]?.id });
    t.same(await winnerOf(api, paused), { state: 'paused', winner: 0 });
    for (const fields of [
      { state: 'draft' },
      { state: 'done' },
      { testShare: 100 },
      { variants: 1 },
    ] as const) {
      const other = await make(fields);
      const refused = await choose(api, other.id, lead.secret, { variant_id: other.variants[0]?.id });
      t.match(refused, { ...code, body: { detail: /\w/ } }, JSON.stringify(fields));
    }
  });

  await t.test('chooseMailingWinner 400, 401, 403, 404, 413, 415, 422', async (t) => {
    const of = await insertMailing(api, lead, { variants: 2, testShare: 20 });
    const body = { variant_id: of.variants[0]?.id };
    t.match(await choose(api, of.id, lead.secret, '{'), { status: 400 });
    t.match(await choose(api, of.id, undefined, body), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['mailings:write']);
    t.match(await choose(api, of.id, weak, body), { status: 403 });
    t.match(await choose(api, of.id, partner.secret, body), {
      status: 404,
      body: { code: 'mailing_not_found' },
    });
    t.match(await choose(api, of.id, lead.secret, { variant_id: mailing.variants[0]?.id }), {
      status: 404,
      body: { code: 'variant_not_found' },
    });
    t.match(await choose(api, of.id, lead.secret, { variant_id: 'x'.repeat(70_000) }), { status: 413 });
    const path = `/v1/mailings/${of.id}/winner`;
    const headers = { 'content-type': 'text/plain' };
    t.match(await api.call('POST', path, { key: lead.secret, headers, body: 'x' }), { status: 415 });
    t.match(await choose(api, of.id, lead.secret, { ...body, sure: true }), { status: 422 });
    t.same(await winnerOf(api, of), { state: 'running', winner: null });
  });

  await t.test('a test is decided when its time is over, and not by chance', async (t) => {
    const { ctx } = api.app;
    const make = async (clicks: [number, number], of = 1000, fields = {}) => {
      const one = await insertMailing(api, lead, {
        variants: 2,
        testShare: 20,
        state: 'deciding',
        metric: 'clicks',
        decideAfterHours: 4,
        ...fields,
      });
      await insertRecipients(api, one, ['p0@example.org'], { variant: 0 });
      for (const variant of [0, 1]) {
        await sent(api, one, variant, of);
        await happened(api, one, variant, 'clicks', clicks[variant] ?? 0);
      }
      return one;
    };
    at(10);
    const better = await make([50, 90]);
    const alike = await make([50, 53]);
    const few = await make([1, 9], 30);
    const byHand = await make([50, 90], 1000, { winnerChoice: 'by_hand' });
    const paused = await make([50, 90], 1000, { state: 'paused', pausedFrom: 'deciding' });
    const later = await make([50, 90], 1000, { decideAfterHours: 24 });
    at(13.9);
    t.equal(await decideDue(ctx), 0, 'not yet');
    at(14.1);
    const both = await Promise.all([decideDue(ctx), decideDue(ctx)]);
    t.equal((both[0] ?? 0) + (both[1] ?? 0), 3, 'each once');
    t.same(await winnerOf(api, better), { state: 'running', winner: 1 });
    t.same(await winnerOf(api, alike), { state: 'running', winner: 0 }, 'none is proven: the first');
    t.same(await winnerOf(api, few), { state: 'running', winner: 0 }, 'too few to prove anything');
    t.same(await winnerOf(api, byHand), { state: 'deciding', winner: null });
    t.same(await winnerOf(api, paused), { state: 'paused', winner: null });
    t.same(await winnerOf(api, later), { state: 'deciding', winner: null });
    const test = async ({ id }: Sent) => (await statisticsOf(api, id, lead.secret)).body.test;
    t.match(await test(better), { winner_id: better.variants[1]?.id, proven: true });
    t.match(await test(alike), { proven: false });
    t.match(await test(few), { proven: false });
    const sure = (await test(better)).best_chance as number;
    at(20);
    await sent(api, better, 1, 8000);
    t.equal((await test(better)).best_chance, sure, 'how sure it was stays, while the winner goes out');
  });

  await t.test('the time of a test runs from its last mail, and not while none could be sent', async (t) => {
    const { ctx } = api.app;
    at(30);
    const fields = { variants: 2, testShare: 20, state: 'deciding', metric: 'clicks' } as const;
    const one = await insertMailing(api, lead, { ...fields, decideAfterHours: 4, startedAt: ctx.now() });
    const { mailingRecipients: r } = api.store.tables;
    const [key = 0] = (await insertRecipients(api, one, ['p0@example.org'], { state: 'deferred' })).values();
    const settle = (state: 'deferred' | 'sent', settledAt: Date | null) =>
      api.store.transact(({ db }) => db.update(r).set({ state, settledAt }).where(eq(r.key, key)));
    await settle('deferred', null);
    at(40);
    await decideDue(ctx);
    t.same(await winnerOf(api, one), { state: 'deciding', winner: null }, 'it is still tried');
    await settle('sent', ctx.now());
    await api.store.transact((tx) =>
      moveTallies(tx, [
        {
          mailingKey: one.key,
          from: { variantKey: one.variants[0]?.key ?? 0, state: 'deferred' },
          to: { variantKey: one.variants[0]?.key ?? 0, state: 'sent' },
          recipients: 1,
        },
      ]),
    );
    at(43.9);
    t.equal(await decideDue(ctx), 0, 'it was sent less than four hours ago');
    await settle('sent', ctx.now());
    at(44.1);
    t.equal(await decideDue(ctx), 0, 'another was sent since');
    at(48);
    t.equal(await decideDue(ctx), 1);
    t.same(await winnerOf(api, one), { state: 'running', winner: 0 });
  });
});
