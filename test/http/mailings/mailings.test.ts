import { block } from '../../../src/core/mail/do-not-contact.js';
import { onEveryEngine, makePartner, publish, start, type TestApp } from '../../support/helper.js';
import { collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';

const makeMailing = (api: TestApp, key: string | undefined, body: unknown, headers = {}) =>
  api.call('POST', '/v1/mailings', { key, body, headers });
const linksOf = (api: TestApp, id: string, key: string | undefined, query = '') =>
  api.call('GET', `/v1/mailings/${id}/links${query}`, { key });

/** Subscribers whose consent was given elsewhere. */
async function subscribers(api: TestApp, key: string, emails: string[]): Promise<void> {
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  const rows = emails.map((email) => ({ email }));
  const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
  const imported = await api.call('POST', '/v1/subscriptions/import', { key, body });
  if (imported.body.created !== emails.length) throw new Error(imported.text);
}

onEveryEngine('mailings', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const stranger = await api.organization('Strangers');
  const page = { page_url: 'https://meadows.example/sign?lang=en#form' };
  const petition = await publish(api, lead.secret, { slug: 'meadows', ...page });
  await makePartner(api, lead.secret, 'meadows', partner);

  await t.test(
    'createMailing 201: about a petition that you lead or are a partner of, or none',
    async (t) => {
      const first = await makeMailing(api, lead.secret, {
        name: 'First',
        petition: 'meadows',
        source: 'm-1',
      });
      t.match(first, {
        status: 201,
        headers: { 'cache-control': 'private, no-store' },
        body: { id: /^mlg_/, name: 'First', petition_id: petition.id, source: 'm-1' },
      });
      t.match(await makeMailing(api, partner.secret, { name: 'P', petition: petition.id }), {
        status: 201,
        body: { petition_id: petition.id, source: null },
      });
      const headers = { 'idempotency-key': 'mailing-1' };
      const once = await makeMailing(api, lead.secret, { name: 'Once' }, headers);
      t.match(once, { status: 201, body: { petition_id: null } });
      t.same((await makeMailing(api, lead.secret, { name: 'Once' }, headers)).body, once.body);
    },
  );

  await t.test('createMailing 400, 401, 403, 404, 410, 413, 422', async (t) => {
    t.match(await makeMailing(api, lead.secret, '{'), { status: 400 });
    t.match(await makeMailing(api, undefined, { name: 'x' }), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['subscriptions:read']);
    t.match(await makeMailing(api, weak, { name: 'x' }), { status: 403, body: { code: 'scope_required' } });
    t.match(await makeMailing(api, stranger.secret, { name: 'x', petition: 'meadows' }), {
      status: 403,
      body: { code: 'not_a_partner' },
    });
    const draft = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'D', statement: 'D', slug: 'draft' },
    });
    t.equal((await makeMailing(api, lead.secret, { name: 'x', petition: 'draft' })).status, 201);
    for (const ref of ['draft', draft.body.id, 'no-such']) {
      t.match(await makeMailing(api, stranger.secret, { name: 'x', petition: ref }), {
        status: 404,
        body: { code: 'petition_not_found' },
      });
    }
    await api.call('POST', '/v1/petitions/draft/transitions', {
      key: lead.secret,
      body: { to: 'taken_down', reason: 'other' },
    });
    t.match(await makeMailing(api, lead.secret, { name: 'x', petition: 'draft' }), { status: 410 });
    t.match(await makeMailing(api, lead.secret, { name: 'x'.repeat(2_200_000) }), { status: 413 });
    t.match(await makeMailing(api, lead.secret, { name: '' }), { status: 422 });
    t.match(await makeMailing(api, lead.secret, { name: 'x', handle: 'x' }), { status: 422 });
    await makeMailing(api, lead.secret, { name: 'a' }, { 'idempotency-key': 'k' });
    t.match(await makeMailing(api, lead.secret, { name: 'b' }, { 'idempotency-key': 'k' }), {
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  await t.test('listMailings 200, 304, 400, 401, 403: your own, in pages, latest first', async (t) => {
    const list = (query = '', key: string | undefined = lead.secret, headers = {}) =>
      api.call('GET', `/v1/mailings${query}`, { key, headers });
    const first = await list('?limit=2');
    t.match(first, { status: 200, body: { has_more: true } });
    const rest = await list(`?cursor=${first.body.next_cursor}`);
    const names = [...first.body.data, ...rest.body.data].map(({ name }) => name);
    t.same(names.slice(-2), ['Once', 'First']);
    t.notOk(names.includes('P'), 'not the partner’s');
    t.equal((await list('', partner.secret)).body.data.length, 1);
    t.equal((await list('?limit=2', lead.secret, { 'if-none-match': first.headers['etag'] })).status, 304);
    t.match(await list('?cursor=zz'), { status: 400, body: { code: 'invalid_cursor' } });
    t.match(await api.call('GET', '/v1/mailings'), { status: 401 });
    t.match(await list('', await api.newKey(lead.key, 'secret', [])), { status: 403 });
  });
});

onEveryEngine('listMailingLinks', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const other = await api.organization('Others');
  const petition = await publish(api, lead.secret, {
    slug: 'meadows',
    page_url: 'https://meadows.example/sign?lang=en#form',
  });
  const emails = ['ada', 'bo', 'cy', 'di', 'ed'].map((name) => `${name}@example.org`);
  await subscribers(api, lead.secret, emails);
  await subscribers(api, other.secret, ['ada@example.org', 'theirs@example.org']);
  const { body: mailing } = await makeMailing(api, lead.secret, {
    name: 'First',
    petition: petition.id,
    source: 'm 1&x',
  });

  await t.test(
    '200: every active subscriber, with links that are new each time and stored nowhere',
    async (t) => {
      const { status, headers, body } = await linksOf(api, mailing.id, lead.secret);
      t.match({ status, body }, { status: 200, body: { has_more: false } });
      t.match(headers, { 'cache-control': 'private, no-store', etag: undefined });
      t.same(
        body.data.map(({ email }: any) => email),
        emails,
        'in the order of subscribing',
      );
      for (const link of body.data) {
        t.match(link, {
          subscription_id: /^sub_/,
          frequency: 'all',
          locale: 'en',
          recognise_token: /^pr_[A-Za-z0-9_-]{64}$/,
          list_unsubscribe: /^<http:\/\/undersigned\.test\/v1\/unsubscribe\/pu_[A-Za-z0-9_-]{64}>$/,
          list_unsubscribe_post: 'List-Unsubscribe=One-Click',
          unsubscribe_url: /^http:\/\/undersigned\.test\/unsubscribe\?token=pb_[A-Za-z0-9_-]{64}$/,
          manage_url: 'http://undersigned.test/manage',
        });
        const url = new URL(link.petition_url);
        t.equal(url.origin + url.pathname + url.hash, 'https://meadows.example/sign#form');
        t.same(Object.fromEntries(url.searchParams), {
          lang: 'en',
          r: link.recognise_token,
          source: 'm 1&x',
        });
        t.notMatch(
          Buffer.from(link.recognise_token.slice(3), 'base64url').toString('latin1'),
          /example|sub_/,
        );
      }
      const all = body.data.flatMap((link: any) => [link.recognise_token, link.list_unsubscribe]);
      t.equal(new Set(all).size, 10, 'each its own');
    },
  );

  await t.test(
    '200: in pages; who has left, has not confirmed, or must not be mailed is not in them',
    async (t) => {
      const { ctx } = api.app;
      const [, bo] = (await linksOf(api, mailing.id, lead.secret)).body.data;
      await api.call('POST', `/v1/unsubscribe/${tokenIn(bo.list_unsubscribe.slice(1, -1))}`);
      await ctx.store.transact((tx) => block(tx, ctx.secrets.subject('cy@example.org'), 'request'));
      const texts = await api.call('GET', '/v1/consent-texts', { key: lead.secret });
      const pending = { email: 'pending@example.org', consent_text_id: texts.body.data[0].id };
      t.equal((await api.call('POST', '/v1/subscriptions', { body: pending })).status, 202);
      const found: string[] = [];
      let cursor = '';
      do {
        const { body } = await linksOf(api, mailing.id, lead.secret, `?limit=2${cursor}`);
        t.ok(body.data.length <= 2);
        found.push(...body.data.map(({ email }: any) => email));
        cursor = body.has_more ? `&cursor=${body.next_cursor}` : '';
      } while (cursor !== '');
      t.same(found, ['ada@example.org', 'di@example.org', 'ed@example.org']);
      await collectMail(api);
    },
  );

  await t.test('200: no petition, no page, no source', async (t) => {
    const { body: plain } = await makeMailing(api, lead.secret, { name: 'Plain' });
    const bare = await publish(api, lead.secret, { slug: 'bare' });
    const { body: about } = await makeMailing(api, lead.secret, { name: 'Bare', petition: bare.id });
    const { body: mute } = await makeMailing(api, lead.secret, { name: 'Mute', petition: petition.id });
    t.match((await linksOf(api, plain.id, lead.secret)).body.data[0], { petition_url: null });
    const here = /^http:\/\/undersigned\.test\/p\/bare\?r=pr_/;
    t.match((await linksOf(api, about.id, lead.secret)).body.data[0], { petition_url: here });
    const [link] = (await linksOf(api, mute.id, lead.secret)).body.data;
    t.notMatch(link.petition_url, 'source');
  });

  await t.test(
    'the token, sent as recognition, credits the signature to the mailing, whoever signs',
    async (t) => {
      const [ada] = (await linksOf(api, mailing.id, lead.secret)).body.data;
      const sign = (email: string, recognition: string) =>
        api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'N', recognition } });
      const find = async (email: string) =>
        (await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, { key: lead.secret })).body
          .data[0];
      const answers = [];
      for (const email of ['ada@example.org', 'forwarded@example.org']) {
        answers.push(await sign(email, ada.recognise_token));
        t.match(await find(email), { mailing_id: mailing.id });
      }
      const altered = ada.recognise_token.slice(0, -1) + (ada.recognise_token.endsWith('A') ? 'B' : 'A');
      const footer = tokenIn(ada.unsubscribe_url);
      for (const [i, token] of [altered, footer, 'pr_x'].entries()) {
        answers.push(await sign(`no${i}@example.org`, token));
        t.match(await find(`no${i}@example.org`), { mailing_id: null });
      }
      for (const { status, text, body } of answers) {
        t.equal(status, 202, 'a link that does not work costs no signature');
        t.notMatch(text.replace(body.receipt, ''), /mlg_|sub_|ada|forwarded/);
      }
      const signed = await collectMail(api);
      t.ok(signed.every((letter) => tokenOf(letter) !== ''));
    },
  );

  await t.test('the links leave the one list that they are of', async (t) => {
    const ed = (await linksOf(api, mailing.id, lead.secret)).body.data.at(-1);
    const leave = (token: string) => api.call('POST', `/v1/unsubscribe/${token}`);
    t.equal((await leave(ed.recognise_token)).status, 404, 'not the token of the body');
    t.equal((await leave(tokenIn(ed.unsubscribe_url))).status, 200);
    const after = (await linksOf(api, mailing.id, lead.secret)).body.data.map(({ email }: any) => email);
    t.notOk(after.includes('ed@example.org'));
    t.ok(after.includes('ada@example.org'));
  });

  await t.test('400, 401, 403, 404', async (t) => {
    t.match(await linksOf(api, mailing.id, lead.secret, '?limit=101'), { status: 400 });
    t.match(await linksOf(api, mailing.id, lead.secret, '?cursor=zz'), { status: 400 });
    t.match(await linksOf(api, 'mlg_x', lead.secret), { status: 400 });
    t.match(await linksOf(api, mailing.id, undefined), { status: 401 });
    const weak = await api.newKey(lead.key, 'secret', ['subscriptions:read']);
    t.match(await linksOf(api, mailing.id, weak), { status: 403, body: { code: 'scope_required' } });
    t.match(await linksOf(api, mailing.id, other.secret), {
      status: 404,
      body: { code: 'mailing_not_found' },
    });
    t.match(await linksOf(api, `mlg_${'0'.repeat(26)}`, lead.secret), { status: 404 });
  });
});
