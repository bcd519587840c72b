import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import { CONSENT_ORIGINS } from './subscriptions.js';
import type { PostalAddress } from './supporters.js';

/* What waits for a mailbox: requests that count for nothing until it answers, and mails to be sent. */

export const REQUEST_KINDS = ['signature', 'subscription'] as const;
export const SUPPRESSION_REASONS = ['bounce', 'complaint', 'request'] as const;
export const MAIL_KINDS = [
  'signed',
  'already_signed',
  'subscribed',
  'reminder',
  'manage',
  'unsubscribe_links',
  'unsubscribed',
  'email_apply',
  'email_notice',
] as const;
export const MAIL_STATES = ['queued', 'sending', 'sent', 'dropped', 'failed'] as const;

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

export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];
export type MailKind = (typeof MAIL_KINDS)[number];

export function defineMailTables(
  d: typeof Columns,
  parents: Parents<
    'organizations' | 'petitions' | 'supporters' | 'signatures' | 'subscriptions' | 'emailChanges'
  >,
) {
  const { organizations, petitions, supporters, signatures, subscriptions, emailChanges } = parents;
  const to = referencesIn(d);

  /** Something that somebody wants under an address: void until the owner of the mailbox confirms it. */
  const confirmationRequests = d.table(
    'confirmation_requests',
    {
      key: d.key(),
      kind: d.enumText(REQUEST_KINDS).notNull(),
      supporterKey: to(supporters).notNull(),
      signatureKey: to(signatures),
      petitionKey: to(petitions),
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

  /** Who must not be mailed, by the keyed hash of the address's identity: so it outlives the erasure of the person. */
  const doNotContact = d.table(
    'do_not_contact',
    {
      hash: d.bytes().primaryKey(),
      reason: d.enumText(SUPPRESSION_REASONS).notNull(),
      createdAt: d.instant().notNull(),
    },
    () => [d.check('do_not_contact_reason_known', oneOf(d, 'reason', SUPPRESSION_REASONS))],
  );

  /**
   * Mails to be sent, written in the same transaction as what they report. What a mail says, and whether it is sent at
   * all, is decided when its turn comes, from what is true then.
   */
  const outbox = d.table(
    'outbox',
    {
      key: d.key(),
      kind: d.enumText(MAIL_KINDS).notNull(),
      /** Null: its person was erased. */
      supporterKey: to(supporters),
      requestKey: to(confirmationRequests),
      petitionKey: to(petitions),
      organizationKey: to(organizations),
      subscriptionKey: to(subscriptions),
      emailChangeKey: to(emailChanges),
      locale: d.str(),
      state: d.enumText(MAIL_STATES).notNull(),
      /** Why it was dropped or given up: a word, never what a server said. */
      reason: d.str(),
      attempts: d.int().notNull(),
      /** The keyed hash of the address that it goes to, once its turn has come: caps count by it. */
      recipient: d.bytes(),
      /** When it may be sent; while it is being sent, when its worker is taken for dead. */
      dueAt: d.instant().notNull(),
      createdAt: d.instant().notNull(),
      /** When it was sent, dropped or given up. */
      settledAt: d.instant(),
    },
    (t) => [
      d
        .index('outbox_due')
        .on(t.dueAt)
        .where(d.sql`settled_at is null`),
      d.index('outbox_supporter').on(t.supporterKey, t.key),
      d
        .index('outbox_recipient')
        .on(t.recipient, t.key)
        .where(d.sql`recipient is not null`),
      d.check('outbox_kind_known', oneOf(d, 'kind', MAIL_KINDS)),
      d.check('outbox_state_known', oneOf(d, 'state', MAIL_STATES)),
    ],
  );

  return { confirmationRequests, doNotContact, outbox };
}
