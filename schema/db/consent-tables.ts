import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { oneOf } from './checks.js';
import type * as Columns from './columns.postgres.js';
import type { PostalAddress } from './tables.js';

/*
 * Who agreed to what, and who may be mailed. A signature and a subscription are confirmed through a request: what it
 * says counts for nothing until its token or code comes back from the mailbox.
 */

export const SUBSCRIPTION_STATUSES = ['pending', 'active', 'unsubscribed', 'suppressed'] as const;
export const FREQUENCIES = ['all', 'weekly', 'monthly'] as const;
/**
 * What a consent record says happened: somebody asked for mail (not proven yet), agreed (`granted`), said no when asked
 * (`declined`), ended it (`withdrawn`), or the mailbox refused our mail (`suppressed`).
 */
export const CONSENT_ACTIONS = ['requested', 'granted', 'declined', 'withdrawn', 'suppressed'] as const;
export const CONSENT_ORIGINS = [
  'signature',
  'form',
  'api',
  'import',
  'self_service',
  'one_click',
  'page',
  'organiser',
  'undo',
  'bounce',
  'complaint',
  'erasure',
] as const;
export const REQUEST_KINDS = ['signature', 'subscription'] as const;
export const SUPPRESSION_REASONS = ['bounce', 'complaint', 'request'] as const;

export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];
export type Frequency = (typeof FREQUENCIES)[number];
export type ConsentAction = (typeof CONSENT_ACTIONS)[number];
export type ConsentOrigin = (typeof CONSENT_ORIGINS)[number];
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** How an organization knows of a consent that was given elsewhere. */
export type Evidence = { source: string; collected_at?: string | null; note?: string | null };

/** What a request wants to be true once the mailbox has confirmed it. */
export type RequestedOptIn = { organizationKey: number; consentTextKey: number };

/** What a repeated signing said: it replaces the signature's own words only when this request is confirmed. */
export type RequestData = {
  name: string;
  display: 'public' | 'initials' | 'anonymous';
  country: string | null;
  postalCode: string | null;
  postalAddress: PostalAddress | null;
  phone: string | null;
  comment: string | null;
};

type Parents = Record<'organizations' | 'petitions' | 'supporters' | 'signatures', { key: AnyPgColumn }>;

export function defineConsentTables(d: typeof Columns, parents: Parents) {
  const { organizations, petitions, supporters, signatures } = parents;
  const to = (table: { key: AnyPgColumn }) => d.ref().references(() => table.key);

  /** The exact words that people agree to. Never changed: a new wording is a new version. */
  const consentTexts = d.table(
    'consent_texts',
    {
      key: d.key(),
      publicId: d.publicId('txt').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      locale: d.str().notNull(),
      version: d.int().notNull(),
      text: d.str().notNull(),
      /** SHA-256 of the text in UTF-8. */
      hash: d.bytes().notNull(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.uniqueIndex('consent_texts_version').on(t.organizationKey, t.locale, t.version)],
  );

  /** What was agreed, refused and ended, and how. Append-only; an erasure takes out the person, and leaves the proof. */
  const consents = d.table(
    'consents',
    {
      key: d.key(),
      publicId: d.publicId('con').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      /** Null: the person was erased. */
      supporterKey: d.ref().references(() => supporters.key),
      /** The keyed hash of the address's identity: finds the record when the person comes with the address. */
      subject: d.bytes().notNull(),
      action: d.enumText(CONSENT_ACTIONS).notNull(),
      origin: d.enumText(CONSENT_ORIGINS).notNull(),
      consentTextKey: d.ref().references(() => consentTexts.key),
      petitionKey: d.ref().references(() => petitions.key),
      source: d.str(),
      evidence: d.json<Evidence>(),
      createdAt: d.instant().notNull(),
      /** A keyed hash over all of the above: shows that nobody has written into the record since. */
      proof: d.bytes().notNull(),
    },
    (t) => [
      d.index('consents_supporter').on(t.supporterKey, t.organizationKey, t.key),
      d.index('consents_subject').on(t.subject),
      d.check('consents_action_known', oneOf(d, 'action', CONSENT_ACTIONS)),
    ],
  );

  /** An organization's permission to mail a supporter. */
  const subscriptions = d.table(
    'subscriptions',
    {
      key: d.key(),
      publicId: d.publicId('sub').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      supporterKey: to(supporters).notNull(),
      status: d.enumText(SUBSCRIPTION_STATUSES).notNull(),
      /** What personal links carry instead of an id: 14 random bytes. */
      handle: d.bytes().notNull().unique(),
      frequency: d.enumText(FREQUENCIES).notNull().default('all'),
      locale: d.str(),
      source: d.str(),
      externalId: d.str(),
      createdAt: d.instant().notNull(),
      /** When it last became active. */
      activeSince: d.instant(),
      endedAt: d.instant(),
    },
    (t) => [
      d.uniqueIndex('subscriptions_organization_supporter').on(t.organizationKey, t.supporterKey),
      d.index('subscriptions_supporter').on(t.supporterKey),
      d.index('subscriptions_listing').on(t.organizationKey, t.status, t.key),
      d.check('subscriptions_status_known', oneOf(d, 'status', SUBSCRIPTION_STATUSES)),
    ],
  );

  /** Something that somebody wants under an address: void until the owner of the mailbox confirms it. */
  const confirmationRequests = d.table(
    'confirmation_requests',
    {
      key: d.key(),
      kind: d.enumText(REQUEST_KINDS).notNull(),
      supporterKey: to(supporters).notNull(),
      signatureKey: d.ref().references(() => signatures.key),
      petitionKey: d.ref().references(() => petitions.key),
      /** Null: what the signature itself says. */
      data: d.json<RequestData>(),
      optIns: d.json<RequestedOptIn[]>(),
      origin: d.enumText(CONSENT_ORIGINS).notNull(),
      locale: d.str().notNull(),
      source: d.str(),
      createdAt: d.instant().notNull(),
      confirmedAt: d.instant(),
      refusedAt: d.instant(),
      reminders: d.int().notNull().default(0),
      /** When to remind; null: not, or not any more. */
      remindAt: d.instant(),
      /** The keyed hash of the code that was mailed last, and how often a wrong one was tried since. */
      code: d.bytes(),
      codeTries: d.int().notNull().default(0),
    },
    (t) => [
      d.index('confirmation_requests_supporter').on(t.supporterKey, t.key),
      d
        .index('confirmation_requests_remind')
        .on(t.remindAt)
        .where(d.sql`remind_at is not null`),
    ],
  );

  return { consentTexts, consents, subscriptions, confirmationRequests };
}
