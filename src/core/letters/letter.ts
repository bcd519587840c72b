/** A mail before it has words: which one, to whom, and what its template may say. */
export type Letter = {
  template: Template;
  /** Where it goes: the delivery address. */
  to: string;
  /** The local part of its Message-ID, the same at each attempt. */
  messageId: string;
  locale: string;
  /** Who speaks; null: the installation itself. */
  organization: { name: string; url: string | null; imprint: string | null; replyTo: string | null } | null;
  values: LetterValues;
};

/** Nothing in here was typed by a stranger: only what organizations wrote, and what we made. */
export type LetterValues = {
  /** The link that the mail is about. */
  link?: string;
  /** Six digits, for those who do not follow links. */
  code?: string;
  petition?: { title: string; statement: string; url: string | null } | null;
  /** Names of the organizations that the reader agrees to be mailed by, with the words they agree to. */
  opt_ins?: { organization: string; text: string }[];
  /** Whether the reader was asked before. */
  reminder?: boolean;
  /** Subscriptions that the reader may end, each with its link. */
  subscriptions?: { organization: string; link: string }[];
  /** For how long the link works, in the unit that reads well. */
  days?: number;
  hours?: number;
  minutes?: number;
};

export const TEMPLATES = [
  'confirm_signature',
  'confirm_subscription',
  'already_signed',
  'manage',
  'unsubscribe_links',
  'unsubscribed',
  'email_apply',
  'email_notice',
  'email_undone',
] as const;
export type Template = (typeof TEMPLATES)[number];
