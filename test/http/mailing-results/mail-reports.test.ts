import { Webhook } from 'standardwebhooks';
import { eq, inArray } from 'drizzle-orm';
import { noteResult } from '../../../src/core/sending/returns.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';
import { limits } from '../../support/high-limits.js';
import { mailReport } from '../../support/mail-reports.js';
import { insertMailing, insertRecipients, subscribe, type Sent } from '../../support/mailing-result-rows.js';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const PATH = '/v1/mail-events/raw';
const DAY = 86_400_000;

const handIn = (api: TestApp, mail: string, headers: Record<string, string> = {}) =>
  api.call('POST', PATH, {
    headers: { 'content-type': 'message/rfc822', 'webhook-secret': SECRET, ...headers },
    body: mail,
  });

/** What is known of a recipient, and of the subscription of its person. */
async function recipient(api: TestApp, key: number) {
  const { mailingRecipients: t, subscriptions: s } = api.store.tables;
  const [row] = await api.store.read.db
    .select({ state: t.state, result: t.result, status: s.status })
    .from(t)
    .leftJoin(s, eq(s.key, t.subscriptionKey))
    .where(eq(t.key, key));
  return row;
}

async function counted(api: TestApp, { key }: Sent): Promise<Record<string, number>> {
  const { mailingHours: t } = api.store.tables;
  const rows = await api.store.read.db.select().from(t).where(eq(t.mailingKey, key));
  const sums: Record<string, number> = {};
  for (const { outcome, events } of rows) sums[outcome] = (sums[outcome] ?? 0) + events;
  delete sums['sent'];
  return sums;
}

const isBlocked = async (api: TestApp, email: string): Promise<boolean> => {
  const rows = await api.store.read.db.select().from(api.store.tables.doNotContact);
  const subject = api.app.ctx.secrets.subject(email);
  return rows.some(({ hash }) => hash.equals(subject));
};

onEveryEngine('mails that come back', async (t, engine) => {
  const config = {
    publicUrl: 'http://undersigned.test',
    trustProxy: [],
    limits,
    MAIL_WEBHOOK_SECRET: SECRET,
  };
  const api = await start(t, engine, { limits, build: { config } });
  t.teardown(() => api.setClock(undefined));
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const names = 'ada bo cy di ed flo gil hal ida jo kim lea moe noa oda pam quin rio sue tom'.split(' ');
  const emails = names.map((name) => `${name}@example.org`);
  await subscribe(api, lead, [...emails, 'victim@example.org']);
  await subscribe(api, other, ['ada@example.org', 'victim@example.org']);
  const mailing = await insertMailing(api, lead);
  const keys = await insertRecipients(api, mailing, emails);
  const keyOf = (name: string) => keys.get(`${name}@example.org`) ?? 0;
  const settled = { status: 200, headers: { 'cache-control': 'private, no-store' } };

  await t.test('200: a hard bounce counts once, for mailing and recipient, and stops all mail', async (t) => {
    const mail = mailReport('postfix-unknown', keyOf('ada'));
    const first = await handIn(api, mail);
    t.match(first, { ...settled, body: { outcome: 'bounced', reason: null } });
    t.notMatch(first.text, /example|@/);
    t.match(await recipient(api, keyOf('ada')), { state: 'sent', result: 'bounced', status: 'suppressed' });
    t.ok(await isBlocked(api, 'ada@example.org'));
    const theirs = await api.call('GET', '/v1/subscriptions?email=ada@example.org', { key: other.secret });
    t.match(theirs.body.data, [{ status: 'suppressed' }], 'with every organization');
    t.match((await handIn(api, mail)).body, { outcome: 'repeated', reason: null });
    t.match((await handIn(api, mailReport('gmail', keyOf('ada')))).body, { outcome: 'repeated' });
    t.same(await counted(api, mailing), { bounced: 1 });
    const both = await Promise.all(
      ['exim', 'sendmail'].map((name) => handIn(api, mailReport(name, keyOf('bo')))),
    );
    t.same(both.map(({ body }) => body.outcome).sort(), ['bounced', 'repeated'], 'at the same time, too');
    t.same(await counted(api, mailing), { bounced: 2 });
  });

  await t.test('200: whatever a mail says, it is about the recipient of its code alone', async (t) => {
    t.match((await handIn(api, mailReport('postfix-victim', keyOf('cy')))).body, { outcome: 'bounced' });
    t.notOk(await isBlocked(api, 'victim@example.org'));
    t.match(await recipient(api, keyOf('cy')), { result: 'bounced', status: 'suppressed' });
    const before = await counted(api, mailing);
    const forged = mailReport('postfix-unknown', keyOf('di')).replace(/b-..../g, 'b-aaaa');
    const elsewhere = mailReport('postfix-foreign', 0);
    const unknown = mailReport('postfix-unknown', 999_999);
    for (const mail of [forged, elsewhere, unknown]) {
      t.match(await handIn(api, mail), { ...settled, body: { outcome: 'ignored', reason: 'not_ours' } });
    }
    const waiting = await insertRecipients(api, mailing, ['victim@example.org'], { state: 'queued' });
    const early = mailReport('postfix-unknown', waiting.get('victim@example.org') ?? 0);
    t.match((await handIn(api, early)).body, { reason: 'not_ours' }, 'no mail has left yet');
    t.same(await counted(api, mailing), before);
    t.match(await recipient(api, keyOf('di')), { result: null, status: 'active' });
  });

  await t.test('200: what people, programs and delays write is ignored, and said to be', async (t) => {
    const before = await counted(api, mailing);
    const reasons = {
      'out-of-office': 'auto_reply',
      'vacation-old': 'auto_reply',
      'read-receipt': 'auto_reply',
      'human-reply': 'no_report',
      'postfix-delayed': 'delayed',
      'postfix-delivered': 'delivered',
      'arf-not-spam': 'no_complaint',
      'arf-auth-failure': 'no_complaint',
    };
    for (const [name, reason] of Object.entries(reasons)) {
      const { body } = await handIn(api, mailReport(name, keyOf('di')));
      t.same(body, { outcome: 'ignored', reason }, name);
    }
    for (const mail of ['', '\0\0', 'x', `${'To: x\n'.repeat(60_000)}\n`]) {
      t.match(await handIn(api, mail), { status: 200, body: { outcome: 'ignored' } });
    }
    t.same(await counted(api, mailing), before);
    t.match(await recipient(api, keyOf('di')), { result: null, status: 'active' });
  });

  await t.test(
    '200: ten days after the mail, a bounce is ignored: no mail server tries for so long',
    async (t) => {
      t.teardown(() => api.setClock(undefined));
      const before = await counted(api, mailing);
      api.setClock(new Date(Date.now() + 10 * DAY + 60_000));
      const late = await handIn(api, mailReport('postfix-unknown', keyOf('di')));
      t.match(late, { ...settled, body: { outcome: 'ignored', reason: 'too_late' } });
      t.match(await recipient(api, keyOf('di')), { result: null, status: 'active' });
      t.notOk(await isBlocked(api, 'di@example.org'));
      t.same(await counted(api, mailing), before);
    },
  );

  await t.test('200: a complaint ends every subscription, also where it had been left', async (t) => {
    t.match((await handIn(api, mailReport('arf-abuse', keyOf('ed')))).body, { outcome: 'complained' });
    t.match(await recipient(api, keyOf('ed')), { result: 'complained', status: 'suppressed' });
    t.ok(await isBlocked(api, 'ed@example.org'));
    t.match((await handIn(api, mailReport('arf-redacted', keyOf('ed')))).body, { outcome: 'repeated' });
    t.match((await handIn(api, mailReport('postfix-unknown', keyOf('ed')))).body, { outcome: 'repeated' });
    const left = { key: keyOf('flo'), mailingKey: mailing.key, variantKey: null, supporterKey: null };
    t.ok(await api.store.transact((tx) => noteResult(tx, left, 'unsubscribed')));
    t.notOk(await api.store.transact((tx) => noteResult(tx, left, 'unsubscribed')), 'once');
    t.match((await handIn(api, mailReport('arf-abuse', keyOf('flo')))).body, { outcome: 'complained' });
    t.match(await counted(api, mailing), { complained: 2, unsubscribed: 1 });
  });

  await t.test(
    '200: the third soft bounce within 30 days is a hard one; refusals are not counted',
    async (t) => {
      const monday = new Date(Date.UTC(2027, 0, 4, 9));
      const { mailingRecipients: r } = api.store.tables;
      const mailings: Sent[] = [];
      // What bounces was sent just before.
      const at = (days: number) => {
        const settledAt = new Date(monday.getTime() + days * DAY);
        api.setClock(settledAt);
        const theirs = inArray(
          r.mailingKey,
          mailings.map(({ key }) => key),
        );
        return api.store.transact(({ db }) => db.update(r).set({ settledAt }).where(theirs));
      };
      const sent: Map<string, number>[] = [];
      await at(0);
      for (let n = 0; n < 6; n += 1) {
        const one = await insertMailing(api, lead);
        mailings.push(one);
        sent.push(
          await insertRecipients(api, one, ['gil@example.org', 'hal@example.org', 'ida@example.org']),
        );
      }
      const bounce = async (n: number, name: string, sample: string) =>
        (await handIn(api, mailReport(sample, sent[n]?.get(`${name}@example.org`) ?? 0))).body
          .outcome as string;
      t.equal(await bounce(0, 'gil', 'postfix-full'), 'soft_bounced');
      t.equal(await bounce(0, 'gil', 'postfix-full'), 'repeated');
      t.equal(await bounce(0, 'hal', 'postfix-full'), 'soft_bounced');
      await at(10);
      t.equal(await bounce(1, 'gil', 'postfix-expired'), 'soft_bounced');
      t.notOk(await isBlocked(api, 'gil@example.org'));
      await at(29);
      t.equal(await bounce(2, 'gil', 'postfix-full'), 'bounced');
      t.ok(await isBlocked(api, 'gil@example.org'));
      t.equal(await bounce(1, 'hal', 'postfix-full'), 'soft_bounced');
      await at(31);
      t.equal(await bounce(2, 'hal', 'postfix-full'), 'soft_bounced', 'the first one is too long ago');
      for (let n = 0; n < 4; n += 1) t.equal(await bounce(n, 'ida', 'gmail-refused'), 'refused');
      t.equal(await bounce(4, 'ida', 'postfix-full'), 'soft_bounced');
      t.notOk(await isBlocked(api, 'ida@example.org'));
      const sums = await counted(api, mailings[2] as Sent);
      t.same(sums, { bounced: 1, soft_bounced: 1, refused: 1 });
      api.setClock(undefined);
    },
  );

  await t.test('200: an address that its person has left is stopped, the new one is not', async (t) => {
    await api.store.transact(async (tx) => {
      const { supporters: s, emailChanges: c, mailingRecipients: r } = tx.tables;
      const [row] = await tx.db
        .select()
        .from(r)
        .where(eq(r.key, keyOf('jo')));
      const supporterKey = row?.supporterKey ?? 0;
      const moved = { newIdentity: 'jo@new.example', newDelivery: 'jo@new.example' };
      const old = { oldIdentity: 'jo@example.org', oldDelivery: 'jo@example.org' };
      const at = new Date(tx.now.getTime() + 1000);
      const change = {
        supporterKey,
        status: 'applied' as const,
        ...moved,
        ...old,
        createdAt: at,
        appliedAt: at,
      };
      await tx.db.insert(c).values(change);
      await tx.db
        .update(s)
        .set({ identity: 'jo@new.example', delivery: 'jo@new.example' })
        .where(eq(s.key, supporterKey));
    });
    t.match((await handIn(api, mailReport('exim', keyOf('jo')))).body, { outcome: 'bounced' });
    t.ok(await isBlocked(api, 'jo@example.org'));
    t.notOk(await isBlocked(api, 'jo@new.example'));
    t.match(await recipient(api, keyOf('jo')), { result: 'bounced', status: 'active' });
  });

  await t.test('200: an erased recipient still counts for the mailing', async (t) => {
    await api.store.transact((tx) => {
      const { mailingRecipients: r } = tx.tables;
      return tx.db
        .update(r)
        .set({ supporterKey: null, subscriptionKey: null })
        .where(eq(r.key, keyOf('kim')));
    });
    const before = (await counted(api, mailing))['bounced'] ?? 0;
    t.match((await handIn(api, mailReport('gmail', keyOf('kim')))).body, { outcome: 'bounced' });
    t.equal((await counted(api, mailing))['bounced'], before + 1);
  });

  await t.test('POST /v1/mail-events credits the mailing, where the envelope sender is told', async (t) => {
    const report = (event: unknown) => {
      const body = JSON.stringify({ events: [event] });
      const at = new Date();
      const headers = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(SECRET).sign('msg_1', at, body),
      };
      return api.call('POST', '/v1/mail-events', { headers, body });
    };
    const sender = /bounces\+b-\S+@campaign\.example/.exec(mailReport('qmail', keyOf('noa')))?.[0];
    const before = (await counted(api, mailing))['bounced'] ?? 0;
    const event = { type: 'bounce', bounce: 'hard', email: 'noa@example.org' };
    t.match(await report({ ...event, envelope_from: sender }), { status: 200, body: { suppressed: 1 } });
    t.match(await recipient(api, keyOf('noa')), { result: 'bounced', status: 'suppressed' });
    t.match(await report({ ...event, envelope_from: sender }), { status: 200, body: { suppressed: 1 } });
    t.equal((await counted(api, mailing))['bounced'], before + 1, 'once');
    const soft = { ...event, bounce: 'soft', email: 'oda@example.org' };
    const oda = /bounces\+b-\S+@campaign\.example/.exec(mailReport('qmail', keyOf('oda')))?.[0];
    t.match(await report({ ...soft, envelope_from: oda }), { status: 200, body: { ignored: 1 } });
    t.match(await recipient(api, keyOf('oda')), { result: 'soft_bounced', status: 'active' });
    const complaint = { type: 'complaint', email: 'pam@example.org', message_id: `<${oda}>` };
    t.match(await report(complaint), { status: 200, body: { suppressed: 1 } });
    t.match(await recipient(api, keyOf('oda')), { result: 'complained', status: 'suppressed' });
    t.match(await report({ ...event, email: 'quin@example.org', envelope_from: 'rita@campaign.example' }), {
      status: 200,
      body: { suppressed: 1 },
    });
    t.match(await recipient(api, keyOf('quin')), { result: null, status: 'suppressed' });
  });

  await t.test('401: signed, or with the secret', async (t) => {
    const mail = mailReport('qmail', keyOf('rio'));
    const unsigned = { 'webhook-secret': 'whsec_wrong' };
    t.match(await handIn(api, mail, unsigned), { status: 401, body: { code: 'invalid_webhook' } });
    t.match(await api.call('POST', PATH, { headers: { 'content-type': 'message/rfc822' }, body: mail }), {
      status: 401,
    });
    t.match(await recipient(api, keyOf('rio')), { result: null });
    const at = new Date();
    const headers = {
      'content-type': 'message/rfc822',
      'webhook-id': 'msg_2',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(SECRET).sign('msg_2', at, mail),
    };
    t.match(await api.call('POST', PATH, { headers, body: mail }), {
      status: 200,
      body: { outcome: 'bounced' },
    });
    t.match(await api.call('POST', PATH, { headers, body: `${mail} ` }), { status: 401 });
    const closed = await start(t, engine);
    t.match(await handIn(closed, mail), { status: 401, body: { detail: /MAIL_WEBHOOK_SECRET/ } });
  });

  await t.test('400, 413 and 415', async (t) => {
    t.match(await api.call('POST', `${PATH}?x[]=1`, { body: {} }), { status: 415 });
    t.match(await handIn(api, 'x', { 'content-type': 'application/json' }), { status: 415 });
    t.match(await handIn(api, 'x'.repeat(1_048_577)), { status: 413, body: { code: 'body_too_large' } });
    const query = await api.call('POST', `${PATH}?from=me`, {
      headers: { 'content-type': 'message/rfc822', 'webhook-secret': SECRET },
      body: 'x',
    });
    t.match(query, { status: 400, body: { code: 'invalid_query' } });
  });
});
