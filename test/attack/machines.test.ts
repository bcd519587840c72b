import { connect } from 'node:net';
import type { Test } from 'tap';
import { solve } from '../support/proof-of-work.js';
import {
  againstEveryEngine,
  countOf,
  form,
  join,
  mailed,
  must,
  newAddress,
  publish,
  sign,
  signatureOf,
  tokensTo,
  type World,
} from './world.js';
import { lookFor } from '../support/until.js';

/* Machines do not get in, and they do not keep people out: limits, keys that were copied, and what is not quite HTTP. */

/** What is not the limit of one client for one petition is out of the way. */
const LIMITS = {
  RATE_LIMIT_KEY: '1000000/60',
  RATE_LIMIT_CLIENT: '100000/60',
  RATE_LIMIT_MAIL: '100000/60',
  CHALLENGE_ABOVE: '1000000/60',
};

againstEveryEngine(LIMITS, async (t, world) => {
  // What is looked at once a minute is waited for while the other attacks run.
  const copied = world.engine === 'sqlite' ? await floodCopiedKey(world) : undefined;
  const slow = trickle(world);
  await t.test('one client has one allowance for a petition, however it is spelt', (t) =>
    spellings(t, world),
  );
  // Limits are counted in memory: one engine shows them.
  if (world.engine === 'sqlite') {
    await t.test('a network of many addresses has an allowance, too', (t) => networks(t, world));
  }
  await t.test('a hundred people behind one address sign within a minute', (t) => rally(t, world));
  await t.test('strangers do not share their Idempotency-Keys', (t) => retries(t, world));
  await t.test('names that nobody can see, or that lead elsewhere, are no names', (t) => names(t, world));
  await t.test('odd requests are refused in words', (t) => oddRequests(t, world));
  await t.test('a body that trickles in is cut off', async (t) => {
    const seconds = await slow;
    t.ok(
      seconds < 25,
      `a client kept its connection for ${Math.round(seconds)} s with a body that never ended`,
    );
  });
  if (copied) await t.test('a copied key silences nobody', (t) => silenced(t, world, copied));
});

const INSTANT = { confirmation: 'none' };
const ip = (n: number) => `198.51.${Math.floor(n / 250)}.${(n % 250) + 1}`;
let clients = 0;
/** A network that no other attack comes from. */
const newClient = () => `203.0.${(clients += 1)}.7`;

async function spellings(t: Test, world: World): Promise<void> {
  const petition = await publish(world, INSTANT);
  const percent = (c: string) => `%${c.charCodeAt(0).toString(16)}`;
  const spelt = [
    petition.slug,
    petition.id,
    petition.slug.replace('a', percent),
    petition.slug.replaceAll('a', (c) => percent(c).toUpperCase()),
    petition.id.replace('p', percent),
    petition.slug.replaceAll('-', percent),
  ];
  const from = newClient();
  let accepted = 0;
  for (const name of spelt) {
    for (let i = 0; i < 15; i += 1) {
      const path = { path: `/v1/petitions/${name}` };
      if ((await sign(world, path, newAddress(), { from })).status === 202) accepted += 1;
    }
  }
  t.ok(accepted <= 30, `${accepted} signatures of one client within a minute, by ${spelt.length} spellings`);
  t.ok(accepted >= 20, `the first of them were taken: ${accepted}`);
}

async function networks(t: Test, world: World): Promise<void> {
  const asked = 600;
  const petition = await publish(world, INSTANT);
  const client = (n: number) => `2001:db8:77:${n.toString(16)}::1`;
  await Promise.all(
    Array.from({ length: asked }, (_, i) => sign(world, petition, newAddress(), { from: client(i % 60) })),
  );
  const count = await countOf(world, petition);
  t.ok(count > 0 && count < asked, `one /48 has added ${count} of ${asked} at once, without a proof of work`);
  const people = await sign(world, petition, newAddress(), { from: newClient() });
  t.equal(people.status, 202, 'and others sign meanwhile');
}

/** As a page does it: when a proof of work is asked for, it makes one. */
async function signAsPage(world: World, petition: { path: string }, from: string): Promise<number> {
  const email = newAddress();
  const first = await sign(world, petition, email, { from });
  if (first.body?.code !== 'challenge_required') return first.status;
  const challenge = await world.call('GET', `${petition.path}/challenge`, {
    headers: { 'x-forwarded-for': from },
  });
  if (!challenge.body?.altcha) return first.status;
  return (await sign(world, petition, email, { from, altcha: solve(challenge.body.altcha) })).status;
}

async function rally(t: Test, world: World): Promise<void> {
  const petition = await publish(world, { ...INSTANT, challenge: 'auto' });
  const from = newClient();
  for (let i = 0; i < 100; i += 1) await signAsPage(world, petition, from);
  const count = await countOf(world, petition);
  t.ok(count >= 95, `of 100 people behind one address ${100 - count} were turned away`);

  const script = newClient();
  const other = await publish(world, { ...INSTANT, challenge: 'auto' });
  for (let i = 0; i < 100; i += 1) await sign(world, other, newAddress(), { from: script });
  const taken = await countOf(world, other);
  t.ok(taken <= 30, `a script that proves no work has added ${taken}`);
}

async function retries(t: Test, world: World): Promise<void> {
  const petition = await publish(world, INSTANT);
  const headers = { 'idempotency-key': '"1"' };
  const statuses: number[] = [];
  for (let i = 0; i < 2; i += 1) {
    const options = { body: form(newAddress()), headers, from: newClient() };
    statuses.push((await world.call('POST', `${petition.path}/signatures`, options)).status);
  }
  t.same(statuses, [202, 202], 'a stranger who uses up simple keys keeps others from signing');
  t.equal(await countOf(world, petition), 2);
}

async function names(t: Test, world: World): Promise<void> {
  const petition = await publish(world, INSTANT);
  const { secret } = world.lead;
  const shown = async (name: string) => {
    const email = newAddress();
    const { status } = await sign(world, petition, email, { name, display: 'public', from: newClient() });
    if (status !== 202) return undefined;
    const { status: state, name: kept } = await signatureOf(world, petition, email, secret);
    return state === 'confirmed' ? (kept as string) : undefined;
  };
  for (const name of [
    '\u00ad',
    '\u3164',
    '\u2800',
    '\u00ad\u3164 \u2800',
    '\u200b\u200d',
    '\u{e0041}',
    '\u115f\u1160',
  ]) {
    const code = [...name].map((c) => c.codePointAt(0)?.toString(16)).join(' ');
    t.equal(await shown(name), undefined, `the public list has a name made of U+${code} alone`);
  }
  for (const name of ['evil\u2024com', 'evil\u3002com', 'Visit evil\uff0ecom', 'evil\uff61com', 'evil.com']) {
    t.equal(await shown(name), undefined, `the public list advertises ${name}`);
  }
  const turned = await shown('Ada \u202egniK');
  t.notMatch(turned ?? '', /[\u202a-\u202e\u2066-\u2069]/, 'a name turns around what stands after it');
  t.equal(await shown('Ada King'), 'Ada King', 'people have names');
}

async function oddRequests(t: Test, world: World): Promise<void> {
  const { call, lead } = world;
  const petition = await publish(world, INSTANT);
  const path = `${petition.path}/signatures`;
  const from = newClient();
  for (const page of ['/confirm', '/unsubscribe', '/my-data', '/manage', '/email-change', '/email-undo']) {
    const { status } = await call('GET', `${page}?token=A&token=A`);
    t.ok(status < 500, `${page} with two tokens: ${status}`);
    const posted = await call('POST', `${page}?token=A&token=A`, {
      type: 'application/x-www-form-urlencoded',
      body: 'token=A&token=A',
    });
    t.ok(posted.status < 500, `a form of ${page} with two tokens: ${posted.status}`);
  }
  const twice = JSON.stringify(form(newAddress())).replace('{', '{"name":"Somebody Else",');
  t.match(
    await call('POST', path, { body: twice, from }),
    { status: 400 },
    'a key that comes twice is taken',
  );
  const nested = JSON.stringify(form(newAddress(), { utm: 1 })).replace(
    '"utm":1',
    '"utm":{"source":"a","source":"b"}',
  );
  t.match(
    await call('POST', path, { body: nested, from }),
    { status: 400 },
    'a nested key that comes twice is taken',
  );
  const marked = await call('POST', path, { body: `\ufeff${JSON.stringify(form(newAddress()))}`, from });
  t.equal(marked.status, 202, 'a byte order mark is no part of a body');

  const lines = await call('POST', path, { body: { ...form(newAddress()), 'a\r\nb\u2028c': 1 }, from });
  t.notMatch(lines.body.errors[0].pointer, /[\r\n\u2028]/, 'a pointer has line breaks');
  t.equal(lines.body.errors.length, 1);
  const year = await call('GET', `${petition.path}/share-statistics?before=9999-12-31T23:59:59Z`, {
    key: lead.secret,
  });
  t.ok(year.status < 500, `${year.status}`);
  t.notMatch(year.text, /[+]?010000-/, 'an instant of the year 10000');
  const words = await call('GET', '/embed/v1/words/en%0d%0aset-cookie:a.json');
  t.ok([400, 404].includes(words.status), `${words.status}`);
  t.match(words.body, { code: /^[a-z_]+$/ }, 'the answer is a problem like all others');

  const words2 = { title: 'Leave the meadows', statement: 'Build elsewhere.' };
  const pages = ['https://user:secret@meadows.example/', 'https://user@meadows.example/'];
  for (const page_url of pages) {
    const made = await call('POST', '/v1/petitions', { key: lead.secret, body: { ...words2, page_url } });
    t.equal(made.status, 422, `links of a petition carry ${page_url}`);
  }
  for (const origin of ['https://*.org', 'https://*.co.uk', 'https://*.github.io']) {
    const body = { kind: 'publishable', name: 'Our site', origins: [origin] };
    const made = await call('POST', '/v1/api-keys', { key: lead.secret, body });
    t.equal(made.status, 422, `a key works on everybody's pages: ${origin}`);
  }
}

/** A body of which a byte comes now and then; how many seconds the server bears it. */
function trickle({ url }: World): Promise<number> {
  const { hostname, port } = new URL(url);
  const from = Date.now();
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const done = () => {
      clearInterval(timer);
      socket.destroy();
      resolve((Date.now() - from) / 1000);
    };
    socket.on('close', done).on('error', done).resume();
    socket.write(
      'POST /v1/petitions/any/signatures HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{',
    );
    const timer = setInterval(() => {
      socket.write(' ');
      if (Date.now() - from > 25_000) done();
    }, 1000);
  });
}

type Copied = { petition: { id: string; path: string }; key: string; at: number };

/** A publishable key is on a page for all to see: 37 clients sign with invented addresses under it. */
async function floodCopiedKey(world: World): Promise<Copied> {
  const { call, partner } = world;
  const petition = await publish(world);
  await must(200, join(world, petition.id));
  const body = { kind: 'publishable', name: 'Our page' };
  const { token: key } = await must(201, call('POST', '/v1/api-keys', { key: partner.secret, body }));
  for (let burst = 0; burst < 28; burst += 1) {
    await Promise.all(
      Array.from({ length: 37 }, (_, n) =>
        sign(world, petition, newAddress(`made-up-${n}.example`), { key, from: ip(n) }),
      ),
    );
  }
  return { petition, key, at: Date.now() };
}

async function silenced(t: Test, world: World, { petition, key, at }: Copied): Promise<void> {
  const { call, lead } = world;
  // The keys are judged once a minute.
  const path = `/v1/petitions/${petition.id}/isolated-keys`;
  const look = async () => {
    const { data } = await must(200, call('GET', path, { key: lead.secret }));
    return data.length > 0 || undefined;
  };
  await lookFor(look, { withinMs: Math.max(0, at + 75_000 - Date.now()), everyMs: 500 });
  const email = newAddress();
  const token = await mailed(world, email, 'pc_', () =>
    must(202, sign(world, petition, email, { key, from: newClient() })),
  );
  t.ok(token, 'a stranger with a copied key keeps real signers of the partner from their confirmation mail');
  const { status } = await signatureOf(world, petition, email, lead.secret);
  t.equal(status, 'pending', `a real signer from a network that has done nothing is ${status}`);
  t.equal(tokensTo(world, email, 'pc_').length, 1);
}
