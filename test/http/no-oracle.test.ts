import { callsOf, startWorld } from '../support/address-calls.js';
import { ADDRESS_STATES, makeAddresses, newAddress } from '../support/address-states.js';
import { onEveryEngine, type Answer } from '../support/helper.js';
import { collectMail } from '../support/mailbox.js';

/*
 * Whoever has no secret key hears the same, whatever an address is to us: each call is made with an address in every
 * state, and the answers are held against each other, byte by byte. How long they take is test/timing/oracle.ts.
 */

/** All that a caller sees; without the date, how much of a limit is left, and what is in the sealed receipt. */
function seen({ status, headers, text }: Answer) {
  const { date: _date, ratelimit, ...rest } = headers;
  const hidden = (_all: string, receipt: string) => `"receipt":${receipt.length}`;
  const body = text.replace(/"receipt":"([^"]*)"/, hidden);
  // Which limit is the tightest turns with the minute.
  const limited = ratelimit?.replace(/^"[a-z-]+"/, 'any').replace(/\d+/g, 'n');
  return { status, headers: { ...rest, ratelimit: limited }, body };
}

/** The same request id for all: its length is part of a problem's. */
const REQUEST_ID = { 'x-request-id': 'the-same-for-all' };

onEveryEngine('no answer tells what an address is', async (t, engine) => {
  const world = await startWorld(t, engine);
  const { api } = world;
  let at = Date.now();
  /** A new second, so that what is published is what is stored; within it, nothing published changes. */
  const tick = () => api.setClock(new Date((at += 2000)));
  t.teardown(() => api.setClock(undefined));
  for (const { name, path, body, key, petition = 'quiet', takesRetries, status = 202 } of callsOf(world)) {
    await t.test(`${status}: ${name}`, async (t) => {
      const place = { petition, texts: [world.texts.lead, world.texts.quick] };
      const addresses = await makeAddresses(api, place, 2);
      tick();
      for (const retried of takesRetries ? [false, true] : [false]) {
        const answers = new Map<string, ReturnType<typeof seen>[]>();
        for (const state of ADDRESS_STATES) {
          const email = addresses[state][retried ? 1 : 0] ?? '';
          const retry = retried ? { 'idempotency-key': email.slice(0, 16) } : {};
          const options = { key: key && (await key()), headers: { ...REQUEST_ID, ...retry } };
          const send = async (to: string) =>
            seen(await api.call('POST', path, { ...options, body: body(to) }));
          // Twice: what the first has changed must not show either. Then with the same key for something else.
          const heard = [await send(email), await send(email)];
          answers.set(state, retried ? [...heard, await send(newAddress())] : heard);
        }
        const unknown = answers.get('unknown');
        t.equal(unknown?.[0]?.status, status);
        // Strangers share no keys, with a publishable key neither: what another has sent with it is no mistake.
        const isNamed = key && !(await key()).startsWith('pk_');
        const reused = isNamed ? { status: 422, body: /idempotency_key_reused/ } : { status };
        if (retried) t.match(unknown?.[2], reused);
        for (const [state, heard] of answers) t.same(heard, unknown, `${state} is as unknown`);
        t.notMatch(JSON.stringify(unknown), /@|example\.org|su[pb]_|sig_/);
      }
      await collectMail(api);
    });
  }
});

/*
 * Where mailboxes are asked, signing moves nothing that is public. Where they are not (`confirmation: none`), it moves
 * the count, by design: there the count tells whether an address is new to the petition, and nothing else does.
 */
onEveryEngine('nothing that is public moves', async (t, engine) => {
  const world = await startWorld(t, engine);
  const { api, quiet, texts } = world;
  let at = Date.now();
  t.teardown(() => api.setClock(undefined));
  const addresses = await makeAddresses(api, { petition: 'quiet', texts: [texts.lead, texts.quick] }, 1);
  const PATHS = ['', '/counts', '/signatures', '/signatures?limit=1', '/history', '/consent-texts'];
  const look = async () => {
    api.setClock(new Date((at += 2000)));
    const pages: ReturnType<typeof seen>[] = [];
    for (const ref of ['quiet', quiet.id as string]) {
      for (const path of PATHS) {
        pages.push(seen(await api.call('GET', `/v1/petitions/${ref}${path}`, { headers: REQUEST_ID })));
      }
    }
    pages.push(seen(await api.call('GET', '/v1/petitions', { headers: REQUEST_ID })));
    return pages;
  };
  const before = await look();
  for (const { status } of before) t.equal(status, 200);
  for (const state of ADDRESS_STATES) {
    const [email = ''] = addresses[state];
    const body = { email, name: 'Ada King', country: 'NL', display: 'public' };
    await api.call('POST', '/v1/petitions/quiet/signatures', { body });
    await api.call('POST', '/v1/petitions/quiet/signatures', { body: { ...body, website: 'spam.example' } });
    t.same(await look(), before, `${state}: after signing`);
    await collectMail(api);
    t.same(await look(), before, `${state}: after the mail`);
  }
});
