import { and, asc, eq, gte, inArray, isNotNull, isNull, lt, ne, not, or, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { LeadSees } from '../../../schema/db/tables/partners.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader, type Tx } from '../../store/store.js';

/*
 * What the lead organization sees of signatures that a partner collected: it follows the terms that were valid when
 * they were collected, even if the partnership has ended or has new terms since.
 */

/**
 * One agreement. It applies to signatures collected from `from` (inclusive; null: any time) until `until` (exclusive;
 * null: still).
 */
type Agreement = { organizationKey: number; leadSees: LeadSees; from: Date | null; until: Date | null };

/** Every agreement that a petition has had. */
export type Terms = readonly Agreement[];

type Collected = Pick<Tables['signatures']['$inferSelect'], 'collectorKey' | 'createdAt'>;

/** `answeredAt` excludes invitations that were taken back: they are `ended`, too, but were never accepted. */
export const wasAgreed = (t: Tables['partnerships']) =>
  and(inArray(t.status, ['accepted', 'ended']), isNotNull(t.answeredAt));

const agreements = statement('partner_terms', ({ db, tables: { partnerships: t } }: Reader) =>
  db
    .select({ organizationKey: t.organizationKey, leadSees: t.leadSees, acceptedAt: t.answeredAt })
    .from(t)
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), wasAgreed(t)))
    .orderBy(asc(t.key)),
);

/** Those of these petitions whose lead cannot see all signatures, because some partner once had such terms. */
export async function hidingPetitions(
  { db, tables: { partnerships: t } }: Reader,
  petitionKeys: number[],
): Promise<Set<number>> {
  if (petitionKeys.length === 0) return new Set();
  const rows = await db
    .selectDistinct({ petitionKey: t.petitionKey })
    .from(t)
    .where(and(inArray(t.petitionKey, petitionKeys), wasAgreed(t), ne(t.leadSees, 'full')));
  return new Set(rows.map(({ petitionKey }) => petitionKey));
}

/** The terms of a petition. Read once for all transactions of a commit. */
export const termsOf = memoized(async (on: Reader, petitionKey: number): Promise<Terms> => {
  const rows = await agreements(on, { petitionKey });
  return rows.map(({ organizationKey, leadSees, acceptedAt }, i) => {
    const same = (row: (typeof rows)[number]) => row.organizationKey === organizationKey;
    // Agreements leave no gap: each applies until the next begins, and the first also to what was collected before it.
    const isFirst = !rows.slice(0, i).some(same);
    const next = rows.slice(i + 1).find(same);
    return { organizationKey, leadSees, from: isFirst ? null : acceptedAt, until: next?.acceptedAt ?? null };
  });
});

/** Whether the lead cannot see some of the signatures that partners collected for this petition. */
export const hidesSome = async (on: Reader | Tx, petitionKey: number): Promise<boolean> =>
  (await termsOf(on, petitionKey)).some(({ leadSees }) => leadSees !== 'full');

/** What the lead sees of a signature: everything unless a partner collected it under other terms. */
export function leadSeesOf(terms: Terms, { collectorKey, createdAt }: Collected): LeadSees {
  if (collectorKey === null) return 'full';
  const agreed = terms.find(
    ({ organizationKey, from, until }) =>
      organizationKey === collectorKey &&
      (from === null || createdAt >= from) &&
      (until === null || createdAt < until),
  );
  return agreed?.leadSees ?? 'full';
}

/**
 * The condition for signatures that the lead sees in full. Lists must use it, so that a filter cannot find what is
 * hidden.
 */
export function inFull({ signatures: t }: Tables, terms: Terms): SQL | undefined {
  const hiding = terms.filter(({ leadSees }) => leadSees !== 'full');
  const hidden = hiding.map(({ organizationKey, from, until }) =>
    and(
      eq(t.collectorKey, organizationKey),
      from === null ? undefined : gte(t.createdAt, from),
      until === null ? undefined : lt(t.createdAt, until),
    ),
  );
  const any = or(...hidden);
  return any && or(isNull(t.collectorKey), not(any));
}
