import { and, asc, eq, gte, lt, sql, type SQL } from 'drizzle-orm';
import type { Network } from '../../../schema/db/tables/sharing.js';
import type { Reader } from '../../store/store.js';
import { total } from '../counts/counts.js';
import { hourOf, startOf } from '../counts/share-figures.js';

/* Statistics of share links over a range of hours, by network, text, organization or time. */

export type ShareGroup = 'network' | 'variant' | 'organization' | 'hour' | 'day';

/** What to count, between two full hours. `petitionKey` is the petition's; the others are optional filters. */
export type ShareRange = {
  petitionKey: number;
  from: Date;
  before: Date;
  network?: Network | undefined;
  organizationId?: string | undefined;
};

/** Widens a range to full hours, since figures are kept per hour. */
export const wholeHours = ({ from, before }: { from: Date; before: Date }) => ({
  from: startOf(hourOf(from)),
  before: startOf(hourOf(new Date(before.getTime() - 1)) + 1),
});

export type ShareSums = { links: number; requests: number; clicks: number; conversions: number };

/** One group; the fields that do not identify it are null. */
export type ShareRow = ShareSums & {
  network: Network | null;
  variantId: string | null;
  text: string | null;
  organizationId: string | null;
  from: Date | null;
};

/** More than any group can have: a year has fewer hours. */
const MOST_GROUPS = 9000;

const sums = ({ tables: { shareHistory: h } }: Reader) => {
  return {
    links: total(h.links),
    requests: total(h.requests),
    clicks: total(h.clicks),
    conversions: total(h.conversions),
  };
};

/** The columns that identify a group; all others are null. */
function groupsOf({ tables }: Reader, group: ShareGroup) {
  const { shareVariants: v, shareHistory: h, organizations: o } = tables;
  const hours = group === 'day' ? 24 : 1;
  const bucket: SQL<number> = sql<number>`${h.hour} - ${h.hour} % ${sql.raw(String(hours))}`;
  const none = sql<null>`null`;
  const empty = { network: none, variantId: none, text: none, organizationId: none, bucket: none };
  switch (group) {
    case 'network':
      return { fields: { ...empty, network: v.network }, by: [v.network] };
    case 'variant':
      return {
        fields: { ...empty, network: v.network, variantId: v.publicId, text: v.text },
        by: [v.network, v.key, v.publicId, v.text],
      };
    case 'organization':
      return { fields: { ...empty, organizationId: o.publicId }, by: [h.organizationKey, o.publicId] };
    default:
      return { fields: { ...empty, bucket: bucket.mapWith(Number) }, by: [bucket] };
  }
}

const conditionOf = ({ tables }: Reader, range: ShareRange) => {
  const { shareVariants: v, shareHistory: h, organizations: o } = tables;
  return and(
    eq(v.petitionKey, range.petitionKey),
    gte(h.hour, hourOf(range.from)),
    lt(h.hour, hourOf(range.before)),
    range.network === undefined ? undefined : eq(v.network, range.network),
    range.organizationId === undefined ? undefined : eq(o.publicId, range.organizationId),
  );
};

/** The sums of each group, ordered by group, without empty ones. */
export async function readShareGroups(on: Reader, group: ShareGroup, range: ShareRange): Promise<ShareRow[]> {
  const { shareVariants: v, shareHistory: h, organizations: o } = on.tables;
  const { fields, by } = groupsOf(on, group);
  const rows = await on.db
    .select({ ...fields, ...sums(on) })
    .from(h)
    .innerJoin(v, eq(v.key, h.variantKey))
    .leftJoin(o, eq(o.key, h.organizationKey))
    .where(conditionOf(on, range))
    .groupBy(...by)
    .orderBy(...by.map((column) => asc(column)))
    .limit(MOST_GROUPS);
  return rows
    .filter(({ links, requests, clicks, conversions }) => links || requests || clicks || conversions)
    .map(({ bucket, network, ...row }) => ({
      ...row,
      network: network as Network | null,
      from: bucket === null ? null : startOf(bucket),
    }));
}

/** The sums over all groups. */
export async function readShareTotals(on: Reader, range: ShareRange): Promise<ShareSums> {
  const { shareVariants: v, shareHistory: h, organizations: o } = on.tables;
  const [row] = await on.db
    .select(sums(on))
    .from(h)
    .innerJoin(v, eq(v.key, h.variantKey))
    .leftJoin(o, eq(o.key, h.organizationKey))
    .where(conditionOf(on, range));
  return row ?? { links: 0, requests: 0, clicks: 0, conversions: 0 };
}
