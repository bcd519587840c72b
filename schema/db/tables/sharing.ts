import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Share links and their statistics. Clicks and conversions must be stored as sums only, never by person. */

export const NETWORKS = [
  'facebook',
  'x',
  'whatsapp',
  'telegram',
  'bluesky',
  'mastodon',
  'threads',
  'linkedin',
  'reddit',
  'signal',
  'sms',
  'email',
  'copy',
] as const;
export const SHARE_SPLITS = ['even', 'adaptive'] as const;

export type Network = (typeof NETWORKS)[number];

export function defineSharingTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'petitions' | 'signatures'>,
) {
  const { organizations, petitions, signatures } = parents;
  const to = referencesIn(d);

  /** The text of links for a network: one row for each wording, so that wordings can be compared. */
  const shareVariants = d.table(
    'share_variants',
    {
      key: d.key(),
      publicId: d.publicId('var').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      network: d.str().notNull(),
      /** Null: the petition has no text for this network. */
      text: d.str(),
      /** SHA-256 of the text in UTF-8, or of nothing. */
      hash: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.uniqueIndex('share_variants_text').on(t.petitionKey, t.network, t.hash)],
  );

  const shareLinks = d.table(
    'share_links',
    {
      key: d.key(),
      /** Random, so that it reveals nothing about its maker or age. */
      code: d.str().notNull().unique(),
      petitionKey: to(petitions).notNull(),
      variantKey: to(shareVariants).notNull(),
      /** The translation of the petition that it shares; null: its own text. */
      translationKey: d.ref(),
      /** The signature that it is credited to; null: made without a receipt. */
      signatureKey: to(signatures),
      /** The organization that signatures through it are attributed to, unless they are sent with another key. */
      organizationKey: to(organizations),
      source: d.str(),
      /** SHA-256 of its receipt: the same receipt gets the same link again. */
      receiptHash: d.bytes(),
      createdAt: d.instant().notNull(),
    },
    (t) => [
      d.index('share_links_petition').on(t.petitionKey, t.key),
      d
        .index('share_links_signature')
        .on(t.signatureKey)
        .where(d.sql`signature_key is not null`),
      d
        .uniqueIndex('share_links_receipt')
        .on(t.receiptHash, t.variantKey)
        .where(d.sql`receipt_hash is not null`),
    ],
  );

  /** The counts of a link: the sum over its shards, like petitionCounts. */
  const shareCounts = d.table(
    'share_counts',
    {
      shareLinkKey: to(shareLinks).notNull(),
      shard: d.int().notNull(),
      /** All requests, including those of programs. */
      requests: d.int().notNull(),
      /** Requests that look like a person's. */
      clicks: d.int().notNull(),
      conversions: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.shareLinkKey, t.shard] })],
  );

  /** The same counts by hour (since 1970, UTC), for each wording and organization (0: none). */
  const shareHistory = d.table(
    'share_history',
    {
      variantKey: to(shareVariants).notNull(),
      organizationKey: d.ref().notNull(),
      hour: d.int().notNull(),
      shard: d.int().notNull(),
      links: d.int().notNull(),
      requests: d.int().notNull(),
      clicks: d.int().notNull(),
      conversions: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.variantKey, t.organizationKey, t.hour, t.shard] })],
  );

  return { shareVariants, shareLinks, shareCounts, shareHistory };
}
