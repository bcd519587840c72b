import { count, desc, eq } from 'drizzle-orm';
import fc from 'fast-check';
import { MAIL_KINDS, type MailKind } from '../../../schema/db/tables/mail.js';
import { ANONYMOUS, type Actor } from '../../../src/core/actor.js';
import { confirmRequest } from '../../../src/core/confirmation/confirmations.js';
import { slotOf } from '../../../src/core/counts/key-figures.js';
import { issueToken, TOKEN_BYTES } from '../../../src/core/links/random-tokens.js';
import { block, isBlocked, unblock } from '../../../src/core/mail/do-not-contact.js';
import {
  claimMails,
  countMails,
  queueMail,
  readQueue,
  settleMail,
  type MailSubject,
  type OutboxRow,
  type Settlement,
} from '../../../src/core/mail/outbox.js';
import { insertRequest, listOpenRequests } from '../../../src/core/mail/confirmation-requests.js';
import { sweepLinksAndMail } from '../../../src/core/mail/sweeping.js';
import { moderateSignature } from '../../../src/core/signatures/moderations.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { takeMailEvent } from '../../../src/core/subscriptions/mail-events.js';
import { findOrCreateSupporter } from '../../../src/core/supporters/supporters.js';
import { onEveryEngine, openTestStore, start } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { Clock, DAY, HOUR, join, launch, MINUTE, SECOND } from '../../support/verbs.js';

const NOON = new Date('2026-11-23T12:00:00Z');
const LEASE = 2 * MINUTE;

onEveryEngine('the outbox', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx, store } = { ctx: api.app.ctx, store: api.store };
  const clock = new Clock(api, NOON);
  const { outbox } = store.tables;
  const queue = (kind: MailKind = 'manage', about: MailSubject = {}, supporterKey: number | null = null) =>
    store.transact((tx) => queueMail(tx, kind, supporterKey, about));
  const claim = async (limit = 50) => (await claimMails(store, limit, LEASE)).sort((a, b) => a.key - b.key);
  const settle = (mail: OutboxRow, settlement: Settlement) =>
    store.transact((tx) => settleMail(tx, mail, settlement));
  const row = async (key: number) =>
    (await store.read.db.select().from(outbox).where(eq(outbox.key, key)))[0]!;
  const empty = () => store.transact((tx) => tx.db.delete(outbox));
  t.afterEach(empty);

  await t.test('a mail is queued with what it reports, or not at all', async (t) => {
    const failed = store.transact(async (tx) => {
      await queueMail(tx, 'manage', null);
      throw new Error('something else went wrong');
    });
    await t.rejects(failed, { message: 'something else went wrong' });
    t.same(await readQueue(store.read), { queued: 0, oldestAt: null });
    await queue('manage', { locale: 'de' });
    const [mail] = await claim();
    t.match(mail, { kind: 'manage', locale: 'de', supporterKey: null, attempts: 0, createdAt: NOON });
  });

  await t.test('whoever waited longest goes first, a repeated one by when it is due', async (t) => {
    const names = ['a', 'b', 'c', 'd'];
    for (const locale of names) {
      await queue('manage', { locale });
      clock.pass(SECOND);
    }
    const [first] = await claim(1);
    t.equal(first?.locale, 'a');
    await settle(first!, {
      state: 'queued',
      reason: 'smtp_451',
      dueAt: new Date(clock.now.getTime() + MINUTE),
    });
    t.same(
      (await claim(2)).map(({ locale }) => locale),
      ['b', 'c'],
    );
    t.same(
      (await claim()).map(({ locale }) => locale),
      ['d'],
    );
    t.same(await claim(), [], 'put off is not due');
    clock.pass(MINUTE - 1);
    t.same(await claim(), []);
    await queue('manage', { locale: 'e' });
    clock.pass(1);
    t.same((await claim(1))[0]?.locale, 'e', 'it is due since earlier, though it came later');
    const [last] = await claim();
    t.same([last?.locale, last?.attempts], ['a', 1]);
  });

  await t.test(
    'nobody else gets a claimed mail until its lease is over; then its worker is taken for dead',
    async (t) => {
      await queue();
      const [mine] = await claim();
      t.match(await row(mine!.key), { state: 'sending', dueAt: new Date(clock.now.getTime() + LEASE) });
      clock.pass(LEASE - 1);
      t.same(await claim(), []);
      clock.pass(1);
      const [theirs] = await claim();
      t.equal(theirs?.key, mine!.key);
      await settle(theirs!, { state: 'sent' });
      const before = await row(mine!.key);
      await settle(mine!, { state: 'failed', reason: 'timeout' });
      t.same(await row(mine!.key), before, 'who was too slow changes nothing');
      clock.pass(DAY);
      t.same(await claim(), [], 'what is settled stays so');
    },
  );

  await t.test('each end is written down with its reason and time', async (t) => {
    for (const [settlement, expected] of [
      [{ state: 'sent' }, { state: 'sent', reason: null, settledAt: clock.now }],
      [
        { state: 'dropped', reason: 'capped' },
        { state: 'dropped', reason: 'capped', settledAt: clock.now },
      ],
      [
        { state: 'failed', reason: 'smtp_550' },
        { state: 'failed', reason: 'smtp_550', settledAt: clock.now },
      ],
      [
        { state: 'queued', reason: 'dns', dueAt: new Date(clock.now.getTime() + HOUR) },
        { state: 'queued', reason: 'dns', settledAt: null, dueAt: new Date(clock.now.getTime() + HOUR) },
      ],
    ] as const) {
      await queue();
      const [mail] = await claim();
      await settle(mail!, settlement);
      t.match(await row(mail!.key), { ...expected, attempts: 1 });
    }
    t.equal((await readQueue(store.read)).queued, 1, 'a mail that is put back still waits');
  });

  await t.test(
    'workers that claim at the same time share the mails, and none gets what another has',
    async (t) => {
      for (let i = 0; i < 40; i += 1) await queue('manage', { locale: `l${i}` });
      const beside = await openTestStore(api.url, { now: () => clock.now });
      t.teardown(() => beside.close());
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, i) => claimMails(i % 2 ? beside : store, 5, LEASE)),
      );
      const keys = claims.flat().map(({ key }) => key);
      t.equal(new Set(keys).size, keys.length);
      for (const one of claims) t.ok(one.length <= 5);
      keys.push(...(await claim()).map(({ key }) => key));
      t.equal(new Set(keys).size, 40, 'and none is forgotten');
      t.match(await readQueue(store.read), { queued: 40 });
    },
  );

  await t.test('how many a mailbox had, or is about to have: any history against the words', async (t) => {
    const [mine, tagged, other] = ['me@example.org', 'me+x@example.org', 'you@example.org'].map((one) =>
      ctx.secrets.subject(one),
    );
    const lead = await join(api, 'Meadow Friends');
    const petition = await launch(api, lead, { slug: 'counted' });
    const states = ['queued', 'sending', 'sent', 'dropped', 'failed'] as const;
    const mails = fc.array(
      fc.record({
        recipient: fc.constantFrom(mine, mine, tagged, other, null),
        kind: fc.constantFrom(...MAIL_KINDS),
        state: fc.constantFrom(...states, 'sent' as const),
        hours: fc.integer({ min: 0, max: 48 }),
        about: fc.constantFrom(petition.key, null),
      }),
      { minLength: 5, maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(
        mails,
        fc.uniqueArray(fc.constantFrom(...MAIL_KINDS), { minLength: 1 }),
        async (all, kinds) => {
          await empty();
          const ago = (hours: number) => new Date(clock.now.getTime() - hours * HOUR);
          await store.transact((tx) =>
            tx.db.insert(outbox).values(
              all.map(({ recipient, kind, state, hours, about }) => ({
                kind,
                state,
                recipient: recipient ?? null,
                petitionKey: about,
                attempts: 0,
                dueAt: ago(hours),
                createdAt: ago(hours),
                settledAt: state === 'queued' || state === 'sending' ? null : ago(hours),
              })),
            ),
          );
          const rows = await store.read.db.select().from(outbox);
          const besides = rows[0]!;
          for (const petitionKey of [undefined, petition.key]) {
            const counted = rows.filter(
              (one) =>
                one.key !== besides.key &&
                (one.recipient?.equals(mine!) || one.recipient?.equals(tagged!)) &&
                kinds.includes(one.kind) &&
                (petitionKey === undefined || one.petitionKey === petitionKey) &&
                (one.state === 'queued' ||
                  one.state === 'sending' ||
                  (one.state === 'sent' && one.settledAt! > ago(24))),
            );
            const narrowed = petitionKey === undefined ? { kinds } : { kinds, petitionKey };
            t.equal(
              await countMails(store.read, besides, [mine!, tagged!], ago(24), narrowed),
              counted.length,
            );
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  await t.test('the oldest that waits tells how late the mail is', async (t) => {
    await queue();
    clock.pass(HOUR);
    await queue();
    t.same(await readQueue(store.read), { queued: 2, oldestAt: new Date(clock.now.getTime() - HOUR) });
    const [old] = await claim(1);
    t.equal((await readQueue(store.read)).queued, 2, 'what is on its way has not arrived');
    await settle(old!, { state: 'sent' });
    t.same(await readQueue(store.read), { queued: 1, oldestAt: clock.now });
  });
});

onEveryEngine('do not contact', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx, store } = { ctx: api.app.ctx, store: api.store };
  new Clock(api, NOON);
  const subject = (address: string) => ctx.secrets.subject(address);
  const reason = (address: string) => isBlocked(store.read, subject(address));

  await t.test('the first reason stays, and whoever is taken off is off', async (t) => {
    const me = subject('me@example.org');
    t.equal(await reason('me@example.org'), undefined);
    await store.transact((tx) => block(tx, me, 'request'));
    await store.transact((tx) => block(tx, me, 'bounce'));
    t.equal(await reason('me@example.org'), 'request');
    t.equal(await reason('you@example.org'), undefined);
    t.equal(await store.transact((tx) => unblock(tx, me)), true);
    t.equal(await store.transact((tx) => unblock(tx, me)), false);
    t.equal(await reason('me@example.org'), undefined);
  });

  await t.test(
    'what a provider reports: hard bounces and complaints block, soft bounces do not',
    async (t) => {
      const report = (email: string, type: 'bounce' | 'complaint', bounce?: 'hard' | 'soft') =>
        takeMailEvent(ctx, { type, email, ...(bounce ? { bounce } : {}) });
      t.equal(await report('soft@example.org', 'bounce', 'soft'), 'ignored');
      t.equal(await reason('soft@example.org'), undefined);
      t.equal(await report('Hard@Example.org', 'bounce', 'hard'), 'suppressed');
      t.equal(await reason('hard@example.org'), 'bounce', 'under the identity of the address');
      t.equal(await report('plain@example.org', 'bounce'), 'suppressed', 'hard where nothing is said');
      t.equal(await report('angry@example.org', 'complaint'), 'suppressed');
      t.equal(await report('hard@example.org', 'complaint'), 'suppressed');
      t.equal(await reason('hard@example.org'), 'bounce');
      t.equal(await report('nobody', 'complaint'), 'invalid');
      const rows = await store.read.db.select().from(store.tables.doNotContact);
      t.equal(rows.length, 3);
      t.notMatch(
        JSON.stringify(rows.map(({ hash }) => hash.toString('latin1'))),
        /example/,
        'no address is kept',
      );
    },
  );
});

onEveryEngine('what was asked', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx, store } = { ctx: api.app.ctx, store: api.store };
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  const { slug, key: petitionKey } = await launch(api, lead, { slug: 'meadows', locale: 'de' });
  const { keyFigures, confirmationRequests } = store.tables;
  const sign = (email: string, actor: Actor = ANONYMOUS, website?: string) =>
    signPetition(ctx, actor, slug, { email, name: 'Ada', website: website ?? null });
  const figures = async () => {
    const rows = await store.read.db
      .select({ key: keyFigures.apiKeyKey, asked: keyFigures.asked, confirmed: keyFigures.confirmed })
      .from(keyFigures);
    return rows.reduce(
      (sum, one) => ({ asked: sum.asked + one.asked, confirmed: sum.confirmed + one.confirmed }),
      { asked: 0, confirmed: 0 },
    );
  };

  await t.test(
    'of what a key brings the first mail that left counts as asked, a yes as confirmed',
    async (t) => {
      await sign('a@example.org');
      await collectMail(api);
      t.same(await figures(), { asked: 0, confirmed: 0 }, 'of no key nothing is counted');
      await sign('b@example.org', lead.publishable);
      t.same(await figures(), { asked: 0, confirmed: 0 }, 'what waits is not asked yet');
      const [letter] = await collectMail(api);
      t.same(await figures(), { asked: 1, confirmed: 0 });
      await sign('b@example.org', lead.publishable);
      await collectMail(api);
      t.same(await figures(), { asked: 1, confirmed: 0 }, 'a repeat is the same mailbox');
      await confirmRequest(ctx, { token: tokenOf(letter!) });
      t.same(await figures(), { asked: 1, confirmed: 1 });
      const [slot] = await store.read.db.select().from(keyFigures);
      t.match(slot, { apiKeyKey: lead.publishable.keyKey, petitionKey, slot: slotOf(clock.now) });
    },
  );

  await t.test(
    'a mail that failed asked nobody; what was quarantined is asked when it is released',
    async (t) => {
      const before = await figures();
      await sign('c@example.org', lead.publishable);
      const [mail] = await claimMails(store, 10, LEASE);
      await store.transact((tx) => settleMail(tx, mail!, { state: 'failed', reason: 'smtp_550' }));
      t.same(await figures(), before);
      const odd = await sign('d@example.org', lead.publishable, 'https://x.example');
      await collectMail(api);
      t.same(await figures(), before);
      const verdict = { action: 'release', reason: 'fine' } as const;
      await moderateSignature(ctx, lead.actor, odd.signature.publicId, verdict);
      const letters = await collectMail(api);
      t.same(
        letters.map(({ to }) => to),
        ['d@example.org'],
      );
      t.same(await figures(), { ...before, asked: before.asked + 1 });
    },
  );

  await t.test('the requests of somebody that nobody has answered, latest first', async (t) => {
    const person = await store.transact((tx) =>
      findOrCreateSupporter(tx, { identity: 'q@example.org', delivery: 'Q@example.org' }, ctx.newId('sup')),
    );
    const keys: number[] = [];
    for (const [i, kind] of (['signature', 'subscription', 'signature', 'signature'] as const).entries()) {
      const about = { kind, supporterKey: person.key, origin: 'form', locale: 'de' } as const;
      keys.push(await store.transact((tx) => insertRequest(tx, { ...about, optIns: [], source: `s${i}` })));
    }
    await store.transact(async (tx) => {
      const set = (key: number, what: object) =>
        tx.db.update(confirmationRequests).set(what).where(eq(confirmationRequests.key, key));
      await set(keys[1]!, { confirmedAt: tx.now });
      await set(keys[2]!, { refusedAt: tx.now });
    });
    const open = await listOpenRequests(store.read, person.key);
    t.same(
      open.map(({ key, source, optIns }) => [key, source, optIns]),
      [
        [keys[3], 's3', null],
        [keys[0], 's0', null],
      ],
    );
  });
});

onEveryEngine('forgetting what nobody can use any more', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx, store } = { ctx: api.app.ctx, store: api.store };
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  const { key: petitionKey } = await launch(api, lead, { slug: 'meadows' });
  const { linkTokens, outbox, emailChanges, keyFigures } = store.tables;
  const person = await store.transact((tx) =>
    findOrCreateSupporter(tx, { identity: 'a@example.org', delivery: 'a@example.org' }, ctx.newId('sup')),
  );
  const supporterKey = person.key;
  const rows = async (table: typeof linkTokens | typeof outbox | typeof emailChanges | typeof keyFigures) =>
    (await store.read.db.select({ n: count() }).from(table as typeof outbox))[0]?.n;
  const sweepAfter = async (ms: number) => {
    clock.set(new Date(NOON.getTime() + ms));
    await sweepLinksAndMail(store, clock.now);
  };
  t.beforeEach(() => clock.set(NOON));

  await t.test('tokens two days after they are over', async (t) => {
    await store.transact((tx) =>
      issueToken(tx, { purpose: 'manage', bytes: ctx.random(TOKEN_BYTES), supporterKey, epoch: 0 }),
    );
    await sweepAfter(30 * MINUTE + 2 * DAY);
    t.equal(await rows(linkTokens), 1);
    await sweepAfter(30 * MINUTE + 2 * DAY + 1);
    t.equal(await rows(linkTokens), 0);
  });

  await t.test('mails thirty days after they were settled, and never before', async (t) => {
    for (let i = 0; i < 2; i += 1) await store.transact((tx) => queueMail(tx, 'manage', null));
    const [mail] = await claimMails(store, 1, LEASE);
    await store.transact((tx) => settleMail(tx, mail!, { state: 'sent' }));
    await sweepAfter(30 * DAY);
    t.equal(await rows(outbox), 2);
    await sweepAfter(30 * DAY + 1);
    t.equal(await rows(outbox), 1);
    await sweepAfter(365 * DAY);
    t.equal(await rows(outbox), 1, 'a mail that still waits is not forgotten');
    await store.transact((tx) => tx.db.delete(outbox));
  });

  await t.test('changes of address when no mail and no link speaks of them any more', async (t) => {
    const [change] = await store.transact((tx) =>
      tx.db
        .insert(emailChanges)
        .values({
          supporterKey,
          status: 'requested',
          oldIdentity: 'a@example.org',
          oldDelivery: 'a@example.org',
          newIdentity: 'b@example.org',
          newDelivery: 'b@example.org',
          createdAt: tx.now,
        })
        .returning({ emailChangeKey: emailChanges.key }),
    );
    await store.transact((tx) => queueMail(tx, 'email_notice', supporterKey, change));
    await sweepAfter(44 * DAY);
    t.equal(await rows(emailChanges), 1);
    await sweepAfter(44 * DAY + 1);
    t.equal(await rows(emailChanges), 1, 'its notice still waits');
    await store.transact((tx) => tx.db.delete(outbox));
    await sweepAfter(44 * DAY);
    t.equal(await rows(emailChanges), 1);
    await sweepAfter(44 * DAY + 1);
    t.equal(await rows(emailChanges), 0);
  });

  await t.test('what keys brought thirty days ago, of two thousand slots as of two', async (t) => {
    const first = slotOf(NOON);
    const figure = { apiKeyKey: lead.publishable.keyKey, petitionKey, shard: 0, asked: 1, confirmed: 0 };
    const slots = Array.from({ length: 600 }, (_, i) => ({ ...figure, slot: first - i }));
    for (let i = 0; i < slots.length; i += 100) {
      await store.transact((tx) => tx.db.insert(keyFigures).values(slots.slice(i, i + 100)));
    }
    await sweepAfter(30 * DAY);
    t.equal(await rows(keyFigures), 1);
    const [left] = await store.read.db.select().from(keyFigures).orderBy(desc(keyFigures.slot));
    t.equal(left?.slot, first);
    await sweepAfter(30 * DAY + 10 * MINUTE);
    t.equal(await rows(keyFigures), 0);
  });
});
