import { desc, eq, sql, type Column, type SQL } from 'drizzle-orm';
import type { LeadSees, PartnershipStatus } from '../../../schema/db/tables/partners.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { total } from '../counts/counts.js';
import { Moved } from '../petitions/petition-lookup.js';
import { hidingPetitions } from './partner-terms.js';
import { findSharedHead, groupColumns, type Group } from './partnerships.js';

/** A null `pending` is hidden from the caller. `paper`: the paper signatures that count. */
export type Sums = { confirmed: number; pending: number | null; paper: number };

export type Standing = Sums & {
  partnershipId: string | null;
  organization: Group;
  status: PartnershipStatus;
  leadSees: LeadSees | null;
  /** For the lead only; null for partners. */
  vouching: Vouching | null;
  invitedAt: Date;
  answeredAt: Date | null;
};

/**
 * How a partner has vouched on this petition: its limit per day (null: it may not), how many signatures counted because
 * it vouched, and how many exceeded the limit. Later changes of those signatures do not change these numbers.
 */
export type Vouching = { limit: number | null; counted: number; held: number };

export type Board = { petitionId: string; lead: Sums; unattributed: Sums; partners: Standing[] };

const SHOWN = 1000;
const NOTHING = { confirmed: 0, pending: 0, paper: 0 };

/**
 * The confirmed and pending signatures of each organization in a petition's coalition; sums only, never people. The
 * lead sees every organization that it ever invited; a partner sees the other partners, without their terms. Only a
 * lead from whom nothing is hidden gets `pending`: it changes with every signing, and would show whether an address had
 * signed before. Throws `petition_not_found`, or Moved for an old slug.
 */
export async function readPartnerBoard(on: Reader, actor: KeyedActor, ref: string): Promise<Board> {
  const petition = await findSharedHead(on, actor, ref);
  if (ref !== petition.slug && ref !== petition.publicId) throw new Moved(petition.slug);
  const leads = actor.organizationKey === petition.organizationKey;
  const seesAll = leads && (await hidingPetitions(on, [petition.key])).size === 0;
  const sumOf = await sumsOf(on, petition.key);
  const vouchedBy = leads ? await vouchedOf(on, petition.key) : undefined;
  const shown = (organizationKey: number | null): Sums => {
    const { confirmed, pending, paper } = sumOf(organizationKey);
    return { confirmed, pending: seesAll ? pending : null, paper };
  };
  const partners = (await latestPartnerships(on, petition.key))
    .filter(({ status }) => leads || status === 'accepted')
    .map(({ key, organizationKey, publicId, leadSees, vouchLimit, ...row }) => {
      const mayKnow = leads || organizationKey === actor.organizationKey;
      const terms = { partnershipId: mayKnow ? publicId : null, leadSees: mayKnow ? leadSees : null };
      const vouching = vouchedBy ? { limit: vouchLimit, ...vouchedBy(organizationKey) } : null;
      return { key, standing: { ...row, ...terms, vouching, ...shown(organizationKey) } };
    })
    .sort((a, b) => b.standing.confirmed - a.standing.confirmed || a.key - b.key)
    .slice(0, SHOWN)
    .map(({ standing }) => standing);
  return {
    petitionId: petition.publicId,
    lead: shown(petition.organizationKey),
    unattributed: shown(null),
    partners,
  };
}

/** The latest partnership of each organization, which is the valid one. */
async function latestPartnerships({ db, tables }: Reader, petitionKey: number) {
  const { partnerships: t, organizations } = tables;
  const rows = await db
    .select({
      key: t.key,
      publicId: t.publicId,
      organizationKey: t.organizationKey,
      organization: groupColumns(organizations),
      status: t.status,
      leadSees: t.leadSees,
      vouchLimit: t.vouchLimit,
      invitedAt: t.invitedAt,
      answeredAt: t.answeredAt,
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(eq(t.petitionKey, petitionKey))
    .orderBy(desc(t.key));
  const seen = new Set<number>();
  return rows.filter(({ organizationKey }) => !seen.has(organizationKey) && seen.add(organizationKey));
}

/** Returns a lookup of what an organization has vouched for, over all of its partnerships. */
async function vouchedOf({ db, tables }: Reader, petitionKey: number) {
  const { vouchedDays: t, partnerships } = tables;
  const rows = await db
    .select({ organizationKey: partnerships.organizationKey, counted: total(t.counted), held: total(t.held) })
    .from(t)
    .innerJoin(partnerships, eq(partnerships.key, t.partnershipKey))
    .where(eq(partnerships.petitionKey, petitionKey))
    .groupBy(partnerships.organizationKey);
  const known = new Map(rows.map(({ organizationKey, ...sums }) => [organizationKey, sums]));
  return (organizationKey: number) => known.get(organizationKey) ?? { counted: 0, held: 0 };
}

/** Marks the sum of the whole petition among those of organizations, whose keys begin at 1. */
const WHOLE_PETITION = 0;

/** Returns a lookup of an organization's sum, or (null) of unattributed signatures. One query, hence one snapshot. */
async function sumsOf(on: Reader, petitionKey: number) {
  const rows = await selectSums(on, petitionKey);
  const sums = new Map(rows.map(({ organizationKey, ...sum }) => [organizationKey, sum]));
  const remainder = { ...(sums.get(WHOLE_PETITION) ?? NOTHING) };
  sums.delete(WHOLE_PETITION);
  for (const one of sums.values()) {
    remainder.confirmed -= one.confirmed;
    remainder.pending -= one.pending;
    remainder.paper -= one.paper;
  }
  return (organizationKey: number | null) =>
    organizationKey === null ? remainder : (sums.get(organizationKey) ?? NOTHING);
}

function selectSums({ db, tables }: Reader, petitionKey: number) {
  const { petitionCounts: all, partnerCounts: t } = tables;
  const number = (expression: SQL) => sql<number>`${expression}`.mapWith(Number);
  const total = (column: Column) => number(sql`coalesce(sum(${column}), 0)`);
  const whole = db
    .select({
      organizationKey: number(sql.raw(String(WHOLE_PETITION))),
      confirmed: total(all.confirmed),
      pending: total(all.pending),
      paper: total(all.paper),
    })
    .from(all)
    .where(eq(all.petitionKey, petitionKey));
  const each = db
    .select({
      organizationKey: number(sql`${t.organizationKey}`),
      confirmed: total(t.confirmed),
      pending: total(t.pending),
      paper: total(t.paper),
    })
    .from(t)
    .where(eq(t.petitionKey, petitionKey))
    .groupBy(t.organizationKey);
  return whole.unionAll(each);
}
