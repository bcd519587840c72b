import { and, eq, isNotNull, sql, type SQL } from 'drizzle-orm';
import { SIGNATURE_STATUSES, type SignatureStatus } from '../../../schema/db/tables/signatures.js';
import type { Reader } from '../../store/store.js';
import { cellOf } from './cells.js';

/** A counter that does not agree with the rows that it counts. */
export type Drift = {
  petitionId: string;
  /**
   * `history`, `attributed` and `conversions` are sums of confirmed signatures by hour, by organization and by share
   * link; `people` are the signers of the confirmed ones (recount-people.ts). `attributed_paper` is the sum of paper
   * signatures by organization. `cells` are the confirmed signatures that are counted in their cell of country, region
   * and source.
   */
  what: SignatureStatus | (typeof CONFIRMED)[number] | (typeof OTHER)[number] | 'cells' | 'people';
  counter: number;
  rows: number;
};

const CONFIRMED = ['history', 'attributed', 'conversions'] as const;
const OTHER = ['paper', 'attributed_paper', 'offsets'] as const;

const number = (query: SQL) => sql<number>`(${query})`.mapWith(Number);

/**
 * Compares every counter with its rows; an empty list proves that they agree. It is one statement, hence one snapshot,
 * so it is safe to run while people sign.
 */
export async function recount(on: Reader): Promise<Drift[]> {
  const { petitions: p, petitionCounts: c, signatures: s } = on.tables;
  const counters = Object.fromEntries(
    SIGNATURE_STATUSES.map((status) => [
      `counter_${status}`,
      number(sql`select coalesce(sum(${c[status]}), 0) from ${c} where ${eq(c.petitionKey, p.key)}`),
    ]),
  );
  const rows = Object.fromEntries(
    SIGNATURE_STATUSES.map((status) => [
      `rows_${status}`,
      number(sql`select count(*) from ${s} where ${and(eq(s.petitionKey, p.key), eq(s.status, status))}`),
    ]),
  );
  const found = (await on.db
    .select({
      petitionId: p.publicId,
      ...counters,
      ...rows,
      ...confirmedBy(on),
      ...otherCounts(on),
      ...astray(on),
    })
    .from(p)) as unknown as (Record<string, number> & { petitionId: string })[];

  return found.flatMap((row) => {
    const { petitionId, missing = NaN, surplus = NaN, rows_confirmed: confirmed = NaN } = row;
    const pairs: Drift[] = [...SIGNATURE_STATUSES, ...CONFIRMED, ...OTHER].map((what) => ({
      petitionId,
      what,
      counter: row[`counter_${what}`] ?? NaN,
      rows: row[`rows_${what}`] ?? NaN,
    }));
    const counted = missing === 0 ? confirmed + surplus : confirmed - missing;
    pairs.push({ petitionId, what: 'cells', counter: counted, rows: confirmed });
    return pairs.filter(({ counter, rows: truth }) => counter !== truth);
  });
}

/** The confirmed signatures by hour, by organization and by share link. */
function confirmedBy({ tables }: Reader) {
  const { petitions: p, petitionHistory: h, partnerCounts, shareCounts, shareLinks, signatures: s } = tables;
  const confirmed = (more?: SQL) =>
    number(
      sql`select count(*) from ${s} where ${and(eq(s.petitionKey, p.key), eq(s.status, 'confirmed'), more)}`,
    );
  return {
    counter_history: number(
      sql`select coalesce(sum(${h.confirmed}), 0) from ${h} where ${eq(h.petitionKey, p.key)}`,
    ),
    rows_history: confirmed(),
    counter_attributed: number(
      sql`select coalesce(sum(${partnerCounts.confirmed}), 0) from ${partnerCounts} where ${eq(partnerCounts.petitionKey, p.key)}`,
    ),
    rows_attributed: confirmed(isNotNull(s.collectorKey)),
    counter_conversions: number(
      sql`select coalesce(sum(${shareCounts.conversions}), 0) from ${shareLinks} inner join ${shareCounts} on ${eq(shareCounts.shareLinkKey, shareLinks.key)} where ${eq(shareLinks.petitionKey, p.key)}`,
    ),
    rows_conversions: confirmed(isNotNull(s.shareLinkKey)),
  };
}

/** How many confirmed signatures are not counted in their cell, and how many are counted in one that is not theirs. */
function astray({ tables }: Reader) {
  const { petitions: p, petitionCells: c, signatures: s } = tables;
  const all = sql`
    select ${c.country} as country, ${c.region} as region, ${c.source} as source, ${c.confirmed} as n
    from ${c} where ${eq(c.petitionKey, p.key)}
    union all
    select ${cellOf(s)}, -1
    from ${s} where ${and(eq(s.petitionKey, p.key), eq(s.status, 'confirmed'))}`;
  const cells = sql`select sum(n) as n from (${all}) as rows_and_cells group by country, region, source`;
  return {
    missing: number(sql`select coalesce(sum(-n), 0) from (${cells}) as cells where n < 0`),
    surplus: number(sql`select coalesce(sum(n), 0) from (${cells}) as cells where n > 0`),
  };
}

/** What counts besides signatures with a mailbox. */
function otherCounts({ tables }: Reader) {
  const { petitions: p, petitionCounts: c, partnerCounts, paperSignatures, offsets } = tables;
  const paper = number(
    sql`select count(*) from ${paperSignatures} where ${and(eq(paperSignatures.petitionKey, p.key), eq(paperSignatures.status, 'confirmed'))}`,
  );
  return {
    counter_paper: number(
      sql`select coalesce(sum(${c.paper}), 0) from ${c} where ${eq(c.petitionKey, p.key)}`,
    ),
    rows_paper: paper,
    counter_attributed_paper: number(
      sql`select coalesce(sum(${partnerCounts.paper}), 0) from ${partnerCounts} where ${eq(partnerCounts.petitionKey, p.key)}`,
    ),
    rows_attributed_paper: paper,
    counter_offsets: number(
      sql`select coalesce(sum(${c.offsets}), 0) from ${c} where ${eq(c.petitionKey, p.key)}`,
    ),
    rows_offsets: number(
      sql`select coalesce(sum(${offsets.count}), 0) from ${offsets} where ${eq(offsets.petitionKey, p.key)}`,
    ),
  };
}
