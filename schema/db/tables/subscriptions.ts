import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Consent texts, records of consent, and subscriptions. */

export const SUBSCRIPTION_STATUSES = ['pending', 'active', 'unsubscribed', 'suppressed'] as const;
export const FREQUENCIES = ['all', 'weekly', 'monthly'] as const;

/**
 * The event of a consent record. `requested`: mail was asked for, but the mailbox has not confirmed yet; `granted`:
 * agreed; `declined`: refused when asked; `withdrawn`: ended; `suppressed`: the mailbox refused mail, or its owner
 * reported spam.
 */
export const CONSENT_ACTIONS = ['requested', 'granted', 'declined', 'withdrawn', 'suppressed'] as const;
export const CONSENT_ORIGINS = [
  'signature',
  'one_tap',
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

export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];
export type Frequency = (typeof FREQUENCIES)[number];
export type ConsentAction = (typeof CONSENT_ACTIONS)[number];
export type ConsentOrigin = (typeof CONSENT_ORIGINS)[number];

/** An organization's evidence of a consent that was given elsewhere. */
export type Evidence = { source: string; collected_at?: string | null; note?: string | null };

export function defineSubscriptionsTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'petitions' | 'supporters'>,
) {
  const { organizations, petitions, supporters } = parents;
  const to = referencesIn(d);

  /** The exact texts that people agree to. Rows must never change: a new wording is a new version. */
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

  /** Records of consents, refusals and ends. Append-only; an erasure removes the person, and leaves the proof. */
  const consents = d.table(
    'consents',
    {
      key: d.key(),
      publicId: d.publicId('con').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      /** Null: the supporter was erased. */
      supporterKey: to(supporters),
      /**
       * The keyed hash of the address's identity: after an erasure, the record can still be found for a given address.
       */
      subject: d.bytes().notNull(),
      action: d.enumText(CONSENT_ACTIONS).notNull(),
      origin: d.enumText(CONSENT_ORIGINS).notNull(),
      consentTextKey: to(consentTexts),
      petitionKey: to(petitions),
      source: d.str(),
      evidence: d.json<Evidence>(),
      createdAt: d.instant().notNull(),
      /** A keyed hash over all of the above: shows that the record has not been altered since. */
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
      /** 14 random bytes that identify it in personal links, instead of its id. */
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

  /**
   * Handles of subscriptions that were merged into another one: links with them, in mails already sent, go on leaving
   * the list.
   */
  const formerHandles = d.table(
    'former_handles',
    {
      key: d.key(),
      handle: d.bytes().notNull().unique(),
      subscriptionKey: to(subscriptions).notNull(),
    },
    (t) => [d.index('former_handles_subscription').on(t.subscriptionKey)],
  );

  return { consentTexts, consents, subscriptions, formerHandles };
}
