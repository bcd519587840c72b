import { eq } from 'drizzle-orm';
import { SCOPES } from '../../../schema/db/tables/organization.js';
import { ANONYMOUS } from '../../../src/core/actor.js';
import type { KeyedActor } from '../../../src/core/actor.js';
import { verify } from '../../../src/core/links/signed-tokens.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { listMailingLinks } from '../../../src/core/mailings/mailing-links.js';
import { createMailing } from '../../../src/core/mailings/writing.js';
import { recogniseMailing } from '../../../src/core/signatures/recognition.js';
import {
  createConsentText,
  currentTexts,
  type ConsentText,
} from '../../../src/core/subscriptions/consent-texts.js';
import { hashOfWords } from '../../../src/core/subscriptions/consents.js';
import { takeMailEvent } from '../../../src/core/subscriptions/mail-events.js';
import {
  endOwnSubscription,
  getSubscription,
  listConsents,
  listSubscriptions,
} from '../../../src/core/subscriptions/subscribers.js';
import { subscribe } from '../../../src/core/subscriptions/subscribing.js';
import { importSubscribers } from '../../../src/core/subscriptions/subscription-import.js';
import { findOrCreateSupporter } from '../../../src/core/supporters/supporters.js';
import { onEveryEngine, makePartner, publish, start, type TestApp } from '../../support/helper.js';

const HOUR = 3_600_000;

/** An organization as somebody who holds all of its rights. */
async function organization(api: TestApp, name: string) {
  const { key, id, secret } = await api.organization(name);
  const [row] = await api.store.read.db.select().from(api.store.tables.apiKeys);
  const actor: KeyedActor = {
    kind: 'secret',
    keyKey: row?.key ?? 0,
    keyId: row?.publicId ?? '',
    organizationKey: key,
    organizationId: id,
    scopes: SCOPES,
    origins: [],
  };
  return { actor, id, secret };
}

const write = async (api: TestApp, actor: KeyedActor, locale = 'en', text = 'Yes, send me news.') =>
  (await createConsentText(api.app.ctx, actor, { locale, text })).text;

onEveryEngine('consent texts', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { actor, secret } = await organization(api, 'River Meadows');

  await t.test(
    'versions: made at the same time, each has its own number, and the same words one',
    async (t) => {
      const made = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          createConsentText(ctx, actor, { locale: 'en', text: `Wording ${i}.` }),
        ),
      );
      t.same(made.map(({ text }) => text.version).sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
      const same = await Promise.all(
        Array.from({ length: 5 }, () => createConsentText(ctx, actor, { locale: 'de', text: 'Ja, gerne.' })),
      );
      t.same(new Set(same.map(({ text }) => text.publicId)).size, 1);
      t.equal(same.filter(({ created }) => created).length, 1);
    },
  );

  await t.test('of a petition: its language, without its region, the organization’s own, any', async (t) => {
    const partner = await organization(api, 'Partner');
    const silent = await organization(api, 'Silent');
    await write(api, partner.actor, 'fr', 'Oui.');
    await write(api, partner.actor, 'nl', 'Ja.');
    const shown = async (locale: string) => {
      const { id } = await publish(api, secret, { locale });
      for (const one of [silent, partner]) await makePartner(api, secret, id, one);
      const { petitions: p } = api.store.tables;
      const [petition] = await api.store.read.db
        .select()
        .from(p)
        .where(eq(p.publicId, id as string));
      const texts = await currentTexts(api.store.read, ANONYMOUS, petition as NonNullable<typeof petition>);
      return texts.map(({ organization: { slug }, locale, version }) => `${slug} ${locale} ${version}`);
    };
    t.same(await shown('de'), ['river-meadows de 1', 'partner nl 1'], 'no text, no question');
    t.same(await shown('de-AT'), ['river-meadows de 1', 'partner nl 1']);
    t.same(await shown('fr'), ['river-meadows en 8', 'partner fr 1']);
    await write(api, partner.actor, 'en', 'Yes.');
    t.same(await shown('es'), ['river-meadows en 8', 'partner en 1']);
  });
});

onEveryEngine('vouched subscribers', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { actor } = await organization(api, 'River Meadows');
  const text = await write(api, actor);
  const evidence = { source: 'Street stall' };
  const vouch = (email: string, collectedAt?: Date, words: ConsentText = text) =>
    subscribe(ctx, actor, {
      email,
      consentTextId: words.publicId,
      evidence: { ...evidence, collected_at: collectedAt?.toISOString() ?? null },
    });
  const consentsOf = async (id: string) =>
    (await listConsents(ctx, await getSubscription(ctx.store.read, actor, id))).map(
      ({ record }) => record.action,
    );

  await t.test('active at once; again changes nothing; a new text is one more consent', async (t) => {
    const { created, subscription } = await vouch('ada@example.org');
    t.match({ created, status: subscription.status }, { created: true, status: 'active' });
    t.match(await vouch('Ada@Example.org'), { created: false, subscription: { status: 'active' } });
    t.same(await consentsOf(subscription.publicId), ['granted']);
    const newer = await write(api, actor, 'en', 'Yes, send me news every week.');
    await vouch('ada@example.org', undefined, newer);
    await vouch('ada@example.org', undefined, newer);
    t.same(await consentsOf(subscription.publicId), ['granted', 'granted']);
  });

  await t.test('who has left comes back only by a later consent', async (t) => {
    const { subscription } = await vouch('left@example.org', new Date(Date.now() - HOUR));
    await endOwnSubscription(ctx, actor, subscription.publicId, 'Asked on the phone');
    const again = (collectedAt?: Date) => vouch('left@example.org', collectedAt);
    await t.rejects(again(), { code: 'consent_required' });
    await t.rejects(again(new Date(Date.now() - HOUR)), { code: 'consent_required' });
    await t.rejects(again(new Date(Date.now() + HOUR)), { code: 'invalid_body' }, 'nor by one of tomorrow');
    api.setClock(new Date(Date.now() + 2 * HOUR));
    t.match(await again(new Date(Date.now() + HOUR)), { subscription: { status: 'active', endedAt: null } });
    api.setClock(undefined);
    t.same(await consentsOf(subscription.publicId), ['granted', 'withdrawn', 'granted']);
  });

  await t.test('whose mailbox refused the organization’s mail is refused', async (t) => {
    await vouch('blocked@example.org');
    await takeMailEvent(ctx, { type: 'complaint', email: 'blocked@example.org' });
    await t.rejects(vouch('blocked@example.org'), { code: 'do_not_contact' });
    const asked = subscribe(ctx, actor, { email: 'blocked@example.org', consentTextId: text.publicId });
    await t.rejects(asked, { code: 'do_not_contact' });
  });

  await t.test('of a block that it does not know an organization hears nothing', async (t) => {
    await takeMailEvent(ctx, { type: 'complaint', email: 'elsewhere@example.org' });
    const asked = await subscribe(ctx, actor, {
      email: 'elsewhere@example.org',
      consentTextId: text.publicId,
    });
    t.match(asked, { created: true, subscription: { status: 'pending' } });
    t.match(await vouch('elsewhere@example.org'), { subscription: { status: 'active' } });
  });

  await t.test('a record that somebody wrote into is found out', async (t) => {
    const { subscription } = await vouch('proof@example.org', new Date(Date.now() - HOUR));
    const read = async () =>
      (await listConsents(ctx, await getSubscription(ctx.store.read, actor, subscription.publicId)))[0];
    const [row] = [await read()];
    t.equal(row?.proofValid, true);
    const { consents } = ctx.store.tables;
    const forged = [
      { source: 'forged' },
      { evidence: { source: 'Web form' } },
      { action: 'declined' as const },
      { createdAt: new Date(0) },
    ];
    for (const change of forged) {
      await ctx.store.transact(async (tx) => {
        await tx.db
          .update(consents)
          .set(change)
          .where(eq(consents.key, row?.record.key ?? 0));
      });
      t.equal((await read())?.proofValid, false, Object.keys(change).join());
      const { source, evidence, action, createdAt } = row?.record as NonNullable<typeof row>['record'];
      await ctx.store.transact(async (tx) => {
        const whole = { source, evidence, action, createdAt };
        await tx.db
          .update(consents)
          .set(whole)
          .where(eq(consents.key, row?.record.key ?? 0));
      });
      t.equal((await read())?.proofValid, true);
    }
    const { consentTexts } = ctx.store.tables;
    await ctx.store.transact(async (tx) => {
      const words = 'Yes, and you may sell my address.';
      await tx.db
        .update(consentTexts)
        .set({ text: words, hash: hashOfWords(words) })
        .where(eq(consentTexts.key, row?.record.consentTextKey ?? 0));
    });
    t.equal((await read())?.proofValid, false, 'nor can the words be rewritten that were agreed to');
  });

  await t.test('at the same time: one subscription, one consent', async (t) => {
    const all = await Promise.all(Array.from({ length: 6 }, () => vouch('race@example.org')));
    t.equal(new Set(all.map(({ subscription }) => subscription.publicId)).size, 1);
    t.equal(all.filter(({ created }) => created).length, 1);
    t.same(await consentsOf(all[0]?.subscription.publicId ?? ''), ['granted']);
  });
});

onEveryEngine('importing', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { actor } = await organization(api, 'River Meadows');
  const text = await write(api, actor);
  const evidence = { source: 'CRM', collected_at: new Date(Date.now() - HOUR).toISOString() };
  const bring = (rows: { email: string; externalId?: string }[]) =>
    importSubscribers(ctx, actor, { consentTextId: text.publicId, evidence, rows });
  const list = async (filter = {}) =>
    (await listSubscriptions(ctx.store.read, actor, filter, { limit: 100, oldestFirst: true })).items;

  const rows = Array.from({ length: 1000 }, (_, i) => ({
    email: `person${i}@example.org`,
    externalId: `crm-${i}`,
  }));
  const put = (i: number, email: string) => void (rows[i] = { email, externalId: `crm-${i}` });
  put(7, 'no address');
  put(500, 'Person3@EXAMPLE.org');
  put(501, 'blocked@example.org');
  put(502, 'left@example.org');
  put(503, 'pending@example.org');

  await t.test('a thousand rows, and bad ones do not stop the others', async (t) => {
    await bring([{ email: 'blocked@example.org' }]);
    await takeMailEvent(ctx, { type: 'complaint', email: 'blocked@example.org' });
    await takeMailEvent(ctx, { type: 'complaint', email: 'person1@example.org' });
    await subscribe(
      ctx,
      { kind: 'anonymous' },
      { email: 'pending@example.org', consentTextId: text.publicId },
    );
    await bring([{ email: 'left@example.org' }]);
    const [left] = await list({ email: 'left@example.org' });
    await endOwnSubscription(ctx, actor, left?.publicId ?? '', 'Letter');

    const skipped = [
      { row: 7, code: 'invalid_email' },
      { row: 500, code: 'duplicate' },
      { row: 501, code: 'do_not_contact' },
      { row: 502, code: 'consent_required' },
    ];
    t.same(await bring(rows), { created: 995, activated: 1, unchanged: 0, skipped });
    t.match(await list({ externalId: 'crm-999' }), [{ email: 'person999@example.org', status: 'active' }]);
    t.match(await list({ email: 'left@example.org' }), [{ status: 'unsubscribed' }]);
    const { subscriptions, consents } = ctx.store.tables;
    const count = async () => [
      (await ctx.store.read.db.select({ key: subscriptions.key }).from(subscriptions)).length,
      (await ctx.store.read.db.select({ key: consents.key }).from(consents)).length,
    ];
    const before = await count();
    t.same(await bring(rows), { created: 0, activated: 0, unchanged: 996, skipped }, 'again: nothing new');
    t.same(await count(), before);
    t.match((await listConsents(ctx, (await list({ email: 'person3@example.org' }))[0] as never))[0], {
      proofValid: true,
      record: { origin: 'import', evidence },
    });
  });

  await t.test('two at the same time: everybody once', async (t) => {
    const some = Array.from({ length: 200 }, (_, i) => ({ email: `twice${i}@example.org` }));
    const results = await Promise.all([bring(some), bring([...some].reverse())]);
    t.equal(
      results.reduce((sum, { created }) => sum + created, 0),
      200,
    );
    t.equal(
      results.reduce((sum, { unchanged }) => sum + unchanged, 0),
      200,
    );
  });

  await t.test('pages of every status join without gap or repeat', async (t) => {
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await listSubscriptions(
        ctx.store.read,
        actor,
        { statuses: ['active', 'unsubscribed'] },
        { limit: 90, cursor, oldestFirst: false },
      );
      seen.push(...page.items.map(({ key }) => key));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    t.equal(seen.length, 1197);
    t.same(
      seen,
      [...new Set(seen)].sort((a, b) => b - a),
    );
  });
});

onEveryEngine('links of a mailing', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { actor, secret } = await organization(api, 'River Meadows');
  const other = await organization(api, 'Other Group');
  const text = await write(api, actor);
  const evidence = { source: 'CRM' };
  const rows = Array.from({ length: 7 }, (_, i) => ({ email: `person${i}@example.org` }));
  await importSubscribers(ctx, actor, { consentTextId: text.publicId, evidence, rows });
  const theirs = await write(api, other.actor);
  await importSubscribers(ctx, other.actor, { consentTextId: theirs.publicId, evidence, rows });
  await subscribe(ctx, { kind: 'anonymous' }, { email: 'pending@example.org', consentTextId: text.publicId });
  const petition = await publish(api, secret, { page_url: 'https://meadows.example/sign?lang=en#form' });
  const mailing = await createMailing(ctx, actor, {
    name: 'First',
    petition: petition.slug,
    source: 'mail-1',
  });
  const links = async (limit = 100) => {
    const all = [];
    let cursor: string | undefined;
    do {
      const page = await listMailingLinks(ctx, actor, mailing.publicId, { limit, cursor });
      all.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return all;
  };

  await t.test('active subscribers alone, with tokens that do what they are for', async (t) => {
    const all = await links();
    t.same(
      all.map(({ email }) => email),
      rows.map(({ email }) => email),
    );
    t.same(await links(2), all, 'in pages, too; and the same on the same day');
    const [first] = all as [(typeof all)[0]];
    const url = new URL(first.petitionUrl ?? '');
    t.equal(url.hash, '#form');
    t.same(Object.fromEntries(url.searchParams), { lang: 'en', r: first.recogniseToken, source: 'mail-1' });
    const recognised = await ctx.store.transact((tx) => recogniseMailing(ctx, tx, first.recogniseToken));
    t.same(recognised, {
      key: mailing.key,
      organizationKey: mailing.organizationKey,
      variantKey: null,
    });
    const pu = first.oneClickUrl.replace('http://undersigned.test/v1/unsubscribe/', '');
    const pb = new URL(first.unsubscribeUrl).searchParams.get('token') ?? '';
    t.ok(await verify(ctx, ctx.store.read, 'unsubscribe_header', pu, ctx.now()));
    t.ok(await verify(ctx, ctx.store.read, 'unsubscribe_footer', pb, ctx.now()));
    t.equal(
      new Set(all.flatMap((one) => [one.recogniseToken, one.oneClickUrl, one.unsubscribeUrl])).size,
      21,
    );
  });

  await t.test('who leaves or must not be mailed is gone; a raised epoch makes new links', async (t) => {
    const before = await links();
    const { status } = await api.call('POST', new URL(before[0]?.oneClickUrl ?? '').pathname, { body: {} });
    t.equal(status, 200);
    await ctx.store.transact((tx) => block(tx, ctx.secrets.subject('person1@example.org'), 'request'));
    const { supporters } = ctx.store.tables;
    await ctx.store.transact(async (tx) => {
      const person = { identity: 'person2@example.org', delivery: 'person2@example.org' };
      const { key } = await findOrCreateSupporter(tx, person, ctx.newId('sup'));
      await tx.db.update(supporters).set({ linkEpoch: 1 }).where(eq(supporters.key, key));
    });
    const after = await links(3);
    t.same(
      after.map(({ email }) => email),
      [2, 3, 4, 5, 6].map((i) => `person${i}@example.org`),
    );
    t.not(after[0]?.recogniseToken, before[2]?.recogniseToken);
    t.same(after.slice(1), before.slice(3));
  });

  await t.test('of an own petition, one that it is a partner of, and no other', async (t) => {
    const make = (who: KeyedActor, ref: string) => createMailing(ctx, who, { name: 'M', petition: ref });
    await t.rejects(make(other.actor, petition.slug), { code: 'not_a_partner' });
    await t.rejects(make(actor, 'nothing-here'), { code: 'petition_not_found' });
    const shared = await publish(api, secret, { slug: 'shared' });
    await makePartner(api, secret, 'shared', other);
    t.match(await make(other.actor, shared.slug), { petitionId: shared.id, pageUrl: null });
    await t.rejects(listMailingLinks(ctx, other.actor, mailing.publicId, { limit: 1 }), {
      code: 'mailing_not_found',
    });
  });
});
