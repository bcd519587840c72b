import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import { statusCounts } from './counts.js';

/* The partners of a petition, and the counts of their signatures. */

export const PARTNERSHIP_STATUSES = ['invited', 'accepted', 'declined', 'ended'] as const;

/** The terms: what the lead organization sees of the signatures that a partner has collected. */
export const LEAD_SEES = ['full', 'names', 'counts'] as const;

/** Partners that a petition can have at a time, invited ones included. */
export const MOST_PARTNERS = 100;

/** Organizations that can ask a signer for consent: the lead and its partners. */
export const MOST_ASKERS = MOST_PARTNERS + 1;

/** What either side can do about a partnership. */
export const PARTNERSHIP_MOVES = ['accept', 'decline', 'end'] as const;

export type PartnershipStatus = (typeof PARTNERSHIP_STATUSES)[number];
export type LeadSees = (typeof LEAD_SEES)[number];
export type PartnershipMove = (typeof PARTNERSHIP_MOVES)[number];

export function definePartnersTables(d: typeof Columns, parents: Parents<'organizations' | 'petitions'>) {
  const { organizations, petitions } = parents;
  const to = referencesIn(d);

  /**
   * The participation of an organization in the petition of another: offered by the lead, accepted by the partner. A
   * new invitation is always a new row: signatures that were collected under an earlier one keep its terms.
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
      /** 1: the petition names it among its partners once it has accepted. */
      listed: d.int().notNull().default(1),
      /** How many signatures a day it may vouch for; null: it may not vouch. */
      vouchLimit: d.int(),
      invitedAt: d.instant().notNull(),
      answeredAt: d.instant(),
      endedAt: d.instant(),
      /** The reason given by the side that declined or ended it. */
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

  /** A petition's counts by the organization that the signatures are attributed to. Sharded like petitionCounts. */
  const partnerCounts = d.table(
    'partner_counts',
    {
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      shard: d.int().notNull(),
      ...statusCounts(d),
      /** Confirmed paper signatures that it has entered. */
      paper: d.int().notNull().default(0),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.organizationKey, t.shard] })],
  );

  /**
   * How many signatures a partner vouched for on each day (since 1970, UTC): within (`counted`) and beyond its limit
   * (`held`).
   */
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
