import { oneOf } from '../checks.js';
import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Sending a mailing: its audience, one row for each person, and the pace of sending. */

/**
 * What became of one recipient. `queued` waits; `claimed` is taken by a process; `sending` was committed before MAIL FROM,
 * so it is never tried again by itself; `deferred` waits after a temporary refusal. The rest is final: `sent`; `failed`:
 * refused for good; `skipped`: must not be mailed, or the mailing ended first; `uncertain`: under way when its process
 * died, or the connection broke after the final dot.
 */
export const RECIPIENT_STATES = [
  'queued',
  'claimed',
  'sending',
  'sent',
  'deferred',
  'failed',
  'skipped',
  'uncertain',
] as const;
/** The states whose recipients can be listed by name: indexes lead to them. The others are only counted. */
export const LISTED_STATES = ['uncertain', 'failed', 'skipped', 'deferred'] as const;
/** What came back. `refused`: not for want of a mailbox, but because its server did not want this mail or its sender. */
export const RECIPIENT_RESULTS = [
  'bounced',
  'soft_bounced',
  'refused',
  'complained',
  'unsubscribed',
] as const;
/**
 * What is counted by variant and hour. `bounced_at_once`: its server refused the address when the mail was sent, so that it
 * is `failed`, too; apart, so that nothing is judged by both.
 */
export const MAILING_OUTCOMES = [
  'sent',
  'failed',
  'skipped',
  'uncertain',
  'bounced',
  'bounced_at_once',
  'soft_bounced',
  'refused',
  'complained',
  'unsubscribed',
  'clicks',
  'machine_clicks',
] as const;

export type RecipientState = (typeof RECIPIENT_STATES)[number];
export type RecipientResult = (typeof RECIPIENT_RESULTS)[number];
export type MailingOutcome = (typeof MAILING_OUTCOMES)[number];

/** An organization's own limits; what is absent is the installation's. */
export type SendingPolicy = {
  perHour?: number | null;
  /** Mails a day by a domain that has just begun to send, day by day; then no limit. */
  warmUp?: number[] | null;
  /** Shares in percent above which a mailing pauses by itself, and how many mails must have been sent before. */
  breaker?: { bounces?: number; complaints?: number; unsubscribes?: number; after?: number };
};

export function defineSendingTables(
  d: typeof Columns,
  parents: Parents<'organizations' | 'supporters' | 'mailings' | 'mailingLinks'>,
) {
  const { organizations, supporters, mailings, mailingLinks } = parents;
  const to = referencesIn(d);

  /** One person of a mailing's audience. */
  const mailingRecipients = d.table(
    'mailing_recipients',
    {
      key: d.key(),
      mailingKey: to(mailings).notNull(),
      /** Null: the supporter was erased. */
      supporterKey: to(supporters),
      /**
       * Null, too, where it was merged into one that is in the audience itself. No reference: deleting a subscription
       * would search the whole table.
       */
      subscriptionKey: d.ref(),
      /** HMAC of mailing and person, mod 10,000: decides about test and variant. */
      bucket: d.int().notNull(),
      /** 0: may be sent at once; 1: waits for the winner of the test. */
      wave: d.int().notNull(),
      /** Null: gets the winner, which is not known yet. */
      variantKey: d.ref(),
      state: d.enumText(RECIPIENT_STATES).notNull(),
      /** Why it is deferred, failed, skipped or uncertain: a code of ours, never text of a mail server. */
      reason: d.str(),
      /** Recipient domains that one provider serves have one pace: `google`, `microsoft`, or the domain itself. */
      family: d.str().notNull(),
      attempts: d.int().notNull().default(0),
      /** While claimed or sending, when the lease of its process ends; while deferred, when it is tried again. */
      dueAt: d.instant(),
      /** The process that has claimed it. */
      owner: d.bytes(),
      settledAt: d.instant(),
      result: d.enumText(RECIPIENT_RESULTS),
      resultAt: d.instant(),
    },
    (t) => [
      d.uniqueIndex('mailing_recipients_person').on(t.mailingKey, t.subscriptionKey),
      // What is still to be done.
      d
        .index('mailing_recipients_open')
        .on(t.mailingKey, t.state, t.wave, t.family, t.dueAt)
        .where(d.sql`state in ('queued', 'claimed', 'sending', 'deferred')`),
      // What organisers list by name.
      d
        .index('mailing_recipients_listing')
        .on(t.mailingKey, t.state, t.key)
        .where(d.sql`state in ('failed', 'skipped', 'uncertain')`),
      d.index('mailing_recipients_supporter').on(t.supporterKey, t.settledAt),
      d.check('mailing_recipients_state_known', oneOf(d, 'state', RECIPIENT_STATES)),
    ],
  );

  /** How many recipients are in each state; changed in the transaction that changes the rows. */
  const mailingTallies = d.table(
    'mailing_tallies',
    {
      mailingKey: to(mailings).notNull(),
      /** 0: no variant yet. */
      variantKey: d.ref().notNull(),
      state: d.enumText(RECIPIENT_STATES).notNull(),
      recipients: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.mailingKey, t.variantKey, t.state] })],
  );

  /** What happened, by variant and hour (hours since 1970). Never by person. */
  const mailingHours = d.table(
    'mailing_hours',
    {
      mailingKey: to(mailings).notNull(),
      /** 0: before a variant was chosen, or not known. */
      variantKey: d.ref().notNull(),
      hour: d.int().notNull(),
      outcome: d.enumText(MAILING_OUTCOMES).notNull(),
      events: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.mailingKey, t.variantKey, t.hour, t.outcome] })],
  );

  /** Clicks by link and hour: `clicks` of people, and all, with those of machines, as `requests`. */
  const mailingLinkHours = d.table(
    'mailing_link_hours',
    {
      linkKey: to(mailingLinks).notNull(),
      hour: d.int().notNull(),
      requests: d.int().notNull(),
      clicks: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.linkKey, t.hour] })],
  );

  const sendingPolicies = d.table('sending_policies', {
    organizationKey: to(organizations).primaryKey(),
    policy: d.json<SendingPolicy>().notNull(),
    updatedAt: d.instant().notNull(),
  });

  /**
   * Token buckets that all processes share. The scope names whose: `organization:<key>`, `family:<family>`.
   */
  const sendingPace = d.table('sending_pace', {
    scope: d.str().primaryKey(),
    /** Mails an hour at present. */
    rate: d.int().notNull(),
    /** Thousandths of a mail that may be sent at once. */
    tokens: d.int().notNull(),
    at: d.instant().notNull(),
    /** Nothing is sent before; null: at once. */
    notBefore: d.instant(),
    /** Successes since the rate last changed. */
    successes: d.int().notNull().default(0),
    /** Refusals in a row that have slowed it down: each doubles the pause. */
    setbacks: d.int().notNull().default(0),
    /** Mails since `windowAt`, a minute ago at most: how fast it really goes. */
    windowMails: d.int().notNull().default(0),
    /** Of these, temporarily refused. */
    windowSlow: d.int().notNull().default(0),
    windowAt: d.instant(),
  });

  /** Mails sent by a sender's domain, by day (days since 1970): for warming up. */
  const sendingDays = d.table(
    'sending_days',
    {
      domain: d.str().notNull(),
      day: d.int().notNull(),
      mails: d.int().notNull(),
    },
    (t) => [d.primaryKey({ columns: [t.domain, t.day] })],
  );

  /** Which provider takes a domain's mail, by its MX records. */
  const mailFamilies = d.table('mail_families', {
    domain: d.str().primaryKey(),
    family: d.str().notNull(),
    lookedUpAt: d.instant().notNull(),
  });

  return {
    mailingRecipients,
    mailingTallies,
    mailingHours,
    mailingLinkHours,
    sendingPolicies,
    sendingPace,
    sendingDays,
    mailFamilies,
  };
}
