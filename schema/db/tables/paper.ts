import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import { DISPLAYS } from './signatures.js';
import type { PostalAddress } from './supporters.js';

/* Signatures on paper, whose signers have no mailbox here, and plain numbers from elsewhere. */

export const PAPER_STATUSES = ['confirmed', 'invalidated'] as const;

/** How paper signatures came: as a `file`, or as `entries` of one request. */
export const PAPER_BATCH_KINDS = ['file', 'entries'] as const;

/**
 * What a column of a file of paper signatures can be. `given_name` and `family_name` make the name where there is no whole
 * one; an `email` is never stored, and only told of.
 */
export const PAPER_FIELDS = [
  'name',
  'given_name',
  'family_name',
  'country',
  'postal_code',
  'postal_address_lines',
  'postal_address_city',
  'postal_address_region',
  'phone',
  'comment',
  'display',
  'hidden',
  'sheet',
  'signed_on',
  'external_id',
  'status',
  'email',
] as const;

export type PaperStatus = (typeof PAPER_STATUSES)[number];
export type PaperBatchKind = (typeof PAPER_BATCH_KINDS)[number];
export type PaperField = (typeof PAPER_FIELDS)[number];

export function definePaperTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'apiKeys' | 'petitions'>,
) {
  const { organizations, apiKeys, petitions } = parents;
  const to = referencesIn(d);

  /** What was entered together, and can be removed together. */
  const paperBatches = d.table(
    'paper_batches',
    {
      key: d.key(),
      publicId: d.publicId('pba').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      /** Null: entered on the command line. */
      apiKeyKey: to(apiKeys),
      kind: d.enumText(PAPER_BATCH_KINDS).notNull(),
      source: d.str(),
      /** How many signatures it brought. */
      created: d.int().notNull(),
      begunAt: d.instant().notNull(),
      /** Null: it is being entered, or the server stopped in the middle of it. */
      completedAt: d.instant(),
    },
    (t) => [d.index('paper_batches_petition').on(t.petitionKey, t.key)],
  );

  const paperSignatures = d.table(
    'paper_signatures',
    {
      key: d.key(),
      publicId: d.publicId('pap').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      /** The organization that collected and entered it. */
      organizationKey: to(organizations).notNull(),
      batchKey: to(paperBatches).notNull(),
      status: d.enumText(PAPER_STATUSES).notNull(),
      /** Why its status was last changed. */
      reason: d.str(),
      /** Empty: anonymised at the end of the petition's retention period. */
      name: d.str().notNull(),
      givenName: d.str(),
      familyName: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      comment: d.str(),
      display: d.enumText(DISPLAYS).notNull(),
      /** 1: its signer wants to appear in no list. */
      hidden: d.int().notNull(),
      sheet: d.str(),
      /** `YYYY-MM-DD`: paper knows no time of day. */
      signedOn: d.str(),
      externalId: d.str(),
      /** Folded name and postal code, by which a person who signed twice is noticed; null without a postal code. */
      person: d.str(),
      createdAt: d.instant().notNull(),
    },
    (t) => [
      d.index('paper_signatures_petition').on(t.petitionKey, t.key),
      d.index('paper_signatures_batch').on(t.batchKey, t.key),
      d
        .uniqueIndex('paper_signatures_external_id')
        .on(t.petitionKey, t.organizationKey, t.externalId)
        .where(d.sql`external_id is not null`),
      d
        .index('paper_signatures_person')
        .on(t.petitionKey, t.person)
        .where(d.sql`person is not null`),
      d.check('paper_signatures_status_known', oneOf(d, 'status', PAPER_STATUSES)),
    ],
  );

  /** Numbers that were counted elsewhere, with a source that is public. */
  const offsets = d.table(
    'offsets',
    {
      key: d.key(),
      publicId: d.publicId('ofs').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      count: d.int().notNull(),
      source: d.str().notNull(),
      url: d.str(),
      /** `YYYY-MM-DD`. */
      countedOn: d.str(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('offsets_petition').on(t.petitionKey, t.key)],
  );

  return { paperBatches, paperSignatures, offsets };
}
