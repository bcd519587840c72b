import { eq } from 'drizzle-orm';
import { recount } from '../../../src/core/counts/recount.js';
import { linkSigner } from '../../../src/core/mailings/personal-links.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { takeMailEvent } from '../../../src/core/subscriptions/mail-events.js';
import {
  makePartner,
  onEveryEngine,
  publish,
  start,
  type Answer,
  type TestApp,
} from '../../support/helper.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

/* Signing with nothing but the token of a mail: for its recipient, by whoever holds it. */

const DAY = 86_400_000;

/** The parts of an answer that may differ from one request to the next. */
function seen({ status, headers, text }: Answer) {
  const { date: _date, ratelimit: _limit, ...rest } = headers;
  return { status, headers: rest, text: text.replace(/"receipt":"[^"]*"/, '"receipt":""') };
}
const REQUEST_ID = { 'x-request-id': 'the-same-for-all' };

/** An organization with subscribers, whom it knows by what they signed before; and the tokens of a mailing to them. */
async function makeList(api: TestApp, name: string, petition: string | null = 'meadows') {
  const org = await api.organization(name);
  const key = org.secret;
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  const subscribe = async (...emails: string[]) => {
    const rows = emails.map((email) => ({ email }));
    const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
    const imported = await api.call('POST', '/v1/subscriptions/import', { key, body });
    if (imported.body.created !== emails.length) throw new Error(imported.text);
  };
  const announce = async (about: string | null = petition) => {
    const body = { name: 'First', petition: about, source: 'm-1' };
    const made = await api.call('POST', '/v1/mailings', { key, body });
    if (made.status !== 201) throw new Error(made.text);
    return made.body.id as string;
  };
  const linksOf = async (mailing: string) => {
    const { body } = await api.call('GET', `/v1/mailings/${mailing}/links?limit=100`, { key });
    return new Map<string, any>(body.data.map((link: any) => [link.email, link]));
  };
  return { ...org, text: text.body.id as string, subscribe, announce, linksOf };
}

const vouch = async (api: TestApp, key: string, petition: string, email: string, more = {}) => {
  const body = { email, name: 'Ada Okonkwo', vouched: true, ...more };
  const answer = await api.call('POST', `/v1/petitions/${petition}/signatures`, { key, body });
  if (answer.status !== 201) throw new Error(answer.text);
};

const tap = (api: TestApp, petition: string, body: unknown, options = {}) =>
  api.call('POST', `/v1/petitions/${petition}/signatures`, { body, headers: REQUEST_ID, ...options });

const signatureOf = async (api: TestApp, key: string, petition: string, email: string) =>
  (await api.call('GET', `/v1/signatures?petition=${petition}&email=${email}`, { key })).body.data[0];

onEveryEngine('one tap in a mail', async (t, engine) => {
  const api = await start(t, engine);
  let at = Date.now();
  const later = (ms: number) => api.setClock(new Date((at += ms)));
  t.teardown(() => api.setClock(undefined));
  const lead = await makeList(api, 'River Meadows');
  const people = ['ada', 'bo', 'cy', 'di', 'ed', 'fay', 'gus', 'hal', 'ina'].map(
    (name) => `${name}@example.org`,
  );
  const [ada = '', bo = '', cy = '', di = '', ed = '', fay = '', gus = '', hal = '', ina = ''] = people;
  await lead.subscribe(...people);
  await publish(api, lead.secret, { slug: 'before' });
  const petition = await publish(api, lead.secret, { slug: 'meadows', form: { country: 'required' } });
  const known = { country: 'NL', postal_code: '1012 AB', phone: '+31 20 555 0123' };
  for (const email of people) if (email !== bo) await vouch(api, lead.secret, 'before', email, known);
  await vouch(api, lead.secret, 'before', bo);
  const mailing = await lead.announce();
  const links = await lead.linksOf(mailing);
  const tokenFor = (email: string): string => links.get(email).recognise_token;
  await collectMail(api);

  await t.test('202: a pending signature of the recipient, whose mailbox is asked', async (t) => {
    const answer = await tap(api, 'meadows', { recognition: tokenFor(ada) });
    t.match(answer, {
      status: 202,
      headers: { 'cache-control': 'private, no-store' },
      body: { petition_id: petition.id, confirmation: 'email', next: 'confirm_email', count: 0 },
    });
    t.same(Object.keys(answer.body).sort(), ['confirmation', 'count', 'next', 'petition_id', 'receipt']);
    t.notMatch(answer.text.replace(answer.body.receipt, ''), /ada|okonkwo|@|sig_|sup_|mlg_|NL/i);
    const signature = await signatureOf(api, lead.secret, 'meadows', ada);
    t.match(signature, {
      status: 'pending',
      name: 'Ada Okonkwo',
      country: 'NL',
      postal_code: null,
      phone: null,
      display: 'anonymous',
      mailing_id: mailing,
      collector_id: lead.id,
    });
    const letter = await collectLetter(api, ada);
    t.match(letter, { template: 'confirm_signature', locale: 'en' });
    const confirmed = await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.equal(confirmed.status, 200);
    t.match(await signatureOf(api, lead.secret, 'meadows', ada), {
      status: 'confirmed',
      name: 'Ada Okonkwo',
    });
  });

  await t.test('202: what is not known is asked for by mail, with the form', async (t) => {
    t.equal((await tap(api, 'meadows', { recognition: tokenFor(bo) })).status, 202);
    t.equal(await signatureOf(api, lead.secret, 'meadows', bo), undefined);
    const letter = await collectLetter(api, bo);
    t.match(letter, {
      template: 'finish_signature',
      values: { link: 'http://undersigned.test/p/meadows', petition: { title: petition.title } },
    });
    t.equal(letter.values.code, undefined);
  });

  await t.test('202: however often a forwarded mail is tapped, one message a day', async (t) => {
    for (let i = 0; i < 4; i += 1) await tap(api, 'meadows', { recognition: tokenFor(cy) });
    t.equal((await collectMail(api)).length, 1);
    later(DAY + 60_000);
    for (let i = 0; i < 2; i += 1) await tap(api, 'meadows', { recognition: tokenFor(cy) });
    t.match(await collectMail(api), [{ template: 'confirm_signature', to: cy }], 'asked again, once');
    later(DAY + 60_000);
    await tap(api, 'meadows', { recognition: tokenFor(ada) });
    t.match(await collectMail(api), [{ template: 'already_signed', to: ada }]);
    later(DAY + 60_000);
    await tap(api, 'meadows', { recognition: tokenFor(ada) });
    t.same(await collectMail(api), [], 'of this not more than once a week');
    for (let i = 0; i < 8; i += 1) {
      later(DAY + 60_000);
      await tap(api, 'meadows', { recognition: tokenFor(cy) });
      await collectMail(api);
    }
    const { outbox } = api.store.tables;
    const mails = await api.store.read.db.select().from(outbox).where(eq(outbox.state, 'sent'));
    const { supporters } = api.store.tables;
    const [row] = await api.store.read.db.select().from(supporters).where(eq(supporters.identity, cy));
    t.equal(mails.filter(({ supporterKey }) => supporterKey === row?.key).length, 5, 'and five in all');
  });

  await t.test('202: opt-ins wait for the mailbox, even where no list asks it', async (t) => {
    const quick = await makeList(api, 'Anglers');
    const { organizations: o } = api.store.tables;
    await api.store.transact((tx) =>
      tx.db.update(o).set({ doubleOptIn: 0 }).where(eq(o.key, quick.key)).returning(),
    );
    await makePartner(api, lead.secret, 'meadows', quick);
    const opt_ins = [{ consent_text_id: quick.text, opt_in: true }];
    const answer = await tap(api, 'meadows', { recognition: tokenFor(di), opt_ins, locale: 'de' });
    t.equal(answer.status, 202);
    const theirs = () => api.call('GET', '/v1/subscriptions?status=active', { key: quick.secret });
    const any = await api.call('GET', '/v1/subscriptions', { key: quick.secret });
    t.same(any.body.data, [], 'not even a pending one, which would tell whose mail was tapped');
    const letter = await collectLetter(api, di);
    t.match(letter, { locale: 'de', values: { opt_ins: [{ organization: 'Anglers', text: 'Yes.' }] } });
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.match((await theirs()).body.data, [{ email: di }]);
  });

  await t.test('202: pending also where signatures count at once', async (t) => {
    await publish(api, lead.secret, { slug: 'instant', confirmation: 'none' });
    const answer = await tap(api, 'instant', { recognition: tokenFor(ada) });
    t.match(answer, { status: 202, body: { confirmation: 'none', next: 'confirm_email' } });
    later(2000);
    const counts = async () => (await api.call('GET', '/v1/petitions/instant/counts')).body.confirmed;
    t.equal(await counts(), 0);
    t.match(await signatureOf(api, lead.secret, 'instant', ada), { status: 'pending' });
    const letter = await collectLetter(api, ada);
    await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    t.match(await signatureOf(api, lead.secret, 'instant', ada), { status: 'confirmed' });
  });

  await t.test('202: a secret key hears no more', async (t) => {
    const heard = [tokenFor(ed), tokenFor(ada), 'pr_x'].map((recognition) =>
      tap(api, 'meadows', { recognition }, { key: lead.secret }),
    );
    const [first, ...others] = (await Promise.all(heard)).map(seen);
    for (const one of others) t.same(one, first);
    t.equal(first?.status, 202);
    await collectMail(api);
  });

  await t.test('202: the receipt is of no signature, for every token alike', async (t) => {
    const share = (receipt: string) =>
      api.call('POST', '/v1/petitions/meadows/share-links', { body: { network: 'copy', receipt } });
    for (const recognition of [tokenFor(ada), 'pr_x']) {
      const { body } = await tap(api, 'meadows', { recognition });
      t.equal((await share(body.receipt)).status, 201);
    }
    const { shareLinks } = api.store.tables;
    const rows = await api.store.read.db.select().from(shareLinks);
    t.ok(rows.every(({ signatureKey, receiptHash }) => signatureKey === null && receiptHash === null));
  });

  await t.test('202: the same for every token that does not work, and nothing happens', async (t) => {
    const { ctx } = api.app;
    const other = await makeList(api, 'Strangers', null);
    await other.subscribe('theirs@example.org');
    const outside = (await other.linksOf(await other.announce())).get('theirs@example.org').recognise_token;
    const { supporters } = api.store.tables;
    const keyOf = async (email: string) => {
      const [row] = await api.store.read.db.select().from(supporters).where(eq(supporters.identity, email));
      return row?.key ?? 0;
    };
    await api.store.transact((tx) =>
      tx.db.update(supporters).set({ linkEpoch: 1 }).where(eq(supporters.identity, fay)).returning(),
    );
    await api.call('POST', `/v1/unsubscribe/${tokenIn(links.get(gus).unsubscribe_url)}`);
    await takeMailEvent(ctx, { type: 'complaint', email: hal });
    await eraseSupporter(ctx, await keyOf(ina));
    await collectMail(api);
    const works = tokenFor(ada);
    const altered = works.slice(0, -1) + (works.endsWith('A') ? 'B' : 'A');
    const tokens = {
      'another organization': outside,
      voided: tokenFor(fay),
      unsubscribed: tokenFor(gus),
      suppressed: tokenFor(hal),
      erased: tokenFor(ina),
      altered,
      'no token': 'pr_x',
      'another kind': tokenIn(links.get(ada).unsubscribe_url),
    };
    later(2000);
    const works202 = seen(await tap(api, 'meadows', { recognition: works }));
    await collectMail(api);
    const before = await api.store.read.db.select().from(api.store.tables.signatures);
    for (const [name, recognition] of Object.entries(tokens)) {
      t.same(seen(await tap(api, 'meadows', { recognition })), works202, name);
      t.same(await collectMail(api), [], `${name}: no mail`);
    }
    const after = await api.store.read.db.select().from(api.store.tables.signatures);
    t.equal(after.length, before.length);
    const headers = { ...REQUEST_ID, 'idempotency-key': 'one-tap' };
    const once = await tap(api, 'meadows', { recognition: altered }, { headers });
    t.equal(once.status, 202);
    t.same(seen(await tap(api, 'meadows', { recognition: altered }, { headers })), seen(once));
  });

  await t.test('202: a mailbox that must not be mailed gets nothing', async (t) => {
    const { ctx } = api.app;
    await api.store.transact((tx) => block(tx, ctx.secrets.subject(ed), 'request'));
    later(DAY + 60_000);
    t.equal((await tap(api, 'meadows', { recognition: tokenFor(ed) })).status, 202);
    t.same(await collectMail(api), []);
  });

  await t.test(
    '202: by a partner’s mail, with what that partner knows, and never what others do',
    async (t) => {
      const partner = await makeList(api, 'Herons');
      await makePartner(api, lead.secret, 'meadows', partner);
      // The lead knows this person, the partner their address alone.
      await vouch(api, lead.secret, 'before', 'shared@example.org', known);
      await partner.subscribe('shared@example.org', 'heron@example.org');
      await publish(api, partner.secret, { slug: 'herons' });
      await vouch(api, partner.secret, 'herons', 'heron@example.org', { country: 'BE', name: 'Hera Reed' });
      const theirs = await partner.announce();
      const tokens = await partner.linksOf(theirs);
      await collectMail(api);
      for (const email of ['shared@example.org', 'heron@example.org']) {
        await tap(api, 'meadows', { recognition: tokens.get(email).recognise_token });
      }
      const letters = await collectMail(api);
      t.same(letters.map(({ template, to }) => [template, to]).sort(), [
        ['confirm_signature', 'heron@example.org'],
        ['finish_signature', 'shared@example.org'],
      ]);
      const letter = letters.find(({ template }) => template === 'confirm_signature');
      t.equal(
        await signatureOf(api, lead.secret, 'meadows', 'heron@example.org'),
        undefined,
        'the lead learns of it when the mailbox has answered: it may have a forwarded mail',
      );
      await api.call('POST', '/v1/confirmations', { body: { token: letter && tokenOf(letter) } });
      t.match(await signatureOf(api, lead.secret, 'meadows', 'heron@example.org'), {
        status: 'confirmed',
        name: 'Hera Reed',
        country: 'BE',
        collector_id: partner.id,
      });
    },
  );

  await t.test(
    '202: by a partner’s mail nothing but a request, until the mailbox has answered',
    async (t) => {
      const partner = await makeList(api, 'Otters');
      await publish(api, lead.secret, { slug: 'banks', form: { comment: 'optional' } });
      await makePartner(api, lead.secret, 'banks', partner);
      await publish(api, partner.secret, { slug: 'otters' });
      const names = ['two', 'form', 'vouched', 'import', 'twice', 'refuse', 'late', 'erase', 'optin'];
      const at = Object.fromEntries(names.map((name) => [name, `${name}@example.org`])) as any;
      await partner.subscribe(...Object.values<string>(at));
      for (const name of names) {
        await vouch(api, partner.secret, 'otters', at[name], { name: `Otto ${name}` });
      }
      const theirs = await partner.announce('banks');
      const tokens = await partner.linksOf(theirs);
      await collectMail(api);
      const { signatures, confirmationRequests, supporters, subscriptions, consents } = api.store.tables;
      const tapOf = async (email: string, more = {}) => {
        const body = { recognition: tokens.get(email).recognise_token, utm: { source: 'mail' }, ...more };
        t.equal((await tap(api, 'banks', body)).status, 202);
        return collectLetter(api, email);
      };
      const confirm = (letter: any) =>
        api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
      const countsOf = async () =>
        (await api.call('GET', '/v1/petitions/banks', { key: lead.secret })).body.counts;
      const rowsOf = () => api.store.read.db.select().from(signatures);
      const form = { name: 'Typed Name', comment: 'Because' };

      const before = { counts: await countsOf(), rows: (await rowsOf()).length };
      const letter = await tapOf(at.two);
      t.match(letter, { template: 'confirm_signature' });
      t.same({ counts: await countsOf(), rows: (await rowsOf()).length }, before, 'nothing moves');

      const made = await tap(api, 'banks', { ...form, email: at.two }, { key: lead.secret });
      t.match(made, { status: 201, body: { created: true, status: 'pending' } });
      t.match(await countsOf(), { pending: before.counts.pending + 1 });
      const second = await collectLetter(api, at.two);
      t.equal((await confirm(letter)).status, 200, 'the mail of the tap goes on working');
      const both = await signatureOf(api, lead.secret, 'banks', at.two);
      t.match(both, { id: made.body.id, status: 'confirmed', name: 'Otto two', collector_id: lead.id });
      t.equal(both.mailing_id, null, 'the signature is that of the one who made it');
      t.equal((await confirm(second)).status, 200);
      t.match(await countsOf(), { pending: before.counts.pending, confirmed: before.counts.confirmed + 1 });

      const first = await tapOf(at.form);
      t.equal((await tap(api, 'banks', { ...form, email: at.form })).status, 202);
      t.equal((await confirm(await collectLetter(api, at.form))).status, 200);
      t.match(await signatureOf(api, lead.secret, 'banks', at.form), {
        status: 'confirmed',
        name: 'Typed Name',
        collector_id: null,
      });
      t.equal((await confirm(first)).status, 200);
      t.match(await signatureOf(api, lead.secret, 'banks', at.form), { name: 'Typed Name' });

      await tapOf(at.vouched);
      const vouched = { ...form, email: at.vouched, vouched: true };
      t.match(await tap(api, 'banks', vouched, { key: lead.secret }), {
        status: 201,
        body: { created: true, status: 'confirmed' },
      });

      const asked = await tapOf(at.import);
      const line = `${JSON.stringify({ ...form, email: at.import, external_id: 'crm-7' })}\n`;
      const headers = { 'content-type': 'application/x-ndjson' };
      const imported = await api.call('POST', '/v1/signatures/import?petition=banks', {
        key: lead.secret,
        body: line,
        headers,
      });
      t.match(imported.body, { created: 1, confirmed: 0, already_signed: 0 });
      t.equal((await confirm(asked)).status, 200);
      t.match(await signatureOf(api, lead.secret, 'banks', at.import), {
        external_id: 'crm-7',
        name: 'Typed Name',
      });

      const once = await tapOf(at.twice);
      later(DAY + 60_000);
      const again = await tapOf(at.twice);
      const since = (await countsOf()).confirmed;
      for (const one of [once, again, once]) t.equal((await confirm(one)).status, 200);
      t.match(await countsOf(), { confirmed: since + 1 }, 'two taps are one signature');
      const twice = await signatureOf(api, lead.secret, 'banks', at.twice);
      t.match(twice, {
        status: 'confirmed',
        name: 'Otto twice',
        display: 'anonymous',
        collector_id: partner.id,
        mailing_id: theirs,
        utm: { source: 'mail' },
      });
      t.ok(twice.created_at < twice.confirmed_at, 'it was signed when the mail was tapped');
      const { body: seen } = await api.call('GET', `/v1/signatures?petition=banks&email=${at.twice}`, {
        key: partner.secret,
      });
      t.match(seen.data, [{ id: twice.id }], 'and the partner sees what it has collected');

      const refused = await tapOf(at.refuse);
      const no = await api.call('POST', `/v1/confirmations/refuse`, { body: { token: tokenOf(refused) } });
      t.ok(no.status < 300, no.text);
      t.equal((await confirm(refused)).status, 404);
      t.equal(await signatureOf(api, lead.secret, 'banks', at.refuse), undefined);

      const opt_ins = [{ consent_text_id: lead.text, opt_in: true }];
      const optIn = await tapOf(at.optin, { opt_ins });
      const [person] = await api.store.read.db
        .select()
        .from(supporters)
        .where(eq(supporters.identity, at.optin));
      const listed = async () =>
        (await api.store.read.db.select().from(subscriptions)).filter(
          (row) => row.supporterKey === person?.key && row.organizationKey === lead.key,
        );
      const recorded = async () =>
        (await api.store.read.db.select().from(consents)).filter(
          (row) => row.supporterKey === person?.key && row.organizationKey === lead.key,
        );
      t.same([...(await listed()), ...(await recorded())], [], 'no list shows it either');
      t.equal((await confirm(optIn)).status, 200);
      t.match(await listed(), [{ status: 'active' }]);
      t.match(await recorded(), [{ action: 'granted', origin: 'one_tap' }]);

      const erased = await tapOf(at.erase);
      const [gone] = await api.store.read.db
        .select()
        .from(supporters)
        .where(eq(supporters.identity, at.erase));
      await eraseSupporter(api.app.ctx, gone?.key ?? 0);
      t.equal((await confirm(erased)).status, 404);
      const kept = await api.store.read.db
        .select()
        .from(confirmationRequests)
        .where(eq(confirmationRequests.supporterKey, gone?.key ?? 0));
      t.match(kept, [{ data: null, petitionKey: null }]);
      t.ok(kept.length === 1);

      const late = await tapOf(at.late);
      await api.call('POST', '/v1/petitions/banks/transitions', { key: lead.secret, body: { to: 'closed' } });
      later(60 * DAY);
      const total = (await rowsOf()).length;
      t.equal((await confirm(late)).status, 404);
      t.equal((await rowsOf()).length, total);
      t.same(await recount(api.store.read), [], 'every counter equals its rows');
    },
  );

  await t.test('202: a link of a variant is credited to it', async (t) => {
    const { ctx } = api.app;
    const { mailings, mailingVariants, subscriptions, supporters, signatures } = api.store.tables;
    const { db } = api.store.read;
    const [row] = await db.select().from(mailings).where(eq(mailings.publicId, mailing));
    const handle = ctx.random(9);
    const variant = { publicId: ctx.newId('mvr'), mailingKey: row?.key ?? 0, position: 1, name: 'B', handle };
    const [made] = await api.store.transact((tx) =>
      tx.db
        .insert(mailingVariants)
        .values({ ...variant, content: {} })
        .returning(),
    );
    const [to] = await db
      .select({ handle: subscriptions.handle, epoch: supporters.linkEpoch, key: supporters.key })
      .from(subscriptions)
      .innerJoin(supporters, eq(supporters.key, subscriptions.supporterKey))
      .where(eq(supporters.identity, fay));
    const { recogniseToken } = (await linkSigner(ctx))(to as { handle: Buffer; epoch: number }, handle);
    await tap(api, 'meadows', { recognition: recogniseToken });
    const [signature] = await db
      .select()
      .from(signatures)
      .where(eq(signatures.mailingVariantKey, made?.key ?? 0));
    t.match(signature, { supporterKey: to?.key, mailingKey: row?.key, status: 'pending' });
    await collectMail(api);
  });

  await t.test('409: a form that only its signer can fill in, for every token', async (t) => {
    await publish(api, lead.secret, { slug: 'why', form: { comment: 'required' } });
    const form_fields = [{ name: 'over_16', kind: 'checkbox', label: 'I am over 16', required: true }];
    await publish(api, lead.secret, { slug: 'own', form_fields });
    for (const slug of ['why', 'own']) {
      const heard = [tokenFor(ada), tokenFor(gus), 'pr_x'].map((recognition) =>
        tap(api, slug, { recognition }),
      );
      for (const answer of await Promise.all(heard)) {
        t.match(answer, { status: 409, body: { code: 'form_required' } });
      }
    }
    t.same(await collectMail(api), []);
  });

  await t.test('422: with anything else it is a signature that was typed', async (t) => {
    const both = [
      { pointer: '/email', code: 'required' },
      { pointer: '/name', code: 'required' },
    ];
    const recognition = tokenFor(ada);
    for (const body of [
      {},
      { recognition: null },
      { opt_ins: [] },
      { recognition, country: 'NL' },
      { recognition, vouched: true },
    ]) {
      const { status, body: problem } = await tap(api, 'meadows', body);
      t.equal(status, 422, JSON.stringify(Object.keys(body)));
      t.match(problem.errors, both);
      t.equal(problem.errors.length, 2);
    }
    const { body: one } = await tap(api, 'meadows', { recognition, email: 'x@example.org' });
    t.match(one.errors, [
      { pointer: '/name', code: 'required', detail: 'Send it, or given_name and family_name.' },
    ]);
    t.equal(one.errors.length, 1);
    const { body: long } = await tap(api, 'meadows', { recognition: 'x'.repeat(201) });
    t.match(long.errors, [{ pointer: '/recognition', code: 'max_length' }]);
    const { body: unknown } = await tap(api, 'meadows', { recognition, other: 1 });
    t.ok(unknown.errors.some(({ pointer }: any) => pointer === '/other'));
  });

  await t.test(
    '403, 404, 409: what is wrong with the petition or the caller is told as always',
    async (t) => {
      const recognition = tokenFor(ada);
      t.equal((await tap(api, 'no-such', { recognition })).status, 404);
      const weak = await api.newKey(lead.key, 'secret', ['petitions:write']);
      t.match(await tap(api, 'meadows', { recognition }, { key: weak }), { status: 403 });
      await publish(api, lead.secret, { slug: 'guarded', challenge: 'always' });
      t.match(await tap(api, 'guarded', { recognition }), { body: { code: 'challenge_required' } });
      await publish(api, lead.secret, { slug: 'over' });
      await api.call('POST', '/v1/petitions/over/transitions', { key: lead.secret, body: { to: 'closed' } });
      t.match(await tap(api, 'over', { recognition }), { status: 409, body: { code: 'petition_closed' } });
    },
  );
});
