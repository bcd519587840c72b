import type * as Columns from './columns.postgres.js';
import { CHALLENGES, defineBrakeTables } from './brake-tables.js';
import { oneOf } from './checks.js';
import { defineConsentTables } from './consent-tables.js';
import { defineCountTables } from './count-tables.js';
import { defineImportTables } from './import-tables.js';
import { defineMailTables } from './mail-tables.js';
import { definePartnerTables } from './partner-tables.js';
import { defineSharingTables } from './sharing-tables.js';

/*
 * The only table definitions. `columns` is one engine's set of column builders; the static types are PostgreSQL's
 * for both, so that what compiles here runs on either.
 *
 * Inside, rows are joined by small ordered integers (`key`); outside, things are named by `publicId`. Text that people
 * wrote is stored as they wrote it; what is searched or compared is computed in the application, so that both engines
 * agree on it.
 */

export const PETITION_STATUSES = ['draft', 'published', 'closed', 'archived', 'taken_down'] as const;
export const OUTCOMES = ['none', 'victory', 'partial', 'defeat'] as const;
export const TAKEDOWN_REASONS = ['legal', 'terms', 'privacy', 'duplicate', 'request', 'other'] as const;
export const CONFIRMATIONS = ['email', 'none'] as const;
export const SIGNATURE_STATUSES = [
  'pending',
  'confirmed',
  'invalidated',
  'withdrawn',
  'quarantined',
] as const;
export const DISPLAYS = ['public', 'initials', 'anonymous'] as const;
export const KEY_KINDS = ['secret', 'publishable'] as const;
export const FORM_FIELDS = ['country', 'postal_code', 'postal_address', 'phone', 'comment'] as const;
export const FORM_RULES = ['required', 'optional', 'off'] as const;
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

/** What a secret key may do. */
export const SCOPES = [
  'organization:write',
  'keys:manage',
  'petitions:write',
  'signatures:read',
  'signatures:write',
  'signatures:vouch',
  'signatures:moderate',
  'consents:write',
  'subscriptions:read',
  'subscriptions:write',
  'mailings:write',
  'partners:write',
  'shares:read',
] as const;

export type Scope = (typeof SCOPES)[number];
export type PetitionStatus = (typeof PETITION_STATUSES)[number];
export type SignatureStatus = (typeof SIGNATURE_STATUSES)[number];
export type FormField = (typeof FORM_FIELDS)[number];
export type FormRule = (typeof FORM_RULES)[number];
export type Form = Record<FormField, FormRule>;

export type Reference = {
  number: number;
  title: string;
  authors?: string | null;
  publisher?: string | null;
  date?: string | null;
  url?: string | null;
};
export type Target = { name: string; title?: string | null; organization?: string | null };
export type Campaigner = { name: string; role?: string | null };
export type Partner = { name: string; url?: string | null; organization_id?: string | null };
export type Image = { url: string; alt: string };
export type Network = (typeof NETWORKS)[number];
export type ShareText = { network: Network; text: string };
export type PostalAddress = { lines: string[]; city?: string | null; region?: string | null };
export type Utm = { source?: string; medium?: string; campaign?: string; term?: string; content?: string };
export type Metadata = Record<string, string>;

export function defineTables(d: typeof Columns) {
  const organizations = d.table('organizations', {
    key: d.key(),
    publicId: d.publicId('org').notNull().unique(),
    slug: d.str().notNull().unique(),
    name: d.str().notNull(),
    url: d.str(),
    /** The language of mails that no petition gives one. */
    locale: d.str().notNull().default('en'),
    /** Who is responsible, at the foot of every mail. */
    imprint: d.str(),
    /** Where answers to its mails go. */
    replyTo: d.str(),
    /** 1: a subscription becomes active only when the mailbox has confirmed it. */
    doubleOptIn: d.int().notNull().default(1),
    version: d.int().notNull(),
    createdAt: d.instant().notNull(),
    updatedAt: d.instant().notNull(),
  });

  const apiKeys = d.table(
    'api_keys',
    {
      key: d.key(),
      publicId: d.publicId('key').notNull().unique(),
      organizationKey: d
        .ref()
        .notNull()
        .references(() => organizations.key),
      kind: d.enumText(KEY_KINDS).notNull(),
      name: d.str().notNull(),
      /** SHA-256 of the whole key: it is random and long, so a slow hash would add nothing. */
      hash: d.bytes().notNull().unique(),
      /** The last four characters, so that people can tell their keys apart. */
      hint: d.str().notNull(),
      scopes: d.json<string[]>().notNull(),
      /** Where a publishable key may be used by browsers; empty: anywhere. */
      origins: d.json<string[]>().notNull().default([]),
      createdAt: d.instant().notNull(),
      lastUsedAt: d.instant(),
      revokedAt: d.instant(),
    },
    (t) => [
      d.index('api_keys_organization').on(t.organizationKey, t.key),
      d.check('api_keys_kind', oneOf(d, 'kind', KEY_KINDS)),
    ],
  );

  const petitions = d.table(
    'petitions',
    {
      key: d.key(),
      publicId: d.publicId('pet').notNull().unique(),
      organizationKey: d
        .ref()
        .notNull()
        .references(() => organizations.key),
      slug: d.str().notNull().unique(),
      status: d.enumText(PETITION_STATUSES).notNull(),
      title: d.str().notNull(),
      callToAction: d.str(),
      statement: d.str().notNull(),
      background: d.str(),
      /** Rendered once, when the background is written. */
      backgroundHtml: d.str(),
      references: d.json<Reference[]>().notNull(),
      targets: d.json<Target[]>().notNull(),
      campaigner: d.json<Campaigner>(),
      partners: d.json<Partner[]>().notNull(),
      image: d.json<Image>(),
      locale: d.str().notNull(),
      form: d.json<Form>().notNull(),
      goals: d.json<number[]>().notNull(),
      shareTexts: d.json<ShareText[]>().notNull(),
      /** How one of several texts for a network is picked. */
      shareSplit: d.enumText(SHARE_SPLITS).notNull().default('even'),
      /** Whether signers have to show a proof of work. */
      challenge: d.enumText(CHALLENGES).notNull().default('auto'),
      /** Where browsers may sign it without a key; empty: anywhere. */
      origins: d.json<string[]>().notNull().default([]),
      pageUrl: d.str(),
      confirmation: d.enumText(CONFIRMATIONS).notNull(),
      opensAt: d.instant(),
      closesAt: d.instant(),
      outcome: d.enumText(OUTCOMES).notNull(),
      response: d.str(),
      takedownReason: d.enumText(TAKEDOWN_REASONS),
      /** How long after closing its signers are known by name; null: it is exempt, until somebody sets it. */
      retentionDays: d.int(),
      externalId: d.str(),
      metadata: d.json<Metadata>().notNull(),
      /** The folded words of title and statement, each between spaces. */
      searchText: d.str().notNull(),
      version: d.int().notNull(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
      publishedAt: d.instant(),
      closedAt: d.instant(),
    },
    (t) => [
      d.uniqueIndex('petitions_external_id').on(t.organizationKey, t.externalId),
      d.index('petitions_status').on(t.status, t.key),
      // For oEmbed, which knows a petition by its page.
      d
        .index('petitions_page_url')
        .on(t.pageUrl)
        .where(d.sql`page_url is not null`),
      d.check('petitions_status_known', oneOf(d, 'status', PETITION_STATUSES)),
      d.check('petitions_confirmation_known', oneOf(d, 'confirmation', CONFIRMATIONS)),
    ],
  );

  /** Every slug that a petition ever had. The old ones redirect and are never given to another. */
  const petitionSlugs = d.table(
    'petition_slugs',
    {
      slug: d.str().primaryKey(),
      petitionKey: d
        .ref()
        .notNull()
        .references(() => petitions.key),
    },
    (t) => [d.index('petition_slugs_petition').on(t.petitionKey)],
  );

  const supporters = d.table(
    'supporters',
    {
      key: d.key(),
      publicId: d.publicId('sup').notNull(),
      /** What makes two addresses one person: see core/email.ts. */
      identity: d.str().notNull().unique(),
      /** Where mail goes: as it was first typed. */
      delivery: d.str().notNull(),
      // Below: only what the owner of the mailbox has said. What organizations say is in their contacts.
      name: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      provenAt: d.instant(),
      /** Personal links carry it: raising it cancels all that were made before. */
      linkEpoch: d.int().notNull().default(0),
      /** Since when nothing is left of the person but the keyed hash in `identity`. */
      erasedAt: d.instant(),
      createdAt: d.instant().notNull(),
    },
    (t) => [
      // Nearly always empty: whether anybody was ever erased is asked for every commit of signatures.
      d
        .index('supporters_erased')
        .on(t.erasedAt)
        .where(d.sql`erased_at is not null`),
    ],
  );

  /** What an organization says of somebody: its word alone, and shown to nobody else but them. */
  const contacts = d.table(
    'contacts',
    {
      organizationKey: d
        .ref()
        .notNull()
        .references(() => organizations.key),
      supporterKey: d
        .ref()
        .notNull()
        .references(() => supporters.key),
      name: d.str(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    // By the person first: what is kept of one is exported, and forgotten.
    (t) => [d.primaryKey({ columns: [t.supporterKey, t.organizationKey] })],
  );

  const signatures = d.table(
    'signatures',
    {
      key: d.key(),
      publicId: d.publicId('sig').notNull().unique(),
      petitionKey: d
        .ref()
        .notNull()
        .references(() => petitions.key),
      /** Null: anonymised, since the petition's retention period is over. */
      supporterKey: d.ref().references(() => supporters.key),
      status: d.enumText(SIGNATURE_STATUSES).notNull(),
      display: d.enumText(DISPLAYS).notNull(),
      /** 1: its signer does not want it on the public list at all. */
      hidden: d.int().notNull().default(0),
      name: d.str().notNull(),
      country: d.str(),
      postalCode: d.str(),
      postalAddress: d.json<PostalAddress>(),
      phone: d.str(),
      comment: d.str(),
      source: d.str(),
      utm: d.json<Utm>(),
      /** The organization that it is attributed to; null: nobody's. See core/signatures/attribution.ts. */
      collectorKey: d.ref().references(() => organizations.key),
      /** The key that it came through. */
      apiKeyKey: d.ref(),
      /** The share link that brought the signer. */
      shareLinkKey: d.ref(),
      /** The mailing whose personal link brought the signer. */
      mailingKey: d.ref(),
      /** The import that made it count, or brought it into quarantine; null: nobody vouched for it by the file. */
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
      // Costs nothing for those that nobody has imported.
      d
        .index('signatures_import')
        .on(t.importKey, t.key)
        .where(d.sql`import_key is not null`),
      d.check('signatures_status_known', oneOf(d, 'status', SIGNATURE_STATUSES)),
    ],
  );

  /** Why an organiser took a signature out or put it back. Append-only. */
  const moderations = d.table(
    'moderations',
    {
      key: d.key(),
      signatureKey: d
        .ref()
        .notNull()
        .references(() => signatures.key),
      fromStatus: d.enumText(SIGNATURE_STATUSES).notNull(),
      toStatus: d.enumText(SIGNATURE_STATUSES).notNull(),
      reason: d.str().notNull(),
      apiKeyKey: d
        .ref()
        .notNull()
        .references(() => apiKeys.key),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('moderations_signature').on(t.signatureKey, t.key)],
  );

  /** Answers kept for retries. The answer is sealed under the caller's own Idempotency-Key, which is not stored. */
  const idempotencyKeys = d.table(
    'idempotency_keys',
    {
      hash: d.bytes().primaryKey(),
      requestHash: d.bytes().notNull(),
      answer: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('idempotency_keys_created').on(t.createdAt)],
  );

  const consent = defineConsentTables(d, { organizations, petitions, supporters, signatures });
  const partners = definePartnerTables(d, { organizations, petitions, apiKeys });
  return {
    ...consent,
    ...defineCountTables(d, { petitions }),
    ...defineSharingTables(d, { organizations, petitions, signatures }),
    ...partners,
    ...defineImportTables(d, { organizations, petitions, apiKeys, ...partners }),
    ...defineBrakeTables(d, { petitions, signatures }),
    ...defineMailTables(d, { organizations, petitions, supporters, ...consent }),
    organizations,
    apiKeys,
    petitions,
    petitionSlugs,
    supporters,
    contacts,
    signatures,
    moderations,
    idempotencyKeys,
  };
}

export type Tables = ReturnType<typeof defineTables>;
