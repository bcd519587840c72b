import { eq } from 'drizzle-orm';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import type { Letter } from '../../../src/core/letters/letter.js';
import { prepareMail } from '../../../src/core/letters/prepare-mail.js';
import { remindAll } from '../../../src/core/letters/reminders.js';
import { claimMails, settleMail } from '../../../src/core/mail/outbox.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { limits as enough } from '../../support/high-limits.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const countsOf = async (api: TestApp, ref: string) => {
  const { petitions } = api.store.tables;
  const [row] = (await api.store.read.db.select().from(petitions)).filter(({ slug }) => slug === ref);
  const { confirmed, pending, withdrawn } = await readCounts(api.store.read, row?.key ?? 0);
  return { confirmed, pending, withdrawn };
};

const sign = (api: TestApp, ref: string, body: Record<string, unknown>, key?: string) =>
  api.call('POST', `/v1/petitions/${ref}/signatures`, { key, body: { name: 'Ada Okonkwo', ...body } });
const confirm = (api: TestApp, body: unknown) => api.call('POST', '/v1/confirmations', { body });
const refuse = (api: TestApp, token: string) =>
  api.call('POST', '/v1/confirmations/refuse', { body: { token } });
const resend = (api: TestApp, body: unknown) => api.call('POST', '/v1/confirmations/resend', { body });

const outboxOf = ({ store }: TestApp) => store.read.db.select().from(store.tables.outbox);

const NOT_FOUND = { status: 404, body: { code: 'link_not_found' } };

onEveryEngine('confirmEmail', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const petition = await publish(api, lead.secret, { slug: 'meadows', goals: [1, 3] });
  const find = async (email: string) =>
    (await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, { key: lead.secret })).body
      .data[0];
  const letterFor = async (email: string, fields = {}): Promise<Letter> => {
    await sign(api, 'meadows', { email, ...fields });
    return collectLetter(api, email);
  };

  await t.test('200: the mailed link makes the signature count, once', async (t) => {
    const letter = await letterFor('ada@example.org', { country: 'NL', display: 'public' });
    t.match(letter, { template: 'confirm_signature', locale: 'en', organization: { name: 'River Meadows' } });
    t.notMatch(JSON.stringify(letter.values), /Okonkwo|ada@/, 'nothing that a stranger typed is in the mail');
    t.same(await countsOf(api, 'meadows'), { confirmed: 0, pending: 1, withdrawn: 0 });

    const answers = await Promise.all(
      Array.from({ length: 5 }, () => confirm(api, { token: tokenOf(letter) })),
    );
    for (const answer of answers) {
      t.match(answer, { status: 200, body: { kind: 'signature', petition_id: petition.id } });
      t.match(answer.headers['cache-control'], 'no-store');
      t.notMatch(answer.text, /ada|okonkwo|sig_|sup_/i, 'nothing about the person');
    }
    t.same(await countsOf(api, 'meadows'), { confirmed: 1, pending: 0, withdrawn: 0 });
    t.match(await find('ada@example.org'), { status: 'confirmed', name: 'Ada Okonkwo' });
    const { body } = await api.call('GET', '/v1/petitions/meadows');
    t.match(body.milestones, [{ value: 1 }], 'the milestone is recorded');
    t.same(await recount(api.store.read), []);
  });

  await t.test('200: a repeat within a day, 404 after it', async (t) => {
    const token = tokenOf(await letterFor('repeat@example.org'));
    t.equal((await confirm(api, { token })).status, 200);
    const before = await countsOf(api, 'meadows');
    api.setClock(new Date(Date.now() + 23 * HOUR));
    t.equal((await confirm(api, { token })).status, 200);
    t.same(await countsOf(api, 'meadows'), before);
    api.setClock(new Date(Date.now() + 25 * HOUR));
    t.match(await confirm(api, { token }), NOT_FOUND);
    api.setClock(undefined);
  });

  await t.test('200: the address and the six digits do it, too', async (t) => {
    const { values } = await letterFor('digits@example.org');
    t.match(values.code, /^\d{6}$/);
    const email = 'Digits@Example.org';
    t.match(await confirm(api, { email, code: values.code }), { status: 200, body: { kind: 'signature' } });
    t.match(await find('digits@example.org'), { status: 'confirmed' });
    t.match(await confirm(api, { email, code: values.code }), NOT_FOUND, 'a code works once');
  });

  await t.test('404: five wrong codes and the right one is void, also when they come at once', async (t) => {
    const letter = await letterFor('guess@example.org');
    const { code = '' } = letter.values;
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    const guesses = await Promise.all(
      Array.from({ length: 6 }, () => confirm(api, { email: 'guess@example.org', code: wrong })),
    );
    for (const guess of guesses) t.match(guess, NOT_FOUND);
    t.match(await confirm(api, { email: 'guess@example.org', code }), NOT_FOUND);
    t.equal((await confirm(api, { token: tokenOf(letter) })).status, 200, 'the link goes on to work');
    const { confirmationRequests } = api.store.tables;
    const rows = await api.store.read.db.select().from(confirmationRequests);
    t.notOk(
      rows.some((row) => row.code?.includes(Buffer.from(code))),
      'the code itself is not stored',
    );
  });

  await t.test('404: whatever is wrong, it is one and the same answer', async (t) => {
    const letter = await letterFor('late@example.org');
    const token = tokenOf(letter);
    const wrong = [
      { token: `pc_${'A'.repeat(44)}` },
      { token: token.replace('pc_', 'pm_') },
      { token: `${token}A` },
      { token: 'x' },
      { email: 'nobody@example.org', code: '123456' },
      { email: 'late@example.org', code: letter.values.code === '123456' ? '123457' : '123456' },
    ];
    const answers = [];
    for (const body of wrong) answers.push(await confirm(api, body));
    api.setClock(new Date(Date.now() + 7 * DAY + 1000));
    answers.push(await confirm(api, { token }));
    api.setClock(undefined);
    const [first] = answers;
    for (const answer of answers) {
      t.match(answer, NOT_FOUND);
      t.same(
        { ...answer.body, request_id: '' },
        { ...first?.body, request_id: '' },
        'the same words each time',
      );
    }
    t.equal((await find('late@example.org')).status, 'pending');
  });

  await t.test('404: cancelled links, a petition that is over or taken down', async (t) => {
    const token = tokenOf(await letterFor('cancelled@example.org'));
    const { supporters } = api.store.tables;
    const bump = (linkEpoch: number) =>
      api.store.transact((tx) =>
        tx.db
          .update(supporters)
          .set({ linkEpoch })
          .where(eq(supporters.identity, 'cancelled@example.org'))
          .returning(),
      );
    await bump(1);
    t.match(await confirm(api, { token }), NOT_FOUND);
    await bump(0);
    t.equal((await confirm(api, { token })).status, 200, 'and the failure used nothing up');

    await publish(api, lead.secret, { slug: 'gone' });
    await sign(api, 'gone', { email: 'gone@example.org' });
    const gone = tokenOf(await collectLetter(api, 'gone@example.org'));
    await api.call('POST', '/v1/petitions/gone/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'request' },
    });
    t.match(await confirm(api, { token: gone }), NOT_FOUND);
  });

  await t.test('200: for a day after closing what was signed in time can still be confirmed', async (t) => {
    await publish(api, lead.secret, { slug: 'closing' });
    for (const email of ['in-time@example.org', 'too-late@example.org']) {
      await sign(api, 'closing', { email });
    }
    const letters = await collectMail(api);
    await api.call('POST', '/v1/petitions/closing/transitions', { key: lead.secret, body: { to: 'closed' } });
    t.match(await sign(api, 'closing', { email: 'new@example.org' }), { status: 409 });
    const token = (to: string) => tokenOf(letters.find((letter) => letter.to === to) as Letter);
    api.setClock(new Date(Date.now() + 23 * HOUR));
    t.equal((await confirm(api, { token: token('in-time@example.org') })).status, 200);
    api.setClock(new Date(Date.now() + 25 * HOUR));
    t.match(await confirm(api, { token: token('too-late@example.org') }), NOT_FOUND);
    api.setClock(undefined);
    t.same(await countsOf(api, 'closing'), { confirmed: 1, pending: 1, withdrawn: 0 });
  });

  await t.test('only what its own request said is taken over', async (t) => {
    const email = 'mine@example.org';
    await sign(api, 'meadows', { email, name: 'An Imposter', display: 'public', country: 'FR' });
    const [imposters] = await collectMail(api);
    await sign(api, 'meadows', { email, name: 'Mia Minor', display: 'initials', country: 'NL' });
    const [mine] = await collectMail(api);
    t.equal((await confirm(api, { token: tokenOf(mine as Letter) })).status, 200);
    t.match(await find(email), {
      status: 'confirmed',
      name: 'Mia Minor',
      display: 'initials',
      country: 'NL',
    });
    t.equal((await confirm(api, { token: tokenOf(imposters as Letter) })).status, 200);
    t.match(await find(email), { name: 'Mia Minor' }, 'a later yes to the other mail changes nothing');
    const { supporters } = api.store.tables;
    const [known] = await api.store.read.db.select().from(supporters).where(eq(supporters.identity, email));
    t.match(known, { provenAt: Date });
  });

  await t.test(
    'a signature that was invalidated meanwhile stays out, and counts when it is put back',
    async (t) => {
      const email = 'moderated@example.org';
      const token = tokenOf(await letterFor(email));
      const { id } = await find(email);
      const moderate = (verb: string) =>
        api.call('POST', `/v1/signatures/${id}/${verb}`, { key: lead.secret, body: { reason: 'test' } });
      await moderate('invalidate');
      const before = await countsOf(api, 'meadows');
      t.equal((await confirm(api, { token })).status, 200);
      t.match(await find(email), { status: 'invalidated' });
      t.same(await countsOf(api, 'meadows'), before);
      t.match(await moderate('restore'), { body: { status: 'confirmed' } });
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test('400, 413, 415 and 422: bad bodies', async (t) => {
    t.match(await confirm(api, '{'), { status: 400, body: { code: 'invalid_json' } });
    t.match(await confirm(api, { token: 'x'.repeat(70_000) }), { status: 413 });
    const plain = { body: 'token=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    t.match(await api.call('POST', '/v1/confirmations', plain), { status: 415 });
    for (const body of [
      {},
      { token: 'a', code: '123456' },
      { email: 'a@example.org' },
      { token: '' },
      { x: 1 },
    ]) {
      t.match(await confirm(api, body), { status: 422, body: { code: 'invalid_body' } });
    }
    t.match(await confirm(api, { email: 'a@example.org', code: '12345' }), {
      status: 422,
      body: { errors: [{ pointer: '/code' }] },
    });
  });

  await t.test('429: confirming has a limit of its own, decided before anything is looked up', async (t) => {
    const rate = (requests: number) => ({ requests, seconds: 60 });
    const limits = { ...enough, confirm: rate(3), mail: rate(2) };
    const limited = await start(t, engine, { limits });
    const statuses = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await confirm(limited, { token: 'x' })).status);
    t.same(statuses, [404, 404, 404, 429, 429]);
    const org = await limited.organization('Meadows');
    const mails = [];
    for (let i = 0; i < 3; i += 1) {
      mails.push((await resend(limited, { email: 'a@example.org', organization_id: org.id })).status);
    }
    t.same(mails, [202, 202, 429]);
  });
});

onEveryEngine('refuseConfirmation', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows' });

  await t.test('200: the signature is withdrawn, and nothing more is mailed about it', async (t) => {
    const email = 'victim@example.org';
    await sign(api, 'meadows', { email });
    const token = tokenOf(await collectLetter(api, email));
    t.match(await refuse(api, token), { status: 200, body: { kind: 'signature' } });
    t.equal((await refuse(api, token)).status, 200, 'a repeat');
    t.match(await confirm(api, { token }), NOT_FOUND);
    t.same(await countsOf(api, 'meadows'), { confirmed: 0, pending: 0, withdrawn: 1 });
    await sign(api, 'meadows', { email });
    t.same(await collectMail(api), [], 'not for a new attempt either');
    api.setClock(new Date(Date.now() + 31 * DAY));
    await sign(api, 'meadows', { email });
    const letter = await collectLetter(api, email);
    t.equal((await confirm(api, { token: tokenOf(letter) })).status, 200, 'who wants to sign after all can');
    api.setClock(undefined);
    t.same(await countsOf(api, 'meadows'), { confirmed: 1, pending: 0, withdrawn: 0 });
    t.same(await recount(api.store.read), []);
  });

  await t.test('404: what is confirmed cannot be refused, and bad tokens', async (t) => {
    const email = 'sure@example.org';
    await sign(api, 'meadows', { email });
    const token = tokenOf(await collectLetter(api, email));
    await confirm(api, { token });
    t.match(await refuse(api, token), NOT_FOUND);
    t.match(await refuse(api, 'pc_nothing'), NOT_FOUND);
    t.same(await countsOf(api, 'meadows'), { confirmed: 2, pending: 0, withdrawn: 0 });
  });

  await t.test('400, 413, 415 and 422: bad bodies', async (t) => {
    t.match(await api.call('POST', '/v1/confirmations/refuse', { body: '[' }), { status: 400 });
    t.match(await api.call('POST', '/v1/confirmations/refuse', { body: {} }), { status: 422 });
    t.match(await refuse(api, 'x'.repeat(70_000)), { status: 413 });
  });
});

onEveryEngine('resendConfirmation and reminders', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const petition = await publish(api, lead.secret, { slug: 'meadows', locale: 'de' });
  const { ctx } = api.app;

  await t.test('202: the mail comes again, with a new link; both links work', async (t) => {
    const email = 'again@example.org';
    await sign(api, 'meadows', { email });
    const first = await collectLetter(api, email);
    const answer = await resend(api, { email, petition_id: petition.id });
    t.match(answer, { status: 202, body: { accepted: true } });
    const second = await collectLetter(api, email);
    t.equal(second.locale, 'de', 'in the language of the petition');
    t.not(tokenOf(first), tokenOf(second));
    t.equal((await confirm(api, { token: tokenOf(first) })).status, 200);
    t.equal((await confirm(api, { token: tokenOf(second) })).status, 200);
    const unknown = await resend(api, { email: 'nobody@example.org', petition_id: petition.id });
    t.same(
      [unknown.status, unknown.text, Object.keys(unknown.headers)],
      [202, answer.text, Object.keys(answer.headers)],
    );
    await resend(api, { email, petition_id: petition.id });
    t.same(await collectMail(api), [], 'there is nothing left to confirm');
  });

  await t.test('422: it needs a place', async (t) => {
    t.match(await resend(api, { email: 'a@example.org' }), { status: 422, body: { code: 'invalid_body' } });
    t.match(await resend(api, { email: 'nonsense', petition_id: petition.id }), { status: 422 });
    t.match(await resend(api, '{'), { status: 400 });
    t.match(await resend(api, { email: 'x'.repeat(70_000), petition_id: petition.id }), { status: 413 });
  });

  await t.test('an address gets at most 3 mails a day, 5 about one petition, and 10 a week', async (t) => {
    const email = 'capped@example.org';
    await sign(api, 'meadows', { email });
    for (let i = 0; i < 9; i += 1) {
      t.equal((await resend(api, { email, petition_id: petition.id })).status, 202);
    }
    t.equal((await collectMail(api)).length, 3);
    const perDay: number[] = [];
    for (let day = 1; day <= 3; day += 1) {
      api.setClock(new Date(Date.now() + day * (DAY + 60_000)));
      for (let i = 0; i < 4; i += 1) await resend(api, { email, petition_id: petition.id });
      perDay.push((await collectMail(api)).length);
    }
    t.same(perDay, [2, 0, 0], 'five about one petition');
    for (let n = 0; n < 9; n += 1) {
      await publish(api, lead.secret, { slug: `other-${n}` });
      api.setClock(new Date(Date.now() + 4 * DAY + n * (8 * HOUR + 1000)));
      await sign(api, `other-${n}`, { email });
    }
    t.equal((await collectMail(api)).length <= 3, true);
    api.setClock(undefined);
  });

  await t.test(
    'who does not answer is reminded after two days, twice at most, and not after answering',
    async (t) => {
      const now = Date.now();
      for (const email of ['forgets@example.org', 'answers@example.org']) {
        await sign(api, 'meadows', { email });
      }
      const letters = await collectMail(api);
      t.equal(letters.length, 2);
      const answers = letters.find(({ to }) => to === 'answers@example.org') as Letter;
      await confirm(api, { token: tokenOf(answers) });
      const reminded: string[] = [];
      for (let hours = 1; hours < 12 * 24; hours += 12) {
        api.setClock(new Date(now + hours * HOUR));
        await remindAll(ctx);
        for (const { to, values } of await collectMail(api)) {
          if (to === 'capped@example.org') continue;
          reminded.push(`${to} ${hours}`);
          t.equal(values.reminder, true);
        }
      }
      api.setClock(undefined);
      t.same(reminded, ['forgets@example.org 49', 'forgets@example.org 97']);
    },
  );

  await t.test('who signed before is told so once a week, and that is all', async (t) => {
    const email = 'keen@example.org';
    await sign(api, 'meadows', { email });
    await confirm(api, { token: tokenOf(await collectLetter(api, email)) });
    await sign(api, 'meadows', { email });
    t.match(await collectLetter(api, email), { template: 'already_signed', values: { petition: {} } });
    await sign(api, 'meadows', { email });
    t.same(await collectMail(api), []);
    api.setClock(new Date(Date.now() + 8 * DAY));
    await sign(api, 'meadows', { email });
    t.match(await collectLetter(api, email), { template: 'already_signed' });
    api.setClock(undefined);
  });
});

onEveryEngine('how many mails one mailbox gets', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  const begun = Date.now();
  const at = (ms: number) => api.setClock(new Date(begun + ms));
  t.teardown(() => api.setClock(undefined));
  at(0);
  for (let i = 0; i < 12; i += 1) await publish(api, lead.secret, { slug: `p${i}` });
  const signAll = async (email: string, many = 12) => {
    for (let i = 0; i < many; i += 1) t.equal((await sign(api, `p${i}`, { email })).status, 202);
  };
  const askManage = (email: string) => api.call('POST', '/v1/manage-links', { body: { email } });
  const askLinks = (email: string) => api.call('POST', '/v1/unsubscribe', { body: { email } });
  const begin = (token: string) => api.call('POST', '/v1/sessions', { body: { token } });
  const seen = (letters: Letter[]) => letters.map(({ to, template }) => `${to} ${template}`).sort();

  await t.test('signing in somebody’s name keeps nothing from them that they ask for', async (t) => {
    const email = 'owner@example.org';
    const text = { locale: 'en', text: 'Yes, mail me.' };
    const words = await api.call('POST', '/v1/consent-texts', { key: lead.secret, body: text });
    const body = { email, consent_text_id: words.body.id, evidence: { source: 'stall' } };
    const subscribed = await api.call('POST', '/v1/subscriptions', { key: lead.secret, body });
    t.equal(subscribed.status, 201);
    await collectMail(api);
    await signAll(email);
    t.equal((await collectMail(api)).length, 3, 'what strangers ask shares one budget');
    await askManage(email);
    await askLinks(email);
    const letters = await collectMail(api);
    t.same(seen(letters), [`${email} manage`, `${email} unsubscribe_links`]);
    const manage = letters.find(({ template }) => template === 'manage') as Letter;
    const { session_token: session } = (await begin(tokenOf(manage))).body;
    const mine = await api.call('GET', '/v1/me/signatures', { key: session });
    t.match(mine.body.data[0], { petition: { slug: 'p11' }, status: 'pending' }, 'its mail never came');
    const own = `/v1/me/signatures/${mine.body.data[0].id}`;
    for (const _ of ['once', 'again']) {
      const confirmed = await api.call('POST', `${own}/confirm`, { key: session });
      t.match(confirmed, { status: 200, body: { status: 'confirmed', confirmed_at: /Z$/ } });
    }
    t.same(await countsOf(api, 'p11'), { confirmed: 1, pending: 0, withdrawn: 0 });
    t.match(await api.call('POST', `${own}/confirm`), { status: 401 });
    await api.call('DELETE', own, { key: session });
    const late = await api.call('POST', `${own}/confirm`, { key: session });
    t.match(late, { status: 409, body: { code: 'signature_withdrawn' } });
    t.same(await recount(api.store.read), []);
    await askManage(email);
    await askLinks(email);
    t.same(await collectMail(api), [], 'each of them one in 15 minutes');
    const heard: string[] = [];
    for (let quarter = 1; quarter < 20; quarter += 1) {
      at(quarter * 16 * 60_000);
      await askManage(email);
      await askLinks(email);
      heard.push(...(await collectMail(api)).map(({ template }) => template));
    }
    t.same(heard.sort(), ['manage', 'manage', 'unsubscribe_links', 'unsubscribe_links'], 'three a day');
    at(DAY + HOUR);
    await sign(api, 'p10', { email });
    t.equal((await collectMail(api)).length, 1, 'and what the owner asks uses up nothing of the others’');
  });

  await t.test('a stranger who asks for “my data” all day keeps nobody out', async (t) => {
    const email = 'busy@example.org';
    at(3 * DAY);
    await sign(api, 'p0', { email });
    await collectMail(api);
    const links: string[] = [];
    for (let quarter = 0; quarter < 8; quarter += 1) {
      at(3 * DAY + quarter * 16 * 60_000);
      await askManage(email);
      links.push(...(await collectMail(api)).map(tokenOf));
    }
    t.equal(links.length, 3);
    at(3 * DAY + 9 * HOUR);
    t.match(await begin(links[0] ?? ''), NOT_FOUND, 'the links were good for half an hour');
    await askManage(email);
    t.same(await collectMail(api), []);
    t.match(await begin(links[0] ?? ''), { status: 201 }, 'asked again, those of the day are good again');
    t.match(await begin(links[0] ?? ''), NOT_FOUND, 'each once');
    at(3 * DAY + 9 * HOUR + 31 * 60_000);
    t.match(await begin(links[1] ?? ''), NOT_FOUND, 'for half an hour');
  });

  await t.test('spellings of one mailbox share the budget of what strangers ask', async (t) => {
    at(5 * DAY);
    const spellings = Array.from({ length: 40 }, (_, i) => `vic.tim+${i}@gmail.com`);
    spellings.push('victim@gmail.com', 'v.i.c.t.i.m@googlemail.com');
    for (const [i, email] of spellings.entries()) await sign(api, `p${i % 12}`, { email });
    // As several workers would, in the same moment.
    const claimed = await claimMails(ctx.store, 50, 60_000);
    const letters = await Promise.all(claimed.map((mail) => prepareMail(ctx, mail)));
    t.equal(letters.filter((letter) => letter !== undefined).length, 3);
    for (const [i, mail] of claimed.entries()) {
      if (letters[i]) await ctx.store.transact((tx) => settleMail(tx, mail, { state: 'sent' }));
    }
    const capped = (await outboxOf(api)).filter(
      ({ state, reason }) => state === 'dropped' && reason === 'capped',
    );
    t.ok(capped.length >= 39);
    await sign(api, 'p1', { email: 'victory@gmail.com' });
    t.equal((await collectMail(api)).length, 1, 'somebody else’s mailbox');
  });

  await t.test('spellings that nobody has proven do not use up what the owner may ask', async (t) => {
    at(8 * DAY);
    await sign(api, 'p0', { email: 'jane@outlook.com' });
    await confirm(api, { token: tokenOf(await collectLetter(api, 'jane@outlook.com')) });
    const spellings = Array.from({ length: 8 }, (_, i) => `jane+${i}@outlook.com`);
    for (const email of spellings) {
      await sign(api, 'p1', { email });
      await askManage(email);
    }
    const first = (await collectMail(api)).filter(({ template }) => template === 'manage');
    t.equal(first.length, 1, 'together they have one in 15 minutes');
    await askManage('jane@outlook.com');
    t.same(seen(await collectMail(api)), ['jane@outlook.com manage']);
  });
});
