import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import type { Answers, Utm } from './signatures.js';
import { CONSENT_ORIGINS } from './subscriptions.js';
import type { PostalAddress } from './supporters.js';

/*
 * Requests that have no effect until a mailbox confirms them, addresses that must not be mailed, and mails to be sent.
 */

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
  'mailing_test',
  'delivery',
] as const;
export const MAIL_STATES = ['queued', 'sending', 'sent', 'dropped', 'failed'] as const;

/** An opt-in that takes effect once the mailbox has confirmed the request. */
export type RequestedOptIn = { organizationKey: number; consentTextKey: number };

/** How the signature of a tap comes about that is made when its mailbox confirms it: keys of other tables. */
export type TapAttribution = {
  collectorKey: number | null;
  apiKeyKey: number | null;
  mailingKey: number | null;
  mailingVariantKey: number | null;
  shareLinkKey: number | null;
  utm: Utm | null;
};

/**
 * The data of a repeated signing, or of a tap in a mail. It replaces that of the signature only when this request is
 * confirmed.
 */
export type RequestData = {
  name: string;
  /** Absent in requests from before the parts were kept. */
  givenName?: string | null;
  familyName?: string | null;
  display: 'public' | 'initials' | 'anonymous';
  country: string | null;
  postalCode: string | null;
  postalAddress: PostalAddress | null;
  phone: string | null;
  comment: string | null;
  /** Absent where the petition has no fields of its own. */
  answers?: Answers | null;
  /** The translation that was shown, null for the petition's own text. Absent where there are no translations. */
  translationKey?: number | null;
  /** Present for a tap alone: its request makes the signature, unless its signer has one by then. */
  tap?: TapAttribution;
};

export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];
export type MailKind = (typeof MAIL_KINDS)[number];

export function defineMailTables(
  d: typeof Columns,
  parents: Parents<
    | 'organizations'
    | 'petitions'
    | 'supporters'
    | 'signatures'
    | 'subscriptions'
    | 'emailChanges'
    | 'deliveries'
  >,
) {
  const { organizations, petitions, supporters, signatures, subscriptions, emailChanges, deliveries } =
    parents;
  const to = referencesIn(d);

  /** A request under an address, without effect until the owner of the mailbox confirms it. */
  const confirmationRequests = d.table(
    'confirmation_requests',
    {
      key: d.key(),
      kind: d.enumText(REQUEST_KINDS).notNull(),
      supporterKey: to(supporters).notNull(),
      signatureKey: to(signatures),
      petitionKey: to(petitions),
      /** Null: the data is that of the signature itself, or there is none. */
      data: d.json<RequestData>(),
      optIns: d.json<RequestedOptIn[]>(),
      origin: d.enumText(CONSENT_ORIGINS).notNull(),
      locale: d.str().notNull(),
      source: d.str(),
      createdAt: d.instant().notNull(),
      confirmedAt: d.instant(),
      refusedAt: d.instant(),
      reminders: d.int().notNull().default(0),
      /** When to remind; null: never, or never again. */
      remindAt: d.instant(),
      /** The keyed hash of the latest mailed code, and the number of wrong attempts since. */
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

  /** Addresses that must not be mailed, as keyed hashes of their identity, which remain after an erasure. */
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
   * Mails to be sent, written in the same transaction as the change that they are about. Whether a mail is sent, and
   * its content, are decided when it is sent, from the data at that time.
   */
  const outbox = d.table(
    'outbox',
    {
      key: d.key(),
      kind: d.enumText(MAIL_KINDS).notNull(),
      /** Null: the supporter was erased, or the mail goes to no supporter. */
      supporterKey: to(supporters),
      requestKey: to(confirmationRequests),
      petitionKey: to(petitions),
      organizationKey: to(organizations),
      subscriptionKey: to(subscriptions),
      emailChangeKey: to(emailChanges),
      /** The variant of a mailing that is tested; no reference, since changes of a mailing replace its variants. */
      variantKey: d.ref(),
      /** A delivery, which is mailed to its own address. */
      deliveryKey: to(deliveries),
      locale: d.str(),
      state: d.enumText(MAIL_STATES).notNull(),
      /** Why it was dropped or given up: a code of ours, never text of a mail server. */
      reason: d.str(),
      attempts: d.int().notNull(),
      /** The keyed hash of the recipient's address, set when the mail is prepared: caps count by it. */
      recipient: d.bytes(),
      /** When it may be sent; while it is being sent, when the lease of its worker ends. */
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
      d
        .index('outbox_mailing_tests')
        .on(t.organizationKey, t.createdAt)
        .where(d.sql`kind = 'mailing_test'`),
      d.check('outbox_kind_known', oneOf(d, 'kind', MAIL_KINDS)),
      d.check('outbox_state_known', oneOf(d, 'state', MAIL_STATES)),
    ],
  );

  return { confirmationRequests, doNotContact, outbox };
}
