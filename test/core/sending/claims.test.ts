import { and, asc, eq, inArray, isNotNull } from 'drizzle-orm';
import t from 'tap';
import type { RecipientState } from '../../../schema/db/tables/sending.js';
import type { Context } from '../../../src/core/context.js';
import { readEvents } from '../../../src/core/mailing-results/statistics.js';
import { readSums } from '../../../src/core/mailings/mailing-sums.js';
import { claimRecipients, queuedFamilies, queueUp, type Claimed } from '../../../src/core/sending/claims.js';
import { endLapsed, finishMailing } from '../../../src/core/sending/lapses.js';
import { readMailing, workLeft, type SentMailing } from '../../../src/core/sending/open-mailings.js';
import { noteReplies } from '../../../src/core/sending/pace.js';
import { cancelAbandoned, forgetRecipients } from '../../../src/core/sending/recipient-retention.js';
import { beginSending, settle, type Settlement } from '../../../src/core/sending/settling.js';
import { moveTallies } from '../../../src/core/sending/tallies.js';
import { lookAtWire } from '../../../src/core/sending/wire-check.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import { drizzleOn } from '../../../src/store/sqlite-drizzle.js';
import type { Tx } from '../../../src/store/store.js';
import { engines, onEveryEngine, start, type Engine, type TestApp } from '../../support/helper.js';
import { recipientsOf, runningMailing, sumsOf } from '../../support/mailing-world.js';

const OWNER = Buffer.alloc(16, 3);
const LEASE = { owner: OWNER, leaseMs: 60_000 };
const MINUTE = 60_000;

const claimerOf = (key: number, organizationKey: number) => ({
  key,
  organizationKey,
  senderDomain: 'meadows.example',
});

type Set = { reason?: string; dueAt?: Date | null; owner?: Buffer; settledAt?: Date };

/** Brings the recipients with these addresses into a state, with their tallies. */
const put = (api: TestApp, mailingKey: number, emails: string[], to: RecipientState, set: Set = {}) =>
  api.store.transact(async (tx) => {
    const { mailingRecipients: r, supporters } = tx.tables;
    const people = tx.db
      .select({ key: supporters.key })
      .from(supporters)
      .where(inArray(supporters.delivery, emails));
    const of = and(eq(r.mailingKey, mailingKey), inArray(r.supporterKey, people));
    const rows = await tx.db.select().from(r).where(of).orderBy(asc(r.key));
    await tx.db
      .update(r)
      .set({ state: to, ...set })
      .where(of);
    await moveTallies(
      tx,
      rows.map(({ variantKey, state }) => ({
        mailingKey,
        from: { variantKey, state },
        to: { variantKey, state: to },
        recipients: 1,
      })),
    );
  });

async function claimedOf(api: TestApp, mailingKey: number, emails: string[]): Promise<Claimed[]> {
  const { mailingRecipients: r, supporters } = api.store.tables;
  const rows = await api.store.read.db
    .select({ recipient: r })
    .from(r)
    .innerJoin(supporters, eq(supporters.key, r.supporterKey))
    .where(
      and(eq(r.mailingKey, mailingKey), inArray(supporters.delivery, emails), isNotNull(r.subscriptionKey)),
    )
    .orderBy(asc(r.key));
  return rows.map(({ recipient }) => recipient);
}

/** What is looked at just before sending: the keys that may be sent, and why others are not. */
async function look(api: TestApp, mailingKey: number, emails: string[]) {
  const mailing = (await readMailing(api.store.read, mailingKey)) as SentMailing;
  const claimed = await claimedOf(api, mailingKey, emails);
  const hashed = claimed.map((one, i) => ({
    claimed: one,
    identity: emails[i] ?? '',
    subject: api.app.ctx.secrets.subject(emails[i] ?? ''),
  }));
  const looked = await api.store.transact((tx) => lookAtWire(tx, mailing, hashed, undefined));
  return { send: looked.send.map(({ email }) => email), skip: looked.skip.map(({ reason }) => reason) };
}

/** A second mailing to the people of the first. */
async function another(api: TestApp, organizationKey: number, first: { mailingKey: number }) {
  const second = await runningMailing(api.store, organizationKey, []);
  const { mailingRecipients: r } = api.store.tables;
  await api.store.transact(async (tx) => {
    const rows = await tx.db.select().from(r).where(eq(r.mailingKey, first.mailingKey)).orderBy(asc(r.key));
    const { mailingKey, variantKey } = second;
    await tx.db.insert(r).values(
      rows.map(({ supporterKey, subscriptionKey, bucket, wave, family }) => ({
        ...{ mailingKey, supporterKey, subscriptionKey, bucket, wave, variantKey, family },
        state: 'queued' as const,
      })),
    );
    const to = { variantKey, state: 'queued' as const };
    await moveTallies(tx, [{ mailingKey, from: null, to, recipients: rows.length }]);
  });
  return second;
}

onEveryEngine('the last look', async (t, engine) => {
  const api = await start(t, engine);
  const { key } = await api.organization('Meadows');

  await t.test('a mailing that is being sent counts for who wants few mails', async (t) => {
    const emails = ['weekly@example.org', 'all@example.org'];
    const first = await runningMailing(api.store, key, [
      { email: 'weekly@example.org', frequency: 'weekly' },
      { email: 'all@example.org' },
    ]);
    const second = await another(api, key, first);
    t.same((await look(api, second.mailingKey, emails)).send, emails);
    await put(api, first.mailingKey, emails, 'sending', { dueAt: new Date(), owner: OWNER });
    t.same(await look(api, second.mailingKey, emails), { send: ['all@example.org'], skip: ['frequency'] });
  });

  await t.test('who was merged into another gets a mailing once', async (t) => {
    const emails = ['old@example.org', 'new@example.org', 'third@example.org'];
    const { mailingKey } = await runningMailing(
      api.store,
      key,
      emails.map((email) => ({ email })),
    );
    const { mailingRecipients: r } = api.store.tables;
    const [old, kept] = await claimedOf(api, mailingKey, emails);
    await api.store.transact(({ db }) =>
      db
        .update(r)
        .set({ supporterKey: kept?.supporterKey ?? 0, subscriptionKey: null })
        .where(eq(r.key, old?.key ?? 0)),
    );
    const rest = emails.slice(1);
    t.same(await look(api, mailingKey, rest), { send: rest, skip: [] });
    for (const state of ['sending', 'sent', 'uncertain'] as const) {
      await api.store.transact(({ db }) =>
        db
          .update(r)
          .set({ state })
          .where(eq(r.key, old?.key ?? 0)),
      );
      const expected = { send: ['third@example.org'], skip: ['already_sent'] };
      t.same(await look(api, mailingKey, rest), expected, state);
    }
  });
});

onEveryEngine('claiming', async (t, engine) => {
  const api = await start(t, engine);
  const { key } = await api.organization('Meadows');
  const claim = (mailingKey: number, wanted: Record<string, number>, state: 'running' | 'deciding') =>
    api.store.transact((tx) =>
      claimRecipients(
        tx,
        claimerOf(mailingKey, key),
        { state, winnerKey: null, claims: 1 },
        new Map(Object.entries(wanted)),
        LEASE,
      ),
    );

  await t.test('while a winner is awaited, what is queued of the test group is sent', async (t) => {
    const { mailingKey } = await runningMailing(api.store, key, [
      { email: 'again@a.example', wave: 0 },
      { email: 'rest@a.example', wave: 1 },
    ]);
    const wanted = Object.fromEntries(await queuedFamilies(api.store.read, mailingKey));
    t.same(wanted, { 'a.example': 1 });
    const claimed = await claim(mailingKey, { 'a.example': 5 }, 'deciding');
    t.equal(claimed.length, 1);
    t.match(await recipientsOf(api.store, mailingKey), [
      { email: 'again@a.example', state: 'claimed' },
      { email: 'rest@a.example', state: 'queued' },
    ]);
    t.same(await sumsOf(api.store, mailingKey), { claimed: 1, queued: 1 });
  });

  await t.test('what is due again of a slow provider keeps no other waiting', async (t) => {
    const at = new Date('2026-12-01T08:00:00Z');
    api.setClock(at);
    const slow = Array.from({ length: 60 }, (_, i) => `p${i}@slow.example`);
    const { mailingKey } = await runningMailing(
      api.store,
      key,
      [...slow, 'one@quick.example'].map((email) => ({ email })),
    );
    await put(api, mailingKey, slow, 'deferred', { dueAt: new Date(at.getTime() - 2 * MINUTE) });
    await put(api, mailingKey, ['one@quick.example'], 'deferred', { dueAt: new Date(at.getTime() - MINUTE) });
    await api.store.transact((tx) =>
      noteReplies(tx, [{ family: 'slow.example', outcome: 'deferred', code: 421 }]),
    );
    const claimed = await claim(mailingKey, {}, 'running');
    t.same(
      claimed.map(({ family }) => family),
      ['quick.example'],
    );
  });
});

onEveryEngine('what is to be done', async (t, engine) => {
  const api = await start(t, engine);
  const { key } = await api.organization('Meadows');
  const { mailings } = api.store.tables;
  const states = { draft: {}, scheduled: {}, building: {}, running: {}, paused: {}, done: {}, cancelled: {} };
  const keys = new Map<string, number>();
  for (const state of Object.keys(states) as (keyof typeof states)[]) {
    const { mailingKey } = await runningMailing(api.store, key, [{ email: `a@${state}.example` }]);
    await api.store.transact(({ db }) =>
      db.update(mailings).set({ state }).where(eq(mailings.key, mailingKey)),
    );
    keys.set(state, mailingKey);
  }
  const settled = keys.get('cancelled') ?? 0;
  const found = async () => (await workLeft(api.store.read)).map(({ state }) => state);
  t.same(await found(), ['building', 'running', 'paused', 'done', 'cancelled'], 'those with people left');
  await put(api, settled, ['a@cancelled.example'], 'skipped');
  await put(api, keys.get('paused') ?? 0, ['a@paused.example'], 'sent');
  await put(api, keys.get('running') ?? 0, ['a@running.example'], 'sent');
  t.same(await found(), ['building', 'running', 'done'], 'what is paused or ended, as long as it has any');
  await api.store.transact(({ db, now }) =>
    db.update(mailings).set({ finishedAt: now }).where(eq(mailings.state, 'done')),
  );
  t.same(await found(), ['building', 'running']);
});

onEveryEngine('settling', async (t, engine) => {
  const api = await start(t, engine);
  const { key } = await api.organization('Meadows');
  const record = async (mailingKey: number, email: string, settlement: Settlement) => {
    const [claimed] = await claimedOf(api, mailingKey, [email]);
    if (!claimed) throw new Error('no such recipient');
    await api.store.transact((tx) =>
      settle(tx, claimerOf(mailingKey, key), [{ claimed, settlement }], OWNER, () => 0.5),
    );
  };

  await t.test('after its lease only an end is believed, not that it should be tried again', async (t) => {
    const names = ['sent', 'failed', 'later', 'outage'];
    const emailOf = (name: string) => `${name}@example.org`;
    const { mailingKey } = await runningMailing(
      api.store,
      key,
      names.map((name) => ({ email: emailOf(name) })),
    );
    const dueAt = new Date(Date.now() - MINUTE);
    await put(api, mailingKey, names.map(emailOf), 'sending', { dueAt, owner: OWNER });
    await api.store.transact((tx) => endLapsed(tx, claimerOf(mailingKey, key)));
    t.same(await sumsOf(api.store, mailingKey), { uncertain: 4 });
    t.ok(await api.store.transact((tx) => finishMailing(tx, mailingKey, false)));
    await record(mailingKey, emailOf('sent'), { state: 'sent' });
    await record(mailingKey, emailOf('failed'), { state: 'failed', reason: 'smtp_550', code: 550 });
    const later = { state: 'deferred', reason: 'smtp_451', code: 451 } as const;
    await record(mailingKey, emailOf('later'), { ...later, counts: true });
    await record(mailingKey, emailOf('outage'), { ...later, counts: false });
    t.same(
      (await recipientsOf(api.store, mailingKey)).map(({ state }) => state),
      ['sent', 'failed', 'uncertain', 'uncertain'],
    );
    t.same(await sumsOf(api.store, mailingKey), { sent: 1, failed: 1, uncertain: 2 });
  });

  await t.test('an address that does not exist has failed, and bounced', async (t) => {
    const { mailingKey, variantKey } = await runningMailing(api.store, key, [
      { email: 'gone@example.org' },
      { email: 'policy@example.org' },
    ]);
    await put(api, mailingKey, ['gone@example.org', 'policy@example.org'], 'sending', { owner: OWNER });
    const failed = { state: 'failed', reason: 'smtp_550', code: 550 } as const;
    await record(mailingKey, 'gone@example.org', { ...failed, badAddress: true });
    await record(mailingKey, 'policy@example.org', failed);
    const { mailingRecipients: r, mailingHours: h } = api.store.tables;
    const rows = await api.store.read.db
      .select({ state: r.state, result: r.result, resultAt: r.resultAt })
      .from(r)
      .where(eq(r.mailingKey, mailingKey))
      .orderBy(asc(r.key));
    t.match(rows, [
      { state: 'failed', result: 'bounced', resultAt: Date },
      { state: 'failed', result: null, resultAt: null },
    ]);
    const hours = await api.store.read.db.select().from(h).where(eq(h.mailingKey, mailingKey));
    t.same(hours.map(({ variantKey: of, outcome, events }) => [of, outcome, events]).sort(), [
      [variantKey, 'bounced_at_once', 1],
      [variantKey, 'failed', 2],
    ]);
    t.match(await readSums(api.store.read, mailingKey), { failed: 2, bounced: 0 }, 'judged by once');
    const statistics = await readEvents(api.store.read, { key: mailingKey, organizationKey: key });
    t.match(
      statistics.filter(({ figure }) => figure === 'bounced'),
      [{ variantKey, events: 1 }],
    );
  });

  await t.test('what a process that died had claimed is given back to the pace', async (t) => {
    const { mailingKey } = await runningMailing(
      api.store,
      key,
      ['a', 'b', 'c'].map((name) => ({ email: `${name}@lapsed.example` })),
    );
    const { sendingDays: d, mailingRecipients: r } = api.store.tables;
    const counted = async () =>
      (await api.store.read.db.select().from(d)).reduce((sum, { mails }) => sum + mails, 0);
    const before = await counted();
    const wanted = await queuedFamilies(api.store.read, mailingKey);
    const permit = { state: 'running', winnerKey: null, claims: 1 } as const;
    const claimer = claimerOf(mailingKey, key);
    const claimed = await api.store.transact((tx) => claimRecipients(tx, claimer, permit, wanted, LEASE));
    t.equal(claimed.length, 3);
    t.equal(await counted(), before + 3);
    await api.store.transact((tx) => beginSending(tx, mailingKey, claimed.slice(0, 1), LEASE));
    const dueAt = new Date(Date.now() - MINUTE);
    await api.store.transact((tx) =>
      tx.db.update(r).set({ dueAt }).where(eq(r.mailingKey, mailingKey)).returning(),
    );
    await api.store.transact((tx) => endLapsed(tx, claimer));
    t.same(await sumsOf(api.store, mailingKey), { queued: 2, uncertain: 1 });
    t.equal(await counted(), before + 1, 'not what may have been sent');
  });

  await t.test('trouble of our own mail server slows no provider down', async (t) => {
    const { mailingKey } = await runningMailing(api.store, key, [{ email: 'one@far.example' }]);
    await put(api, mailingKey, ['one@far.example'], 'sending', { owner: OWNER });
    await record(mailingKey, 'one@far.example', {
      ...{ state: 'deferred', reason: 'smtp_421', code: 421, counts: false },
    });
    const { sendingPace } = api.store.tables;
    const rows = await api.store.read.db.select({ scope: sendingPace.scope }).from(sendingPace);
    t.notOk(rows.some(({ scope }) => scope === 'family:far.example'));
    t.match(await recipientsOf(api.store, mailingKey), [{ state: 'queued', attempts: 0 }]);
  });
});

t.test('claims and lapses read what is still to be done, not the whole audience', async (t) => {
  const [sqlite] = engines;
  const api = await start(t, sqlite as Engine);
  const { key } = await api.organization('Meadows');
  const { mailingKey } = await runningMailing(api.store, key, [{ email: 'a@a.example' }]);
  const seen: string[] = [];
  const database = openFile(api.url.slice('file:'.length));
  t.teardown(() => void database.close());
  const prepare = database.prepare.bind(database);
  // With the places of its values still open, as SQLite plans it.
  database.prepare = (sql: string) => {
    seen.push(sql);
    return prepare(sql);
  };
  const { tables } = api.store;
  const locks: string[] = [];
  const tx = {
    db: drizzleOn(database),
    tables,
    now: new Date(),
    lock: async (name: Buffer) => void locks.push(name.toString('hex')),
  } as unknown as Tx;
  const wanted = await queuedFamilies(tx, mailingKey);
  const permit = { state: 'running', winnerKey: null, claims: 1 } as const;
  t.equal((await claimRecipients(tx, claimerOf(mailingKey, key), permit, wanted, LEASE)).length, 1);
  await queueUp(tx, { organizationKey: key });
  const queue = locks.splice(0).at(-1);
  await endLapsed(tx, claimerOf(mailingKey, key));
  t.same(locks, [queue], 'lapses wait for those who claim and record');
  await finishMailing(tx, mailingKey, false);
  const planOf = (sql: string): string => {
    const places = Array<null>(sql.split('?').length - 1).fill(null);
    const plan = prepare(`explain query plan ${sql}`).all(...places) as { detail: string }[];
    return plan.map(({ detail }) => detail).join('; ');
  };
  const reads = seen.filter((sql) => /from "mailing_recipients"/.test(sql));
  t.equal(reads.length, 7, 'families, due, queued; two kinds of lapses; the rest of the audience, and any');
  for (const sql of reads) {
    const plan = planOf(sql);
    t.match(plan, /INDEX mailing_recipients_open/, `${sql}\n${plan}`);
  }
  await workLeft(tx);
  const plan = planOf(seen.at(-1) ?? '');
  t.match(plan, /INDEX mailings_open/, 'nor all mailings');
  t.match(plan, /INDEX mailings_ending/);
  t.notMatch(plan, /SCAN mailings(?! USING)/, plan);

  const before = seen.length;
  const context = { store: { ...api.store, read: tx, tables }, now: () => new Date() };
  t.equal(await forgetRecipients(context as unknown as Context), 0);
  const asked = seen.slice(before);
  t.equal(asked.length, 1, 'one question, however many have been forgotten');
  t.match(planOf(asked[0] ?? ''), /SEARCH mailings USING INDEX mailings_remembered/);
  t.match(asked[0], / limit \?/);
  t.equal(await cancelAbandoned(context as unknown as Context), 0);
  t.match(planOf(seen.at(-1) ?? ''), /SEARCH mailings USING INDEX mailings_open/);
});
