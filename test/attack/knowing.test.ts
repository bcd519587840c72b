import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join as path } from 'node:path';
import type { Test } from 'tap';
import {
  againstEveryEngine,
  enter,
  erase,
  form,
  importLines,
  join,
  must,
  newAddress,
  newOrganization,
  publish,
  shapeOf,
  sign,
  signAndConfirm,
  signatureOf,
  type Answer,
  type Organization,
  type World,
} from './world.js';
import { lookFor } from '../support/until.js';

/* Nobody learns who has signed, what others say of a person, or goes on to read when they may no longer. */

const WEBHOOK = 'whsec_YXR0YWNrZXJzIGRvIG5vdCBrbm93IHRoaXMgc2VjcmV0';

againstEveryEngine({ RATE_LIMIT: 'false', MAIL_WEBHOOK_SECRET: WEBHOOK }, async (t, world) => {
  const foreign = await newOrganization(world);
  await t.test('a secret key hears nothing of signatures that it may not see', (t) => keysHear(t, world));
  await t.test('an import says nothing of them either', (t) => importsHear(t, world));
  await t.test('nor does whatever an organization can look at afterwards', (t) => lookAfter(t, world));
  await t.test('nor does the lead find out whom a partner mails, by tapping in a forwarded mail', (t) =>
    tapsShow(t, world),
  );
  await t.test('whom an organiser does not see yet can still make themselves seen', (t) =>
    setApartAsked(t, world),
  );
  await t.test('nor does a share link', (t) => linksTell(t, world));
  await t.test('a person has no id that two organizations could compare', (t) => oneId(t, world, foreign));
  await t.test('nor a block of one organization that another could see', (t) => blocked(t, world, foreign));
  await t.test('the instant of an anonymous signature is not told to the second', (t) => instants(t, world));
  await t.test('a key that may moderate, and not read, reads no address', (t) => moderators(t, world));
  await t.test('what an organization says of a person changes nothing that is proven', (t) =>
    said(t, world, foreign),
  );
  await t.test('the export of a key that is revoked meanwhile ends', (t) => revoked(t, world));
  await t.test('who was erased is not in the files of the database', (t) => inFiles(t, world));
});

const INSTANT = { confirmation: 'none' };

/** Both answers once more, without what always differs. */
function same(t: Test, known: Answer, fresh: Answer, learnt: string): void {
  t.ok(fresh.status < 300, fresh.text);
  t.same(shapeOf(known), shapeOf(fresh), learnt);
}

async function keysHear(t: Test, world: World): Promise<void> {
  const { lead, partner } = world;
  for (const confirmation of ['email', 'none']) {
    const petition = await publish(world, { confirmation });
    await must(200, join(world, petition.id, { lead_sees: 'counts' }));
    const [ofLead, ofPartner, ofNobody] = [newAddress(), newAddress(), newAddress()];
    await sign(world, petition, ofLead, { key: lead.secret, vouched: true });
    await (confirmation === 'email' ? signAndConfirm : sign)(world, petition, ofPartner, {
      key: partner.secret,
    });
    await (confirmation === 'email' ? signAndConfirm : sign)(world, petition, ofNobody);
    const ask = (email: string, key: string) => sign(world, petition, email, { key });
    // The count is the one that was last published, up to a second ago: a second may end between two answers.
    const timeless = ({ body: { count, ...body }, ...answer }: Answer): Answer => {
      t.type(count, 'number');
      return { ...answer, body };
    };
    const asks = async (email: string, key: string, learnt: string) => {
      const [known, fresh] = [await ask(email, key), await ask(newAddress(), key)];
      same(t, timeless(known), timeless(fresh), `${learnt} (${confirmation})`);
    };
    await asks(ofLead, partner.secret, "a partner's key hears who has signed with the lead");
    await asks(ofNobody, partner.secret, "a partner's key hears who has signed without any key");
    await asks(
      ofPartner,
      lead.secret,
      "the lead's key hears whom a partner has collected that shows counts alone",
    );
  }
}

async function importsHear(t: Test, world: World): Promise<void> {
  const { lead, partner } = world;
  const petition = await publish(world, INSTANT);
  const terms = { lead_sees: 'counts', may_vouch: true };
  const joined = await join(world, petition.id, terms);
  if (joined.status !== 200) await must(200, join(world, petition.id, { lead_sees: 'counts' }));
  const [ofLead, ofPartner] = [newAddress(), newAddress()];
  await sign(world, petition, ofLead, { key: lead.secret, vouched: true });
  await sign(world, petition, ofPartner, { key: partner.secret });
  const ask = (email: string, key: string) => importLines(world, petition, key, [form(email)]);
  const known = await ask(ofLead, partner.secret);
  same(
    t,
    known,
    await ask(newAddress(), partner.secret),
    "a partner's import hears who has signed with the lead",
  );
  const shown = await ask(ofPartner, lead.secret);
  same(
    t,
    shown,
    await ask(newAddress(), lead.secret),
    "the lead's import hears whom the partner has collected",
  );
}

/** Everything that an organization can read of a petition, in one string. */
async function everythingSeen({ call }: World, { id, path }: { id: string; path: string }, key: string) {
  const paths = [
    path,
    '/v1/petitions?limit=100',
    `${path}/counts`,
    `${path}/history`,
    `${path}/partners`,
    `${path}/imports`,
    `${path}/isolated-keys`,
    `${path}/share-statistics`,
    `/v1/share-links?petition=${id}`,
    ...['', '&status=pending', '&status=quarantined', '&sort=-created_at'].map(
      (query) => `/v1/signatures?petition=${id}&limit=100${query}`,
    ),
    `/v1/signatures/export?petition=${id}`,
    '/v1/subscriptions?limit=100',
  ];
  const seen: unknown[] = [];
  for (const one of paths) {
    const { status, body, text } = await call('GET', one, { key });
    seen.push([one, status, status < 300 && (body ?? text)]);
  }
  for (const action of ['release', 'refuse', 'invalidate', 'quarantine']) {
    const previewed = await call('POST', '/v1/signature-moderations/preview', {
      key,
      body: { petition: id, action, filter: {} },
    });
    seen.push([action, previewed.status, previewed.body.matched]);
  }
  return JSON.stringify(seen);
}

async function lookAfter(t: Test, world: World): Promise<void> {
  const { lead, partner } = world;
  const ways: [string, { key?: string; [field: string]: unknown }, Organization][] = [
    ['its own key', { key: lead.secret }, lead],
    ['no key', {}, lead],
    ['a name that is set apart', { name: 'see cheap-pills.com' }, lead],
    ["a partner's key", { key: partner.secret }, partner],
  ];
  for (const [way, fields, { secret }] of ways) {
    const differs = async (terms: object | null) => {
      const petition = await publish(world);
      if (terms) await must(200, join(world, petition.id, { ...terms }));
      const before = await everythingSeen(world, petition, secret);
      t.equal((await sign(world, petition, newAddress(), fields)).status < 300, true);
      const after = await everythingSeen(world, petition, secret);
      return before !== after;
    };
    const learnt = await differs({ lead_sees: 'counts' });
    t.notOk(learnt, `who has not signed yet shows, if signed with ${way}`);
    if (secret === lead.secret) t.ok(await differs(null), 'where nothing is hidden, all is seen');
  }
}

/** A mailing of the partner to these people, of whom it knows the names. Returns the token of each mail. */
async function partnerMails(
  { call, partner, ...world }: World,
  petition: { id: string },
  emails: readonly string[],
): Promise<(email: string) => string> {
  const key = partner.secret;
  const post = async (path: string, body: object) => (await call('POST', path, { key, body })).body;
  const { id } = await post('/v1/consent-texts', { locale: 'en', text: 'Yes, mail me.' });
  const rows = emails.map((email) => ({ email }));
  const body = { consent_text_id: id, evidence: { source: 'Stall' }, rows };
  await must(200, call('POST', '/v1/subscriptions/import', { key, body }));
  const own = await publish({ call, partner, ...world }, {}, key);
  for (const email of emails) {
    await sign({ call, partner, ...world }, own, email, { key, vouched: true, name: 'Ada King' });
  }
  const mailing = await post('/v1/mailings', { name: 'First', petition: petition.id });
  const { data } = await must(200, call('GET', `/v1/mailings/${mailing.id}/links?limit=100`, { key }));
  return (email) => data.find((link: any) => link.email === email).recognise_token as string;
}

/** What an organization reads of a petition and of one address, without what always differs. */
async function seenOf(world: World, petition: { id: string; path: string }, email: string, key: string) {
  const at = encodeURIComponent(email);
  const seen = [await everythingSeen(world, petition, key)];
  for (const path of [
    `/v1/signatures?petition=${petition.id}&email=${at}`,
    `/v1/subscriptions?email=${at}`,
  ]) {
    seen.push((await world.call('GET', path, { key })).text);
  }
  return told(seen.join('\n'));
}

/** Without the ids, addresses and instants that differ anyway. */
const told = (text: string): string =>
  text
    .replace(/person\.\d+\.[0-9a-f]+(?:\+\w+)?@/g, 'person@')
    .replace(/[a-z]{3}_[0-9a-z]{26}/g, 'id')
    .replace(/attacked-[0-9a-f]+/g, 'slug')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'instant')
    .replace(/"(receipt|request_id)":"[^"]*"/g, '"$1"');

async function tapsShow(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const key = lead.secret;
  const text = { locale: 'en', text: 'Yes, mail me.' };
  const { id: consent } = (await call('POST', '/v1/consent-texts', { key, body: text })).body;
  type Place = { petition: { id: string; path: string }; email: string };
  const moderate = async ({ petition, email }: Place, ...actions: string[]) => {
    await sign(world, petition, email, { key, vouched: true });
    const { id } = await signatureOf(world, petition, email, key);
    const answers: Answer[] = [];
    for (const action of actions) {
      const body = { reason: 'Odd' };
      answers.push(await call('POST', `/v1/signatures/${id}/${action}`, { key, body }));
    }
    return answers;
  };
  const named = { external_id: 'crm-1', source: 'stall', comment: 'By the river.' };
  const ways: Record<string, (place: Place) => Promise<Answer[]>> = {
    'look at what there is': () => Promise.resolve([]),
    sign: async ({ petition, email }) => [
      await sign(world, petition, email, { key, ...named }),
      await sign(world, petition, email, { key, ...named }),
    ],
    'sign without a key': async ({ petition, email }) => [await sign(world, petition, email)],
    'sign under another spelling, as a machine would': async ({ petition, email }) => [
      await sign(world, petition, email.replace('@', '+b@'), { website: 'https://cheap-pills.com' }),
    ],
    'sign with a name that is set apart': async ({ petition, email }) => [
      await sign(world, petition, email, { key, name: 'see cheap-pills.com' }),
    ],
    vouch: async ({ petition, email }) => [
      await sign(world, petition, email, { key, vouched: true, ...named }),
    ],
    'give an external id that is taken': async ({ petition, email }) => [
      await sign(world, petition, newAddress(), { key, ...named }),
      await sign(world, petition, email, { key, ...named }),
    ],
    import: async ({ petition, email }) => [
      await importLines(world, petition, key, [form(email, named)]),
      await importLines(world, petition, key, [form(email, named)]),
    ],
    'try out an import': async ({ petition, email }) => [
      await call('POST', `/v1/signatures/import?petition=${petition.id}&dry_run=true`, {
        key,
        type: 'application/x-ndjson',
        body: `${JSON.stringify(form(email))}\n`,
      }),
    ],
    'moderate and restore': (place) => moderate(place, 'invalidate', 'restore'),
    subscribe: async ({ email }) => [
      await call('POST', '/v1/subscriptions', { key, body: { email, consent_text_id: consent } }),
    ],
  };
  for (const [way, act] of Object.entries(ways)) {
    const places: Place[] = [];
    for (const isTapped of [true, false]) {
      const petition = await publish(world);
      await must(200, join(world, petition.id));
      const email = newAddress();
      const tokenOf = await partnerMails(world, petition, [email]);
      if (isTapped) {
        const body = {
          recognition: tokenOf(email),
          opt_ins: [{ consent_text_id: consent, opt_in: true }],
        };
        await must(202, call('POST', `${petition.path}/signatures`, { body }));
      }
      places.push({ petition, email });
    }
    const shown: string[][] = [];
    for (const place of places) {
      shown.push((await act(place)).map((answer) => told(answer.text)));
    }
    // Afterwards, since some lists are of all petitions and people.
    for (const [i, { petition, email }] of places.entries()) {
      shown[i]?.push(await seenOf(world, petition, email, key));
    }
    t.same(shown[0], shown[1], `who is on a partner's list shows to the lead: ${way}`);
  }
}

async function setApartAsked(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const petition = await publish(world);
  await must(200, join(world, petition.id, { lead_sees: 'counts' }));
  const held = async () =>
    (await must(200, call('GET', `/v1/signatures?petition=${petition.id}`, { key: lead.secret }))).data;
  const answered = await signAndConfirm(world, petition, newAddress(), { name: 'see cheap-pills.com' });
  t.ok(answered, 'whom the organiser is not shown is asked by mail');
  t.match(await held(), [{ status: 'quarantined' }], 'and is shown, set apart, once they have answered');
}

async function linksTell(t: Test, world: World): Promise<void> {
  const { call, lead, partner } = world;
  const petition = await publish(world, { ...INSTANT, page_url: 'https://meadows.example/' });
  await must(200, join(world, petition.id, { lead_sees: 'counts' }));
  const email = newAddress();
  await sign(world, petition, email, { key: partner.secret });
  const owners: unknown[] = [];
  for (const one of [email, newAddress()]) {
    const { receipt } = await must(202, sign(world, petition, one));
    const body = { network: 'copy', receipt };
    const { code } = await must(201, call('POST', `${petition.path}/share-links`, { body }));
    const list = await must(
      200,
      call('GET', `/v1/share-links?petition=${petition.id}`, { key: lead.secret }),
    );
    owners.push(list.data.find((link: any) => link.code === code)?.organization_id);
  }
  t.equal(owners[0], owners[1], 'the lead sees at a link who has collected the signer of an address');
}

async function oneId(t: Test, world: World, foreign: Organization): Promise<void> {
  const { call, lead } = world;
  const email = newAddress();
  const [first, second] = [await publish(world, INSTANT), await publish(world, INSTANT)];
  const elsewhere = await publish(world, INSTANT, foreign.secret);
  for (const petition of [first, second, elsewhere]) await sign(world, petition, email);
  const id = async (petition: { id: string }, { secret }: { secret: string }) =>
    (await signatureOf(world, petition, email, secret)).supporter_id as string;
  const here = await id(first, lead);
  t.match(here, /^sup_/);
  t.equal(await id(second, lead), here, 'an organization knows its own people again');
  t.not(
    await id(elsewhere, foreign),
    here,
    'two organizations find by supporter_id who has signed with both',
  );

  const text = { locale: 'en', text: 'Yes, mail me.' };
  const { id: words } = await must(
    201,
    call('POST', '/v1/consent-texts', { key: foreign.secret, body: text }),
  );
  const body = { email, consent_text_id: words, evidence: { source: 'Stall' } };
  const listed = await call('POST', '/v1/subscriptions', { key: foreign.secret, body });
  t.not(listed.body.supporter_id, here, 'and by the supporter_id of a subscription');
}

async function blocked(t: Test, world: World, foreign: Organization): Promise<void> {
  const { call } = world;
  const email = newAddress();
  await signAndConfirm(world, await publish(world), email);
  const events = JSON.stringify({ events: [{ type: 'complaint', email }] });
  const id = 'msg_1';
  const at = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', Buffer.from(WEBHOOK.slice(6), 'base64'))
    .update(`${id}.${at}.${events}`)
    .digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
  t.match(await must(200, call('POST', '/v1/mail-events', { body: events, headers })), { suppressed: 1 });

  const key = foreign.secret;
  const text = { locale: 'en', text: 'Yes, mail us.' };
  const { id: words } = await must(201, call('POST', '/v1/consent-texts', { key, body: text }));
  const evidence = { source: 'Stall', collected_at: '2026-11-01T10:00:00Z' };
  const ask = (address: string) =>
    call('POST', '/v1/subscriptions/import', {
      key,
      body: { consent_text_id: words, evidence, rows: [{ email: address }] },
    });
  same(
    t,
    await ask(email),
    await ask(newAddress()),
    'an import hears that a person has complained of somebody else',
  );
}

async function instants(t: Test, world: World): Promise<void> {
  const { call } = world;
  const petition = await publish(world, INSTANT);
  await sign(world, petition, newAddress(), { display: 'anonymous' });
  const { data } = await must(200, call('GET', `${petition.path}/signatures`));
  const [{ signed_at: at }] = data;
  t.match(at, /:\d\d:00(?:\.000)?Z$/, `the public list tells to the millisecond when somebody signed: ${at}`);
}

async function moderators(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const petition = await publish(world, INSTANT);
  const email = newAddress();
  await sign(world, petition, email, { name: 'Distinctive Person', phone: '+31 20 555 0199' });
  const { id } = await signatureOf(world, petition, email, lead.secret);
  const body = { kind: 'secret', name: 'moderator', scopes: ['signatures:moderate'] };
  const { token: key } = await must(201, call('POST', '/v1/api-keys', { key: lead.secret, body }));
  const preview = { petition: petition.id, action: 'invalidate', filter: {} };
  const filtered = { ...preview, filter: { email_domain: 'post.example' } };
  const previewed = await call('POST', '/v1/signature-moderations/preview', { key, body: preview });
  const answers = [
    previewed,
    await call('POST', '/v1/signature-moderations/preview', { key, body: filtered }),
    await call('POST', `/v1/signatures/${id}/invalidate`, { key, body: { reason: 'Odd' } }),
    await call('POST', `/v1/signatures/${id}/restore`, { key, body: { reason: 'Not odd' } }),
  ];
  t.match(previewed, { status: 200, body: { matched: 1 } }, 'it may preview');
  for (const [i, { text }] of answers.entries()) {
    const told = [email, '555 0199'].filter((one) => text.includes(one));
    t.same(told, [], `answer ${i} tells a key that may not read what the signer wrote`);
  }
}

async function said(t: Test, world: World, foreign: Organization): Promise<void> {
  const { call, lead } = world;
  const mine = { name: 'Vera Proven', country: 'NL', postal_code: '1012 AB', phone: '+31 20 555 0123' };
  const theirs = { name: 'Mallory Wrong', country: 'FR', postal_code: '99999', phone: '+33 1 23 45 67 89' };
  const ways: Record<string, (email: string) => Promise<Answer>> = {
    'another organization vouches': async (email) =>
      sign(world, await publish(world, {}, foreign.secret), email, {
        key: foreign.secret,
        vouched: true,
        ...theirs,
      }),
    'another organization imports': async (email) =>
      importLines(world, await publish(world, {}, foreign.secret), foreign.secret, [form(email, theirs)]),
    'the same organization vouches': async (email) =>
      sign(world, await publish(world), email, { key: lead.secret, vouched: true, ...theirs }),
  };
  for (const [way, says] of Object.entries(ways)) {
    const email = newAddress();
    t.ok(await signAndConfirm(world, await publish(world), email, mine));
    t.ok((await says(email)).status < 300);
    const me = await must(200, call('GET', '/v1/me', { key: await enter(world, email) }));
    const changed = Object.entries(mine).filter(([field, value]) => me[field] !== value);
    t.same(changed, [], `${way}, and what the owner has proven is overwritten`);
  }
}

async function revoked(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const petition = await publish(world);
  const comment = 'Because of the river. '.repeat(88);
  const lines = Array.from({ length: 6000 }, (_, i) => form(`row.${i}@rows.example`, { comment }));
  await must(200, importLines(world, petition, lead.secret, lines));
  const { id, token } = await must(
    201,
    call('POST', '/v1/api-keys', { key: lead.secret, body: { kind: 'secret', name: 'leaver' } }),
  );
  const url = `${world.url}/v1/signatures/export?petition=${petition.id}&format=ndjson`;
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get(url, { headers: { authorization: `Bearer ${token}` } }, resolve).on('error', reject),
  );
  // Nothing is read until the key is gone: what the sockets hold by then is a small part of it.
  response.pause();
  await must(200, call('DELETE', `/v1/api-keys/${id}`, { key: lead.secret }));
  let read = 0;
  const ended = new Promise((resolve) => response.on('close', resolve).on('error', resolve));
  response.on('data', (data: Buffer) => (read += String(data).split('\n').length - 1));
  response.resume();
  await ended;
  t.ok(read < lines.length, `a key that was revoked at the first of ${lines.length} rows has read ${read}`);
}

async function inFiles(t: Test, world: World): Promise<void> {
  if (world.engine !== 'sqlite') return;
  const petition = await publish(world);
  const email = newAddress('forgotten.example');
  await signAndConfirm(world, petition, email, { name: 'Zebulon Distinctive' });
  await erase(world, email);
  const data = path(world.folder, 'data');
  const holding = (word: string) =>
    readdirSync(data).filter((name) => name.includes('.db') && readFileSync(path(data, name)).includes(word));
  // Soon after, not in the answer.
  for (const word of [email, 'Zebulon']) {
    await lookFor(() => holding(word).length === 0, { withinMs: 5000, everyMs: 200 });
    t.same(
      holding(word),
      [],
      `who takes the files reads what was erased: ${word === email ? 'address' : 'name'}`,
    );
  }
}
