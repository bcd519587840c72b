import { and, asc, count, eq, gt, inArray, lte, sql, type SQL } from 'drizzle-orm';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { Reader, Store } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { evaluate, placesOf, readClause } from './clauses.js';
import { leafCondition, segmentCondition, subscribersOf } from './conditions.js';
import { getSegment } from './segments.js';

/* How many people a clause selects, as a whole and by each of its parts. */

export type SegmentCount = {
  /** Whom a mailing would reach at this moment. */
  total: number;
  /** Who match as well, but must not be mailed. */
  leftOut: number;
  /** All active subscribers. */
  subscribers: number;
  clauses: { pointer: string; people: number }[];
};

/** What to count: a clause (null: everybody) or a saved segment. */
export type Counted = { clause: Clause | null } | { segment: string };

/**
 * Counts the active subscribers of the actor's organization whom a clause selects. Throws `segment_not_found`,
 * `invalid_body`.
 */
export async function countSegment(ctx: Context, actor: KeyedActor, what: Counted): Promise<SegmentCount> {
  const on = ctx.store.read;
  const clause = await clauseOf(on, actor, what);
  const { organizationKey } = actor;
  const now = ctx.now();
  const places = clause ? [...placesOf(clause)] : [];
  const leaves = places.flatMap(({ clause: one }) => (isLeaf(one) ? one : []));
  const conditions: SQL[] = [];
  for (const leaf of leaves) conditions.push(await leafCondition({ on, organizationKey, now }, leaf));
  const people = places.map(() => 0);
  let subscribers = 0;
  for await (const { mask, n } of groupsOf(ctx.store, organizationKey, conditions)) {
    subscribers += n;
    const holds = (leaf: Clause) => Math.floor(mask / 2 ** leaves.indexOf(leaf as Leaf)) % 2 === 1;
    for (const [i, place] of places.entries()) {
      if (evaluate(place.clause, holds)) people[i] = (people[i] ?? 0) + n;
    }
  }
  const matching = clause ? (people[0] ?? 0) : subscribers;
  const condition = await segmentCondition(on, organizationKey, clause, now);
  const leftOut = matching === 0 ? 0 : await countBlocked(ctx, organizationKey, condition);
  const clauses = places.map(({ pointer }, i) => ({ pointer, people: people[i] ?? 0 }));
  return { total: Math.max(0, matching - leftOut), leftOut, subscribers, clauses };
}

const clauseOf = async (on: Reader, actor: KeyedActor, what: Counted): Promise<Clause | null> => {
  if ('segment' in what) return (await getSegment(on, actor, what.segment)).clause;
  return what.clause && readClause(on, actor, what.clause, '/clause');
};

type Leaf = Parameters<typeof leafCondition>[1];
const isLeaf = (clause: Clause): clause is Leaf => !('all' in clause || 'any' in clause || 'not' in clause);

/**
 * Subscriptions per query. On SQLite a query holds up everything else in the process; PostgreSQL hashes all signatures
 * of a petition for each.
 */
const AT_A_TIME = { sqlite: 10_000, postgres: 200_000 };

/**
 * The subscribers, grouped by which of the conditions hold: bit i of `mask` is condition i. So each condition is
 * evaluated once, and what combines them is not evaluated by the database at all.
 */
async function* groupsOf(
  { engine, read: on }: Store,
  organizationKey: number,
  conditions: readonly SQL[],
): AsyncGenerator<{ mask: number; n: number }> {
  const { subscriptions: t } = on.tables;
  const bits = conditions.map((one, i) => sql`case when ${one} then ${sql.raw(String(2 ** i))} else 0 end`);
  const mask = sql<number>`${sql.join([sql`0`, ...bits], sql` + `)}`.mapWith(Number).as('mask');
  for (let after = 0; ;) {
    const among = and(subscribersOf(on, organizationKey), gt(t.key, after));
    const [end] = await on.db
      .select({ key: t.key })
      .from(t)
      .where(among)
      .orderBy(asc(t.key))
      .limit(1)
      .offset(AT_A_TIME[engine] - 1);
    const groups = await on.db
      .select({ mask, n: count() })
      .from(t)
      .where(and(among, end && lte(t.key, end.key)))
      .groupBy(sql`1`);
    yield* groups;
    if (!end) return;
    after = end.key;
    await nextLoopTurn();
  }
}

/**
 * How many of the selected must not be mailed. The list holds keyed hashes, and hashing every subscriber would take
 * seconds. So it is read instead: the records of consent hold the same hash, and lead to those who may be on it. After a
 * change of address the records have the old one, so all who have changed theirs are looked at, too.
 */
async function countBlocked(
  { store: { read }, secrets }: Context,
  organizationKey: number,
  condition: SQL | undefined,
): Promise<number> {
  const { db, tables } = read;
  const { doNotContact, subscriptions: t, supporters } = tables;
  const suspects = new Set<number>(await readMoved(read, organizationKey));
  for await (const key of listedOf(read, organizationKey)) suspects.add(key);
  let blocked = 0;
  for (const some of inParts([...suspects])) {
    const people = await db
      .select({ identity: supporters.identity })
      .from(t)
      .innerJoin(supporters, eq(supporters.key, t.supporterKey))
      .where(and(inArray(t.key, [...some]), subscribersOf(read, organizationKey), condition));
    const hashes = people.map(({ identity }) => secrets.subject(identity));
    const found = await db
      .select({ hash: doNotContact.hash })
      .from(doNotContact)
      .where(inArray(doNotContact.hash, hashes));
    blocked += found.length;
  }
  return blocked;
}

/** Subscriptions of people who have changed their address. */
async function readMoved({ db, tables }: Reader, organizationKey: number): Promise<number[]> {
  const { emailChanges, subscriptions: t } = tables;
  const rows = await db
    .select({ key: t.key })
    .from(emailChanges)
    .innerJoin(t, and(eq(t.supporterKey, emailChanges.supporterKey), eq(t.organizationKey, organizationKey)))
    .where(and(eq(emailChanges.status, 'applied'), eq(t.status, 'active')));
  return rows.map(({ key }) => key);
}

const LISTED_AT_A_TIME = 5000;

/** Subscriptions whose records of consent have an address that must not be mailed. */
async function* listedOf(on: Reader, organizationKey: number): AsyncGenerator<number> {
  const { consents, doNotContact, subscriptions: t } = on.tables;
  for (let after: Buffer = Buffer.alloc(0); ;) {
    const page = on.db
      .select({ hash: doNotContact.hash })
      .from(doNotContact)
      .where(gt(doNotContact.hash, after))
      .orderBy(asc(doNotContact.hash))
      .limit(LISTED_AT_A_TIME)
      .as('page');
    const rows = await on.db
      .select({ key: t.key })
      .from(page)
      // SQLite joins in the order of cross joins, else it would scan all records of consent.
      .crossJoin(consents)
      .crossJoin(t)
      .where(
        and(
          eq(consents.subject, page.hash),
          eq(consents.organizationKey, organizationKey),
          eq(t.organizationKey, organizationKey),
          eq(t.supporterKey, consents.supporterKey),
          eq(t.status, 'active'),
        ),
      );
    for (const { key } of rows) yield key;
    const [end] = await on.db
      .select({ hash: doNotContact.hash })
      .from(doNotContact)
      .where(gt(doNotContact.hash, after))
      .orderBy(asc(doNotContact.hash))
      .limit(1)
      .offset(LISTED_AT_A_TIME - 1);
    if (!end) return;
    after = end.hash;
    await nextLoopTurn();
  }
}
