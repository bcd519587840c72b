import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { oneOf } from './checks.js';
import type * as Columns from './columns.postgres.js';

/*
 * The coalition of a petition, what each of its groups has brought, and the keys that were set apart because what they
 * bring is hardly ever confirmed.
 */

export const PARTNERSHIP_STATUSES = ['invited', 'accepted', 'declined', 'ended'] as const;
/** What the lead organization sees of the signatures that a partner has collected. */
export const LEAD_SEES = ['full', 'names', 'counts'] as const;
/** What either side can do about a partnership. */
export const PARTNERSHIP_MOVES = ['accept', 'decline', 'end'] as const;

export type PartnershipStatus = (typeof PARTNERSHIP_STATUSES)[number];
export type LeadSees = (typeof LEAD_SEES)[number];
export type PartnershipMove = (typeof PARTNERSHIP_MOVES)[number];

type Parents = Record<'organizations' | 'petitions' | 'apiKeys', { key: AnyPgColumn }>;

export function definePartnerTables(d: typeof Columns, parents: Parents) {
  const { organizations, petitions, apiKeys } = parents;
  const to = (table: { key: AnyPgColumn }) => d.ref().references(() => table.key);

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
      pending: d.int().notNull(),
      confirmed: d.int().notNull(),
      invalidated: d.int().notNull(),
      withdrawn: d.int().notNull(),
      quarantined: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.organizationKey, t.shard] })],
  );

  /** How many mailboxes were mailed for what came through a key, and how many said yes, each by when it happened. */
  const keyFigures = d.table(
    'key_figures',
    {
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** Ten minutes each, since 1970. */
      slot: d.int().notNull(),
      shard: d.int().notNull(),
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
    },
    (t) => [
      d.primaryKey({ columns: [t.apiKeyKey, t.petitionKey, t.slot, t.shard] }),
      d.index('key_figures_slot').on(t.slot),
    ],
  );

  /** What comes through an isolated key is quarantined, until the lead organization releases it. */
  const keyIsolations = d.table(
    'key_isolations',
    {
      key: d.key(),
      apiKeyKey: to(apiKeys).notNull(),
      petitionKey: to(petitions).notNull(),
      /** The figures that did it. */
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
      isolatedAt: d.instant().notNull(),
      releasedAt: d.instant(),
    },
    (t) => [
      d
        .uniqueIndex('key_isolations_open')
        .on(t.petitionKey, t.apiKeyKey)
        .where(d.sql`released_at is null`),
    ],
  );

  /**
   * From which network a signature came through a publishable key, as a keyed hash, for two days. No foreign keys: it is
   * written for every such signature, and looks at nothing else.
   */
  const signatureNetworks = d.table(
    'signature_networks',
    {
      signatureKey: d.ref().primaryKey(),
      apiKeyKey: d.ref().notNull(),
      petitionKey: d.ref().notNull(),
      network: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
      /** When the first mail about it has left. */
      askedAt: d.instant(),
    },
    (t) => [d.index('signature_networks_of_key').on(t.petitionKey, t.apiKeyKey, t.signatureKey)],
  );

  /** What comes through a key from such a network is quarantined, for a day. */
  const isolatedNetworks = d.table(
    'isolated_networks',
    {
      petitionKey: to(petitions).notNull(),
      apiKeyKey: to(apiKeys).notNull(),
      network: d.bytes().notNull(),
      /** The figures that did it. */
      asked: d.int().notNull(),
      confirmed: d.int().notNull(),
      isolatedAt: d.instant().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.petitionKey, t.apiKeyKey, t.network] })],
  );

  return { partnerships, partnerCounts, keyFigures, keyIsolations, signatureNetworks, isolatedNetworks };
}
