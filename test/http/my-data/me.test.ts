import { createHash } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import type { TokenPurpose } from '../../../schema/db/tables/links.js';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recountPeople } from '../../../src/core/counts/recount-people.js';
import { recount } from '../../../src/core/counts/recount.js';
import { issueToken, TOKEN_BYTES } from '../../../src/core/links/random-tokens.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { onEveryEngine, publish, start, type Engine, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOT_FOUND = { status: 404, body: { code: 'link_not_found' } };

const supporterOf = async (api: TestApp, email: string) => {
  const { supporters: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.identity, email));
  if (!row) throw new Error('there is no such supporter');
  return row;
};

/** A token as a mail would carry it. */
async function issue(api: TestApp, purpose: TokenPurpose, email: string): Promise<string> {
  const { key: supporterKey, linkEpoch: epoch } = await supporterOf(api, email);
  const bytes = api.app.ctx.random(TOKEN_BYTES);
  const token = { purpose, bytes, supporterKey, epoch };
  return api.store.transact(async (tx) => (await issueToken(tx, token)).token);
}

async function enter(api: TestApp, email: string): Promise<string> {
  const token = await issue(api, 'manage', email);
  return (await api.call('POST', '/v1/sessions', { body: { token } })).body.session_token as string;
}

async function consentText(api: TestApp, organizationKey: number, text: string, version = 1) {
  const publicId = api.app.ctx.newId('txt');
  const hash = createHash('sha256').update(text).digest();
  const row = { publicId, organizationKey, locale: 'en', version, text, hash, createdAt: new Date() };
  await api.store.transact((tx) => tx.db.insert(tx.tables.consentTexts).values(row).returning());
  return publicId;
}

/** An API with a petition that Ada and Bo have signed, Ada with a subscription. */
async function startSigned(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const text = await consentText(api, lead.key, 'River Meadows may mail me.');
  const petition = await publish(api, lead.secret, { slug: 'meadows' });
  const sign = (email: string, fields = {}) =>
    api.call('POST', '/v1/petitions/meadows/signatures', {
      key: lead.secret,
      body: { email, name: `Name of ${email.split('@')[0]}`, vouched: true, ...fields },
    });
  const opt_ins = [{ consent_text_id: text, opt_in: true }];
  await sign('ada@example.org', { country: 'NL', display: 'public', opt_ins });
  await sign('bo@example.org', { display: 'public' });
  const counts = async () => {
    const [row] = await api.store.read.db.select().from(api.store.tables.petitions);
    const { confirmed, pending, withdrawn } = await readCounts(api.store.read, row?.key ?? 0);
    return { confirmed, pending, withdrawn };
  };
  const as = (key: string) => (method: string, path: string, body?: unknown) =>
    api.call(method, `/v1/me${path}`, { key, ...(body === undefined ? {} : { body }) });
  return { api, lead, text, petition, sign, counts, as };
}

onEveryEngine('createManageLink', async (t, engine) => {
  const { api } = await startSigned(t, engine);
  await collectMail(api);
  const ask = (body: unknown) => api.call('POST', '/v1/manage-links', { body });

  await t.test('202: the same for every address, and a mail to one that is known', async (t) => {
    const known = await ask({ email: 'ADA@example.org', locale: 'en' });
    const letter = await collectLetter(api, 'ada@example.org');
    t.match(letter, { template: 'manage', locale: 'en' });
    const unknown = await ask({ email: 'nobody@example.org' });
    t.same(await collectMail(api), []);
    t.match(known, { status: 202, headers: { 'cache-control': 'private, no-store' } });
    t.equal(unknown.text, known.text);
    t.same(Object.keys(unknown.headers), Object.keys(known.headers));
  });

  await t.test('202: one in 15 minutes', async (t) => {
    t.match(await ask({ email: 'ada@example.org' }), { status: 202 });
    t.same(await collectMail(api), []);
  });

  await t.test('422: no address', async (t) => {
    for (const body of [{}, { email: 'a..b@example.org' }]) {
      t.match(await ask(body), { status: 422, body: { errors: [{ pointer: '/email' }] } });
    }
  });
});

onEveryEngine('createSession', async (t, engine) => {
  const { api, as } = await startSigned(t, engine);
  const begin = (token: string) => api.call('POST', '/v1/sessions', { body: { token } });
  t.teardown(() => api.setClock(undefined));

  await t.test('201: once, also when it is sent five times at once', async (t) => {
    const token = await issue(api, 'manage', 'ada@example.org');
    const all = await Promise.all(Array.from({ length: 5 }, () => begin(token)));
    t.same(all.map(({ status }) => status).sort(), [201, 404, 404, 404, 404]);
    const made = all.find(({ status }) => status === 201);
    t.match(made, { body: { session_token: /^ps_/ }, headers: { 'cache-control': 'private, no-store' } });
    t.match(await as(made?.body.session_token as string)('GET', ''), { body: { email: 'ada@example.org' } });
  });

  await t.test('404: whatever is wrong with the link, in one way', async (t) => {
    const token = await issue(api, 'manage', 'ada@example.org');
    const session = await issue(api, 'session', 'ada@example.org');
    const flipped = `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`;
    const texts: string[] = [];
    for (const wrong of ['pm_nonsense', session, `pc_${token.slice(3)}`, `${token}A`, flipped]) {
      const answer = await begin(wrong);
      t.match(answer, NOT_FOUND);
      texts.push(answer.text.replace(String(answer.body.request_id), ''));
    }
    t.equal(new Set(texts).size, 1);
    api.setClock(new Date(Date.now() + 31 * MINUTE));
    t.match(await begin(token), NOT_FOUND, 'after 30 minutes');
    api.setClock(undefined);
    t.match(await as(await enter(api, 'ada@example.org'))('DELETE', '/links'), { status: 204 });
    t.match(await begin(token), NOT_FOUND, 'cancelled');
  });

  await t.test('401: a session is needed, no key is one, and it is over after 15 minutes', async (t) => {
    const session = await enter(api, 'ada@example.org');
    const { secret } = await api.organization('Others');
    const none = await api.call('GET', '/v1/me');
    t.match(none, { status: 401, body: { code: 'session_required' } });
    t.match(await as(secret)('GET', ''), { status: 401, body: { code: 'session_required' } });
    t.match(await as(`${session}x`)('GET', ''), { status: 401, body: { code: 'invalid_session' } });
    t.match(await api.call('GET', '/v1/petitions', { key: session }), { body: { code: 'invalid_key' } });
    const headers = { origin: 'https://pages.example' };
    t.match(await api.call('GET', '/v1/me', { key: session, headers }), { status: 200 }, 'pages may use it');
    api.setClock(new Date(Date.now() + 16 * MINUTE));
    t.match(await as(session)('GET', ''), { status: 401, body: { code: 'invalid_session' } });
    api.setClock(undefined);
  });
});

onEveryEngine('getMe and updateMe', async (t, engine) => {
  const { api, as, lead } = await startSigned(t, engine);
  const ada = as(await enter(api, 'ada@example.org'));

  await t.test('200: reads and changes the profile; signatures keep their words', async (t) => {
    t.match(await ada('GET', ''), {
      status: 200,
      // What a key has vouched for is its organization's word, and nothing that she has said.
      body: { email: 'ada@example.org', name: null, country: null, phone: null, proven_at: /Z$/ },
      headers: { 'cache-control': 'private, no-store' },
    });
    const patch = { name: 'Ada King', country: null, postal_address: { lines: ['Millgate 4'] } };
    t.match(await ada('PATCH', '', patch), { status: 200, body: patch });
    t.match(await ada('GET', ''), { body: { ...patch, postal_code: null } });
    const path = '/v1/signatures?petition=meadows&email=ada%40example.org';
    t.match((await api.call('GET', path, { key: lead.secret })).body.data, [
      { name: 'Name of ada', country: 'NL' },
    ]);
  });

  await t.test('422: what is not there cannot be changed', async (t) => {
    t.match(await ada('PATCH', '', { email: 'x@example.org' }), { status: 422 });
    t.match(await ada('PATCH', '', {}), { status: 422 });
    t.match(await ada('PATCH', '', { name: '\u3164' }), {
      status: 422,
      body: { errors: [{ code: 'visible' }] },
    });
  });
});

onEveryEngine('my signatures', async (t, engine) => {
  const { api, as, lead, sign, counts } = await startSigned(t, engine);
  await publish(api, lead.secret, { slug: 'second', title: 'Another' });
  await api.call('POST', '/v1/petitions/second/signatures', {
    body: { email: 'ada@example.org', name: 'Ada' },
  });
  const letter = await collectLetter(api, 'ada@example.org');
  const ada = as(await enter(api, 'ada@example.org'));
  const bo = as(await enter(api, 'bo@example.org'));
  const [second, first] = (await ada('GET', '/signatures')).body.data;

  await t.test('200: lists mine alone, in pages', async (t) => {
    t.match(first, { petition: { slug: 'meadows' }, status: 'confirmed', display: 'public', hidden: false });
    t.match(second, { petition: { slug: 'second', title: 'Another' }, status: 'pending' });
    const page = await ada('GET', '/signatures?limit=1');
    t.match(page, { status: 200, body: { data: [{ id: second.id }], has_more: true } });
    const rest = await ada('GET', `/signatures?limit=1&cursor=${page.body.next_cursor}`);
    t.match(rest.body, { data: [{ id: first.id }], has_more: false });
    t.match(await bo('GET', `/signatures?cursor=${page.body.next_cursor}`), { status: 400 });
    t.notMatch(page.text + rest.text, /bo@|Name of bo/);
  });

  await t.test('200: changes how it is shown', async (t) => {
    const shown = async () =>
      (await api.call('GET', '/v1/petitions/meadows/signatures')).body.data.map(
        (one: { display_name: string }) => one.display_name,
      );
    t.match(await ada('PATCH', `/signatures/${first.id}`, { display: 'initials', name: 'Ada King' }), {
      status: 200,
      body: { display: 'initials', name: 'Ada King' },
    });
    t.same(await shown(), ['Name of bo', 'A. K.']);
    for (const [name, code] of [
      ['Ada evil\u3002com', 'link'],
      ['\u2800', 'visible'],
    ]) {
      const answer = await ada('PATCH', `/signatures/${first.id}`, { name });
      t.match(answer, { status: 422, body: { errors: [{ pointer: '/name', code }] } });
      t.notMatch(answer.text, 'evil');
    }
    t.match(await ada('PATCH', `/signatures/${first.id}`, { name: '\u202eAda\u2066 King' }), {
      body: { name: 'Ada King' },
    });
    t.same(await shown(), ['Name of bo', 'A. K.']);
    t.match(await ada('PATCH', `/signatures/${first.id}`, { hidden: true }), { body: { hidden: true } });
    t.same(await shown(), ['Name of bo']);
    t.same(await counts(), { confirmed: 2, pending: 0, withdrawn: 0 }, 'it counts as before');
  });

  await t.test('404: what others have signed is not there', async (t) => {
    for (const method of ['PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { hidden: true } : undefined;
      t.match(await bo(method, `/signatures/${first.id}`, body), {
        status: 404,
        body: { code: 'signature_not_found' },
      });
    }
  });

  await t.test('200: withdraws, and a repeat is no error', async (t) => {
    t.match(await ada('DELETE', `/signatures/${first.id}`), {
      status: 200,
      body: { status: 'withdrawn', withdrawn_at: /Z$/ },
    });
    t.same(await counts(), { confirmed: 1, pending: 0, withdrawn: 1 });
    t.match(await ada('DELETE', `/signatures/${first.id}`), { status: 200, body: { status: 'withdrawn' } });
    t.same(await counts(), { confirmed: 1, pending: 0, withdrawn: 1 });
    t.same(await recount(api.store.read), []);
  });

  await t.test('a link that is still in the mailbox does not bring it back', async (t) => {
    t.match(await ada('DELETE', `/signatures/${second.id}`), { body: { status: 'withdrawn' } });
    const body = { token: tokenOf(letter) };
    t.match(await api.call('POST', '/v1/confirmations', { body }), NOT_FOUND);
  });

  await t.test('409: what an organiser has taken out stays out', async (t) => {
    await sign('cy@example.org');
    const cy = as(await enter(api, 'cy@example.org'));
    const [{ id }] = (await cy('GET', '/signatures')).body.data;
    const body = { reason: 'A duplicate' };
    await api.call('POST', `/v1/signatures/${id}/invalidate`, { key: lead.secret, body });
    t.match(await cy('DELETE', `/signatures/${id}`), { status: 409, body: { code: 'already_invalidated' } });
    t.same(await recount(api.store.read), []);
  });
});

onEveryEngine('my subscriptions', async (t, engine) => {
  const { api, as, lead, text } = await startSigned(t, engine);
  const others = await api.organization('Others');
  const foreign = await consentText(api, others.key, 'Others may mail me.');
  const newer = await consentText(api, lead.key, 'River Meadows may mail me weekly.', 2);
  const ada = as(await enter(api, 'ada@example.org'));
  const bo = as(await enter(api, 'bo@example.org'));
  const [mine] = (await ada('GET', '/subscriptions')).body.data;
  const path = `/subscriptions/${mine.id}`;
  const consents = async () => {
    const { consents: c } = api.store.tables;
    const rows = await api.store.read.db.select().from(c).orderBy(c.key);
    return rows.map(({ action, origin }) => `${action} ${origin}`);
  };

  await t.test('200: lists mine, with the latest words', async (t) => {
    t.match(mine, {
      organization: { id: lead.id, name: 'River Meadows' },
      status: 'active',
      frequency: 'all',
      consent_text: { id: newer, text: 'River Meadows may mail me weekly.' },
    });
    t.same((await bo('GET', '/subscriptions')).body, { data: [], next_cursor: null, has_more: false });
  });

  await t.test('200: preferences; leaving; and coming back by a fresh consent', async (t) => {
    t.match(await ada('PATCH', path, { frequency: 'monthly', locale: 'de' }), {
      status: 200,
      body: { status: 'active', frequency: 'monthly', locale: 'de' },
    });
    t.match(await ada('PATCH', path, { status: 'active' }), { status: 200 }, 'it is active: nothing to do');
    t.match(await ada('PATCH', path, { status: 'unsubscribed' }), {
      status: 200,
      body: { status: 'unsubscribed', ended_at: /Z$/ },
    });
    t.match(await ada('PATCH', path, { status: 'active' }), {
      status: 409,
      body: { code: 'consent_required' },
    });
    t.match(await ada('PATCH', path, { status: 'active', consent_text_id: foreign }), {
      status: 422,
      body: { errors: [{ pointer: '/consent_text_id' }] },
    });
    t.match(await ada('PATCH', path, { status: 'active', consent_text_id: text }), {
      status: 200,
      body: { status: 'active', ended_at: null },
    });
    t.match(await consents(), [/^granted /, 'withdrawn self_service', 'granted self_service']);
  });

  await t.test('404: what is somebody else’s', async (t) => {
    t.match(await bo('PATCH', path, { status: 'unsubscribed' }), {
      status: 404,
      body: { code: 'subscription_not_found' },
    });
  });

  await t.test('409: an address that must not be mailed', async (t) => {
    await ada('PATCH', path, { status: 'unsubscribed' });
    await api.store.transact((tx) => block(tx, api.app.ctx.secrets.subject('ada@example.org'), 'complaint'));
    t.match(await ada('PATCH', path, { status: 'active', consent_text_id: text }), {
      status: 409,
      body: { code: 'do_not_contact' },
    });
  });
});

onEveryEngine('changing the address', async (t, engine) => {
  const { api, as } = await startSigned(t, engine);
  await collectMail(api);
  const confirm = (token: string) => api.call('POST', '/v1/email-changes/confirm', { body: { token } });
  const undo = (token: string) => api.call('POST', '/v1/email-changes/undo', { body: { token } });
  const ask = async (from: string, email: string) =>
    as(await enter(api, from))('POST', '/email-changes', { email });
  /** The links to both mailboxes, as far as they were mailed. */
  const mailed = async () => {
    const letters = await collectMail(api);
    const find = (template: string) => letters.find((letter) => letter.template === template);
    const [apply, notice] = [find('email_apply'), find('email_notice')];
    return { to: letters.map(({ to }) => to), pe: apply && tokenOf(apply), px: notice && tokenOf(notice) };
  };
  let day = 0;
  t.beforeEach(() => api.setClock(new Date(Date.now() + (day += 3) * DAY)));
  t.teardown(() => api.setClock(undefined));

  await t.test('202 and 200: the new mailbox says yes, and older links end', async (t) => {
    const session = as(await enter(api, 'ada@example.org'));
    t.match(await session('POST', '/email-changes', { email: 'Ada@new.example' }), { status: 202 });
    const { to, pe = '', px = '' } = await mailed();
    t.same(to, ['Ada@new.example', 'ada@example.org']);
    t.match(await session('GET', ''), { body: { email: 'ada@example.org' } }, 'nothing has changed yet');
    t.match(await confirm(px), NOT_FOUND);
    t.match(await confirm(pe), { status: 200, body: { status: 'applied' } });
    t.match(await confirm(pe), { status: 200, body: { status: 'applied' } }, 'a repeat hears the same');
    t.match(await session('GET', ''), { status: 401 });
    const renewed = as(await enter(api, 'ada@new.example'));
    t.match(await renewed('GET', ''), { body: { email: 'Ada@new.example' } });

    await t.test('200: the old one says no, whatever the epoch', async (t) => {
      t.match(await undo(px), { status: 200, body: { status: 'undone' } });
      t.match(await undo(px), { status: 200, body: { status: 'undone' } });
      t.match(await confirm(pe), NOT_FOUND);
      t.match(await renewed('GET', ''), { status: 401 }, 'sessions end');
      t.match(await as(await enter(api, 'ada@example.org'))('GET', ''), {
        body: { email: 'ada@example.org' },
      });
    });
  });

  await t.test('200: undone before it was applied', async (t) => {
    await ask('ada@example.org', 'ada@new.example');
    const { pe = '', px = '' } = await mailed();
    t.match(await undo(px), { status: 200 });
    t.match(await confirm(pe), NOT_FOUND);
  });

  await t.test('200: undoing a change undoes what followed it', async (t) => {
    await ask('ada@example.org', 'thief@one.example');
    const one = await mailed();
    await confirm(one.pe ?? '');
    await ask('thief@one.example', 'thief@two.example');
    const two = await mailed();
    await confirm(two.pe ?? '');
    t.match(await undo(one.px ?? ''), { status: 200 });
    t.match(await undo(two.px ?? ''), { status: 200 }, 'nothing is left to undo');
    t.ok(await supporterOf(api, 'ada@example.org'));
  });

  await t.test('202 and 404: an address that is somebody else’s, and nobody hears it', async (t) => {
    const free = await ask('ada@example.org', 'ada@free.example');
    const before = await mailed();
    await enter(api, 'bo@example.org');
    const taken = await ask('ada@example.org', 'bo@example.org');
    t.equal(taken.text, free.text);
    t.same(Object.keys(taken.headers), Object.keys(free.headers));
    t.same((await mailed()).to, ['ada@example.org'], 'only the notice is mailed');
    t.match(await confirm(before.pe ?? ''), NOT_FOUND, 'a new wish replaces an older one');

    await ask('ada@example.org', 'di@example.org');
    const { pe = '' } = await mailed();
    await api.call('POST', '/v1/petitions/meadows/signatures', {
      body: { email: 'di@example.org', name: 'Di' },
    });
    await enter(api, 'di@example.org');
    t.match(await confirm(pe), NOT_FOUND, 'proven by somebody else meanwhile');
    t.match(await ask('ada@example.org', 'fourth@example.org'), { status: 202 });
    await collectMail(api);
    const { emailChanges } = api.store.tables;
    const rows = await api.store.read.db.select().from(emailChanges);
    t.notOk(
      rows.some(({ newIdentity }) => newIdentity === 'fourth@example.org'),
      'three a day',
    );
  });

  const sign = (email: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'Somebody' } });
  const signedBy = async (email: string) =>
    (await as(await enter(api, email))('GET', '/signatures')).body.data.map(
      (one: { petition: { slug: string }; status: string }) => `${one.petition.slug} ${one.status}`,
    );
  const counts = async () => (await api.call('GET', '/v1/petitions/meadows/counts')).body.confirmed;

  await t.test('200: who merely typed the new address gives way to its owner', async (t) => {
    const before = await signedBy('ada@example.org');
    await ask('ada@example.org', 'ada@squatted.example');
    await sign('ada@squatted.example');
    const { pe = '', px = '' } = await mailed();
    t.match(await confirm(pe), { status: 200 });
    t.same(await signedBy('ada@squatted.example'), before, 'and what was typed does not stand beside it');
    t.match(await undo(px), { status: 200 });
    t.same(await recountPeople(api.store.read, api.app.ctx.secrets), []);
  });

  await t.test('200: an undo works though a stranger has signed with the old address since', async (t) => {
    const [before, confirmed] = [await signedBy('ada@example.org'), await counts()];
    await ask('ada@example.org', 'thief@new.example');
    const { pe = '', px = '' } = await mailed();
    await confirm(pe);
    await sign('ada@example.org');
    t.match(await undo(px), { status: 200, body: { status: 'undone' } });
    t.same(await signedBy('ada@example.org'), before);
    t.equal(await counts(), confirmed);
    t.notOk(
      (await collectMail(api)).some(({ template }) => template === 'email_undone'),
      'there was nobody to tell',
    );
  });

  await t.test(
    '200: who has proven the old address since is one with its owner again, and told',
    async (t) => {
      const [before, confirmed] = [await signedBy('ada@example.org'), await counts()];
      await ask('ada@example.org', 'thief@third.example');
      const { pe = '', px = '' } = await mailed();
      await confirm(pe);
      await sign('ada@example.org');
      const link = (await collectMail(api)).find(({ template }) => template === 'confirm_signature');
      const confirmation = { body: { token: link && tokenOf(link) } };
      t.match(await api.call('POST', '/v1/confirmations', confirmation), { status: 200 });
      t.equal(await counts(), confirmed + 1, 'two mailboxes');
      t.match(await undo(px), { status: 200, body: { status: 'undone' } });
      const told = (await collectMail(api)).filter(({ template }) => template === 'email_undone');
      t.same(
        told.map(({ to }) => to),
        ['ada@example.org'],
      );
      t.same(await signedBy('ada@example.org'), before);
      t.equal(await counts(), confirmed, 'one mailbox');
      t.match(await api.call('POST', '/v1/confirmations', confirmation), { status: 404 });
    },
  );

  await t.test('200: who came to the old address by a change goes back, and is told', async (t) => {
    await ask('ada@example.org', 'ada@moved.example');
    const mine = await mailed();
    await confirm(mine.pe ?? '');
    await ask('bo@example.org', 'ada@example.org');
    const theirs = await mailed();
    await confirm(theirs.pe ?? '');
    t.match(await undo(mine.px ?? ''), { status: 200 });
    t.ok(await supporterOf(api, 'ada@example.org'));
    t.ok(await supporterOf(api, 'bo@example.org'));
    const told = (await collectMail(api)).filter(({ template }) => template === 'email_undone');
    t.same(
      told.map(({ to }) => to),
      ['bo@example.org'],
    );
  });

  await t.test('404: an undo too late; and 422: no address', async (t) => {
    t.match(await ask('ada@example.org', 'a..b@example.org'), { status: 422 });
    const rows = async () => (await api.store.read.db.select().from(api.store.tables.emailChanges)).length;
    const before = await rows();
    t.match(await ask('ada@example.org', 'ADA@example.org'), { status: 202 });
    t.equal(await rows(), before, 'the same address is no change');
    await ask('ada@example.org', 'ada@late.example');
    const { px = '' } = await mailed();
    api.setClock(new Date(Date.now() + (day + 8) * DAY));
    t.match(await undo(px), NOT_FOUND);
    t.match(await undo('px_nonsense'), NOT_FOUND);
  });

  await t.test('202 and 422: an Idempotency-Key is private to the supporter', async (t) => {
    const [ada, bo] = [await enter(api, 'ada@example.org'), await enter(api, 'bo@example.org')];
    const send = (key: string, email: string) =>
      api.call('POST', '/v1/me/email-changes', {
        key,
        body: { email },
        headers: { 'idempotency-key': 'k1' },
      });
    for (const key of [ada, ada, bo]) t.match(await send(key, 'same@new.example'), { status: 202 });
    t.match(await send(ada, 'other@new.example'), { status: 422, body: { code: 'idempotency_key_reused' } });
    const { emailChanges } = api.store.tables;
    const rows = await api.store.read.db.select().from(emailChanges);
    t.equal(rows.filter(({ newIdentity }) => newIdentity === 'same@new.example').length, 2);
  });
});
