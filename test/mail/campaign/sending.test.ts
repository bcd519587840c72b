import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as loopTurn } from 'node:timers/promises';
import { eq, inArray } from 'drizzle-orm';
import t, { type Test } from 'tap';
import type { FrozenText, MailingState } from '../../../schema/db/tables/mailings.js';
import { mailingJournalFile } from '../../../src/mailing-journal-file.js';
import { smtpWire } from '../../../src/mail/campaign/wire.js';
import { MailingWorker, type CampaignOptions } from '../../../src/mail/campaign/worker.js';
import type { Context } from '../../../src/core/context.js';
import { block, isBlocked } from '../../../src/core/mail/do-not-contact.js';
import { readEvents } from '../../../src/core/mailing-results/statistics.js';
import { endMailings } from '../../../src/core/sending/ending.js';
import { moveTallies, readTallies } from '../../../src/core/sending/tallies.js';
import { ApiError } from '../../../src/errors.js';
import { newId } from '../../../src/new-id.js';
import { onEveryEngine, openTestStore, start } from '../../support/helper.js';
import { startMailServer, type MailServer } from '../../support/mail-server.js';
import { FROZEN, recipientsOf, runningMailing, stateOf, sumsOf } from '../../support/mailing-world.js';
import { until as untilWithin } from '../../support/until.js';

/** All parts of a mail are parsed in this process: on a loaded machine that takes its time. */
const until: typeof untilWithin = (look, what) => untilWithin(look, what, { withinMs: 90_000 });

type Line = { level: string; values: Record<string, unknown>; message: string };

function startMailings(
  t: Test,
  ctx: Context,
  server: MailServer,
  options: Partial<CampaignOptions> = {},
): { worker: MailingWorker; lines: Line[] } {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  const lines: Line[] = [];
  const at = (level: string) => (values: Record<string, unknown>, message: string) =>
    void lines.push({ level, values, message });
  const journal = mailingJournalFile(join(folder, 'mailings.log'));
  const worker = new MailingWorker({
    ctx,
    from: 'petitions@meadows.example',
    bounceAddress: 'bounces@meadows.example',
    wire: smtpWire({ url: server.url }),
    journal,
    connections: 5,
    chores: [endMailings],
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    ...options,
    times: { pollMs: 20, sweepMs: 50, pauseMs: 50, ...options.times },
  }).start();
  t.teardown(async () => {
    await worker.stop();
    await journal.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { worker, lines };
}

onEveryEngine('a mailing is sent once to each', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 250 }, (_, i) => ({
    email: `p${i}@d${i % 40}.example`,
    name: `Zoë Ö${i}`,
  }));
  const { mailingKey } = await runningMailing(api.store, key, people);
  const { lines } = startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  t.same(await sumsOf(api.store, mailingKey), { sent: 250 });
  t.same(server.received.flatMap(({ to }) => to).sort(), people.map(({ email }) => email).sort());
  t.same(lines, []);
  t.match(server.received[0], { mail: { subject: /^Keep the meadows, Zoë$/ } });
  t.equal(new Set(server.received.map(({ mail }) => mail.messageId)).size, 250);
});

onEveryEngine('who may not be mailed any more gets nothing', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const names = ['stays', 'left', 'blocked', 'erased', 'weekly', 'monthly', 'rarely', 'moved'];
  const people = names.map((name) => ({
    email: `${name}@example.org`,
    frequency:
      name === 'weekly'
        ? ('weekly' as const)
        : /monthly|rarely/.test(name)
          ? ('monthly' as const)
          : ('all' as const),
  }));
  const earlier = await runningMailing(api.store, key, people);
  const { supporters, subscriptions, mailingRecipients, mailings } = api.store.tables;
  const by = (name: string) => eq(supporters.identity, `${name}@example.org`);
  const keyOf = async (name: string) =>
    (await api.store.read.db.select().from(supporters).where(by(name)))[0]?.key ?? 0;
  const DAY = 86_400_000;
  // Everybody got an earlier mailing, ten days ago; only one of them forty days ago.
  await api.store.transact(async (tx) => {
    const ago = (days: number) => new Date(tx.now.getTime() - days * DAY);
    await tx.db.update(mailingRecipients).set({ state: 'sent', settledAt: ago(10) });
    await tx.db.update(mailings).set({ state: 'done' });
    await tx.db
      .update(mailingRecipients)
      .set({ settledAt: ago(40) })
      .where(eq(mailingRecipients.supporterKey, await keyOf('rarely')));
  });
  await api.store.transact(async (tx) => {
    const rows = await tx.db
      .select()
      .from(mailingRecipients)
      .where(eq(mailingRecipients.mailingKey, earlier.mailingKey));
    const [mailing] = await tx.db
      .insert(mailings)
      .values({
        publicId: newId('mlg'),
        organizationKey: key,
        handle: Buffer.alloc(9, 1),
        name: 'Next',
        state: 'running',
        createdAt: tx.now,
      })
      .returning({ key: mailings.key });
    const mailingKey = mailing?.key ?? 0;
    const { mailingVariants } = tx.tables;
    const [variant] = await tx.db
      .insert(mailingVariants)
      .values({
        publicId: newId('mvr'),
        mailingKey,
        position: 0,
        name: 'A',
        handle: Buffer.alloc(9, 2),
        content: {},
        frozen: FROZEN,
      })
      .returning({ key: mailingVariants.key });
    const variantKey = variant?.key ?? 0;
    await tx.db.insert(mailingRecipients).values(
      rows.map(({ supporterKey, subscriptionKey, bucket, wave, family }) => ({
        mailingKey,
        supporterKey,
        subscriptionKey,
        bucket,
        wave,
        family,
        variantKey,
        state: 'queued' as const,
      })),
    );
    await moveTallies(tx, [
      { mailingKey, from: null, to: { variantKey, state: 'queued' }, recipients: rows.length },
    ]);
    // What happened since the audience was fixed.
    await tx.db
      .update(subscriptions)
      .set({ status: 'unsubscribed' })
      .where(eq(subscriptions.supporterKey, await keyOf('left')));
    await block(tx, api.app.ctx.secrets.subject('blocked@example.org'), 'complaint');
    await tx.db.update(supporters).set({ erasedAt: tx.now }).where(by('erased'));
    await tx.db
      .update(supporters)
      .set({ identity: 'new@example.org', delivery: 'new@example.org' })
      .where(by('moved'));
  });
  const [next] = await api.store.read.db.select().from(mailings).where(eq(mailings.name, 'Next'));
  const mailingKey = next?.key ?? 0;
  const { lines } = startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  const found = (await recipientsOf(api.store, mailingKey)).map(({ email, state, reason }) => [
    email.split('@')[0],
    state,
    reason,
  ]);
  t.same(found.sort(), [
    ['blocked', 'skipped', 'do_not_contact'],
    ['erased', 'skipped', 'erased'],
    ['left', 'skipped', 'unsubscribed'],
    ['monthly', 'skipped', 'frequency'],
    ['new', 'sent', null],
    ['rarely', 'sent', null],
    ['stays', 'sent', null],
    ['weekly', 'sent', null],
  ]);
  t.same(server.received.flatMap(({ to }) => to).sort(), [
    'new@example.org',
    'rarely@example.org',
    'stays@example.org',
    'weekly@example.org',
  ]);
  t.same(await sumsOf(api.store, mailingKey), { sent: 4, skipped: 4 });
  t.notMatch(JSON.stringify(lines), /@example/);
});

onEveryEngine('paused, resumed and cancelled', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  server.mood = { slow: 40 };
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 600 }, (_, i) => ({ email: `p${i}@example.org` }));
  const { mailingKey } = await runningMailing(api.store, key, people);
  const { mailings } = api.store.tables;
  const become = (state: MailingState) =>
    api.store.transact(({ db }) => db.update(mailings).set({ state }).where(eq(mailings.key, mailingKey)));
  startMailings(t, api.app.ctx, server);
  await until(() => server.received.length >= 10, 'some');
  await become('paused');
  const pausedAt = performance.now();
  // Only what a connection had begun comes after the pause.
  await until(async () => {
    const { claimed = 0, sending = 0 } = await sumsOf(api.store, mailingKey);
    return claimed + sending === 0;
  }, 'that nothing is held');
  const took = performance.now() - pausedAt;
  t.ok(took < 5000, `given back after ${Math.round(took)} ms`);
  const { sent = 0, queued = 0 } = await sumsOf(api.store, mailingKey);
  t.equal(sent, server.received.length);
  t.equal(sent + queued, 600);

  await become('running');
  await until(() => server.received.length >= sent + 10, 'more');
  await become('cancelled');
  await until(async () => {
    const { claimed = 0, sending = 0, queued = 0 } = await sumsOf(api.store, mailingKey);
    return claimed + sending + queued === 0;
  }, 'that nothing is left');
  const sums = await sumsOf(api.store, mailingKey);
  t.same(sums, { sent: server.received.length, skipped: 600 - server.received.length });
  const rest = (await recipientsOf(api.store, mailingKey)).filter(({ state }) => state === 'skipped');
  t.same([...new Set(rest.map(({ reason }) => reason))], ['cancelled']);
  t.equal(new Set(server.received.flatMap(({ to }) => to)).size, server.received.length, 'nobody twice');
});

onEveryEngine('a mail server that fails', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const at = new Date('2026-11-28T08:00:00Z');
  api.setClock(at);
  const later = (minutes: number) => api.setClock(new Date(at.getTime() + minutes * 60_000));
  const send = async (people: string[]) => {
    const { mailingKey } = await runningMailing(
      api.store,
      key,
      people.map((email) => ({ email })),
    );
    return mailingKey;
  };
  const { worker, lines } = startMailings(t, api.app.ctx, server);

  await t.test('refusals of some', async (t) => {
    server.mood = {
      recipient: (address) =>
        ({ un: '550 5.1.1 unknown', gr: '451 4.7.1 later', bu: '421 4.3.0 busy', po: '554 5.7.1 policy' })[
          address.slice(0, 2)
        ],
    };
    const mailingKey = await send([
      'fine@example.org',
      'unknown@example.org',
      'grey@example.org',
      'busy@example.org',
      'policy@example.org',
    ]);
    const outcomes = async () =>
      Object.fromEntries(
        (await recipientsOf(api.store, mailingKey)).map(({ email, state, reason, attempts }) => [
          email.split('@')[0],
          [state, reason, attempts],
        ]),
      );
    await until(async () => {
      const { queued = 0, claimed = 0, sending = 0 } = await sumsOf(api.store, mailingKey);
      return queued + claimed + sending === 0;
    }, 'that all were tried');
    t.same(await outcomes(), {
      fine: ['sent', null, 1],
      unknown: ['failed', 'smtp_550', 1],
      grey: ['deferred', 'smtp_451', 1],
      busy: ['deferred', 'smtp_421', 1],
      policy: ['failed', 'smtp_554', 1],
    });
    t.equal((await stateOf(api.store, mailingKey)).state, 'running', 'it is not done');
    const events = await readEvents(api.store.read, { key: mailingKey, organizationKey: key });
    t.match(
      events.filter(({ figure }) => figure === 'bounced'),
      [{ events: 1 }],
      'who is not there has bounced',
    );
    const subject = api.app.ctx.secrets.subject('unknown@example.org');
    await until(
      async () => (await isBlocked(api.store.read, subject)) === 'bounce',
      'that the address is not mailed any more',
    );
    t.equal(await isBlocked(api.store.read, api.app.ctx.secrets.subject('policy@example.org')), undefined);

    server.mood = {};
    later(3);
    await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
    t.match(await outcomes(), { grey: ['sent', null, 2], busy: ['sent', null, 2] });
    t.same(await sumsOf(api.store, mailingKey), { sent: 3, failed: 2 });
  });

  await t.test('it hangs up after it has taken a mail: uncertain, and not sent again', async (t) => {
    server.mood = { data: 'take_and_drop' };
    server.received.length = 0;
    const mailingKey = await send(['one@example.org']);
    await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
    server.mood = {};
    t.match(await recipientsOf(api.store, mailingKey), [{ state: 'uncertain', reason: 'connection_lost' }]);
    t.equal(server.received.length, 1);
  });

  await t.test('it is gone, and comes back', async (t) => {
    server.received.length = 0;
    await server.stop();
    const mailingKey = await send(['lost1@example.org', 'lost2@example.org', 'lost3@example.org']);
    await until(() => lines.some(({ message }) => message === 'mail cannot be sent'), 'that it has tried');
    t.equal((await stateOf(api.store, mailingKey)).state, 'running');
    await server.start();
    await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that all are sent');
    t.same(await sumsOf(api.store, mailingKey), { sent: 3 });
    t.match(
      await recipientsOf(api.store, mailingKey),
      [{ attempts: 1 }, { attempts: 1 }, { attempts: 1 }],
      'an outage is no attempt',
    );
  });

  await t.test('given up after a day', async (t) => {
    server.mood = { recipient: () => '451 4.7.1 later' };
    const mailingKey = await send(['never@example.org']);
    // The clock goes on between attempts alone: a lease that ran out during one would be that of a dead process.
    const attempts = async () => (await recipientsOf(api.store, mailingKey))[0]?.attempts ?? 0;
    for (let tried = 0, hours = 1; ; hours += 10) {
      await until(async () => (await attempts()) > tried, 'the next attempt');
      tried = await attempts();
      if ((await recipientsOf(api.store, mailingKey))[0]?.state !== 'deferred') break;
      later(hours * 60);
    }
    server.mood = {};
    t.match(await recipientsOf(api.store, mailingKey), [
      { state: 'failed', reason: 'smtp_451', attempts: 10 },
    ]);
  });

  await worker.stop();
  t.notMatch(JSON.stringify(lines), /@example/, 'no address in the log');
});

onEveryEngine('a process that dies at any commit does not lose a bad address', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  server.mood = { recipient: (address) => (address.startsWith('bad') ? '550 5.1.1 unknown' : undefined) };
  const { key } = await api.organization('Meadows');
  const people = ['bad@example.org', 'fine@example.org'];
  const { mailingKey } = await runningMailing(
    api.store,
    key,
    people.map((email) => ({ email })),
  );
  const { store, app } = api;
  const looks: [state: string, blocked: string | undefined][] = [];
  const transact: typeof store.transact = async (work, options) => {
    const result = await store.transact(work, options);
    const bad = (await recipientsOf(store, mailingKey)).find(({ email }) => email === 'bad@example.org');
    looks.push([
      bad?.state ?? 'gone',
      await isBlocked(store.read, app.ctx.secrets.subject('bad@example.org')),
    ]);
    return result;
  };
  startMailings(t, { ...app.ctx, store: { ...store, read: store.read, transact } }, server);
  await until(async () => (await stateOf(store, mailingKey)).state === 'done', 'that it is done');
  t.same(await sumsOf(store, mailingKey), { sent: 1, failed: 1 });
  const failed = looks.filter(([state]) => state === 'failed');
  t.ok(failed.length > 0);
  t.same(
    failed.filter(([, blocked]) => blocked !== 'bounce'),
    [],
    'recorded as failed alone when its address is not mailed any more',
  );
});

onEveryEngine('what a process left behind, and what stopping leaves', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 60 }, (_, i) => ({ email: `p${i}@example.org` }));
  const { mailingKey, variantKey } = await runningMailing(api.store, key, people);
  const { mailingRecipients: r } = api.store.tables;
  // A process that died has claimed 20, and was sending to 3.
  await api.store.transact(async (tx) => {
    const rows = await tx.db.select({ key: r.key }).from(r).orderBy(r.key).limit(23);
    const keys = rows.map((row) => row.key);
    const held = { owner: Buffer.alloc(16, 1), dueAt: new Date(tx.now.getTime() - 1) };
    const put = async (state: 'claimed' | 'sending', some: number[]) => {
      await tx.db
        .update(r)
        .set({ ...held, state })
        .where(inArray(r.key, some));
      await moveTallies(tx, [
        {
          mailingKey,
          from: { variantKey, state: 'queued' },
          to: { variantKey, state },
          recipients: some.length,
        },
      ]);
    };
    await put('claimed', keys.slice(0, 20));
    await put('sending', keys.slice(20));
  });
  server.mood = { slow: 30 };
  const { worker } = startMailings(t, api.app.ctx, server);
  await until(() => server.received.length >= 8, 'some');
  await worker.stop();
  const { sent = 0, queued = 0, uncertain, ...rest } = await sumsOf(api.store, mailingKey);
  t.equal(uncertain, 3, 'what was under way');
  t.same(rest, {}, 'nothing is held after the stop');
  t.equal(sent, server.received.length);
  t.equal(sent + queued, 57);
  const second = startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  await second.worker.stop();
  t.same(await sumsOf(api.store, mailingKey), { sent: 57, uncertain: 3 });
  t.equal(new Set(server.received.flatMap(({ to }) => to)).size, 57);
});

onEveryEngine('a restored backup does not send again', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'mailings.log');
  const { mailingKey, mailingId } = await runningMailing(api.store, key, [{ email: 'one@example.org' }]);
  writeFileSync(
    file,
    `2026-11-27T08:00:00.000Z mlg_half2026-11-27T08:00:00.000Z ${mailingId} 7\n2026-11-27T08:00:00.000Z ${mailingId} 6\n`,
  );
  const { lines } = startMailings(t, api.app.ctx, server, { journal: mailingJournalFile(file) });
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'paused', 'the pause');
  t.match(await stateOf(api.store, mailingKey), { pauseReason: 'backup_restored', pausedFrom: 'running' });
  await until(() => lines.length > 0, 'that the log says so');
  t.match(lines, [{ level: 'error', message: /restored backup/ }]);
  t.same([server.received.length, await sumsOf(api.store, mailingKey)], [0, { queued: 1 }]);
  const { mailings } = api.store.tables;
  await api.store.transact(({ db }) =>
    db.update(mailings).set({ state: 'running', pauseReason: null }).where(eq(mailings.key, mailingKey)),
  );
  await until(
    async () => (await stateOf(api.store, mailingKey)).state === 'done',
    'that it goes on once the organiser says so',
  );
  t.equal(server.received.length, 1);
  const claims = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[2]))
    .slice(2);
  t.same(
    claims,
    [...claims].sort((a, b) => a - b),
  );
  t.ok((claims[0] ?? 0) > 7);
});

onEveryEngine('a database that goes back while its server runs does not send again', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  server.mood = { slow: 30 };
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 150 }, (_, i) => ({ email: `p${i}@example.org` }));
  const { mailingKey } = await runningMailing(api.store, key, people);
  const { lines } = startMailings(t, api.app.ctx, server);
  await until(() => server.received.length >= 20, 'some');
  const { mailings } = api.store.tables;
  await api.store.transact(({ db }) =>
    db.update(mailings).set({ claims: 1 }).where(eq(mailings.key, mailingKey)),
  );
  await until(async () => (await stateOf(api.store, mailingKey)).state !== 'running', 'the pause');
  t.match(await stateOf(api.store, mailingKey), { state: 'paused', pauseReason: 'backup_restored' });
  await until(() => lines.length > 0, 'that the log says so');
  t.match(lines, [{ level: 'error', message: /restored backup/ }]);
});

t.test('a journal that cannot be read is read again once it can', async (t) => {
  const file = join(t.testdir({}), 'mailings.log');
  mkdirSync(file);
  const journal = mailingJournalFile(file);
  await t.rejects(journal.last('mlg_1'), { code: 'EISDIR' });
  rmdirSync(file);
  writeFileSync(file, '2026-11-27T08:00:00.000Z mlg_1 7\n');
  t.equal(await journal.last('mlg_1'), 7);
  await journal.append('mlg_1', 9, new Date(), { durable: true });
  t.equal(await journal.last('mlg_1'), 9);
  await journal.close();
});

onEveryEngine('nothing is sent while the journal cannot be written', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const { mailingKey } = await runningMailing(api.store, key, [
    { email: 'one@example.org' },
    { email: 'two@example.org' },
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'mailings.log');
  // A folder in the file's place: it cannot be opened.
  const real = mailingJournalFile(file);
  let isFull = true;
  const journal = {
    last: (id: string) => real.last(id),
    append: (...line: Parameters<typeof real.append>) =>
      isFull ? mailingJournalFile(folder).append(...line) : real.append(...line),
  };
  const { lines } = startMailings(t, api.app.ctx, server, { journal });
  await until(
    () => lines.some(({ message }) => /journal of mailings cannot be written/.test(message)),
    'the complaint',
  );
  await until(async () => (await sumsOf(api.store, mailingKey))['queued'] === 2, 'that both are given back');
  t.equal(server.received.length, 0);
  isFull = false;
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it goes on');
  t.same(await sumsOf(api.store, mailingKey), { sent: 2 });
});

onEveryEngine('a test in two waves', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 30 }, (_, i) => ({ email: `p${i}@example.org`, wave: i < 10 ? 0 : 1 }));
  const { mailingKey, variantKey } = await runningMailing(api.store, key, people);
  startMailings(t, api.app.ctx, server);
  await until(
    async () => (await stateOf(api.store, mailingKey)).state === 'deciding',
    'that the test is over',
  );
  t.equal(server.received.length, 10);
  const { mailings } = api.store.tables;
  await api.store.transact(({ db }) =>
    db.update(mailings).set({ state: 'running', winnerKey: variantKey }).where(eq(mailings.key, mailingKey)),
  );
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  t.same(await sumsOf(api.store, mailingKey), { sent: 30 });
  const tallies = await readTallies(api.store.read, mailingKey);
  t.same(
    tallies.filter(({ recipients }) => recipients !== 0),
    [{ variantKey, state: 'sent', recipients: 30 }],
    'the rest counts for the winner',
  );
});

onEveryEngine('the mailings of a test organization go to its mailbox', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key: testOf } = await api.organization('Meadows');
  const { key } = await api.organization('Trial');
  const { organizations } = api.store.tables;
  await api.store.transact(({ db }) =>
    db
      .update(organizations)
      .set({ testOf, testEmail: 'trials@meadows.example' })
      .where(eq(organizations.key, key)),
  );
  const { mailingKey } = await runningMailing(api.store, key, [{ email: 'real@example.org' }], {
    testOrganizationKey: key,
  });
  startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  t.match(server.received, [{ to: ['trials@meadows.example'] }]);
  t.equal(server.received.length, 1);
});

onEveryEngine('a frozen text that cannot be used pauses the mailing', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const [text] = Object.values(FROZEN.locales);
  const frozen = { ...FROZEN, locales: { en: { ...text, html: '{% nonsense %}' } as FrozenText } };
  const { mailingKey } = await runningMailing(api.store, key, [{ email: 'one@example.org' }], { frozen });
  const { lines } = startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'paused', 'the pause');
  t.equal((await stateOf(api.store, mailingKey)).pauseReason, 'content_unusable');
  t.match(lines[0], { message: 'a mailing cannot be made' });
});

onEveryEngine('two processes send one mailing together', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  server.mood = { slow: 5 };
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 900 }, (_, i) => ({ email: `p${i}@d${i % 7}.example` }));
  const { mailingKey } = await runningMailing(api.store, key, people);
  const store = await openTestStore(api.url);
  t.teardown(() => store.close());
  startMailings(t, api.app.ctx, server);
  startMailings(t, { ...api.app.ctx, store }, server);
  let looks = 0;
  for (; (await stateOf(api.store, mailingKey)).state !== 'done'; looks += 1) {
    await sumsOf(api.store, mailingKey);
    // Reading SQLite never waits, so that looking alone would keep the senders from their sockets.
    await loopTurn();
  }
  t.ok(looks > 5, 'the sums were looked at meanwhile');
  t.same(await sumsOf(api.store, mailingKey), { sent: 900 });
  t.equal(server.received.length, 900);
  t.equal(new Set(server.received.flatMap(({ to }) => to)).size, 900);
});

onEveryEngine(
  'an expired mailing whose process died is wound up, though a chore fails',
  async (t, engine) => {
    const api = await start(t, engine);
    const server = await startMailServer(t);
    const { key } = await api.organization('Meadows');
    const { mailingKey, variantKey } = await runningMailing(api.store, key, [{ email: 'one@example.org' }]);
    const { mailings, mailingRecipients: r } = api.store.tables;
    await api.store.transact(async (tx) => {
      const past = new Date(tx.now.getTime() - 1);
      await tx.db.update(r).set({ state: 'sending', owner: Buffer.alloc(16, 1), dueAt: past });
      const [from, to] = [
        { variantKey, state: 'queued' as const },
        { variantKey, state: 'sending' as const },
      ];
      await moveTallies(tx, [{ mailingKey, from, to, recipients: 1 }]);
      await tx.db.update(mailings).set({ expiresAt: past }).where(eq(mailings.key, mailingKey));
    });
    const fails = () => Promise.reject(new Error('a chore'));
    const never = () => new Promise((done) => t.teardown(() => done(undefined)));
    startMailings(t, api.app.ctx, server, {
      chores: [fails, endMailings, never],
      times: { stopMs: 50 },
    });
    await until(
      async () => (await stateOf(api.store, mailingKey)).finishedAt !== null,
      'that it is finished',
    );
    t.same(await sumsOf(api.store, mailingKey), { uncertain: 1 });
    t.equal((await stateOf(api.store, mailingKey)).state, 'done');
    t.same(server.received, []);
  },
);

onEveryEngine('trouble of the database does not pause a mailing', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const { mailingKey } = await runningMailing(api.store, key, [{ email: 'one@example.org' }]);
  let calls = 0;
  const { store } = api;
  // The first looks after the mailing, the second makes its links.
  const transact: typeof store.transact = (work, options) =>
    ++calls === 2 ? Promise.reject(new ApiError('overloaded')) : store.transact(work, options);
  const { lines } = startMailings(
    t,
    { ...api.app.ctx, store: { ...store, read: store.read, transact } },
    server,
  );
  await until(async () => (await stateOf(api.store, mailingKey)).state !== 'running', 'that it goes on');
  t.match(await stateOf(api.store, mailingKey), { state: 'done', pauseReason: null });
  t.match(lines, [{ message: 'mailings cannot be sent' }]);
  t.same(await sumsOf(api.store, mailingKey), { sent: 1 });
});
