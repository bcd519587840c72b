import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import { oneOf } from './checks.js';
import type * as Columns from './columns.postgres.js';
import { SUPPRESSION_REASONS } from './consent-tables.js';

/*
 * Mail and the links in it. No token stands here: of random ones the hash, of signed ones nothing at all. They are made
 * when a mail is sent, not when it is queued.
 */

export const TOKEN_PURPOSES = ['confirm', 'manage', 'session', 'email_apply', 'email_undo'] as const;
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
export const EMAIL_CHANGE_STATUSES = ['requested', 'applied', 'undone'] as const;

export type TokenPurpose = (typeof TOKEN_PURPOSES)[number];
export type MailKind = (typeof MAIL_KINDS)[number];

type Parents = Record<
  'organizations' | 'petitions' | 'supporters' | 'subscriptions' | 'confirmationRequests',
  { key: AnyPgColumn }
>;

export function defineMailTables(d: typeof Columns, parents: Parents) {
  const { organizations, petitions, supporters, subscriptions, confirmationRequests } = parents;
  const to = (table: { key: AnyPgColumn }) => d.ref().references(() => table.key);

  /** A wish to use another address: nothing changes before the new mailbox has said yes. */
  const emailChanges = d.table(
    'email_changes',
    {
      key: d.key(),
      supporterKey: to(supporters).notNull(),
      status: d.enumText(EMAIL_CHANGE_STATUSES).notNull(),
      oldIdentity: d.str().notNull(),
      oldDelivery: d.str().notNull(),
      newIdentity: d.str().notNull(),
      newDelivery: d.str().notNull(),
      createdAt: d.instant().notNull(),
      appliedAt: d.instant(),
      undoneAt: d.instant(),
    },
    (t) => [d.index('email_changes_supporter').on(t.supporterKey, t.key)],
  );

  /** The random tokens that were mailed, and sessions: hashes alone. */
  const linkTokens = d.table(
    'link_tokens',
    {
      /** SHA-256 of the token. */
      hash: d.bytes().primaryKey(),
      purpose: d.enumText(TOKEN_PURPOSES).notNull(),
      supporterKey: to(supporters).notNull(),
      requestKey: d.ref().references(() => confirmationRequests.key),
      emailChangeKey: d.ref().references(() => emailChanges.key),
      /** The supporter's link epoch when it was made. */
      epoch: d.int().notNull(),
      createdAt: d.instant().notNull(),
      expiresAt: d.instant().notNull(),
      usedAt: d.instant(),
    },
    (t) => [
      d.index('link_tokens_supporter').on(t.supporterKey),
      d.index('link_tokens_expires').on(t.expiresAt),
      d.check('link_tokens_purpose_known', oneOf(d, 'purpose', TOKEN_PURPOSES)),
    ],
  );

  /** The root keys of signed links, sealed under the installation's root key. The latest signs, all verify. */
  const linkKeys = d.table('link_keys', {
    /** 1 to 255: links name it in one byte. */
    id: d.ref().primaryKey(),
    sealed: d.bytes().notNull(),
    createdAt: d.instant().notNull(),
  });

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

  /** One bulk message of an organization, sent by its own mailer: here it gives personal links their attribution. */
  const mailings = d.table(
    'mailings',
    {
      key: d.key(),
      publicId: d.publicId('mlg').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      petitionKey: d.ref().references(() => petitions.key),
      /** What its links carry instead of an id: 9 random bytes. */
      handle: d.bytes().notNull().unique(),
      name: d.str().notNull(),
      source: d.str(),
      createdAt: d.instant().notNull(),
    },
    (t) => [d.index('mailings_organization').on(t.organizationKey, t.key)],
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
      supporterKey: d.ref().references(() => supporters.key),
      requestKey: d.ref().references(() => confirmationRequests.key),
      petitionKey: d.ref().references(() => petitions.key),
      organizationKey: d.ref().references(() => organizations.key),
      subscriptionKey: d.ref().references(() => subscriptions.key),
      emailChangeKey: d.ref().references(() => emailChanges.key),
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

  return { emailChanges, linkTokens, linkKeys, doNotContact, mailings, outbox };
}
