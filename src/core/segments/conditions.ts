import { createHash } from 'node:crypto';
import {
  and,
  eq,
  exists,
  gte,
  inArray,
  isNotNull,
  lt,
  not,
  or,
  sql,
  type Column,
  type SQL,
} from 'drizzle-orm';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { Frequency } from '../../../schema/db/tables/subscriptions.js';
import type { Reader } from '../../store/store.js';
import { DAY_MS } from '../../time.js';
import { findAnyHead } from '../petitions/petition-lookup.js';
import { findableAnywhere, findableOf } from '../signatures/signature-access.js';
import { findOwnMailing } from './own-mailings.js';

/*
 * Clauses as conditions on subscriptions. Each condition is true or false, never null, so that `not` is the complement.
 * What belongs to people is looked up by `exists` through the unique indexes, which cannot become slower than one look-up
 * for each subscriber and petition: `in` with a large list may, on PostgreSQL.
 */

type Leaf = Exclude<Clause, { all: unknown } | { any: unknown } | { not: unknown }>;
type Mailed = Extract<Clause, { mailed: unknown }>['mailed'];
type Sample = Extract<Clause, { sample: unknown }>['sample'];
type Span = { since?: string; until?: string };

/** Whose subscribers, seen when. */
type Asked = { on: Reader; organizationKey: number; now: Date };

/** Those who get an organization's mailings. */
export const subscribersOf = ({ tables: { subscriptions: t } }: Reader, organizationKey: number) =>
  and(eq(t.organizationKey, organizationKey), eq(t.status, 'active'));

/**
 * The condition for the subscriptions that a clause selects, besides `subscribersOf`; undefined: all. It reads what the
 * organization may see at present: petitions and mailings that are no longer its own select nobody.
 */
export async function segmentCondition(
  on: Reader,
  organizationKey: number,
  clause: Clause | null,
  now: Date,
): Promise<SQL | undefined> {
  return clause ? conditionOf({ on, organizationKey, now }, clause) : undefined;
}

async function conditionOf(asked: Asked, clause: Clause): Promise<SQL> {
  if ('not' in clause) return not(await conditionOf(asked, clause.not));
  if ('all' in clause) return and(...(await conditionsOf(asked, clause.all))) ?? EVERYBODY;
  if ('any' in clause) return or(...(await conditionsOf(asked, clause.any))) ?? NOBODY;
  return leafCondition(asked, clause);
}

async function conditionsOf(asked: Asked, clauses: readonly Clause[]): Promise<SQL[]> {
  const conditions: SQL[] = [];
  for (const clause of clauses) conditions.push(await conditionOf(asked, clause));
  return conditions;
}

const NOBODY = sql`(1 = 0)`;
const EVERYBODY = sql`(1 = 1)`;

/** The condition of a clause that does not combine others. */
export async function leafCondition(asked: Asked, clause: Leaf): Promise<SQL> {
  const { subscriptions: t } = asked.on.tables;
  if ('signed' in clause) return signed(asked, clause.signed);
  if ('came_by' in clause) return cameBy(asked, clause.came_by.mailing);
  if ('mailed' in clause) return mailed(asked, clause.mailed);
  if ('country' in clause) return known(asked, ({ country }) => inArray(country, clause.country));
  if ('region' in clause) return known(asked, ({ postalAddress }) => inRegion(postalAddress, clause.region));
  if ('subscribed' in clause) return subscribed(asked, clause.subscribed);
  if ('frequency' in clause) return inArray(t.frequency, clause.frequency as Frequency[]);
  if ('source' in clause) return whole(t.source, inArray(t.source, clause.source));
  if ('locale' in clause) return whole(t.locale, or(...clause.locale.map((tag) => speaks(t.locale, tag))));
  return sampled(t.key, asked.organizationKey, clause.sample);
}

async function signed(asked: Asked, { petition: ref, ...span }: { petition: string } & Span): Promise<SQL> {
  const { on, organizationKey } = asked;
  const petition = await findAnyHead(on, ref);
  const findable = petition && (await findableOf(on, organizationKey, petition));
  if (!findable) return NOBODY;
  const { signatures: t } = on.tables;
  return hasSigned(asked, eq(t.petitionKey, petition.key), ...within(t.createdAt, span), findable.where);
}

/** A mailing has brought signatures on few petitions, so each is looked up by petition and person. */
async function cameBy(asked: Asked, mailing: string): Promise<SQL> {
  const { on, organizationKey } = asked;
  const { signatures: t } = on.tables;
  const mailingKey = await findOwnMailing(on, organizationKey, mailing);
  if (mailingKey === undefined) return NOBODY;
  const brought = eq(t.mailingKey, mailingKey);
  const rows = await on.db.selectDistinct({ key: t.petitionKey }).from(t).where(brought);
  if (rows.length === 0) return NOBODY;
  const petitions = inArray(
    t.petitionKey,
    rows.map(({ key }) => key),
  );
  return hasSigned(asked, petitions, brought, findableAnywhere(on, organizationKey));
}

/** A signature that counts: nobody has proved yet that a pending one is theirs, and others were taken back. */
function hasSigned({ on: { db, tables } }: Asked, ...conditions: (SQL | undefined)[]): SQL {
  const { signatures: t, subscriptions } = tables;
  const isTheirs = eq(t.supporterKey, subscriptions.supporterKey);
  return exists(
    db
      .select({ key: t.key })
      .from(t)
      .where(and(isTheirs, eq(t.status, 'confirmed'), ...conditions)),
  );
}

/** What the organization knows of a person: its own contact data, and signatures that it may see. */
function known(
  asked: Asked,
  says: (data: { country: Column; postalAddress: Column }) => SQL | undefined,
): SQL {
  const { on, organizationKey } = asked;
  const { contacts, signatures, subscriptions } = on.tables;
  const said = on.db
    .select({ key: contacts.supporterKey })
    .from(contacts)
    .where(
      and(
        eq(contacts.supporterKey, subscriptions.supporterKey),
        eq(contacts.organizationKey, organizationKey),
        says(contacts),
      ),
    );
  return sql`(${exists(said)} or ${hasSigned(asked, findableAnywhere(on, organizationKey), says(signatures))})`;
}

function mailed({ on, organizationKey, now }: Asked, which: Mailed): SQL {
  const { mailings, mailingRecipients: t, subscriptions } = on.tables;
  const { mailing } = which as { mailing?: string };
  const since = new Date(now.getTime() - (which as { within_days: number }).within_days * DAY_MS);
  return exists(
    on.db
      .select({ key: t.key })
      .from(t)
      .innerJoin(mailings, eq(mailings.key, t.mailingKey))
      .where(
        and(
          eq(mailings.organizationKey, organizationKey),
          inArray(t.state, ['sent', 'uncertain']),
          mailing === undefined
            ? and(eq(t.supporterKey, subscriptions.supporterKey), gte(t.settledAt, since))
            : and(eq(t.subscriptionKey, subscriptions.key), eq(mailings.publicId, mailing)),
        ),
      ),
  );
}

function subscribed({ on: { tables } }: Asked, { since, until }: Span): SQL {
  const { subscriptions: t } = tables;
  // One from before `activeSince` was recorded began when it was made.
  const began = sql`coalesce(${t.activeSince}, ${t.createdAt})`;
  const at = (instant: string) => sql.param(new Date(instant), t.createdAt);
  const from = since === undefined ? EVERYBODY : sql`${began} >= ${at(since)}`;
  return until === undefined ? from : sql`(${from} and ${began} < ${at(until)})`;
}

const within = (column: Column, { since, until }: Span): (SQL | undefined)[] => [
  since === undefined ? undefined : gte(column, new Date(since)),
  until === undefined ? undefined : lt(column, new Date(until)),
];

const whole = (column: Column, condition: SQL | undefined): SQL =>
  sql`(${isNotNull(column)} and ${condition ?? NOBODY})`;

/** A tag includes those that say more: `pt` includes `pt-BR`. */
const speaks = (locale: Column, tag: string): SQL =>
  sql`(${locale} = ${tag} or substr(${locale}, 1, ${tag.length + 1}) = ${`${tag}-`})`;

/** The engines fold case differently, so the usual spellings are compared as they are. */
const inRegion = (address: Column, regions: readonly string[]): SQL => {
  const spelt = new Set(regions.map((one) => one.trim()).flatMap((one) => [one, ...spellingsOf(one)]));
  return inArray(sql`(${address} ->> 'region')`, [...spelt]);
};

const spellingsOf = (region: string): string[] => {
  const small = region.toLowerCase();
  return [small, region.toUpperCase(), small.replace(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase())];
};

/** A prime below 2^31, of which cubing permutes the residues; products of two fit the engines' integers. */
const PRIME = 2_147_483_579;

/**
 * A share of the subscribers by a permutation of their keys that both engines can compute, different for each seed and
 * organization.
 */
function sampled(key: Column, organizationKey: number, { percent, seed = '' }: Sample): SQL {
  const drawn = createHash('sha256')
    .update(JSON.stringify([organizationKey, seed]))
    .digest();
  const factor = 1 + (drawn.readUInt32BE(0) % (PRIME - 1));
  const shift = drawn.readUInt32BE(4) % PRIME;
  const x = sql`(((${key} % ${PRIME}) * ${factor} + ${shift}) % ${PRIME})`;
  return sql`(((${x} * ${x}) % ${PRIME}) * ${x}) % ${PRIME} < ${Math.round((PRIME * percent) / 100)}`;
}
