import { eq } from 'drizzle-orm';
import pg from 'pg';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import { insertRequest } from '../../../src/core/mail/confirmation-requests.js';
import { runRetention } from '../../../src/core/my-data/retention.js';
import { noteContacts } from '../../../src/core/supporters/contacts.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import { onEveryEngine, publish, start, type TestApp } from '../../support/helper.js';
import { cli, home } from '../../support/process.js';

const DAY = 86_400_000;

async function execute({ url, store }: TestApp, ...statements: string[]): Promise<void> {
  if (store.engine === 'sqlite') {
    const database = openFile(url.slice('file:'.length));
    for (const text of statements) database.exec(text);
    database.close();
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const text of statements) await client.query(text);
  await client.end();
}

/** No signature of this petition can be changed: as with a damaged page, or a lock that nobody gives back. */
const jam = (api: TestApp, petitionKey: number) =>
  api.store.engine === 'sqlite'
    ? execute(
        api,
        `create trigger jam before update on signatures when old.petition_key = ${petitionKey}
         begin select raise(abort, 'jammed'); end`,
      )
    : execute(
        api,
        `create function jam() returns trigger language plpgsql as $$ begin raise exception 'jammed'; end $$`,
        `create trigger jam before update on signatures for each row
         when (old.petition_key = ${petitionKey}) execute function jam()`,
      );

onEveryEngine('retention', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  const { petitions, signatures, supporters, confirmationRequests } = api.store.tables;
  const read = api.store.read.db;
  const sign = async (slug: string, ...emails: string[]) => {
    for (const email of emails) {
      const body = {
        email,
        name: `Name of ${email.replace('@example.org', '')}`,
        given_name: 'Name',
        family_name: 'Family',
        country: 'NL',
        display: 'public',
        comment: 'Because',
      };
      await api.call('POST', `/v1/petitions/${slug}/signatures`, { body });
    }
  };
  const keys: Record<string, number> = {};
  const make = async (slug: string, retentionDays: number | null) => {
    const { id } = await publish(api, lead.secret, {
      slug,
      title: slug,
      confirmation: slug === 'mailed' ? 'email' : 'none',
      form: { comment: 'optional' },
    });
    const [row] = await api.store.transact((tx) =>
      tx.db.update(petitions).set({ retentionDays }).where(eq(petitions.publicId, id)).returning(),
    );
    keys[slug] = row?.key ?? 0;
  };
  const close = (slug: string) =>
    api.call('POST', `/v1/petitions/${slug}/transitions`, { key: lead.secret, body: { to: 'closed' } });
  const namesOf = async (slug: string) => {
    const rows = await read
      .select()
      .from(signatures)
      .where(eq(signatures.petitionKey, keys[slug] ?? 0))
      .orderBy(signatures.key);
    return rows.map(({ name }) => name.replace('Name of ', '').replace('@example.org', ''));
  };

  api.setClock(new Date('2026-01-01T00:00:00Z'));
  await make('exempt', null);
  await make('jammed', 30);
  await make('due', 30);
  await make('mailed', 30);
  await make('early', 90);
  await make('open', 0);
  for (const slug of Object.keys(keys)) await sign(slug, `both@example.org`, `${slug}@example.org`);
  await sign('due', 'only@example.org');
  const unknown = {
    apiKeyKey: null,
    mailingKey: null,
    mailingVariantKey: null,
    shareLinkKey: null,
    utm: null,
  };
  const [someone] = await read.select().from(supporters).where(eq(supporters.identity, 'both@example.org'));
  const tap = (slug: string) => ({
    kind: 'signature' as const,
    supporterKey: someone?.key ?? 0,
    origin: 'one_tap' as const,
    locale: 'en',
    petitionKey: keys[slug] ?? 0,
    optIns: [],
    data: {
      name: 'Tapped',
      display: 'anonymous' as const,
      country: null,
      postalCode: null,
      postalAddress: null,
      phone: null,
      comment: null,
      tap: { collectorKey: lead.key, ...unknown },
    },
  });
  for (const slug of ['due', 'open']) await api.store.transact((tx) => insertRequest(tx, tap(slug)));
  for (const slug of Object.keys(keys)) if (slug !== 'open') await close(slug);
  await jam(api, keys['jammed'] ?? 0);
  const counts = async () => Promise.all(Object.values(keys).map((key) => readCounts(api.store.read, key)));
  const before = await counts();
  const run = async (dryRun: boolean) => {
    const result = await runRetention(ctx, { dryRun });
    const outcomes = result.petitions.map((one) => `${one.slug} ${one.outcome} ${one.signatures}`);
    return { outcomes, supporters: result.supporters };
  };

  await t.test('nothing is due before its time, and a dry run changes nothing', async (t) => {
    api.setClock(new Date(Date.parse('2026-01-01') + 29 * DAY));
    t.same(await run(false), {
      outcomes: ['exempt exempt 0', 'jammed early 0', 'due early 0', 'mailed early 0', 'early early 0'],
      supporters: 0,
    });
    api.setClock(new Date(Date.parse('2026-01-01') + 31 * DAY));
    t.same(await run(true), {
      outcomes: ['exempt exempt 0', 'jammed due 2', 'due due 3', 'mailed due 2', 'early early 0'],
      supporters: 0,
    });
    t.same(await namesOf('due'), ['both', 'due', 'only']);
  });

  await t.test('the exempt and the failing do not stop the others', async (t) => {
    t.same(await run(false), {
      outcomes: ['exempt exempt 0', 'jammed failed 0', 'due due 3', 'mailed due 2', 'early early 0'],
      supporters: 3,
    });
    t.same(await namesOf('due'), ['', '', '']);
    t.same(await namesOf('mailed'), ['', ''], 'what was never confirmed, too');
    for (const slug of ['exempt', 'jammed', 'early', 'open']) t.same(await namesOf(slug), ['both', slug]);
    const rows = await read
      .select()
      .from(signatures)
      .where(eq(signatures.petitionKey, keys['due'] ?? 0));
    for (const row of rows) {
      t.match(row, {
        supporterKey: null,
        givenName: null,
        familyName: null,
        country: null,
        comment: null,
        display: 'anonymous',
        status: 'confirmed',
      });
    }
    t.same(await counts(), before, 'every count stays');
    t.same(await recount(api.store.read), []);
    const people = (await read.select().from(supporters)).map(({ delivery }) => delivery).sort();
    t.same(
      people.filter(Boolean),
      ['both', 'early', 'exempt', 'jammed', 'open'].map((name) => `${name}@example.org`),
    );
    const all = await read.select().from(confirmationRequests).orderBy(confirmationRequests.key);
    t.match(
      all.filter(({ origin }) => origin === 'one_tap'),
      [
        { petitionKey: null, data: null, refusedAt: Date },
        { petitionKey: keys['open'], data: { name: 'Tapped' } },
      ],
      'a tap that nobody has confirmed has no signature that leads to it',
    );
    const requests = all.filter(({ origin }) => origin !== 'one_tap');
    t.ok(requests.every(({ signatureKey, petitionKey }) => signatureKey === null && petitionKey === null));
    t.match((await api.call('GET', '/v1/petitions/due/signatures')).body.data, [
      { display_name: null },
      { display_name: null },
      { display_name: null },
    ]);
  });

  await t.test('a second run finds nothing more; who comes back is a new supporter', async (t) => {
    t.match(await run(false), {
      outcomes: ['exempt exempt 0', 'jammed failed 0', 'due due 0', 'mailed due 0', 'early early 0'],
      supporters: 0,
    });
    await sign('open', 'only@example.org');
    t.same(await namesOf('open'), ['both', 'open', 'only']);
    t.same(await recount(api.store.read), []);
  });

  // Each is a process: one engine is enough.
  const skip = engine.name !== 'sqlite';
  await t.test('the commands say it, and no address', { skip }, async (t) => {
    const folder = home(t);
    const env = {
      DATABASE_URL: api.url,
      POSTGRES_ALLOW_UNSAFE: 'true',
      ROOT_KEY: Buffer.alloc(32, 7).toString('base64'),
    };
    const dry = await cli(folder, env, 'retention', 'run', '--dry-run');
    t.match(dry, { code: 0, stdout: /  exempt  exempt: [^]*would be anonymised\.\n$/ });
    const real = await cli(folder, env, 'retention', 'run');
    t.match(real, { code: 1, stdout: /  jammed  failed \(.+\)\n/ });
    t.match(await cli(folder, env, 'erasures', 'replay'), { code: 0, stdout: /^Nobody/ });
    const list = (verb: string) => cli(folder, env, 'do-not-contact', verb, 'Both@example.org');
    const said = [await list('add'), await list('check'), await list('remove')];
    t.match(
      said.map(({ stdout }) => stdout),
      [/Nothing is mailed/, /must not be mailed: request/, /may be mailed again/],
    );
    t.match(await cli(folder, env, 'do-not-contact', 'add', 'nonsense'), {
      code: 1,
      stderr: /name@example.org/,
    });
    t.notMatch(JSON.stringify([dry, real, said]), /both@|jammed@|only@/i);
  });
});

onEveryEngine('contacts are forgotten with the reason to know somebody', async (t, engine) => {
  const api = await start(t, engine);
  const [lead, other] = [await api.organization('River Meadows'), await api.organization('Anglers')];
  const { petitions, contacts, supporters } = api.store.tables;
  for (const slug of ['due', 'open']) await publish(api, lead.secret, { slug, confirmation: 'none' });
  const sign = (slug: string, email: string) =>
    api.call('POST', `/v1/petitions/${slug}/signatures`, { body: { email, name: 'Somebody' } });
  await sign('due', 'both@example.org');
  await sign('open', 'both@example.org');
  await sign('due', 'only@example.org');
  const people = await api.store.read.db.select().from(supporters);
  await api.store.transact(async (tx) => {
    const said = people.map(({ key }) => ({ supporterKey: key, said: { name: 'As we know them' } }));
    for (const { key } of [lead, other]) await noteContacts(tx, key, said);
    await tx.db.update(petitions).set({ retentionDays: 1 });
  });
  await api.call('POST', '/v1/petitions/due/transitions', { key: lead.secret, body: { to: 'closed' } });
  api.setClock(new Date(Date.now() + 3 * 86_400_000));
  await runRetention(api.app.ctx, { dryRun: false });
  const left = await api.store.read.db.select().from(contacts);
  t.match(
    left,
    [{ organizationKey: lead.key, name: 'As we know them' }],
    'only who signed another of its petitions',
  );
  t.equal(left.length, 1);
});
