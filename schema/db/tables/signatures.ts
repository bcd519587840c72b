import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import type { PostalAddress } from './supporters.js';

/* Signatures, their moderations, and imports. */

export const SIGNATURE_STATUSES = [
  'pending',
  'confirmed',
  'invalidated',
  'withdrawn',
  'quarantined',
] as const;
export const DISPLAYS = ['public', 'initials', 'anonymous'] as const;

/** `file`: an imported file. `requests`: the signatures that one key of a partner vouched for one by one on one day. */
export const IMPORT_KINDS = ['file', 'requests'] as const;

/** What a column of an imported file can be. `given_name` and `family_name` make the name where there is no whole one. */
export const IMPORT_FIELDS = [
  'email',
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
  'source',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'external_id',
  'created_at',
  'confirmed_at',
  'status',
  'confirmed',
] as const;

/** Why a column is not read: no field has this name, the petition does not ask for it, or another column is read as it. */
export const IGNORED_COLUMNS = ['unknown', 'not_asked', 'other_column'] as const;

/** The actions of organisers on signatures. */
export const MODERATION_ACTIONS = ['release', 'refuse', 'invalidate', 'restore', 'quarantine'] as const;

export type SignatureStatus = (typeof SIGNATURE_STATUSES)[number];
/** Answers to the petition's own fields, by their names. */
export type Answers = Record<string, string | boolean>;
export type Utm = { source?: string; medium?: string; campaign?: string; term?: string; content?: string };
export type ImportField = (typeof IMPORT_FIELDS)[number];
export type IgnoredColumn = (typeof IGNORED_COLUMNS)[number];
export type ImportKind = (typeof IMPORT_KINDS)[number];
export type ModerationAction = (typeof MODERATION_ACTIONS)[number];

export function defineSignaturesTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'apiKeys' | 'petitions' | 'supporters'>,
) {
  const { organizations, apiKeys, petitions, supporters } = parents;
  const to = referencesIn(d);

  const signatures = d.table(
    'signatures',
    {
      key: d.key(),
      publicId: d.publicId('sig').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      /** Null: anonymised at the end of the petition's retention period. */
      supporterKey: to(supporters),
      status: d.enumText(SIGNATURE_STATUSES).notNull(),
      display: d.enumText(DISPLAYS).notNull(),
      /** 1: its signer does not want it in the public list at all. */
      hidden: d.int().notNull().default(0),
      name: d.str().notNull(),
      /** The parts of the name, where the source gave them; so they are nowhere made from `name`. */
      givenName: d.str(),
      familyName: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      comment: d.str(),
      answers: d.json<Answers>(),
      /** The translation of the petition whose text was signed; null: its own text. */
      translationKey: d.ref(),
      source: d.str(),
      utm: d.json<Utm>(),
      /** The organization that it is attributed to; null: none. See core/signatures/attribution.ts. */
      collectorKey: to(organizations),
      /** The key that it came through. */
      apiKeyKey: d.ref(),
      /** The share link that brought the signer. */
      shareLinkKey: d.ref(),
      /** The mailing whose personal link brought the signer. */
      mailingKey: d.ref(),
      /** The wording of that mailing. */
      mailingVariantKey: d.ref(),
      /** The import that made it count, or put it into quarantine; null: it came without an import. */
      importKey: d.ref(),
      externalId: d.str(),
      createdAt: d.instant().notNull(),
      confirmedAt: d.instant(),
      withdrawnAt: d.instant(),
    },
    (t) => [
      d.uniqueIndex('signatures_petition_supporter').on(t.petitionKey, t.supporterKey),
      d.index('signatures_listing').on(t.petitionKey, t.status, t.key),
      d
        .uniqueIndex('signatures_external_id')
        .on(t.petitionKey, t.externalId)
        .where(d.sql`external_id is not null`),
      // Partial, so that signatures without an import cost nothing.
      d
        .index('signatures_import')
        .on(t.importKey, t.key)
        .where(d.sql`import_key is not null`),
      // Partial, too: only signatures that a mailing brought.
      d
        .index('signatures_mailing')
        .on(t.mailingKey, t.mailingVariantKey, t.createdAt)
        .where(d.sql`mailing_key is not null`),
      // Partial, too: whether a translation was signed.
      d
        .index('signatures_translation')
        .on(t.translationKey)
        .where(d.sql`translation_key is not null`),
      d.check('signatures_status_known', oneOf(d, 'status', SIGNATURE_STATUSES)),
    ],
  );

  /** A record of every moderation of a signature. Append-only. */
  const moderations = d.table(
    'moderations',
    {
      key: d.key(),
      signatureKey: to(signatures).notNull(),
      fromStatus: d.enumText(SIGNATURE_STATUSES).notNull(),
      toStatus: d.enumText(SIGNATURE_STATUSES).notNull(),
      reason: d.str().notNull(),
      apiKeyKey: to(apiKeys).notNull(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('moderations_signature').on(t.signatureKey, t.key)],
  );

  /** Imports. Their signatures refer to them with `importKey`. */
  const imports = d.table(
    'imports',
    {
      key: d.key(),
      publicId: d.publicId('imp').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      organizationKey: to(organizations).notNull(),
      /** Null: imported on the command line. */
      apiKeyKey: to(apiKeys),
      kind: d.enumText(IMPORT_KINDS).notNull(),
      /** For the kind `requests`: the day (since 1970, UTC). */
      day: d.int(),
      source: d.str(),
      /** Valid lines. */
      lines: d.int().notNull(),
      created: d.int().notNull(),
      confirmed: d.int().notNull(),
      quarantined: d.int().notNull(),
      begunAt: d.instant().notNull(),
      lastAt: d.instant().notNull(),
    },
    (t) => [
      d.index('imports_petition').on(t.petitionKey, t.key),
      d
        .uniqueIndex('imports_day')
        .on(t.petitionKey, t.apiKeyKey, t.day)
        .where(d.sql`day is not null`),
    ],
  );

  return { signatures, moderations, imports };
}
