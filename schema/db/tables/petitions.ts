import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import { SHARE_SPLITS, type Network } from './sharing.js';

/* Petitions and their slugs. */

export const PETITION_STATUSES = ['draft', 'published', 'closed', 'archived', 'taken_down'] as const;
export const OUTCOMES = ['none', 'victory', 'partial', 'defeat'] as const;
export const TAKEDOWN_REASONS = ['legal', 'terms', 'privacy', 'duplicate', 'request', 'other'] as const;
export const CONFIRMATIONS = ['email', 'none'] as const;
export const FORM_FIELDS = ['country', 'postal_code', 'postal_address', 'phone', 'comment'] as const;
/** What a form can say that those whom the petition addresses will be given; `city` and `region` are of the postal address. */
export const DISCLOSED_FIELDS = ['full_name', 'postal_code', 'city', 'region'] as const;
export const FORM_RULES = ['required', 'optional', 'off'] as const;
/** The kinds of fields that a petition may have of its own. */
export const OWN_FIELD_KINDS = ['text', 'choice', 'checkbox'] as const;
export const RESPONSE_KINDS = ['response', 'hearing'] as const;
export const CHALLENGES = ['auto', 'always', 'off'] as const;

export type PetitionStatus = (typeof PETITION_STATUSES)[number];
export type FormField = (typeof FORM_FIELDS)[number];
export type FormRule = (typeof FORM_RULES)[number];
export type Form = Record<FormField, FormRule>;
export type DisclosedField = (typeof DISCLOSED_FIELDS)[number];
/** A field that is disclosed. `from`: the instant (ISO 8601) from which on all who sign have been told. */
export type Disclosure = { field: DisclosedField; from: string };

/** A text by the language that it is in. */
export type Localized = Record<string, string>;
export type OwnChoice = { value: string; label: string; labels: Localized };
/** A field of a petition's own. `labels` are those in other languages than the petition's. */
export type OwnField = {
  name: string;
  label: string;
  labels: Localized;
  kind: (typeof OWN_FIELD_KINDS)[number];
  required: boolean;
  /** Empty unless it is a choice. */
  choices: OwnChoice[];
  /** In characters; null unless it is a text. */
  max_length: number | null;
  /** It is not asked any more. Answers to it may be stored, and stay in exports. */
  former?: true;
};
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
export type ShareText = { network: Network; text: string };
export type Metadata = Record<string, string>;
/** A translation of a petition: its language, and the key of its row. */
export type TranslationRef = { locale: string; key: number };

/** The languages that one petition can be translated into. */
export const MOST_TRANSLATIONS = 50;

export function definePetitionsTables(d: typeof Columns, parents: Parents<'organizations'>) {
  const { organizations } = parents;
  const to = referencesIn(d);

  const petitions = d.table(
    'petitions',
    {
      key: d.key(),
      publicId: d.publicId('pet').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      slug: d.str().notNull().unique(),
      status: d.enumText(PETITION_STATUSES).notNull(),
      /** 1: it belongs to a test organization. */
      test: d.int().notNull().default(0),
      title: d.str().notNull(),
      callToAction: d.str(),
      statement: d.str().notNull(),
      background: d.str(),
      /** Rendered from `background` whenever that is written. */
      backgroundHtml: d.str(),
      references: d.json<Reference[]>().notNull(),
      targets: d.json<Target[]>().notNull(),
      campaigner: d.json<Campaigner>(),
      partners: d.json<Partner[]>().notNull(),
      image: d.json<Image>(),
      locale: d.str().notNull(),
      /** Its translations, by language: signing and reading need to know which there are without a further read. */
      translations: d.json<TranslationRef[]>().notNull().default([]),
      form: d.json<Form>().notNull(),
      /** The fields of its own: those that are asked, in their order, then former ones. */
      formFields: d.json<OwnField[]>().notNull().default([]),
      /** What its form says will be disclosed, in the order of DISCLOSED_FIELDS: see core/petitions/disclosures.ts. */
      disclosures: d.json<Disclosure[]>().notNull().default([]),
      goals: d.json<number[]>().notNull(),
      /** The values of its rows in `thresholds`, ascending: signing needs them without a further read. */
      thresholdValues: d.json<number[]>().notNull().default([]),
      shareTexts: d.json<ShareText[]>().notNull(),
      /** How one of several texts for a network is picked. */
      shareSplit: d.enumText(SHARE_SPLITS).notNull().default('even'),
      /** Whether signers need a proof of work. */
      challenge: d.enumText(CHALLENGES).notNull().default('auto'),
      /** The origins where browsers may sign it without a key; empty: anywhere. */
      origins: d.json<string[]>().notNull().default([]),
      pageUrl: d.str(),
      confirmation: d.enumText(CONFIRMATIONS).notNull(),
      opensAt: d.instant(),
      closesAt: d.instant(),
      outcome: d.enumText(OUTCOMES).notNull(),
      response: d.str(),
      takedownReason: d.enumText(TAKEDOWN_REASONS),
      /** Days after closing until its signatures are anonymised; null: never, until it is set. */
      retentionDays: d.int(),
      externalId: d.str(),
      metadata: d.json<Metadata>().notNull(),
      /** The folded words of title and statement, separated by and enclosed in spaces. */
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
      // For oEmbed, which finds petitions by page URL.
      d
        .index('petitions_page_url')
        .on(t.pageUrl)
        .where(d.sql`page_url is not null`),
      d.check('petitions_status_known', oneOf(d, 'status', PETITION_STATUSES)),
      d.check('petitions_confirmation_known', oneOf(d, 'confirmation', CONFIRMATIONS)),
    ],
  );

  /** Every slug that a petition has ever had. Old ones redirect, and must never be given to another petition. */
  const petitionSlugs = d.table(
    'petition_slugs',
    {
      slug: d.str().primaryKey(),
      petitionKey: to(petitions).notNull(),
    },
    (t) => [d.index('petition_slugs_petition').on(t.petitionKey)],
  );

  /**
   * The texts of a petition in a further language. A deleted row stays: whoever is signing at that moment signs this text,
   * and it must remain known. It is used again when the language is written anew.
   */
  const petitionTranslations = d.table(
    'petition_translations',
    {
      key: d.key(),
      petitionKey: to(petitions).notNull(),
      locale: d.str().notNull(),
      title: d.str().notNull(),
      callToAction: d.str(),
      statement: d.str().notNull(),
      background: d.str(),
      /** Rendered from `background` whenever that is written. */
      backgroundHtml: d.str(),
      /** The description of the petition's picture. */
      imageAlt: d.str(),
      shareTexts: d.json<ShareText[]>().notNull(),
      pageUrl: d.str(),
      /** As that of the petition. */
      searchText: d.str().notNull(),
      version: d.int().notNull(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
      deletedAt: d.instant(),
    },
    (t) => [
      d.uniqueIndex('petition_translations_locale').on(t.petitionKey, t.locale),
      // For oEmbed, like that of petitions.
      d
        .index('petition_translations_page_url')
        .on(t.pageUrl)
        .where(d.sql`page_url is not null`),
    ],
  );

  /** Answers of those whom a petition addresses, and hearings. All of it is public. */
  const responses = d.table(
    'responses',
    {
      key: d.key(),
      publicId: d.publicId('rsp').notNull().unique(),
      petitionKey: to(petitions).notNull(),
      kind: d.enumText(RESPONSE_KINDS).notNull(),
      who: d.str().notNull(),
      text: d.str(),
      /** Rendered from `text` whenever that is written. */
      textHtml: d.str(),
      /** `YYYY-MM-DD`. */
      date: d.str().notNull(),
      /** `HH:MM`, as clocks in `timeZone` show it; null: the day alone. */
      time: d.str(),
      timeZone: d.str(),
      place: d.str(),
      url: d.str(),
      /** The value of the threshold that it answers. */
      threshold: d.int(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [
      d.index('responses_petition').on(t.petitionKey, t.date, t.key),
      d.check('responses_kind_known', oneOf(d, 'kind', RESPONSE_KINDS)),
    ],
  );

  return { petitions, petitionSlugs, petitionTranslations, responses };
}
