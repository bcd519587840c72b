import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import { statusCounts } from './counts.js';

/* The coalition of a petition, and what each of its groups has brought. */

export const PARTNERSHIP_STATUSES = ['invited', 'accepted', 'declined', 'ended'] as const;

/** What the lead organization sees of the signatures that a partner has collected. */
export const LEAD_SEES = ['full', 'names', 'counts'] as const;

/** What either side can do about a partnership. */
export const PARTNERSHIP_MOVES = ['accept', 'decline', 'end'] as const;

export type PartnershipStatus = (typeof PARTNERSHIP_STATUSES)[number];
export type LeadSees = (typeof LEAD_SEES)[number];
export type PartnershipMove = (typeof PARTNERSHIP_MOVES)[number];

export function definePartnersTables(d: typeof Columns, parents: Parents<'organizations' | 'petitions'>) {
  const { organizations, petitions } = parents;
  const to = referencesIn(d);

  /**
   * One organization's part in the petition of another: offered by the lead, accepted by the partner. A new invitation
   * after a refusal or an end is a new row: what was collected under an old one stays under its terms.
   */
  const partnerships = d.table(
    'partnerships',
    {
      key: d.key(),
      publicId: d.publicId('ptn').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      status: d.enumText(PARTNERSHIP_STATUSES).notNull(),
      leadSees: d.enumText(LEAD_SEES).notNull(),
      /** How many signatures a day it may vouch for; null: none, it may not vouch. */
      vouchLimit: d.int(),
      invitedAt: d.instant().notNull(),
      answeredAt: d.instant(),
      endedAt: d.instant(),
      /** What the side that declined or ended it says. */
      reason: d.str(),
    },
    (t) => [
      d
        .uniqueIndex('partnerships_open')
        .on(t.petitionKey, t.organizationKey)
        .where(d.sql`status in ('invited', 'accepted')`),
      d.index('partnerships_petition').on(t.petitionKey, t.key),
      d.index('partnerships_organization').on(t.organizationKey, t.key),
      d.check('partnerships_status_known', oneOf(d, 'status', PARTNERSHIP_STATUSES)),
      d.check('partnerships_lead_sees_known', oneOf(d, 'lead_sees', LEAD_SEES)),
    ],
  );

  /** A petition's signatures by the organization that they are attributed to. Sharded like the counts. */
  const partnerCounts = d.table(
    'partner_counts',
    {
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      shard: d.int().notNull(),
      ...statusCounts(d),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.organizationKey, t.shard] })],
  );

  /** How many signatures a partner has vouched for on each day (since 1970, UTC), and how many came beyond its limit. */
  const vouchedDays = d.table(
    'vouched_days',
    {
      partnershipKey: to(partnerships).notNull(),
      day: d.int().notNull(),
      counted: d.int().notNull(),
      held: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.partnershipKey, t.day] })],
  );

  return { partnerships, partnerCounts, vouchedDays };
}
