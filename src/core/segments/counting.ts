import { and, asc, count, eq, gt, inArray, lte, sql, type SQL } from 'drizzle-orm';
import type { Clause } from '../../../schema/db/tables/segments.js';
import type { Reader } from '../../store/store.js';
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
  for await (const { mask, n } of groupsOf(on, organizationKey, conditions)) {
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

/** Subscriptions per query: one query over a million would hold up everything else on SQLite. */
const AT_A_TIME = 20_000;

/**
 * The subscribers, grouped by which of the conditions hold: bit i of `mask` is condition i. So each condition is
 * evaluated once, and what combines them is not evaluated by the database at all.
 */
async function* groupsOf(
  on: Reader,
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
      .offset(AT_A_TIME - 1);
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
 * seconds: so the records of consent, which hold the same hash, lead to those who may be on it. After a change of
 * address the records have the old one; then the new one is hashed. The audience of a mailing looks at everybody.
 */
async function countBlocked(
  { store, secrets }: Context,
  organizationKey: number,
  condition: SQL | undefined,
): Promise<number> {
  const { db, tables } = store.read;
  const { consents, doNotContact, emailChanges, subscriptions: t, supporters } = tables;
  const onList = db
    .select({ key: consents.supporterKey })
    .from(doNotContact)
    .innerJoin(consents, eq(consents.subject, doNotContact.hash))
    .where(eq(consents.organizationKey, organizationKey));
  const moved = db
    .select({ key: emailChanges.supporterKey })
    .from(emailChanges)
    .where(eq(emailChanges.status, 'applied'));
  const suspects = await db
    .select({ identity: supporters.identity })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(
      and(
        subscribersOf(store.read, organizationKey),
        sql`(${inArray(t.supporterKey, onList)} or ${inArray(t.supporterKey, moved)})`,
        condition,
      ),
    );
  let blocked = 0;
  for (const some of inParts(suspects)) {
    const hashes = some.map(({ identity }) => secrets.subject(identity));
    const found = await db
      .select({ hash: doNotContact.hash })
      .from(doNotContact)
      .where(inArray(doNotContact.hash, hashes));
    blocked += found.length;
  }
  return blocked;
}
