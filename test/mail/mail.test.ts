import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import nodemailer from 'nodemailer';
import t, { type Test } from 'tap';
import type { Context } from '../../src/core/context.js';
import type { Letter } from '../../src/core/letters/letter.js';
import { claimMails, queueMail, readQueue, type OutboxRow } from '../../src/core/mail/outbox.js';
import { createContext } from '../../src/create-context.js';
import { createDomainRate } from '../../src/mail/domain-rate.js';
import { folderPost } from '../../src/mail/folder-post.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import { toMail } from '../../src/mail/message.js';
import { createRenderer } from '../../src/mail/render.js';
import { smtpPost } from '../../src/mail/smtp-post.js';
import { startMailWorker, type MailWorker, type WorkerOptions } from '../../src/mail/worker.js';
import { onEveryEngine, openTestStore, publish, ROOT_KEY, start, type TestApp } from '../support/helper.js';
import { startMailServer, type MailServer } from '../support/mail-server.js';
import { tokenIn } from '../support/mailbox.js';
import { lookFor, until } from '../support/until.js';

const FROM = 'petitions@undersigned.example';
const HOUR = 3_600_000;
const render = createRenderer(loadLocales());

const sign = (api: TestApp, email: string, ref = 'meadows', fields = {}) =>
  api.call('POST', `/v1/petitions/${ref}/signatures`, {
    body: { email, name: 'Ada Okonkwo', ...fields },
  });
const confirm = (api: TestApp, body: unknown) => api.call('POST', '/v1/confirmations', { body });

type Line = { level: string; message: string; [key: string]: unknown };
type Sending = { worker: MailWorker; lines: Line[] };

/** A worker that loses no time. */
function startSending(
  t: Test,
  ctx: Context,
  server: Pick<MailServer, 'url'>,
  options: Partial<WorkerOptions> = {},
): Sending {
  const lines: Line[] = [];
  const log = (level: string) => (values: object, message: string) =>
    void lines.push({ ...values, level, message });
  const timeouts = { connectionTimeout: 2000, greetingTimeout: 2000, socketTimeout: 500, wholeSend: 4000 };
  const worker = startMailWorker({
    ctx,
    post: smtpPost({ url: server.url, from: FROM, connections: 3, timeouts }),
    render,
    logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    domainRate: { requests: 1_000_000, seconds: 60 },
    connections: 3,
    ...options,
    times: { pollMs: 20, pauseMs: 20, longestPauseMs: 50, retryMs: [30], stopMs: 2000, ...options.times },
  });
  t.teardown(() => worker.stop());
  return { worker, lines };
}

const outboxOf = async ({ store }: TestApp): Promise<OutboxRow[]> =>
  (await store.read.db.select().from(store.tables.outbox)).sort((a, b) => a.key - b.key);

/** Until nothing waits any more, retries included. */
async function drained(api: TestApp): Promise<OutboxRow[]> {
  const isEmpty = async () => (await readQueue(api.store.read)).queued === 0;
  await until(isEmpty, 'an empty outbox', { withinMs: 60_000, everyMs: 10 });
  return outboxOf(api);
}

const tokenOf = (text: string): string => tokenIn(/^https?:\S+pc_\S+$/m.exec(text)?.[0] ?? '');
const codeOf = (text: string): string => /^\s*(\d{6})\s*$/m.exec(text)?.[1] ?? '';

onEveryEngine('a mail that is sent', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River "Old" Meadows, e. V.');
  await publish(api, lead.secret, { slug: 'meadows', title: 'Keep the Mühlwiesen a meadow' });
  await publish(api, lead.secret, { slug: 'wiesen', locale: 'de' });
  const server = await startMailServer(t);
  const { worker, lines } = startSending(t, api.app.ctx, server);

  await t.test('its link and its code confirm', async (t) => {
    await sign(api, 'ada@example.org');
    await sign(api, 'Bo.Okri@example.org');
    await worker.idle();
    t.equal(server.received.length, 2);
    const [ada, bo] = ['ada@example.org', 'Bo.Okri@example.org'].map((address) =>
      server.received.find(({ to }) => to[0] === address),
    );
    const byLink = await confirm(api, { token: tokenOf(ada?.mail.text ?? '') });
    t.match(byLink, { status: 200, body: { kind: 'signature' } });
    const byCode = { email: 'bo.okri@example.org', code: codeOf(bo?.mail.text ?? '') };
    t.match(await confirm(api, byCode), { status: 200, body: { kind: 'signature' } });
    t.match(worker.stats(), { sent: 2, failed: 0, retried: 0 });
    t.match(await outboxOf(api), [{ state: 'sent', attempts: 1 }, { state: 'sent' }]);
  });

  await t.test('it is well-formed, and says who speaks', async (t) => {
    // Several connections send at once: which mail is the first one is not said.
    const { mail, raw, from, to } = server.received.find(
      ({ to }) => to[0] === 'ada@example.org',
    ) as MailServer['received'][number];
    t.same([from, to], [FROM, ['ada@example.org']], 'the envelope is explicit');
    t.match(mail.from?.value, [{ name: 'River "Old" Meadows, e. V.', address: FROM }]);
    t.match(mail.messageId, /^<[A-Za-z0-9_-]{24}@undersigned\.example>$/);
    t.match(raw, /^Content-Type: multipart\/alternative;/m);
    t.match(raw, /^Content-Type: text\/plain; charset=utf-8/m);
    t.match(raw, /^Content-Type: text\/html; charset=utf-8/m);
    t.match(raw, /^Auto-Submitted: auto-generated\r$/m);
    t.notMatch(raw, /^List-Unsubscribe/im);
    t.match(mail.subject, /Keep the Mühlwiesen a meadow/);
    t.match(String(mail.html), /<html[^>]* lang="en"/);
    t.notMatch(String(mail.html), /<img|<script|src=/i, 'nothing is loaded');
    t.notMatch(`${raw}${mail.text}${String(mail.html)}`, /Okonkwo/, 'nothing that a stranger typed');
  });

  await t.test('it speaks the language of the petition', async (t) => {
    await sign(api, 'eva@example.org', 'wiesen');
    await worker.idle();
    const { mail, raw } = server.received.at(-1) as MailServer['received'][number];
    t.match(mail.subject, /bestätigen/);
    t.match(mail.text, /Unterschrift/);
    t.match(raw, /^Content-Language: de\r$/m);
  });

  await t.test('the log is silent about each mail', async (t) => {
    t.same(
      lines.filter(({ level }) => level !== 'debug'),
      [],
    );
    t.notMatch(JSON.stringify(lines), /@example|pc_|http/);
  });
});

onEveryEngine('a mail server that fails', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  const server = await startMailServer(t);
  let people = 0;
  let signs = 'meadows';
  const signNext = async () => {
    const email = `person${(people += 1)}@example.org`;
    await sign(api, email, signs);
    return email;
  };
  const rowOf = async () => (await outboxOf(api)).at(-1) as OutboxRow;
  /** One mail meets a mood; tells what the outbox says of it then, and what became of it in the end. */
  const meet = async (t: Test, mood: MailServer['mood'], attempt: Partial<OutboxRow>) => {
    server.mood = mood;
    server.received.length = 0;
    const { worker, lines } = startSending(t, api.app.ctx, server);
    const email = await signNext();
    await lookFor(async () => (await rowOf()).reason === attempt.reason, { everyMs: 10 });
    t.match(await rowOf(), attempt);
    t.same(
      server.received.filter(({ raw }) => raw === ''),
      [],
    );
    server.mood = {};
    await drained(api);
    await worker.stop();
    t.notMatch(JSON.stringify(lines), /@example|pc_/, 'no address in the log');
    return { email, row: await rowOf(), received: [...server.received], worker };
  };

  await t.test('refused, and back again', async (t) => {
    await server.stop();
    const { worker, lines } = startSending(t, api.app.ctx, server);
    const emails = [await signNext(), await signNext()];
    await until(() => lines.some(({ message }) => message === 'mail cannot be sent'), 'that it has tried');
    for (const { state, reason, attempts } of (await outboxOf(api)).slice(-2)) {
      t.not(state, 'sent');
      t.ok(reason === null || reason === 'connection_refused');
      t.equal(attempts, 0, 'it does not count as an attempt');
    }
    const tokens = await api.store.read.db.select().from(api.store.tables.linkTokens);
    t.ok(tokens.length <= 3, 'no token for each time that the server is looked for');
    await server.start();
    await drained(api);
    await worker.stop();
    t.same(
      server.received.flatMap(({ to }) => to).sort(),
      emails.sort(),
      'nothing is lost, each is sent once',
    );
  });

  await t.test('421 at greeting', async (t) => {
    const { row, received } = await meet(t, { greeting: 421 }, { reason: 'smtp_421', attempts: 0 });
    t.match([row.state, received.length], ['sent', 1]);
  });

  await t.test('the sender is refused', async (t) => {
    const { row, received } = await meet(t, { mailFrom: 550 }, { reason: 'smtp_550', attempts: 0 });
    t.match([row.state, received.length], ['sent', 1], 'that is about us, not about the address');
  });

  await t.test('451 at RCPT', async (t) => {
    const { row, received } = await meet(
      t,
      { recipient: () => '451 4.7.1 Please come back later' },
      { reason: 'smtp_451' },
    );
    t.match([row.state, received.length], ['sent', 1]);
    t.ok(row.attempts >= 2);
  });

  await t.test('550 5.1.1 at RCPT: the address gets no mail any more', async (t) => {
    const { email, row, worker } = await meet(
      t,
      { recipient: (address) => `550 5.1.1 <${address}> unknown` },
      { state: 'failed', reason: 'smtp_550', attempts: 1 },
    );
    t.equal(row.state, 'failed');
    t.match(worker.stats(), { failed: 1, sent: 0 });
    const subject = api.app.ctx.secrets.subject(email);
    const blocked = await api.store.read.db.select().from(api.store.tables.doNotContact);
    t.ok(blocked.some(({ hash, reason }) => subject.equals(hash) && reason === 'bounce'));
  });

  await t.test('550 5.1.1 for the mailbox of tests ends no mail to it, nor to the signer', async (t) => {
    const { secret } = lead;
    const body = { test_email: 'nowhere@example.net' };
    await api.call('PATCH', '/v1/organization', { key: secret, headers: { 'if-match': '*' }, body });
    const made = { kind: 'secret', name: 'Trial', test: true };
    const { body: key } = await api.call('POST', '/v1/api-keys', { key: secret, body: made });
    await publish(api, key.token, { slug: 'trial' });
    signs = 'trial';
    const { email } = await meet(
      t,
      { recipient: (address) => `550 5.1.1 <${address}> unknown` },
      { state: 'failed', reason: 'smtp_550', attempts: 1 },
    );
    const { received } = await meet(t, { greeting: 421 }, { reason: 'smtp_421' });
    t.match(received, [
      { to: ['nowhere@example.net'], mail: { subject: /^\[Test for person\d+@example\.org\] / } },
    ]);
    signs = 'meadows';
    const blocked = await api.store.read.db.select().from(api.store.tables.doNotContact);
    for (const address of [email, 'nowhere@example.net', `test:2:${email}`]) {
      const subject = api.app.ctx.secrets.subject(address);
      t.notOk(
        blocked.some(({ hash }) => subject.equals(hash)),
        address,
      );
    }
  });

  await t.test('554 at DATA: given up, but not the address', async (t) => {
    const { email, row } = await meet(
      t,
      { data: '554 5.7.1 Looks like spam' },
      { state: 'failed', reason: 'smtp_554' },
    );
    t.equal(row.attempts, 1);
    const subject = api.app.ctx.secrets.subject(email);
    const blocked = await api.store.read.db.select().from(api.store.tables.doNotContact);
    t.notOk(blocked.some(({ hash }) => subject.equals(hash)));
  });

  await t.test('hangs after DATA', async (t) => {
    const { row, received } = await meet(t, { data: 'hang' }, { reason: 'timeout' });
    t.match([row.state, received.length], ['sent', 1]);
    t.ok(row.attempts >= 2, 'it may be about this mail: it counts');
  });

  await t.test('drops the connection after DATA, before it has taken the mail', async (t) => {
    const { row, received } = await meet(t, { data: 'drop' }, { reason: 'connection_lost' });
    t.match([row.state, received.length], ['sent', 1], 'sent once');
  });

  await t.test('drops the connection after it has taken the mail', async (t) => {
    const { row, received } = await meet(t, { data: 'take_and_drop' }, { reason: 'connection_lost' });
    t.equal(row.state, 'sent');
    t.ok(received.length >= 2, 'it cannot be known: sent again');
    t.equal(new Set(received.map(({ mail }) => mail.messageId)).size, 1, 'as the same message');
  });

  await t.test('one mail that makes it hang up does not hold up the others', async (t) => {
    server.received.length = 0;
    const { worker, lines } = startSending(t, api.app.ctx, server);
    server.mood = { recipient: (address) => (address.startsWith('bad') ? '421 4.3.0 Oh no' : undefined) };
    await sign(api, 'bad@example.org');
    for (let i = 0; i < 10; i += 1) await signNext();
    await until(() => server.received.length >= 10, 'the others');
    t.equal(server.received.length, 10);
    t.notOk(
      lines.some(({ message }) => message === 'mail cannot be sent'),
      'no pause',
    );
    server.mood = {};
    await drained(api);
    await worker.stop();
  });

  await t.test('given up after three days', async (t) => {
    server.mood = { recipient: () => '451 4.7.1 Please come back later' };
    api.setClock(new Date());
    await signNext();
    const { worker, lines } = startSending(t, api.app.ctx, server, { times: { retryMs: [HOUR] } });
    await worker.idle();
    t.match(await rowOf(), { state: 'queued', reason: 'smtp_451', attempts: 1 });
    const { dueAt, createdAt } = await rowOf();
    const wait = dueAt.getTime() - createdAt.getTime();
    t.ok(wait >= HOUR && wait <= 1.2 * HOUR, 'with some jitter');
    api.setClock(new Date(createdAt.getTime() + 72 * HOUR));
    await worker.idle();
    t.match(await rowOf(), { state: 'failed', reason: 'smtp_451', attempts: 2 });
    t.match(lines.at(-1), { level: 'warn', message: 'a mail was given up', reason: 'smtp_451' });
    api.setClock(undefined);
    server.mood = {};
  });
});

onEveryEngine('several workers', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  const server = await startMailServer(t);

  await t.test('never send the same mail twice', async (t) => {
    const store = await openTestStore(api.url);
    t.teardown(() => store.close());
    const other = createContext({
      config: { publicUrl: 'http://undersigned.test' },
      store,
      rootKey: ROOT_KEY,
      erasures: api.app.ctx.erasures,
    });
    const MAILS = 200;
    const emails = Array.from({ length: MAILS }, (_, i) => `p${i}@example.org`);
    await Promise.all(emails.map((email) => sign(api, email)));
    // With the usual patience: one that is lost may send again.
    const workers = [api.app.ctx, other].map((ctx) =>
      startSending(t, ctx, server, { post: smtpPost({ url: server.url, from: FROM, connections: 3 }) }),
    );
    const rows = await drained(api);
    for (const { worker } of workers) await worker.stop();
    t.equal(server.received.length, MAILS);
    t.same(server.received.flatMap(({ to }) => to).sort(), emails.sort());
    t.ok(rows.every(({ state, attempts }) => state === 'sent' && attempts === 1));
    const sent = workers.map(({ worker }) => worker.stats().sent);
    t.equal((sent[0] ?? 0) + (sent[1] ?? 0), MAILS);
    t.ok(
      sent.every((one) => one > 0),
      `both had something to do: ${sent.join()}`,
    );
  });

  await t.test('what a dead one had taken is sent by another, after its lease', async (t) => {
    server.received.length = 0;
    await sign(api, 'orphan@example.org');
    t.equal((await claimMails(api.store, 10, 200)).length, 1, 'claimed, and never heard of again');
    const { worker } = startSending(t, api.app.ctx, server);
    await worker.idle();
    t.equal(server.received.length, 0, 'its lease holds');
    await drained(api);
    await worker.stop();
    t.same(
      server.received.map(({ to }) => to),
      [['orphan@example.org']],
    );
  });

  await t.test('one that is told to stop finishes what it sends, and no more', async (t) => {
    server.received.length = 0;
    server.mood = { slow: 100 };
    const emails = Array.from({ length: 12 }, (_, i) => `slow${i}@example.org`);
    for (const email of emails) await sign(api, email);
    const first = startSending(t, api.app.ctx, server);
    await until(() => server.received.length > 0, 'the first');
    await first.worker.stop();
    const taken = server.received.length;
    t.equal(first.worker.stats().sent, taken, 'what arrived is noted');
    t.ok(taken < emails.length);
    t.equal((await readQueue(api.store.read)).queued, emails.length - taken);
    await until(() => server.open() === 0, 'the end of all connections');
    t.equal(server.received.length, taken, 'nothing is sent after that');
    server.mood = {};
    const second = startSending(t, api.app.ctx, server);
    await drained(api);
    await second.worker.stop();
    t.same(server.received.flatMap(({ to }) => to).sort(), emails.sort(), 'each once');
  });

  await t.test('one that is cut off while it sends puts the mail back', async (t) => {
    server.received.length = 0;
    server.mood = { data: 'hang' };
    await sign(api, 'cut@example.org');
    const post = smtpPost({ url: server.url, from: FROM, connections: 1 });
    const { worker } = startSending(t, api.app.ctx, server, { post, times: { stopMs: 100 } });
    await until(() => server.hanging() > 0, 'the mail');
    t.equal((await outboxOf(api)).at(-1)?.state, 'sending');
    const began = Date.now();
    await worker.stop();
    t.ok(Date.now() - began < 15_000, 'whatever the server does, which hangs for longer');
    t.match((await outboxOf(api)).at(-1), { state: 'queued', reason: 'connection_lost' });
    server.mood = {};
    const { worker: next } = startSending(t, api.app.ctx, server);
    await drained(api);
    await next.stop();
    t.equal(server.received.length, 1);
  });
});

onEveryEngine('limits and mishaps', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });
  const server = await startMailServer(t);

  await t.test('three mails a day to one address, and silence', async (t) => {
    for (let i = 0; i < 5; i += 1) {
      await publish(api, lead.secret, { slug: `p${i}` });
      t.equal((await sign(api, 'often@example.org', `p${i}`)).status, 202);
    }
    const { worker } = startSending(t, api.app.ctx, server);
    const rows = await drained(api);
    await worker.stop();
    t.equal(server.received.length, 3);
    t.same(rows.map(({ state }) => state).sort(), ['dropped', 'dropped', 'sent', 'sent', 'sent']);
    t.same(new Set(rows.flatMap(({ reason }) => reason ?? [])), new Set(['capped']));
  });

  await t.test('a mail that cannot be made does not hold up the others', async (t) => {
    server.received.length = 0;
    let broken = true;
    const { worker, lines } = startSending(t, api.app.ctx, server, {
      render: (letter) => {
        if (broken && letter.to.startsWith('broken')) throw new Error('oh no');
        return render(letter);
      },
    });
    await sign(api, 'broken@example.org');
    await sign(api, 'whole@example.org');
    await until(() => server.received.length > 0, 'the other mail');
    t.match(server.received, [{ to: ['whole@example.org'] }]);
    t.match(
      lines.find(({ level }) => level === 'error'),
      { message: 'a mail cannot be made', error: { message: 'oh no' } },
    );
    broken = false;
    await drained(api);
    await worker.stop();
    t.equal(server.received.length, 2);
    t.notMatch(JSON.stringify(lines), /@example/);
  });

  await t.test('one domain has to wait, others do not', async (t) => {
    server.received.length = 0;
    for (let i = 0; i < 6; i += 1) await sign(api, `x${i}@big.example`);
    await sign(api, 'y@small.example');
    const began = Date.now();
    const domainRate = { requests: 2, seconds: 0.4 };
    const { worker } = startSending(t, api.app.ctx, server, { domainRate });
    await worker.idle();
    const domains = server.received.map(({ to }) => to[0]?.split('@')[1]);
    t.ok(domains.includes('small.example'));
    t.ok(domains.length < 7, `some wait: ${domains.join()}`);
    const rows = (await drained(api)).slice(-7);
    await worker.stop();
    t.equal(server.received.length, 7);
    t.ok(Date.now() - began >= 700, 'four more than allowed, at five a second');
    t.ok(
      rows.every(({ attempts }) => attempts <= 1),
      'waiting is no attempt',
    );
  });

  await t.test('a bell wakes it', async (t) => {
    server.received.length = 0;
    const { worker } = startSending(t, api.app.ctx, server, { times: { pollMs: 60_000 } });
    await worker.idle();
    await sign(api, 'bell@example.org');
    await until(() => server.received.length > 0, 'the mail');
    await worker.stop();
    t.equal(server.received.length, 1);
  });

  await t.test('without a server it is written into a folder', async (t) => {
    const parent = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
    t.teardown(() => rmSync(parent, { recursive: true }));
    const folder = join(parent, 'mail');
    const post = folderPost({ folder, from: FROM });
    const { worker, lines } = startSending(t, api.app.ctx, server, { post });
    await sign(api, 'folder@example.org');
    await worker.idle();
    await worker.stop();
    const files = readdirSync(folder);
    t.equal(files.length, 1);
    const [file = ''] = files;
    t.match(file, /^\d{4}-\d\d-\d\dT[\dZ-]+-[A-Za-z0-9_-]{8}\.eml$/);
    t.equal(statSync(folder).mode & 0o777, 0o700);
    t.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
    const info = lines.filter(({ level }) => level === 'info');
    t.same(info, [{ level: 'info', message: 'mail written', file, template: 'confirm_signature' }]);
    const mail = await simpleParser(readFileSync(join(folder, file)));
    t.match(await confirm(api, { token: tokenOf(mail.text ?? '') }), { status: 200 });
  });

  await t.test('a mail to nobody is dropped', async (t) => {
    await api.store.transact((tx) => queueMail(tx, 'manage', 1, {}));
    const { doNotContact } = api.store.tables;
    const [supporter] = await api.store.read.db.select().from(api.store.tables.supporters);
    const hash = api.app.ctx.secrets.subject(supporter?.identity ?? '');
    await api.store.transact(({ db, now }) =>
      db.insert(doNotContact).values({ hash, reason: 'request', createdAt: now }),
    );
    server.received.length = 0;
    const { worker } = startSending(t, api.app.ctx, server);
    const rows = await drained(api);
    await worker.stop();
    t.match(rows.at(-1), { state: 'dropped', reason: 'do_not_contact' });
    t.equal(server.received.length, 0);
  });
});

t.test('a domain rate gives each mail that waits a turn of its own', async (t) => {
  let now = 0;
  const { take } = createDomainRate({ requests: 2, seconds: 1 }, () => now);
  t.same([take('a', 1), take('a', 2), take('a', 3), take('a', 4)], [0, 0, 500, 1000]);
  t.equal(take('b', 5), 0);
  now = 400;
  t.equal(take('a', 3), 100, 'back too early');
  now = 500;
  t.equal(take('a', 3), 0);
  t.equal(take('a', 6), 1000, 'the turn of 4 stays its own');
  now = 60_000;
  t.same([take('a', 7), take('a', 8)], [0, 0]);
});

t.test('headers cannot be injected', async (t) => {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(
        fc.constantFrom(
          '\r\n',
          '\n',
          '\r',
          '\u2028',
          '\0',
          'Bcc: eve@evil.example',
          '"',
          '\\',
          '<',
          '>',
          ',',
          ' ',
          'ä',
        ),
        { maxLength: 20 },
      )
      .map((parts) => parts.join('')),
  );
  const letter = (name: string, title: string): Letter => ({
    template: 'confirm_signature',
    to: 'ada@example.org',
    messageId: 'always-the-same',
    locale: 'en',
    organization: { name, url: null, imprint: name, replyTo: 'office@rivermeadows.example' },
    values: {
      link: 'https://petitions.example/confirm?token=pc_a',
      code: '012345',
      petition: { title, statement: title, url: null },
      days: 7,
    },
  });
  await fc.assert(
    fc.asyncProperty(nasty, nasty, async (name, title) => {
      const { to, messageId, organization, ...rest } = letter(name, title);
      const message = {
        to,
        messageId,
        replyTo: organization?.replyTo ?? null,
        ...render({ to, messageId, organization, ...rest }),
      };
      const { message: bytes, envelope } = await transport.sendMail(toMail(message, FROM));
      const mail = await simpleParser(bytes);
      const names = mail.headerLines.map(({ key }) => key).sort();
      const expected = [
        'auto-submitted',
        'content-language',
        'content-type',
        'date',
        'from',
        'message-id',
        'mime-version',
        'reply-to',
        'subject',
        'to',
      ];
      t.strictSame(names, expected);
      t.strictSame(envelope, { from: FROM, to: ['ada@example.org'] });
      t.equal(mail.from?.value.length, 1);
      t.equal(mail.from?.value[0]?.address, FROM);
      t.notMatch(mail.subject ?? '', /[\r\n]/);
    }),
    { numRuns: 60 },
  );
});
