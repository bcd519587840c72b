import type { Test } from 'tap';
import { difference, dumpTables } from '../../support/dump.js';
import {
  onEveryEngine,
  makePartner,
  publish,
  start,
  type Answer,
  type Engine,
} from '../../support/helper.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

/*
 * Somebody puts a mailing that they got on their blog, with every link in it. Whoever follows them, and tries whatever
 * else comes to mind with what is in them, may take that person off that one list, by POST. That is all that happens,
 * and nothing is learned of the person.
 */

const EMAIL = 'Zelda.Quux@distinctive.example';
const BOTS = 20;

/** Zelda has signed and is on two lists; the mailing is the first one's. */
async function startPublished(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const [lead, other] = [await api.organization('River Meadows'), await api.organization('Anglers')];
  const optIns: unknown[] = [];
  for (const { secret: key } of [lead, other]) {
    const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
    optIns.push({ consent_text_id: text.body.id, opt_in: true });
  }
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    page_url: 'https://meadows.example/sign',
    form: { phone: 'optional', comment: 'optional' },
  });
  await makePartner(api, lead.secret, 'meadows', other);
  const said = { name: 'Zelda Quux', country: 'NL', phone: '+31 20 555 0199', comment: 'My own words' };
  const body = { email: EMAIL, ...said, opt_ins: optIns };
  await api.call('POST', '/v1/petitions/meadows/signatures', { body });
  const token = tokenOf(await collectLetter(api, EMAIL));
  await api.call('POST', '/v1/confirmations', { body: { token } });
  const mailing = await api.call('POST', '/v1/mailings', {
    key: lead.secret,
    body: { name: 'First', petition: petition.id, source: 'first' },
  });
  const links = await api.call('GET', `/v1/mailings/${mailing.body.id}/links`, { key: lead.secret });
  const [link] = links.body.data;
  const urls = [link.petition_url, link.unsubscribe_url, link.list_unsubscribe.slice(1, -1)] as string[];
  const tokens = {
    pr: new URL(link.petition_url as string).searchParams.get('r') ?? '',
    pb: tokenIn(link.unsubscribe_url as string),
    pu: tokenIn(urls[2] as string),
  };
  if (Object.entries(tokens).some(([prefix, one]) => !one.startsWith(`${prefix}_`))) {
    throw new Error('no links');
  }
  return {
    api,
    lead,
    other,
    petition,
    mailing: mailing.body,
    subscription: link.subscription_id,
    urls,
    tokens,
  };
}

type World = Awaited<ReturnType<typeof startPublished>>;

/** What of an answer could be about the person. What was sent in is not: a mistyped path may come back. */
function assertSilent(t: Test, { headers, text, body }: Answer, about: string): void {
  const heard = JSON.stringify(headers) + text.replace(String(body?.receipt ?? ''), '');
  if (/zelda|quux|distinctive|555 0199|my own words|\bsu[pb]_|\bsig_|\bcon_|\bmlg_/i.test(heard)) {
    t.fail(`${about} tells of the person`);
  }
}

/** Wherever somebody might put a token. */
const placesOf = ({ petition, urls }: World, token: string): string[] => [
  ...urls.map((url) => url.replace(/^https?:\/\/[^/]+/, '')),
  ...['unsubscribe', 'confirm', 'manage', 'email-change', 'email-undo'].map(
    (page) => `/${page}?token=${token}`,
  ),
  `/v1/unsubscribe/${token}`,
  `/v1/unsubscribe?token=${token}`,
  `/v1/confirmations?token=${token}`,
  `/v1/sessions/${token}`,
  `/v1/petitions/meadows?r=${token}`,
  `/v1/petitions/${petition.id}/signatures?recognition=${token}`,
  `/v1/petitions/meadows/counts?token=${token}`,
  `/v1/petitions/meadows/history?token=${token}`,
  ...['signatures', 'subscriptions', 'mailings', 'consent-texts'].map((noun) => `/v1/${noun}/${token}`),
  `/v1/mailings/${token}/links`,
  `/v1/me?token=${token}`,
  `/v1/me/export?token=${token}`,
];
const KEYED = ['/me', '/me/export', '/me/signatures', '/me/subscriptions', '/organization', '/subscriptions'];

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

onEveryEngine('a published mail', async (t, engine) => {
  const world = await startPublished(t, engine);
  const { api, tokens, subscription } = world;
  const before = await dumpTables(api);
  const all = Object.values(tokens);

  await t.test(
    'every link and path, by every method but POST: nothing changes, nothing is told',
    async (t) => {
      const bodies: Record<string, unknown> = { PUT: {}, PATCH: { status: 'unsubscribed' } };
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
        for (const token of all) {
          const open = placesOf(world, token).map((path) => ({ path, key: undefined as string | undefined }));
          const keyed = KEYED.map((path) => ({ path: `/v1${path}`, key: token }));
          for (const { path, key } of [...open, ...keyed]) {
            const answer = await api.call(method, path, { key, body: bodies[method] });
            assertSilent(t, answer, `${method} ${path.replace(token, '…')}`);
            if (key !== undefined && method !== 'OPTIONS') t.ok([401, 405].includes(answer.status), path);
          }
        }
      }
      t.same(difference(before, await dumpTables(api)), {});
    },
  );

  await t.test(`${BOTS} bots at once, which follow every link`, async (t) => {
    const paths = all.flatMap((token) => placesOf(world, token));
    const bots = Array.from({ length: BOTS }, async (_, i) => {
      const headers = { 'user-agent': `bot ${i}`, accept: 'text/html', 'sec-purpose': 'prefetch' };
      for (const path of paths) {
        assertSilent(t, await api.call(i % 2 ? 'HEAD' : 'GET', path, { headers }), 'a link');
      }
    });
    await Promise.all(bots);
    t.same(difference(before, await dumpTables(api)), {});
  });

  await t.test('404 and 401: no token works in the place of another', async (t) => {
    const paths = [
      'confirmations',
      'confirmations/refuse',
      'sessions',
      'email-changes/confirm',
      'email-changes/undo',
    ];
    for (const [name, token] of Object.entries(tokens)) {
      const [, , ...rest] = token;
      const renamed = ['pc', 'pm', 'ps', 'pe', 'px', 'pr'].map((prefix) => [prefix, ...rest].join(''));
      for (const path of paths) {
        for (const one of [token, ...renamed]) {
          const answer = await api.call('POST', `/v1/${path}`, { body: { token: one } });
          t.match(answer, { status: 404, body: { code: 'link_not_found' } }, `${path} with ${name}`);
          assertSilent(t, answer, path);
        }
      }
      const session = await api.call('POST', '/v1/me/email-changes', {
        key: token,
        body: { email: 'a@b.example' },
      });
      t.match(session, { status: 401, body: { code: 'session_required' } });
      const form = { headers: FORM, body: `token=${token}` };
      for (const page of ['confirm', 'manage', 'email-change', 'email-undo']) {
        assertSilent(t, await api.call('POST', `/${page}`, form), page);
        assertSilent(t, await api.call('POST', `/${page}?token=${token}`, form), page);
      }
    }
    for (const token of [tokens.pr, tokens.pu.replace('pu', 'pb'), tokens.pb.replace('pb', 'pu')]) {
      t.match(await api.call('POST', `/v1/unsubscribe/${token}`), { status: 404 });
      assertSilent(
        t,
        await api.call('POST', '/unsubscribe', { headers: FORM, body: `token=${token}` }),
        'a page',
      );
    }
    t.same(difference(before, await dumpTables(api)), {});
  });

  await t.test('202: whoever signs through the link is themselves; the person is not touched', async (t) => {
    const bot = 'forwarded@elsewhere.example';
    for (const [i, recognition] of [...all, 'pr_x'].entries()) {
      const body = { email: `${i}.${bot}`, name: 'A Reader', recognition };
      const answer = await api.call('POST', '/v1/petitions/meadows/signatures', { body });
      t.match(answer, { status: 202, body: { next: 'confirm_email', count: 1 } });
      assertSilent(t, answer, 'signing');
    }
    const { petitionCounts, partnerCounts, ...changed } = difference(before, await dumpTables(api));
    t.ok(petitionCounts && partnerCounts, 'they are counted as pending, and for whom the mailing is of');
    t.same(Object.keys(changed).sort(), ['confirmationRequests', 'outbox', 'signatures', 'supporters']);
    for (const { gone } of Object.values(changed)) t.same(gone, [], 'no older row is another');
    const to = (await collectMail(api)).map((letter) => letter.to);
    t.ok(
      to.every((address) => address.endsWith(bot)),
      'and nothing is mailed to the person',
    );
  });

  await t.test(
    '200: POST takes the person off that list, and does nothing else, however often',
    async (t) => {
      const then = await dumpTables(api);
      const clicks = [
        { headers: FORM, body: 'List-Unsubscribe=One-Click' },
        { headers: FORM, body: `token=${tokens.pr}&email=${encodeURIComponent(EMAIL)}` },
        { body: { organization_id: world.other.id, email: EMAIL } },
        { key: tokens.pu },
        {},
      ];
      const bots = Array.from({ length: BOTS }, (_, i) => {
        const { key: _key, ...click } = { key: undefined, ...clicks[i % clicks.length] };
        return api.call('POST', `/v1/unsubscribe/${i % 3 ? tokens.pu : tokens.pb}`, click);
      });
      for (const answer of await Promise.all(bots)) {
        t.match(answer, { status: 200, text: '' });
        assertSilent(t, answer, 'one click');
      }
      assertSilent(
        t,
        await api.call('POST', '/unsubscribe', { headers: FORM, body: `token=${tokens.pb}` }),
        'page',
      );
      const { subscriptions, ...changed } = difference(then, await dumpTables(api));
      const { gone = [], come = [] } = subscriptions ?? {};
      t.match([gone.length, come.length], [1, 1]);
      t.match(come[0], { publicId: subscription, status: 'unsubscribed', endedAt: /Z$/ });
      t.same({ ...come[0], status: 'active', endedAt: null }, gone[0], 'nothing of it is another but that');
      t.match(changed, {
        consents: { gone: [], come: [{ action: 'withdrawn' }] },
        confirmationRequests: { gone: [], come: [{ kind: 'subscription', origin: 'undo' }] },
        outbox: { gone: [], come: [{ kind: 'unsubscribed', state: 'queued' }] },
        mailingHours: { gone: [], come: [{ outcome: 'unsubscribed', events: 1 }] },
      });
      const tables = ['confirmationRequests', 'consents', 'mailingHours', 'outbox'];
      t.same(Object.keys(changed).sort(), tables);
      for (const { come } of Object.values(changed)) t.equal(come.length, 1);
      t.match(await collectLetter(api, EMAIL), { template: 'unsubscribed' });
    },
  );
});
