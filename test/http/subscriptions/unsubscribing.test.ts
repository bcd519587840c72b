import { createHash, createHmac, randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { RecipientResult } from '../../../schema/db/tables/sending.js';
import { signer, type SignedPurpose } from '../../../src/core/links/signed-tokens.js';
import { linkSigner } from '../../../src/core/mailings/personal-links.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { activateSubscription } from '../../../src/core/subscriptions/subscriptions.js';
import { mergeSupporters } from '../../../src/core/supporters/merging.js';
import { findOrCreateSupporter, findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { dayOf } from '../../../src/time.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

const NOT_FOUND = { status: 404, body: { code: 'link_not_found' } };
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;

/** An active subscription with its consent, and the links that a mailing would carry. */
async function subscribed(api: TestApp, organizationKey: number, email: string) {
  const { ctx } = api.app;
  const { consentTexts } = ctx.store.tables;
  return ctx.store.transact(async (tx) => {
    const { key: supporterKey } = await findOrCreateSupporter(
      tx,
      { identity: email, delivery: email },
      ctx.newId('sup'),
    );
    const text = 'Yes, send me news.';
    const [known] = await tx.db
      .select()
      .from(consentTexts)
      .where(eq(consentTexts.organizationKey, organizationKey));
    const [made] = known
      ? []
      : await tx.db
          .insert(consentTexts)
          .values({
            publicId: ctx.newId('txt'),
            organizationKey,
            locale: 'en',
            version: 1,
            text,
            hash: createHash('sha256').update(text).digest(),
            createdAt: tx.now,
          })
          .returning();
    const row = await activateSubscription(ctx, tx, {
      organizationKey,
      supporterKey,
      subject: ctx.secrets.subject(email),
      consentTextKey: (known ?? made)?.key ?? 0,
      origin: 'form',
    });
    const link = async (purpose: SignedPurpose) =>
      (await signer(ctx, tx, purpose))({ epoch: 0, day: dayOf(tx.now), handle: row.handle });
    return {
      key: row.key,
      handle: row.handle,
      pu: await link('unsubscribe_header'),
      pb: await link('unsubscribe_footer'),
    };
  });
}

const statusOf = async (api: TestApp, key: number) => {
  const { subscriptions: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.key, key));
  return row?.status;
};

const consentsOf = async (api: TestApp, organizationKey: number) => {
  const { consents: t } = api.store.tables;
  const rows = await api.store.read.db
    .select()
    .from(t)
    .where(eq(t.organizationKey, organizationKey))
    .orderBy(t.key);
  return rows.map(({ action, origin }) => `${action} ${origin}`);
};

const leave = (api: TestApp, token: string, options = {}) =>
  api.call('POST', `/v1/unsubscribe/${token}`, options);

onEveryEngine('unsubscribeByLink', async (t, engine) => {
  const api = await start(t, engine);

  await t.test('200: one click, in whatever form mail providers send it', async (t) => {
    const org = await api.organization('Meadows');
    const forms = [
      {
        body: 'List-Unsubscribe=One-Click',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      {
        body: '--b\r\ncontent-disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      },
      {},
      { body: '{}' },
    ];
    for (const [i, form] of forms.entries()) {
      const { key, pu } = await subscribed(api, org.key, `click${i}@example.org`);
      const answer = await leave(api, pu, form);
      t.match(answer, { status: 200, text: '' });
      t.equal(answer.headers['set-cookie'], undefined);
      t.match(answer.headers['referrer-policy'], 'no-referrer');
      t.equal(await statusOf(api, key), 'unsubscribed');
      t.equal((await leave(api, pu, form)).status, 200, 'a repeat');
    }
    t.equal((await collectMail(api)).length, forms.length, 'one way back each, however often it was clicked');
  });

  await t.test('the way back is a fresh consent out of the mailbox', async (t) => {
    const org = await api.organization('Back');
    const email = 'back@example.org';
    const { key, pb } = await subscribed(api, org.key, email);
    t.equal((await leave(api, pb)).status, 200);
    const letter = await collectLetter(api, email);
    t.match(letter, { template: 'unsubscribed', organization: { name: 'Back' } });
    t.match(letter.values.opt_ins, [{ organization: 'Back', text: 'Yes, send me news.' }]);
    t.equal(await statusOf(api, key), 'unsubscribed', 'the mail alone changes nothing');
    const answer = await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.match(answer, { status: 200, body: { kind: 'subscription', petition_id: null } });
    t.equal(await statusOf(api, key), 'active');
    t.same(await consentsOf(api, org.key), ['granted form', 'withdrawn page', 'granted undo']);
  });

  await t.test('it counts for the mailing and its variant, once', async (t) => {
    const { ctx } = api.app;
    const { mailings, mailingVariants, mailingRecipients, mailingHours } = api.store.tables;
    const { db } = api.store.read;
    const org = await api.organization('Counting');
    const other = await api.organization('Others');
    const make = (organizationKey: number) =>
      api.store.transact(async (tx) => {
        const row = { organizationKey, handle: ctx.random(9), name: 'First', createdAt: tx.now };
        const [mailing] = await tx.db
          .insert(mailings)
          .values({ ...row, publicId: ctx.newId('mlg') })
          .returning();
        const mailingKey = mailing?.key ?? 0;
        const said = { mailingKey, position: 0, name: 'A', handle: ctx.random(9), content: {} };
        const [variant] = await tx.db
          .insert(mailingVariants)
          .values({ ...said, publicId: ctx.newId('mvr') })
          .returning();
        return { key: mailingKey, handle: row.handle, variantKey: variant?.key ?? 0, variant: said.handle };
      });
    const mailing = await make(org.key);
    const theirs = await make(other.key);
    const linksOf = await linkSigner(ctx);
    const tokenOfUrl = (url: string) => /p[ub]_[A-Za-z0-9_-]{64}$/.exec(url)?.[0] ?? '';
    const person = async (name: string, named: Buffer, result?: RecipientResult | null) => {
      const { key, handle, pu } = await subscribed(api, org.key, `${name}@example.org`);
      const { oneClickUrl, unsubscribeUrl } = linksOf({ epoch: 0, handle }, named);
      if (result !== undefined) {
        const { key: mailingKey, variantKey } = mailing;
        const row = { mailingKey, variantKey, subscriptionKey: key, state: 'sent', result } as const;
        await api.store.transact((tx) =>
          tx.db
            .insert(mailingRecipients)
            .values({ ...row, bucket: 1, wave: 0, family: 'x' })
            .returning(),
        );
      }
      return { key, pu: tokenOfUrl(oneClickUrl), pb: tokenOfUrl(unsubscribeUrl), old: pu };
    };
    const counted = async () => {
      const rows = await db.select().from(mailingHours);
      return rows.map((row) => [row.mailingKey, row.variantKey, row.outcome, row.events].join(' ')).sort();
    };
    const resultOf = async (subscriptionKey: number) => {
      const { subscriptionKey: theirKey } = mailingRecipients;
      const [row] = await db.select().from(mailingRecipients).where(eq(theirKey, subscriptionKey));
      return [row?.result, row?.resultAt instanceof Date];
    };

    const old = await person('old', mailing.variant);
    t.equal((await leave(api, old.old)).status, 200, 'a link from before, without a mailing');
    t.same(await counted(), []);
    t.equal((await leave(api, old.pb)).status, 200);
    t.same(await counted(), [], 'who had left already leaves no second time');

    const ada = await person('ada', mailing.variant, null);
    for (const token of [ada.pu, ada.pb, ada.pu]) t.equal((await leave(api, token)).status, 200);
    const of = (variantKey: number, events: number) => `${mailing.key} ${variantKey} unsubscribed ${events}`;
    t.same(await counted(), [of(mailing.variantKey, 1)]);
    t.same(await resultOf(ada.key), ['unsubscribed', true]);

    const letters = await collectMail(api);
    const back = letters.find(({ to }) => to === 'ada@example.org');
    await api.call('POST', '/v1/confirmations', { body: { token: back && tokenOf(back) } });
    t.equal(await statusOf(api, ada.key), 'active');
    t.same(await counted(), [of(mailing.variantKey, 1)], 'coming back takes nothing back');
    t.equal((await leave(api, ada.pb)).status, 200);
    t.same(await counted(), [of(mailing.variantKey, 1)], 'nor does leaving again count again');

    const soft = await person('soft', mailing.handle, 'soft_bounced');
    t.equal((await leave(api, soft.pb)).status, 200);
    t.same(await counted(), [of(mailing.variantKey, 2)], 'the variant is known from the recipient');
    t.same(await resultOf(soft.key), ['unsubscribed', true]);

    const own = await person('own', mailing.handle);
    t.equal((await leave(api, own.pu)).status, 200);
    t.same(await counted(), [of(0, 1), of(mailing.variantKey, 2)].sort(), 'sent by another mailer');

    const mixed = await person('mixed', theirs.variant);
    t.equal((await leave(api, mixed.pu)).status, 200);
    t.equal(await statusOf(api, mixed.key), 'unsubscribed');
    t.same(await counted(), [of(0, 1), of(mailing.variantKey, 2)].sort(), 'no mailing of this organization');

    const page = await person('page', mailing.variant, null);
    const shown = await api.call('GET', `/unsubscribe?token=${page.pb}`);
    t.match(shown, { status: 200 });
    await api.call('GET', `/v1/unsubscribe/${page.pu}`);
    t.equal(await statusOf(api, page.key), 'active', 'opening a link changes nothing');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await api.call('POST', '/unsubscribe', { body: `token=${page.pb}`, headers: form });
    t.same(await counted(), [of(0, 1), of(mailing.variantKey, 3)].sort());
    await collectMail(api);
  });

  await t.test('it ends one list, of one person', async (t) => {
    const [one, two] = [await api.organization('One'), await api.organization('Two')];
    const mine = await subscribed(api, one.key, 'both@example.org');
    const other = await subscribed(api, two.key, 'both@example.org');
    const stranger = await subscribed(api, one.key, 'stranger@example.org');
    await leave(api, mine.pu);
    t.same(await Promise.all([mine, other, stranger].map(({ key }) => statusOf(api, key))), [
      'unsubscribed',
      'active',
      'active',
    ]);
  });

  await t.test('404 and 405: bad links; GET, HEAD and OPTIONS change nothing', async (t) => {
    const org = await api.organization('Safe');
    const { key, pu, pb } = await subscribed(api, org.key, 'safe@example.org');
    const wrong = ['x', 'pu_', pu.replace('pu_', 'pb_'), pb.replace('pb_', 'pu_'), `${pu}A`, pu.slice(0, -1)];
    for (const token of [...wrong, `pr${pu.slice(2)}`, pu.toLowerCase()]) {
      t.match(await leave(api, token), NOT_FOUND, token.slice(0, 4));
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
      for (const token of [pu, pb]) {
        const answer = await api.call(method, `/v1/unsubscribe/${token}`);
        t.notMatch(answer.text, /safe@|example\.org|sub_|sup_/);
      }
    }
    t.equal(await statusOf(api, key), 'active');
    const opened = await api.call('GET', `/v1/unsubscribe/${pu}`);
    t.match(opened, {
      status: 302,
      headers: { location: `http://undersigned.test/unsubscribe?token=${pu}` },
    });
    t.match(await api.call('PUT', `/v1/unsubscribe/${pu}`), { status: 405, headers: { allow: /POST/ } });
    t.match(await leave(api, 'y'.repeat(201)), { status: 400, body: { code: 'invalid_query' } });
  });

  await t.test('links work as long as the subscription, whatever becomes of the address', async (t) => {
    const org = await api.organization('Epoch');
    const { key, pu } = await subscribed(api, org.key, 'epoch@example.org');
    const { supporters } = api.store.tables;
    await api.store.transact((tx) =>
      tx.db
        .update(supporters)
        .set({ linkEpoch: 1 })
        .where(eq(supporters.identity, 'epoch@example.org'))
        .returning(),
    );
    t.match(await leave(api, pu), { status: 200 });
    t.equal(await statusOf(api, key), 'unsubscribed');
  });

  await t.test('links of a subscription that was merged into another one leave the list, too', async (t) => {
    const { ctx } = api.app;
    const [org, other] = [await api.organization('Merged'), await api.organization('Unmerged')];
    const stays = await subscribed(api, org.key, 'into@example.org');
    const goes = await subscribed(api, org.key, 'from@example.org');
    const elsewhere = await subscribed(api, other.key, 'into@example.org');
    const keyOf = async (email: string) => (await findSupporterByIdentity(ctx.store.read, email))?.key ?? 0;
    const [into, from] = [await keyOf('into@example.org'), await keyOf('from@example.org')];
    await api.store.transact((tx) => mergeSupporters(tx, from, into), { shut: 'supporters' });
    t.equal(await statusOf(api, goes.key), undefined);
    t.match(await api.call('GET', `/unsubscribe?token=${goes.pb}`), { status: 200, text: /Merged/ });
    t.match(await leave(api, goes.pu), { status: 200 });
    t.equal(await statusOf(api, stays.key), 'unsubscribed');
    t.equal(await statusOf(api, elsewhere.key), 'active', 'at most that one list');
    await eraseSupporter(ctx, into);
    for (const token of [goes.pu, goes.pb, stays.pu]) t.match(await leave(api, token), NOT_FOUND);
  });
});

onEveryEngine('unsubscribeByAddress', async (t, engine) => {
  const api = await start(t, engine);
  const [one, two] = [await api.organization('One'), await api.organization('Two')];
  const email = 'typed@example.org';
  const first = await subscribed(api, one.key, email);
  const second = await subscribed(api, two.key, email);
  const type = (body: unknown) => api.call('POST', '/v1/unsubscribe', { body });

  await t.test('202: mails the links to the address, of all lists or of one', async (t) => {
    t.match(await type({ email }), { status: 202, body: { accepted: true } });
    const all = await collectLetter(api, email);
    t.match(all, { template: 'unsubscribe_links' });
    t.same(all.values.subscriptions?.map(({ organization }) => organization).sort(), ['One', 'Two']);
    t.equal(await statusOf(api, first.key), 'active', 'typing alone changes nothing');
    api.setClock(new Date(Date.now() + 20 * 60_000));
    await type({ email, organization_id: two.id, locale: 'de' });
    const letter = await collectLetter(api, email);
    t.match(letter, { locale: 'de', values: { subscriptions: [{ organization: 'Two' }] } });
    const token = tokenIn(letter.values.subscriptions?.[0]?.link ?? '');
    t.equal((await leave(api, token)).status, 200);
    t.same([await statusOf(api, first.key), await statusOf(api, second.key)], ['active', 'unsubscribed']);
    api.setClock(undefined);
    await collectMail(api);
  });

  await t.test('202: the same for an address that is not known', async (t) => {
    const known = await type({ email });
    const unknown = await type({ email: 'nobody@example.org' });
    t.same([unknown.status, unknown.text], [known.status, known.text]);
    t.same(Object.keys(unknown.headers), Object.keys(known.headers));
  });

  await t.test('400, 413, 415 and 422: bad bodies', async (t) => {
    t.match(await type('{'), { status: 400 });
    t.match(await type({ email: 'x'.repeat(70_000) }), { status: 413 });
    t.match(await type({ email: 'nonsense' }), { status: 422 });
    const headers = { 'content-type': 'text/plain' };
    t.match(await api.call('POST', '/v1/unsubscribe', { body: 'x', headers }), { status: 415 });
  });
});

onEveryEngine('reportMailEvents', async (t, engine) => {
  const config = {
    publicUrl: 'http://undersigned.test',
    trustProxy: [],
    limits: null,
    MAIL_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  const api = await start(t, engine, { build: { config } });
  const org = await api.organization('Meadows');

  const send = (body: unknown, { secret = WEBHOOK_SECRET, at = Date.now(), signed = body }: any = {}) => {
    const id = `msg_${randomUUID()}`;
    const timestamp = String(Math.floor(at / 1000));
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signature = createHmac('sha256', key)
      .update(`${id}.${timestamp}.${JSON.stringify(signed)}`)
      .digest('base64');
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
    return api.call('POST', '/v1/mail-events', { body, headers });
  };
  const events = (...list: unknown[]) => ({ events: list });

  await t.test(
    '200: a hard bounce and a complaint suppress at once, everywhere, and without a word',
    async (t) => {
      const other = await api.organization('Other');
      const bounced = await subscribed(api, org.key, 'bounced@example.org');
      const elsewhere = await subscribed(api, other.key, 'bounced@example.org');
      const angry = await subscribed(api, org.key, 'angry@example.org');
      const full = await subscribed(api, org.key, 'full@example.org');
      const answer = await send(
        events(
          { type: 'bounce', email: 'Bounced@example.org' },
          { type: 'complaint', email: 'angry@example.org', occurred_at: '2026-11-23T10:00:00Z' },
          { type: 'bounce', bounce: 'soft', email: 'full@example.org' },
          { type: 'bounce', email: 'not-an-address' },
        ),
      );
      t.match(answer, { status: 200, body: { suppressed: 2, ignored: 1, invalid: 1 } });
      t.same(await Promise.all([bounced, elsewhere, angry, full].map(({ key }) => statusOf(api, key))), [
        'suppressed',
        'suppressed',
        'suppressed',
        'active',
      ]);
      await leave(api, angry.pu);
      t.equal(await statusOf(api, angry.key), 'suppressed');
      t.same(await collectMail(api), [], 'no undo mail after a complaint');
      await api.call('POST', '/v1/unsubscribe', { body: { email: 'bounced@example.org' } });
      t.same(await collectMail(api), [], 'nothing at all is mailed to them');
      t.equal((await send(events({ type: 'bounce', email: 'bounced@example.org' }))).status, 200, 'a repeat');
      t.match(await consentsOf(api, other.key), ['granted form', 'suppressed bounce']);
    },
  );

  await t.test('401: unsigned, signed with another secret, another body, or long ago', async (t) => {
    const body = events({ type: 'complaint', email: 'fine@example.org' });
    const { key } = await subscribed(api, org.key, 'fine@example.org');
    const another = `whsec_${Buffer.alloc(24, 4).toString('base64')}`;
    const wrong = [
      await api.call('POST', '/v1/mail-events', { body }),
      await send(body, { secret: another }),
      await send(body, { signed: events({ type: 'bounce', email: 'fine@example.org' }) }),
      await send(body, { at: Date.now() - 10 * 60_000 }),
    ];
    for (const answer of wrong) t.match(answer, { status: 401, body: { code: 'invalid_webhook' } });
    t.equal(await statusOf(api, key), 'active');
    const closed = await start(t, engine);
    t.match(
      await closed.call('POST', '/v1/mail-events', { body }),
      { status: 401 },
      'without a secret nobody may',
    );
  });

  await t.test('400, 413, 415 and 422: bad bodies', async (t) => {
    t.match(await send(events()), { status: 422 });
    t.match(await send(events({ type: 'open', email: 'a@example.org' })), { status: 422 });
    t.match(await api.call('POST', '/v1/mail-events', { body: '{' }), { status: 400 });
    t.match(await send({ events: 'x'.repeat(300_000) }), { status: 413 });
    const headers = { 'content-type': 'text/plain' };
    t.match(await api.call('POST', '/v1/mail-events', { body: 'x', headers }), { status: 415 });
  });
});
