import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';
import type { Clause } from './segments.js';

/* Bulk mailings of organizations: what they say, to whom, and where they are in their life. */

/**
 * A mailing's life: it is a draft until it is started or scheduled; `building` fixes the audience; `deciding` waits for
 * the winner of a test. `missed`: the moment for which it was scheduled, or its `expires_at`, went by without a start.
 */
export const MAILING_STATES = [
  'draft',
  'scheduled',
  'building',
  'running',
  'paused',
  'deciding',
  'done',
  'cancelled',
  'missed',
] as const;
export const MAILING_METRICS = ['confirmed_signatures', 'clicks'] as const;
/** How the winner of a test is chosen: by itself after `decideAfterHours`, or by the organiser. */
export const WINNER_CHOICES = ['automatic', 'by_hand'] as const;
/**
 * Why a mailing is paused. `segment_unusable`: its audience was not complete when a petition or mailing that its segment names
 * was no longer the organization's. `abandoned`, of a cancelled one: it was paused for so long that it ended by itself.
 */
export const PAUSE_REASONS = [
  'organiser',
  'bounces',
  'complaints',
  'unsubscribes',
  'backup_restored',
  'content_unusable',
  'segment_unusable',
  'abandoned',
] as const;
/** What an organiser can do with a mailing, as the API calls it. */
export const MAILING_MOVES = ['start', 'schedule', 'unschedule', 'pause', 'resume', 'cancel'] as const;
export const MOST_VARIANTS = 8;

export type MailingState = (typeof MAILING_STATES)[number];
export type MailingMetric = (typeof MAILING_METRICS)[number];
export type MailingMove = (typeof MAILING_MOVES)[number];
export type WinnerChoice = (typeof WINNER_CHOICES)[number];
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** The text of a mailing in one language. `markdown` or `html`, or both: then `html` is the HTML part, and the text part comes from `markdown`. */
export type MailingText = {
  subject: string;
  preview?: string | null;
  markdown?: string | null;
  html?: string | null;
};

/** What has become of a mailing so far, summed up: what the breaker judges. */
export type MailingSums = {
  sent: number;
  failed: number;
  bounced: number;
  complained: number;
  unsubscribed: number;
};

/** What an organiser has written. Keys of `texts` are language tags. */
export type MailingContent = {
  /** The sender's display name; null: the organization's name. */
  senderName: string | null;
  /** null: the organization's. */
  replyTo: string | null;
  texts: Record<string, MailingText>;
  /** The language for recipients whose own is not there; null: the petition's or organization's, else the first. */
  defaultLocale: string | null;
};

/** What a variant says differently; what is absent is the mailing's own. */
export type VariantContent = {
  senderName?: string | null;
  texts?: Record<string, Partial<MailingText>>;
};

/**
 * A variant as it is sent, fixed at the start: Liquid templates whose only open places are values of the recipient.
 * Styles are inlined, links are final, blocks are filled in.
 */
export type FrozenVariant = {
  senderName: string;
  replyTo: string | null;
  /** The language for recipients whose own is not there: a key of `locales`. */
  defaultLocale: string;
  locales: Record<string, FrozenText>;
};
export type FrozenText = { dir: 'ltr' | 'rtl'; subject: string; html: string; text: string };

export function defineMailingsTables(d: typeof Columns, parents: Parents<'organizations' | 'petitions'>) {
  const { organizations, petitions } = parents;
  const to = referencesIn(d);

  /** A bulk message of an organization. Personal links attribute signatures to it. */
  const mailings = d.table(
    'mailings',
    {
      key: d.key(),
      publicId: d.publicId('mlg').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      petitionKey: to(petitions),
      /** 9 random bytes that identify it in personal links, instead of its id. */
      handle: d.bytes().notNull().unique(),
      name: d.str().notNull(),
      source: d.str(),
      state: d.enumText(MAILING_STATES).notNull().default('draft'),
      version: d.int().notNull().default(1),
      /** Null: nothing was written; it is sent with the organization's own mailer, if at all. */
      content: d.json<MailingContent>(),
      /** To whom it goes; null: all active subscribers. */
      clause: d.json<Clause>(),
      /** 1: links lead through this server, which counts clicks by link. */
      countClicks: d.int().notNull().default(1),
      /** The share of the audience that gets the test, in percent; 100: every variant goes to an equal share. */
      testShare: d.int().notNull().default(100),
      metric: d.enumText(MAILING_METRICS).notNull().default('confirmed_signatures'),
      winnerChoice: d.enumText(WINNER_CHOICES).notNull().default('automatic'),
      decideAfterHours: d.int().notNull().default(4),
      /** The key of the variant that the rest gets; no reference, since variants refer to mailings. */
      winnerKey: d.ref(),
      decidedAt: d.instant(),
      sendAt: d.instant(),
      timeZone: d.str(),
      expiresAt: d.instant(),
      /** Why it is paused; of a missed one `content_unusable`, if that was why. */
      pauseReason: d.enumText(PAUSE_REASONS),
      /** The state to which a paused mailing returns. */
      pausedFrom: d.enumText(MAILING_STATES),
      /** What had come back when the organiser resumed it after the breaker had paused it: it is not judged by that again. */
      judgedFrom: d.json<MailingSums>(),
      /** While building: the key of the last subscription that was looked at. */
      builtTo: d.ref(),
      /** How often recipients were claimed or sent to. The mailing journal repeats it: a restored backup has a smaller one. */
      claims: d.int().notNull().default(0),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant(),
      startedAt: d.instant(),
      /** Null in a mailing that is done or cancelled: recipients are left that have to be skipped. */
      finishedAt: d.instant(),
      /** When it was forgotten who its recipients were; null: they may still be there. */
      forgottenAt: d.instant(),
    },
    (t) => [
      d.index('mailings_organization').on(t.organizationKey, t.key),
      // Small: the senders look here for work all the time.
      d
        .index('mailings_open')
        .on(t.state, t.sendAt)
        .where(d.sql`state in ('scheduled', 'building', 'running', 'deciding', 'paused')`),
      d
        .index('mailings_ending')
        .on(t.key)
        .where(d.sql`state in ('done', 'cancelled') and finished_at is null`),
      // Those whose recipients are still known: without it all mailings that there ever were would be asked for them.
      d
        .index('mailings_remembered')
        .on(t.finishedAt)
        .where(d.sql`state in ('done', 'cancelled') and forgotten_at is null`),
    ],
  );

  /** A wording of a mailing that has content; a mailing without a test has one. */
  const mailingVariants = d.table(
    'mailing_variants',
    {
      key: d.key(),
      publicId: d.publicId('mvr').notNull().unique(),
      mailingKey: to(mailings).notNull(),
      position: d.int().notNull(),
      name: d.str().notNull(),
      /** 9 random bytes that identify it, and with it the mailing, in personal links. */
      handle: d.bytes().notNull().unique(),
      content: d.json<VariantContent>().notNull(),
      /** Null until the start. */
      frozen: d.json<FrozenVariant>(),
    },
    (t) => [d.uniqueIndex('mailing_variants_position').on(t.mailingKey, t.position)],
  );

  /** A link in the text of a mailing, by variant. Its address on this server counts clicks; no recipient is in it. */
  const mailingLinks = d.table(
    'mailing_links',
    {
      key: d.key(),
      mailingKey: to(mailings).notNull(),
      variantKey: to(mailingVariants).notNull(),
      position: d.int().notNull(),
      /** Random, in the address. */
      code: d.str().notNull().unique(),
      /** Where it leads; null: to the petition, with the recipient's token. */
      url: d.str(),
    },
    (t) => [d.uniqueIndex('mailing_links_position').on(t.variantKey, t.position)],
  );

  return { mailings, mailingVariants, mailingLinks };
}
