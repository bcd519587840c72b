import { and, eq, isNotNull, ne } from 'drizzle-orm';
import pg from 'pg';
import t from 'tap';
import { forgetNetworks } from '../../../src/core/brakes/key-networks.js';
import { takeOverTombstones } from '../../../src/core/counts/counting-once.js';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recountPeople } from '../../../src/core/counts/recount-people.js';
import { recount } from '../../../src/core/counts/recount.js';
import { TOKEN_BYTES, issueToken } from '../../../src/core/links/random-tokens.js';
import { replayErasures } from '../../../src/core/my-data/erasure-replay.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { findOrCreateSupporter } from '../../../src/core/supporters/supporters.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import { drizzleOn } from '../../../src/store/sqlite-drizzle.js';
import { engines, onEveryEngine, publish, start, type Engine, type TestApp } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';

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
  const parts = { given_name: 'Zelda', family_name: 'Quux' };
  const words = {
    ...parts,
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
  await sign('meadows', ZELDA, 'Zelda Quux the Second', { given_name: 'Zelda' });
  t.same(await counts('meadows'), { confirmed: 2, pending: 0, withdrawn: 0 });
  const key = await sessionOf(api, identity);
  await api.call('PATCH', '/v1/me', { key, body: { phone: '+31 20 555 0199' } });
  await api.call('POST', '/v1/me/email-changes', { key, body: { email: 'zelda.quux@another.example' } });

  const evidence = { email: ZELDA, name: 'Zelda Quux in the files', ...parts, vouched: true };
  await api.call('POST', '/v1/petitions/meadows/signatures', { key: lead.secret, body: evidence });

  await t.test('200: the export holds everything, and nothing of others', async (t) => {
    const answer = await api.call('GET', '/v1/me/export', { key });
    t.match(answer, {
      status: 200,
      headers: { 'content-disposition': /^attachment/, 'cache-control': 'private, no-store' },
      body: {
        profile: { email: ZELDA, name: 'Zelda Quux', ...parts, phone: '+31 20 555 0199' },
        signatures: [
          { petition: { slug: 'pending' }, status: 'pending' },
          { petition: { slug: 'meadows' }, status: 'confirmed', statement: /./, utm: words.utm, ...parts },
        ],
        subscriptions: [{ status: 'active', organization: { name: 'River Meadows' } }],
        consents: [{ action: 'requested' }, { action: 'granted', text: 'Yes, mail me.', proof: /^.{43}$/ }],
        confirmation_requests: [
          { confirmed_at: /Z$/ },
          {},
          { said: { name: 'Zelda Quux the Second', given_name: 'Zelda', family_name: null } },
        ],
        mails: [{ kind: 'signed', state: 'sent' }, {}, {}, { kind: 'email_apply' }, { kind: 'email_notice' }],
        email_changes: [{ status: 'requested', new_email: 'zelda.quux@another.example' }],
        contacts: [{ organization_id: lead.id, name: 'Zelda Quux in the files', ...parts, phone: null }],
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

onEveryEngine(
  'who was erased counts once, whatever is signed, brought or put back afterwards',
  async (t, engine) => {
    const api = await start(t, engine);
    const { ctx } = api.app;
    const { secret: key } = await api.organization('River Meadows');
    for (const slug of ['meadows', 'other']) await publish(api, key, { slug, confirmation: 'none' });
    const sign = (slug: string, email: string, fields = {}) =>
      api.call('POST', `/v1/petitions/${slug}/signatures`, { body: { email, name: 'Zelda', ...fields } });
    const vouch = (slug: string, email: string) =>
      api.call('POST', `/v1/petitions/${slug}/signatures`, {
        key,
        body: { email, name: 'Zelda', vouched: true },
      });
    const counted = async () => (await api.call('GET', '/v1/petitions/meadows/counts')).body.confirmed;
    const moderate = (id: string, verb: string) =>
      api.call('POST', `/v1/signatures/${id}/${verb}`, { key, body: { reason: 'a test' } });
    const idOf = async (email: string) =>
      (await api.call('GET', `/v1/signatures?petition=meadows&email=${email}`, { key })).body.data[0].id;
    const twice = () => recountPeople(api.store.read, ctx.secrets);
    /** Signs, and is erased: one is counted, for ever. */
    const erased = async (email: string) => {
      await sign('meadows', email);
      await eraseSupporter(ctx, await keyOf(api, email));
    };

    await t.test('signs something else first, then this one', async (t) => {
      const before = await counted();
      await erased('one@example.org');
      await sign('other', 'one@example.org');
      await sign('meadows', 'one@example.org');
      t.equal(await counted(), before + 1);
      await erased('two@example.org');
      await sign('other', 'two@example.org');
      await vouch('meadows', 'two@example.org');
      t.equal(await counted(), before + 2);
      t.same(await twice(), []);
    });

    await t.test('comes with an import, having signed something else', async (t) => {
      const before = await counted();
      await erased('three@example.org');
      await sign('other', 'three@example.org');
      const line = JSON.stringify({ email: 'three@example.org', name: 'Zelda' });
      const headers = { 'content-type': 'application/x-ndjson' };
      const imported = await api.call('POST', '/v1/signatures/import?petition=meadows', {
        key,
        headers,
        body: `${line}\n`,
      });
      t.equal(imported.status, 200);
      t.equal(await counted(), before + 1);
      t.same(await twice(), []);
    });

    await t.test('409: taken out before the erasure, signed anew, put back', async (t) => {
      const before = await counted();
      await sign('meadows', 'four@example.org');
      const id = await idOf('four@example.org');
      await moderate(id, 'invalidate');
      await eraseSupporter(ctx, await keyOf(api, 'four@example.org'));
      await sign('meadows', 'four@example.org');
      t.match(await moderate(id, 'restore'), { status: 409, body: { code: 'signer_forgotten' } });
      const body = { petition: 'meadows', action: 'restore', filter: {} };
      const preview = await api.call('POST', '/v1/signature-moderations/preview', { key, body });
      t.match(preview, { status: 200, body: { matched: 0 } }, 'nor with many others');
      t.equal(await counted(), before + 1);
    });

    await t.test('409: quarantined, refused, erased: neither put back nor released', async (t) => {
      const before = await counted();
      await sign('meadows', 'five@example.org', { website: 'https://spam.example' });
      const id = await idOf('five@example.org');
      await moderate(id, 'refuse');
      await eraseSupporter(ctx, await keyOf(api, 'five@example.org'));
      t.match(await moderate(id, 'restore'), { status: 409, body: { code: 'signer_forgotten' } });
      t.match(await moderate(id, 'release'), { status: 409, body: { code: 'not_quarantined' } });
      t.equal(await counted(), before);
      t.same(await recount(api.store.read), []);
    });

    await t.test('the proof finds who counts twice', async (t) => {
      await erased('six@example.org');
      await sign('other', 'six@example.org');
      const confirmed = await counted();
      const { signatures: s, supporters, petitions } = api.store.tables;
      const [petition] = await api.store.read.db
        .select()
        .from(petitions)
        .where(eq(petitions.slug, 'meadows'));
      await api.store.transact(async (tx) => {
        const [row] = await tx.db.select().from(supporters).where(eq(supporters.identity, 'six@example.org'));
        const [other] = await tx.db
          .select()
          .from(s)
          .where(eq(s.supporterKey, row?.key ?? 0));
        await tx.db
          .update(s)
          .set({ petitionKey: petition?.key ?? 0 })
          .where(eq(s.key, other?.key ?? 0))
          .returning();
      });
      t.same(await twice(), [
        { petitionId: petition?.publicId, what: 'people', counter: confirmed + 1, rows: confirmed },
      ]);
    });
  },
);

onEveryEngine(
  'an address is erased while it signs: nothing of it stays, or all of it is new',
  async (t, engine) => {
    const api = await start(t, engine);
    const { ctx } = api.app;
    const lead = await api.organization('River Meadows');
    for (const slug of ['meadows', 'other']) await publish(api, lead.secret, { slug, confirmation: 'none' });
    const sign = (slug: string, email: string) =>
      api.call('POST', `/v1/petitions/${slug}/signatures`, { body: { email, name: 'N' } });
    const emails = Array.from({ length: 20 }, (_, i) => `person${i}@example.org`);
    await Promise.all(emails.map((email) => sign('meadows', email)));
    const keys = await Promise.all(emails.map((email) => keyOf(api, email)));
    await Promise.all(
      emails.flatMap((email, i) => [
        sign('other', email),
        eraseSupporter(ctx, keys[i] ?? 0),
        sign('meadows', email),
        sign('other', email),
      ]),
    );
    const { signatures: s, supporters } = api.store.tables;
    const stayed = await api.store.read.db
      .select({ name: s.name })
      .from(s)
      .innerJoin(supporters, eq(supporters.key, s.supporterKey))
      .where(and(isNotNull(supporters.erasedAt), ne(s.name, '')));
    t.same(stayed, [], 'nobody has signed for a person who was gone');
    t.same(await recount(api.store.read), []);
    t.same(await recountPeople(api.store.read, ctx.secrets), []);
    t.equal((await api.call('GET', '/v1/petitions/meadows/counts')).body.confirmed, emails.length);
  },
);

/** Resolves once somebody waits for a lock. */
async function lockIsWaitedFor(url: string): Promise<'waits'> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (;;) {
      const { rows } = await client.query(
        `select 1 from pg_locks where not granted and relation = 'supporters'::regclass`,
      );
      if (rows.length > 0) return 'waits';
    }
  } finally {
    await client.end();
  }
}

const postgres = engines.find(({ name }) => name === 'postgres');
t.test(
  'an erasure waits for those who are about to sign as that person [postgres]',
  { skip: postgres ? false : 'no PostgreSQL' },
  async (t) => {
    if (!postgres) return;
    const api = await start(t, postgres);
    const { ctx } = api.app;
    const email = { identity: 'zelda@example.org', delivery: 'zelda@example.org' };
    const person = await api.store.transact((tx) => findOrCreateSupporter(tx, email, ctx.newId('sup')));
    let erasing: Promise<void> | undefined;
    await api.store.transact(async (tx) => {
      t.equal((await findOrCreateSupporter(tx, email, ctx.newId('sup'))).key, person.key);
      erasing = eraseSupporter(ctx, person.key);
      const first = await Promise.race([erasing.then(() => 'is over'), lockIsWaitedFor(api.url)]);
      t.equal(first, 'waits');
    });
    await erasing;
    t.equal(await keyOf(api, email.identity), 0);
  },
);

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

t.test('an erasure and a new address look for signatures by an index, however many there are', async (t) => {
  const [sqlite] = engines;
  const api = await start(t, sqlite as Engine);
  const lead = await api.organization('River Meadows');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none' });
  for (const email of ['stays@example.org', 'goes@example.org']) {
    await api.call('POST', '/v1/petitions/meadows/signatures', { body: { email, name: 'N' } });
  }
  const { ctx } = api.app;
  await eraseSupporter(ctx, await keyOf(api, 'goes@example.org'));
  const stays = await keyOf(api, 'stays@example.org');
  const seen: string[] = [];
  const file = api.url.slice('file:'.length);
  const database = openFile(file, { verbose: (sql) => void seen.push(String(sql)) });
  const explainer = openFile(file, { readonly: true });
  t.teardown(() => void [database, explainer].forEach((connection) => connection.close()));
  const tx = { db: drizzleOn(database), tables: api.store.tables, memo: new Map(), now: ctx.now() };
  await forgetNetworks(tx as never, stays);
  await takeOverTombstones(ctx, tx as never, stays, 'stays@example.org');
  const theirs = seen.filter((sql) => /from "signatures" where.+"supporter_key" (?:=|in) /.test(sql));
  t.equal(theirs.length, 2, 'each asks once for all signatures of the person');
  for (const sql of theirs) {
    const plan = explainer.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
    t.notMatch(plan.map(({ detail }) => detail).join('; '), /SCAN signatures\b/, sql);
  }
});
