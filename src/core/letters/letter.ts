import type { DisclosedField, Target } from '../../../schema/db/tables/petitions.js';
import type { Preview } from '../mailings/previewing.js';
import type { ChosenWords } from '../words/choosing-words.js';

/** A mail before it is worded: its template, recipient and values. */
export type Letter = {
  /** `mailing_test`: what an organization has written, in `values.mailing`. */
  template: Template | 'mailing_test';
  /** The delivery address. */
  to: string;
  /** The local part of its Message-ID, the same for each attempt. */
  messageId: string;
  locale: string;
  /** The sender; null: the installation itself. */
  organization: { name: string; url: string | null; imprint: string | null; replyTo: string | null } | null;
  values: LetterValues;
  /** Only in tests: the address that was typed, while `to` is the mailbox for tests. */
  testFor?: string;
};

/**
 * The values of a template. None may be text from a stranger: only what organizations wrote and what this server made.
 */
export type LetterValues = {
  /** The link that the mail is about. */
  link?: string;
  /** Six digits, for recipients who do not follow links. */
  code?: string;
  /** The page of this server that takes the code; null where operators have a page of their own. */
  code_page?: string | null;
  petition?: { title: string; statement: string; url: string | null; targets?: Target[] } | null;
  /** What those whom the petition addresses will be given of the signature. */
  disclosed?: readonly DisclosedField[];
  /** The organization's own words for this mail; null: this server's. */
  words?: Pick<ChosenWords, 'confirmation' | 'confirmationSubject' | 'locales'> | null;
  /** The organizations that the recipient agrees to be mailed by, with their consent texts. */
  opt_ins?: { organization: string; text: string }[];
  /** The mailing of which this is a test. */
  mailing?: Preview;
  /** Whether this repeats an earlier mail. */
  reminder?: boolean;
  /** Subscriptions that the recipient can end, each with its link. */
  subscriptions?: { organization: string; link: string }[];
  /** How long the link works, in one of these units. */
  days?: number;
  hours?: number;
  minutes?: number;
  /** Of a delivery: what the organization writes to its recipient, in Markdown. */
  letter?: string | null;
  recipient?: string;
  /** How many signatures; `signatures` is the same as it is written in the language of the mail. */
  number?: number;
  signatures?: string;
  /** Up to which day they are in it, and until when its link works, as they are written in the language of the mail. */
  date?: string;
  expires?: string;
};

export const TEMPLATES = [
  'confirm_signature',
  'finish_signature',
  'confirm_subscription',
  'already_signed',
  'manage',
  'unsubscribe_links',
  'unsubscribed',
  'email_apply',
  'email_notice',
  'email_undone',
  'delivery',
] as const;
export type Template = (typeof TEMPLATES)[number];

/** A letter in the words of a catalogue: any but a test of a mailing, which has words of its own. */
export type WordedLetter = Letter & { template: Template };
export const isWorded = (letter: Letter): letter is WordedLetter => letter.template !== 'mailing_test';
