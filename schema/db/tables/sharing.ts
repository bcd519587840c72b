import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Share links and what they brought. Clicks and conversions are kept as sums: who clicked is nowhere. */

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

  /** What a link says on a network: one row for each wording, so that wordings can be compared. */
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
      /** Random: it says nothing of who made it or when. */
      code: d.str().notNull().unique(),
      petitionKey: to(petitions).notNull(),
      variantKey: to(shareVariants).notNull(),
      /** The signature that it is credited to; null: it was made for the petition. */
      signatureKey: to(signatures),
      /** The organization that signatures through it are attributed to, if no key says otherwise. */
      organizationKey: to(organizations),
      source: d.str(),
      /** SHA-256 of the receipt that it was made with: the same receipt gets the same link. */
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

  /** What one link brought: the sum over its shards, like the counts of petitions. */
  const shareCounts = d.table(
    'share_counts',
    {
      shareLinkKey: to(shareLinks).notNull(),
      shard: d.int().notNull(),
      /** Every request of it, by whatever. */
      requests: d.int().notNull(),
      /** Those that look like a person. */
      clicks: d.int().notNull(),
      conversions: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.shareLinkKey, t.shard] })],
  );

  /** The same by the hour (since 1970, UTC), for each wording and organization (0: none). */
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
