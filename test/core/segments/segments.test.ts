import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { and } from 'drizzle-orm';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { KeyedActor } from '../../../src/core/actor.js';
import type { Context } from '../../../src/core/context.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { createOrganization } from '../../../src/core/organization/organizations.js';
import { placesOf } from '../../../src/core/segments/clauses.js';
import { segmentCondition, subscribersOf } from '../../../src/core/segments/conditions.js';
import { countSegment } from '../../../src/core/segments/counting.js';
import type { Tx } from '../../../src/store/store.js';
import { onEveryEngine, start } from '../../support/helper.js';

/* Random clauses over random worlds, on the database and by a plain reading of the rules. */

const NOW = new Date('2026-11-28T12:00:00.000Z');
const day = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

const COUNTRIES = ['NL', 'BE', 'DE'];
const REGIONS = ['Noord-Holland', 'ÎLE-DE-FRANCE', 'bayern'];
const LOCALES = ['pt', 'pt-BR', 'ptx', 'en'];
const SOURCES = ['stall', 'Stall', "o'clock % _"];

const maybe = <T>(arb: fc.Arbitrary<T>) => fc.option(arb, { nil: null });
const days = fc.integer({ min: 0, max: 9 });
const place = maybe(fc.record({ region: maybe(fc.constantFrom(...REGIONS)) }));

const signature = fc.record({
  petition: fc.nat(2),
  status: fc.constantFrom('confirmed', 'confirmed', 'pending', 'withdrawn', 'quarantined', 'invalidated'),
  age: days,
  country: maybe(fc.constantFrom(...COUNTRIES)),
  address: place,
  /** 0: nobody; 1 and 2: the organizations. */
  collector: fc.nat(2),
  mailing: maybe(fc.nat(2)),
  answered: fc.boolean(),
});
const subscription = fc.record({
  status: fc.constantFrom('active', 'active', 'active', 'unsubscribed', 'suppressed'),
  began: maybe(days),
  frequency: fc.constantFrom('all', 'weekly', 'monthly'),
  locale: maybe(fc.constantFrom(...LOCALES)),
  source: maybe(fc.constantFrom(...SOURCES)),
  contact: maybe(fc.record({ country: maybe(fc.constantFrom(...COUNTRIES)), address: place })),
});
const person = fc.record({
  signatures: fc.uniqueArray(signature, { maxLength: 3, selector: ({ petition }) => petition }),
  subscriptions: fc.tuple(maybe(subscription), maybe(subscription)),
  recipients: fc.uniqueArray(
    fc.record({
      mailing: fc.nat(2),
      state: fc.constantFrom('sent', 'uncertain', 'queued', 'skipped'),
      age: days,
    }),
    { maxLength: 2, selector: ({ mailing }) => mailing },
  ),
  blocked: fc.boolean(),
});
const terms = fc.constantFrom('full', 'names', 'counts');
/** What the one organization has agreed with the lead, in order; the last may still be open. */
const partnership = fc.array(
  fc.record({
    leadSees: terms,
    answered: days,
    status: fc.constantFrom('accepted', 'ended', 'invited', 'declined'),
  }),
  { maxLength: 2 },
);
const world = fc.record({
  people: fc.array(person, { minLength: 1, maxLength: 12 }),
  /** Who leads, whether mailboxes are asked, and the terms of the other organization. */
  petitions: fc.tuple(
    ...([0, 1, 2].map(() => fc.record({ lead: fc.nat(1), asks: fc.boolean(), partnership })) as [
      any,
      any,
      any,
    ]),
  ),
  mailings: fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1)),
});
type World = {
  people: any[];
  petitions: { lead: number; asks: boolean; partnership: any[] }[];
  mailings: number[];
};

/** A clause that names petitions and mailings by their number. */
const span = fc
  .record({ since: days, until: days }, { requiredKeys: [] })
  .filter(({ since = 10, until = -1 }) => since > until);
const clause: fc.Arbitrary<any> = fc.letrec<{ clause: any }>((tie) => ({
  clause: fc.oneof(
    { depthSize: 'small', maxDepth: 3, withCrossShrink: true },
    fc.record({ signed: fc.record({ petition: fc.nat(2), span }) }),
    fc.record({ subscribed: span }),
    fc.record({ country: fc.subarray(COUNTRIES, { minLength: 1 }) }),
    fc.record({ region: fc.subarray(['noord-holland', 'Île-De-France', 'BAYERN', 'x'], { minLength: 1 }) }),
    fc.record({ locale: fc.subarray(LOCALES, { minLength: 1 }) }),
    fc.record({ source: fc.subarray(SOURCES, { minLength: 1 }) }),
    fc.record({ frequency: fc.subarray(['all', 'weekly', 'monthly'], { minLength: 1 }) }),
    fc.record({ came_by: fc.record({ mailing: fc.nat(2) }) }),
    fc.record({
      mailed: fc.oneof(
        fc.record({ mailing: fc.nat(2) }),
        fc.record({ within_days: fc.integer({ min: 1, max: 9 }) }),
      ),
    }),
    fc.record({ all: fc.array(tie('clause'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('clause'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('clause') }),
  ),
})).clause;

/** The rules once more, without a database. `org`: 0 or 1. */
class Reading {
  constructor(
    readonly world: World,
    readonly org: number,
  ) {}

  holds(clause: any, person: any): boolean {
    const own = person.subscriptions[this.org];
    const [kind, value] = Object.entries<any>(clause)[0] as [string, any];
    switch (kind) {
      case 'all':
        return value.every((one: any) => this.holds(one, person));
      case 'any':
        return value.some((one: any) => this.holds(one, person));
      case 'not':
        return !this.holds(value, person);
      case 'signed':
        return person.signatures.some(
          (one: any) =>
            one.petition === value.petition && isWithin(one.age, value.span) && this.sees(one, false),
        );
      case 'came_by':
        return (
          this.world.mailings[value.mailing] === this.org &&
          person.signatures.some((one: any) => one.mailing === value.mailing && this.sees(one, true))
        );
      case 'mailed':
        return person.recipients.some(
          ({ mailing, state, age }: any) =>
            this.world.mailings[mailing] === this.org &&
            ['sent', 'uncertain'].includes(state) &&
            (value.mailing === undefined ? age <= value.within_days : mailing === value.mailing),
        );
      case 'subscribed':
        return isWithin(own.began ?? 5, value);
      case 'country':
        return this.#known(person).some(({ country }) => value.includes(country));
      case 'region':
        return this.#known(person).some(
          ({ address }) =>
            address?.region != null &&
            value.some((one: string) => one.toLowerCase() === address.region.toLowerCase()),
        );
      case 'locale':
        return value.some((tag: string) => own.locale === tag || own.locale?.startsWith(`${tag}-`));
      default:
        return value.includes(own[kind]);
    }
  }

  #known(person: any): any[] {
    const { contact } = person.subscriptions[this.org];
    return [...(contact ? [contact] : []), ...person.signatures.filter((one: any) => this.sees(one, true))];
  }

  /** Whether the organization may find a person by this signature. */
  sees({ petition, status, collector, age, answered }: any, strictly: boolean): boolean {
    if (status !== 'confirmed') return false;
    const { lead, asks, partnership } = this.world.petitions[petition] as World['petitions'][number];
    if (lead !== this.org) {
      const takesPart = partnership.some((one) => one.status === 'accepted');
      return takesPart && collector === this.org + 1 && (!asks || answered);
    }
    if (collector !== 2 - this.org) return true;
    const agreed = agreementsOf(partnership);
    if (strictly) return agreed.every(({ leadSees }) => leadSees === 'full');
    const valid = agreed.findLast((one) => one.answered >= age) ?? agreed[0];
    return (valid?.leadSees ?? 'full') === 'full';
  }
}

const agreementsOf = (partnership: any[]) =>
  partnership.filter(({ status }) => status === 'accepted' || status === 'ended');
const isWithin = (age: number, { since, until }: any) =>
  (since === undefined || age <= since) && (until === undefined || age > until);

/** At most one partnership is open, and later ones were answered later. */
const tidied = (world: World): World => ({
  ...world,
  petitions: world.petitions.map((petition) => {
    const [first, second] = [...petition.partnership].sort((a, b) => b.answered - a.answered);
    const before =
      second && first ? { ...first, status: first.status === 'accepted' ? 'ended' : 'declined' } : first;
    const distinct = second && first && second.answered === first.answered ? [first] : [before, second];
    return { ...petition, partnership: distinct.filter(Boolean) };
  }),
});

type Stored = { petitions: string[]; mailings: string[]; subscriptions: Map<number, number>[] };

async function store(ctx: Context, tx: Tx, world: World, orgs: { key: number }[]): Promise<Stored> {
  const { tables: t, db } = tx;
  const key = async (table: any, values: object): Promise<number> =>
    ((await db.insert(table).values(values).returning({ key: table.key }))[0] as { key: number }).key;
  const orgKey = (i: number) => orgs[i]?.key ?? 0;
  const made: Stored = { petitions: [], mailings: [], subscriptions: [new Map(), new Map()] };
  const petitionKeys: number[] = [];
  for (const { lead, asks, partnership } of world.petitions) {
    const publicId = ctx.newId('pet');
    const petitionKey = await key(t.petitions, {
      publicId,
      organizationKey: orgKey(lead),
      slug: `p-${randomUUID()}`,
      status: 'published',
      title: 'T',
      statement: 'S',
      references: [],
      targets: [],
      partners: [],
      locale: 'en',
      form: {},
      goals: [],
      shareTexts: [],
      confirmation: asks ? 'email' : 'none',
      outcome: 'none',
      metadata: {},
      searchText: ' ',
      version: 1,
      createdAt: day(20),
      updatedAt: day(20),
    });
    made.petitions.push(publicId);
    petitionKeys.push(petitionKey);
    for (const { leadSees, answered, status } of partnership) {
      await key(t.partnerships, {
        publicId: ctx.newId('ptn'),
        petitionKey,
        organizationKey: orgKey(1 - lead),
        status,
        leadSees,
        invitedAt: day(20),
        answeredAt: status === 'invited' ? null : day(answered),
      });
    }
  }
  const mailingKeys: number[] = [];
  for (const owner of world.mailings) {
    const publicId = ctx.newId('mlg');
    made.mailings.push(publicId);
    const values = {
      publicId,
      organizationKey: orgKey(owner),
      handle: randomBytes(9),
      name: 'M',
      createdAt: day(9),
    };
    mailingKeys.push(await key(t.mailings, values));
  }
  for (const [i, person] of world.people.entries()) {
    const identity = `${randomUUID()}@example.org`;
    const supporterKey = await key(t.supporters, {
      publicId: ctx.newId('sup'),
      identity,
      delivery: identity,
      // Said to somebody else: no organization may select by it.
      country: 'DE',
      postalAddress: { lines: [], region: 'bayern' },
      createdAt: day(20),
    });
    if (person.blocked) await block(tx, ctx.secrets.subject(identity), 'bounce');
    for (const [org, one] of person.subscriptions.entries()) {
      if (!one) continue;
      const organizationKey = orgKey(org);
      const subscriptionKey = await key(t.subscriptions, {
        publicId: ctx.newId('sub'),
        organizationKey,
        supporterKey,
        status: one.status,
        handle: randomBytes(14),
        frequency: one.frequency,
        locale: one.locale,
        source: one.source,
        createdAt: day(5),
        activeSince: one.began === null ? null : day(one.began),
      });
      made.subscriptions[org]?.set(i, subscriptionKey);
      await key(t.consents, {
        publicId: ctx.newId('con'),
        organizationKey,
        supporterKey,
        subject: ctx.secrets.subject(identity),
        action: 'granted',
        origin: 'api',
        createdAt: day(5),
        proof: randomBytes(32),
      });
      if (one.contact) {
        const { country, address } = one.contact;
        const postalAddress = address && { lines: [], ...address };
        await db.insert(t.contacts).values({
          organizationKey,
          supporterKey,
          country,
          postalAddress,
          createdAt: day(5),
          updatedAt: day(5),
        });
      }
    }
    for (const one of person.signatures) {
      const signatureKey = await key(t.signatures, {
        publicId: ctx.newId('sig'),
        petitionKey: petitionKeys[one.petition],
        supporterKey,
        status: one.status,
        display: 'public',
        name: 'N',
        country: one.country,
        postalAddress: one.address && { lines: [], ...one.address },
        collectorKey: one.collector === 0 ? null : orgKey(one.collector - 1),
        mailingKey: one.mailing === null ? null : mailingKeys[one.mailing],
        createdAt: day(one.age),
        confirmedAt: one.status === 'confirmed' ? day(one.age) : null,
      });
      await key(t.confirmationRequests, {
        kind: 'signature',
        supporterKey,
        signatureKey,
        petitionKey: petitionKeys[one.petition],
        locale: 'en',
        origin: 'signature',
        createdAt: day(one.age),
        confirmedAt: one.answered ? day(one.age) : null,
      });
    }
    for (const { mailing, state, age } of person.recipients) {
      await key(t.mailingRecipients, {
        mailingKey: mailingKeys[mailing],
        supporterKey,
        subscriptionKey: made.subscriptions[world.mailings[mailing] ?? 0]?.get(i) ?? null,
        bucket: 0,
        wave: 0,
        state,
        family: 'example.org',
        settledAt: state === 'queued' ? null : day(age),
      });
    }
  }
  return made;
}

/** The clause as it is stored. */
function named(clause: any, { petitions, mailings }: Stored): Clause {
  const [kind, value] = Object.entries<any>(clause)[0] as [string, any];
  const inside = (one: any) => named(one, { petitions, mailings } as Stored);
  const when = ({ since, until }: any) => ({
    ...(since === undefined ? {} : { since: day(since).toISOString() }),
    ...(until === undefined ? {} : { until: day(until).toISOString() }),
  });
  if (kind === 'not') return { not: inside(value) };
  if (kind === 'all' || kind === 'any') return { [kind]: value.map(inside) } as Clause;
  if (kind === 'signed') {
    return { signed: { petition: petitions[value.petition] ?? '', ...when(value.span) } };
  }
  if (kind === 'subscribed') return { subscribed: when(value) };
  if (kind === 'came_by' || 'mailing' in value) {
    return { [kind]: { mailing: mailings[value.mailing] ?? '' } } as Clause;
  }
  return clause as Clause;
}

onEveryEngine('a clause selects whom the rules say, for both of two organizations', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  api.setClock(NOW);
  const { subscriptions } = ctx.store.tables;
  const actorOf = (organizationKey: number) =>
    ({ kind: 'secret', organizationKey, scopes: [] }) as unknown as KeyedActor;
  let selected = 0;
  await fc.assert(
    fc.asyncProperty(world, fc.array(clause, { minLength: 8, maxLength: 8 }), async (drawn, clauses) => {
      const world = tidied(drawn as World);
      const orgs = [
        await createOrganization(ctx, { name: randomUUID() }),
        await createOrganization(ctx, { name: randomUUID() }),
      ];
      const stored = await ctx.store.transact((tx) => store(ctx, tx, world, orgs));
      for (const org of [0, 1]) {
        const organizationKey = orgs[org]?.key ?? 0;
        const reading = new Reading(world, org);
        const active = world.people.filter((one) => one.subscriptions[org]?.status === 'active');
        const rightly = (one: any) => active.filter((person) => reading.holds(one, person));
        for (const one of clauses) {
          const clause = named(one, stored);
          const rows = await ctx.store.read.db
            .select({ key: subscriptions.key })
            .from(subscriptions)
            .where(
              and(
                subscribersOf(ctx.store.read, organizationKey),
                await segmentCondition(ctx.store.read, organizationKey, clause, NOW),
              ),
            );
          const expected = rightly(one).map((person) =>
            stored.subscriptions[org]?.get(world.people.indexOf(person)),
          );
          const found = rows.map(({ key }) => key).sort((a, b) => a - b);
          if (JSON.stringify(found) !== JSON.stringify(expected)) {
            throw new Error(
              `org ${org}: ${JSON.stringify({ one, found, expected, all: [...(stored.subscriptions[org] ?? [])] })}`,
            );
          }
          selected += found.length;
          const isOwn = [...placesOf(one as Clause)].every(
            ({ clause: leaf }: any) =>
              [leaf.came_by?.mailing, leaf.mailed?.mailing].every(
                (i) => i === undefined || world.mailings[i] === org,
              ) &&
              (leaf.signed === undefined || mayName(world, org, leaf.signed.petition)),
          );
          if (!isOwn) continue;
          const counted = await countSegment(ctx, actorOf(organizationKey), { clause });
          const blocked = rightly(one).filter((person) => person.blocked).length;
          const figures = [...placesOf(one as Clause)].map(({ clause: part, pointer }) => ({
            pointer,
            people: rightly(part).length,
          }));
          const right = {
            total: expected.length - blocked,
            leftOut: blocked,
            subscribers: active.length,
            clauses: figures,
          };
          if (JSON.stringify(counted) !== JSON.stringify(right)) {
            throw new Error(JSON.stringify({ one, counted, right }));
          }
        }
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 25) },
  );
  t.ok(selected > 100, `${selected} people were selected`);
});

const mayName = (world: World, org: number, petition: number) => {
  const { lead, partnership } = world.petitions[petition] as World['petitions'][number];
  return lead === org || partnership.some(({ status }) => status === 'accepted');
};
