import { eq } from 'drizzle-orm';
import { eraseSupporter, replayErasures } from '../../src/core/erasure.js';
import { readCounts } from '../../src/core/counts.js';
import { recount } from '../../src/core/recount.js';
import { TOKEN_BYTES, issueToken } from '../../src/core/random-tokens.js';
import { onEveryEngine, publish, start, type TestApp } from '../helper.js';
import { collectMail, tokenOf } from '../mailbox.js';

const DAY = 86_400_000;

/** Every row of every table as one text, bytes as characters. */
async function dump({ store }: TestApp): Promise<string> {
  const parts: string[] = [];
  for (const table of Object.values(store.tables)) {
    const rows = (await store.read.db.select().from(table as never)) as Record<string, unknown>[];
    for (const value of rows.flatMap((row) => Object.values(row))) {
      parts.push(Buffer.isBuffer(value) ? value.toString('latin1') : (JSON.stringify(value) ?? ''));
    }
  }
  return parts.join('\n');
}

const keyOf = async ({ store }: TestApp, email: string): Promise<number> => {
  const { supporters: t } = store.tables;
  const [row] = await store.read.db.select().from(t).where(eq(t.identity, email));
  return row?.key ?? 0;
};

async function sessionOf(api: TestApp, email: string): Promise<string> {
  const token = await api.store.transact(async (tx) => {
    const { supporters: t } = tx.tables;
    const [row] = await tx.db.select().from(t).where(eq(t.identity, email));
    const about = { supporterKey: row?.key ?? 0, epoch: row?.linkEpoch ?? 0 };
    return issueToken(tx, { purpose: 'manage', bytes: api.app.ctx.random(TOKEN_BYTES), ...about });
  });
  return (await api.call('POST', '/v1/sessions', { body: token && { token: token.token } })).body
    .session_token;
}

onEveryEngine('eraseMe: the whole story', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', goals: [1] });
  await publish(api, lead.secret, { slug: 'pending' });
  const text = ctx.newId('txt');
  await api.store.transact((tx) =>
    tx.db
      .insert(tx.tables.consentTexts)
      .values({
        publicId: text,
        organizationKey: lead.key,
        locale: 'en',
        version: 1,
        text: 'Yes, mail me.',
        hash: Buffer.alloc(32),
        createdAt: tx.now,
      })
      .returning(),
  );
  const sign = (ref: string, email: string, name: string, fields = {}) =>
    api.call('POST', `/v1/petitions/${ref}/signatures`, { body: { email, name, ...fields } });
  const counts = async (ref: string) => {
    const { petitions: p } = api.store.tables;
    const [row] = await api.store.read.db.select().from(p).where(eq(p.slug, ref));
    const { confirmed, pending, withdrawn } = await readCounts(api.store.read, row?.key ?? 0);
    return { confirmed, pending, withdrawn };
  };
  const confirmAll = async () => {
    for (const letter of await collectMail(api)) {
      const body = { token: tokenOf(letter) };
      if (letter.template === 'confirm_signature') await api.call('POST', '/v1/confirmations', { body });
    }
  };
  const ZELDA = 'Zelda.Quux@distinctive.example';
  const identity = ZELDA.toLowerCase();
  const words = {
    country: 'NL',
    display: 'public',
    source: 'mail-top',
    utm: { source: 'zeldaquux-news' },
    opt_ins: [{ consent_text_id: text, opt_in: true }],
  };
  await sign('meadows', ZELDA, 'Zelda Quux', words);
  await sign('meadows', 'bo@example.org', 'Bo Bystander');
  await confirmAll();
  await sign('pending', ZELDA, 'Zelda Quux');
  await sign('meadows', ZELDA, 'Zelda Quux the Second');
  t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 0 });
  const key = await sessionOf(api, identity);
  await api.call('PATCH', '/v1/me', { key, body: { phone: '+31 20 555 0199' } });
  await api.call('POST', '/v1/me/email-changes', { key, body: { email: 'zelda.quux@another.example' } });

  const evidence = { email: ZELDA, name: 'Zelda Quux in the files', vouched: true };
  await api.call('POST', '/v1/petitions/meadows/signatures', { key: lead.secret, body: evidence });

  await t.test('200: the export holds everything, and nothing of others', async (t) => {
    const answer = await api.call('GET', '/v1/me/export', { key });
    t.match(answer, {
      status: 200,
      headers: { 'content-disposition': /^attachment/, 'cache-control': 'private, no-store' },
      body: {
        profile: { email: ZELDA, name: 'Zelda Quux', phone: '+31 20 555 0199' },
        signatures: [
          { petition: { slug: 'pending' }, status: 'pending' },
          { petition: { slug: 'meadows' }, status: 'confirmed', statement: /./, utm: words.utm },
        ],
        subscriptions: [{ status: 'active', organization: { name: 'River Meadows' } }],
        consents: [{ action: 'requested' }, { action: 'granted', text: 'Yes, mail me.', proof: /^.{43}$/ }],
        confirmation_requests: [{ confirmed_at: /Z$/ }, {}, { said: { name: 'Zelda Quux the Second' } }],
        mails: [{ kind: 'signed', state: 'sent' }, {}, {}, { kind: 'email_apply' }, { kind: 'email_notice' }],
        email_changes: [{ status: 'requested', new_email: 'zelda.quux@another.example' }],
        contacts: [{ organization_id: lead.id, name: 'Zelda Quux in the files', phone: null }],
      },
    });
    t.notMatch(answer.text, /bystander|bo@example/i);
    t.equal(answer.body.signatures.length, 2);
  });

  await t.test('204: nothing of the person is left, and what counted counts', async (t) => {
    t.match(await dump(api), /zelda.?quux/i, 'it could be found before');
    t.match(await api.call('DELETE', '/v1/me', { key }), { status: 204, text: '' });
    t.notMatch(await dump(api), /zelda|quux|distinctive|another\.example|555 0199/i);
    t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 0 });
    t.same(await counts('pending'), { confirmed: 0, pending: 0, withdrawn: 1 });
    t.same(await recount(api.store.read), []);
    t.match(await api.call('GET', '/v1/me', { key }), { status: 401, body: { code: 'invalid_session' } });
    t.same(await collectMail(api), [], 'and nothing is mailed any more');
    const list = await api.call('GET', '/v1/signatures?petition=meadows&status=confirmed', {
      key: lead.secret,
    });
    t.match(list.body.data, [
      { name: 'Bo Bystander' },
      { name: null, email: null, supporter_id: null, status: 'confirmed', hidden: true, source: 'mail-top' },
    ]);
    const { consents: c } = api.store.tables;
    const rows = await api.store.read.db.select().from(c).orderBy(c.key);
    t.match(rows, [
      { action: 'requested' },
      { action: 'granted' },
      { action: 'withdrawn', origin: 'erasure' },
    ]);
    t.ok(rows.every(({ supporterKey, proof }) => supporterKey === null && proof.length === 32));
    t.match(
      (await ctx.erasures.entries()).map(({ subject }) => subject),
      [ctx.secrets.subject(identity)],
    );
  });

  await t.test('whoever signs again is a new supporter, and counts once', async (t) => {
    await sign('meadows', ZELDA, 'Zelda Quux');
    t.same(await counts('meadows'), { confirmed: 2, pending: 1, withdrawn: 0 });
    api.setClock(new Date(Date.now() + 2 * DAY));
    await api.call('POST', '/v1/petitions/meadows/signatures', {
      key: lead.secret,
      body: { email: ZELDA, name: 'Zelda Quux', vouched: true },
    });
    t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 1 });
    t.same(await recount(api.store.read), []);
    t.equal(await replayErasures(ctx), 0, 'a replay leaves those alone who came back');
  });

  await t.test('erased for the second time: there is one tombstone for an address', async (t) => {
    await sign('pending', ZELDA, 'Zelda Quux');
    await eraseSupporter(ctx, await keyOf(api, identity));
    t.notMatch(await dump(api), /zelda|quux|distinctive/i);
    t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 1 });
    await sign('meadows', ZELDA, 'Zelda Quux', {});
    const body = { email: ZELDA, name: 'Zelda Quux', vouched: true };
    await api.call('POST', '/v1/petitions/meadows/signatures', { key: lead.secret, body });
    t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 2 });
    t.same(await recount(api.store.read), []);
    await eraseSupporter(ctx, await keyOf(api, identity));
    await eraseSupporter(ctx, await keyOf(api, identity));
    t.notMatch(await dump(api), /zelda|quux|distinctive/i);
  });

  await t.test('a restored backup knows the person again: a replay erases once more', async (t) => {
    const lines = (await ctx.erasures.entries()).length;
    api.setClock(new Date(Date.now() - 5 * DAY));
    await sign('meadows', ZELDA, 'Zelda Quux');
    await sign('meadows', 'cy@example.org', 'Cy');
    api.setClock(undefined);
    t.equal(await replayErasures(ctx), 1);
    t.equal(await replayErasures(ctx), 0);
    t.notMatch(await dump(api), /zelda|quux|distinctive/i);
    t.match(await dump(api), /cy@example/, 'others stay');
    t.equal((await ctx.erasures.entries()).length, lines, 'the journal is not written by a replay');
    t.same(await recount(api.store.read), []);
  });
});

onEveryEngine('erasing somebody who has changed their address', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const sign = (email: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'Zelda' } });
  await sign('zelda@old.example');
  const key = await sessionOf(api, 'zelda@old.example');
  await api.call('POST', '/v1/me/email-changes', { key, body: { email: 'zelda@new.example' } });
  const [apply] = (await collectMail(api)).filter(({ template }) => template === 'email_apply');
  await api.call('POST', '/v1/email-changes/confirm', { body: { token: apply && tokenOf(apply) } });
  await eraseSupporter(ctx, await keyOf(api, 'zelda@new.example'));

  api.setClock(new Date(Date.now() - DAY));
  await sign('zelda@old.example');
  api.setClock(undefined);
  t.equal(await replayErasures(ctx), 1, 'an older backup knows them by the address before');
  t.notMatch(await dump(api), /zelda/i);
});

onEveryEngine('erasing and signing at the same time', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  const sign = (email: string) =>
    api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'N' } });
  const emails = Array.from({ length: 10 }, (_, i) => `person${i}@example.org`);
  await Promise.all(emails.map(sign));
  const keys = await Promise.all(emails.map((email) => keyOf(api, email)));
  await Promise.all([
    ...keys.map((key) => eraseSupporter(ctx, key)),
    ...keys.map((key) => eraseSupporter(ctx, key)),
    ...emails.map((_, i) => sign(`late${i}@example.org`)),
  ]);
  t.notMatch(await dump(api), /person\d/);
  t.same(await recount(api.store.read), []);
});
