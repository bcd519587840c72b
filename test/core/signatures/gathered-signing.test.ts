import { count, eq } from 'drizzle-orm';
import fc from 'fast-check';
import pg from 'pg';
import t, { type Test } from 'tap';
import { SCOPES } from '../../../schema/db/tables/organization.js';
import type { Actor } from '../../../src/core/actor.js';
import { recount } from '../../../src/core/counts/recount.js';
import { retryOf } from '../../../src/core/idempotency.js';
import type { SignInput } from '../../../src/core/signatures/sign-input.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { ApiError } from '../../../src/errors.js';
import { engines, openTestStore, publish, start, type Engine, type TestApp } from '../../support/helper.js';
import { until } from '../../support/until.js';

const postgres = engines.find(({ name }) => name === 'postgres');
// Only tests that are skipped together may share it: node-tap changes the options of a test that it skips.
const onPostgres = { skip: postgres ? false : 'no PostgreSQL' };

const FORM = { country: 'optional', postal_code: 'off', postal_address: 'off', phone: 'off', comment: 'off' };

/** An app with petitions that ask for a confirmation, or not. */
async function world(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('Meadow Friends');
  const petitions: string[] = [];
  for (const [i, confirmation] of ['email', 'none', 'none'].entries()) {
    petitions.push((await publish(api, lead.secret, { slug: `p${i}`, confirmation, form: FORM })).slug);
  }
  const text = await api.call('POST', '/v1/consent-texts', {
    key: lead.secret,
    body: { locale: 'en', text: 'Yes, mail me.' },
  });
  const actor: Actor = {
    kind: 'secret',
    keyKey: 4711,
    keyId: 'key',
    organizationKey: lead.key,
    organizationId: lead.id,
    scopes: SCOPES,
    origins: [],
  };
  return { api, petitions, actor, text: text.body.id as string };
}

const anybody = { kind: 'anonymous' } as const;

/** Signs, as whoever can say what is said; a retry is told by the name of the signer. */
const sign = (
  { api, actor }: Pick<Awaited<ReturnType<typeof world>>, 'api' | 'actor'>,
  petition: string,
  input: SignInput,
  retried = false,
) =>
  signPetition(
    api.app.ctx,
    input.externalId == null ? anybody : actor,
    petition,
    input,
    retried ? retryOf(api.app.ctx.retryKey, petition, input.email, 'the same') : undefined,
  ).then(
    ({ created, signature: { status } }) => `${created ? 'created' : 'repeated'} ${status}`,
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );

/** PostgreSQL keeps no order of members. */
const said = (row: object) =>
  JSON.stringify(row, (_, value: unknown) =>
    value && !Array.isArray(value) && typeof value === 'object'
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

/** What signing has left behind, without keys and instants. */
async function content({ store: { read, tables } }: TestApp) {
  const {
    signatures,
    supporters,
    petitions,
    confirmationRequests,
    outbox,
    suspicions,
    consents,
    subscriptions,
  } = tables;
  const rows = {
    signatures: await read.db
      .select({
        petition: petitions.slug,
        who: supporters.identity,
        status: signatures.status,
        name: signatures.name,
        given: signatures.givenName,
        family: signatures.familyName,
      })
      .from(signatures)
      .innerJoin(supporters, eq(supporters.key, signatures.supporterKey))
      .innerJoin(petitions, eq(petitions.key, signatures.petitionKey)),
    supporters: await read.db.select({ who: supporters.identity, to: supporters.delivery }).from(supporters),
    requests: await read.db
      .select({
        who: supporters.identity,
        petition: confirmationRequests.petitionKey,
        signature: signatures.name,
        data: confirmationRequests.data,
      })
      .from(confirmationRequests)
      .innerJoin(supporters, eq(supporters.key, confirmationRequests.supporterKey))
      .leftJoin(signatures, eq(signatures.key, confirmationRequests.signatureKey)),
    mails: await read.db
      .select({ kind: outbox.kind, petition: outbox.petitionKey, who: supporters.identity })
      .from(outbox)
      .leftJoin(supporters, eq(supporters.key, outbox.supporterKey)),
    consents: await read.db
      .select({ action: consents.action, who: supporters.identity })
      .from(consents)
      .innerJoin(supporters, eq(supporters.key, consents.supporterKey)),
    subscriptions: await read.db
      .select({ status: subscriptions.status, who: supporters.identity })
      .from(subscriptions)
      .innerJoin(supporters, eq(supporters.key, subscriptions.supporterKey)),
    suspicions: await read.db
      .select({ score: suspicions.score, signals: suspicions.signals })
      .from(suspicions),
  };
  return Object.fromEntries(Object.entries(rows).map(([name, some]) => [name, some.map(said).sort()]));
}

t.test('PostgreSQL: signing at once leaves what signing one after the other does', onPostgres, async (t) => {
  const [sqlite] = engines;
  const [together, oneByOne] = [await world(t, postgres!), await world(t, sqlite!)];
  let run = 0;
  const signing = fc.record({
    petition: fc.nat(2),
    who: fc.nat(5),
    kind: fc.constantFrom('plain', 'plain', 'retried', 'external', 'opted in', 'refused', 'link', 'nowhere'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(signing, { minLength: 2, maxLength: 30 }), async (signings) => {
      run += 1;
      const inputOf = ({ petition, who, kind }: (typeof signings)[number], text: string) => {
        const input: SignInput = {
          email: `Run${run}.${who}@example.org`,
          name: kind === 'link' ? 'see www.example.com' : `Nobody's "${who}" \\ O'Neil`,
          ...(who % 2 === 0 ? { givenName: 'Nobody\'s "', familyName: null } : { familyName: "\\ O'Neil" }),
          country: 'NL',
          ...(kind === 'refused' ? { comment: 'not asked' } : {}),
          ...(kind === 'external' ? { externalId: `Run${run}.${who}` } : {}),
          ...(kind === 'opted in' ? { optIns: [{ consent_text_id: text, opt_in: who > 2 }] } : {}),
        };
        const slug = kind === 'nowhere' ? 'no-such' : together.petitions[petition]!;
        return [slug, input, kind === 'retried'] as const;
      };
      // Whoever comes first with an address decides what its signature says: so each says the same all along.
      const kinds = new Map<string, string>();
      const list = signings.map((one) => {
        const id = `${one.petition} ${one.who}`;
        const odd = one.kind === 'refused' || one.kind === 'nowhere';
        if (!odd && !kinds.has(id)) kinds.set(id, one.kind);
        return { ...one, kind: odd ? one.kind : kinds.get(id)! };
      }) as typeof signings;
      const at = list.map((one) => sign(together, ...inputOf(one, together.text)));
      const alone = [];
      for (const one of list) alone.push(await sign(oneByOne, ...inputOf(one, oneByOne.text)));
      t.same((await Promise.all(at)).sort(), alone.sort());
      t.same(await content(together.api), await content(oneByOne.api));
    }),
    { numRuns: 12 },
  );
  t.same(await recount(together.api.store.read), []);
  const { transactions, commits } = together.api.store.stats();
  t.ok(commits < transactions * 0.8, `${commits} commits for ${transactions} transactions`);
});

t.test('PostgreSQL: the statements of signing are joined', onPostgres, async (t) => {
  const here = await world(t, postgres!);
  const names = new Set<string>();
  const query: (this: void, ...args: unknown[]) => unknown = Reflect.get(pg.Client.prototype, 'query');
  t.intercept(pg.Client.prototype, 'query', {
    value(this: pg.Client, ...args: [{ name?: string }]) {
      if (typeof args[0]?.name === 'string') names.add(args[0].name);
      return Reflect.apply(query, this, args);
    },
  });
  const many = (round: string) =>
    Promise.all(
      here.petitions.flatMap((petition) =>
        Array.from({ length: 8 }, (_, i) =>
          sign(
            here,
            petition,
            {
              email: `${round}${petition}${i}x@example.org`,
              name: i === 2 ? 'www.example.com' : 'Ada',
              optIns: i > 3 ? [{ consent_text_id: here.text, opt_in: i > 4 }] : [],
            },
            i % 2 === 1,
          ),
        ),
      ),
    );
  await many('a');
  await many('a');
  t.strictSame(
    [
      'consent_insert',
      'counts_add',
      'do_not_contact_find',
      'history_add',
      'idempotency_claim',
      'idempotency_find',
      'idempotency_keep',
      'outbox_insert',
      'petition_gate_by_slug',
      'request_insert',
      'signature_find',
      'signature_insert',
      'subscription_insert',
      'subscription_find',
      'supporter_find',
      'supporter_insert',
      'suspicion_insert',
    ].filter((name) => !names.has(`${name}_many`)),
    [],
  );
});

t.test('PostgreSQL: two processes that sign for the same people', onPostgres, async (t) => {
  const { api, petitions } = await world(t, postgres!);
  const other = await openTestStore(api.url);
  t.teardown(() => other.close());
  const there = { ...api.app.ctx, store: other };
  const signAll = (ctx: typeof there, some: string[]) =>
    Promise.all(
      some.map(async (email) => {
        const petition = petitions[email.length % petitions.length]!;
        return (await signPetition(ctx, anybody, petition, { email, name: 'Ada' })).created;
      }),
    );
  let created = 0;
  for (let round = 0; round < 6; round += 1) {
    const people = Array.from({ length: 200 }, (_, i) => `${round}p${i * 7919}@example.org`);
    const both = [signAll(api.app.ctx, people), signAll(there, [...people].reverse())];
    created += (await Promise.all(both)).flat().filter(Boolean).length;
  }
  const { signatures, supporters } = api.store.tables;
  t.equal((await api.store.read.db.select({ n: count() }).from(supporters))[0]?.n, 1200);
  t.equal((await api.store.read.db.select({ n: count() }).from(signatures))[0]?.n, created);
  t.equal(created, 1200);
  t.same(await recount(api.store.read), []);
  const admin = new pg.Client({ connectionString: api.url });
  await admin.connect();
  t.teardown(() => admin.end());
  // A connection hands in what it has counted once a second, or when it ends.
  const others = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await admin.query(`select pg_terminate_backend(pid) ${others}`);
  await until(async () => (await admin.query(`select ${others}`)).rows.length === 0, 'the end of the others');
  const { rows } = await admin.query(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  t.same(rows, [{ deadlocks: '0' }]);
});
