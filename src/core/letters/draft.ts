/*
 * The types for deciding what becomes of a queued mail when its turn comes: whether it is sent, to which address, and
 * with what values. This is decided here and not when the mail is requested, so that a request takes the same course
 * for every address.
 */

import type { Tables } from '../../../schema/db/tables.js';
import type { MailKind } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { OutboxRow } from '../mail/outbox.js';
import type { Letter, LetterValues } from './letter.js';

export type MailedSupporter = Tables['supporters']['$inferSelect'];

/** To whom a mail goes. `key` null: to no supporter. */
export type Addressee = Pick<
  MailedSupporter,
  'identity' | 'delivery' | 'provenAt' | 'testOrganizationKey'
> & {
  key: number | null;
};

/** What a letter writer works with. `random` was drawn before the transaction. */
export type Draft = {
  ctx: Context;
  tx: Tx;
  mail: OutboxRow;
  supporter: MailedSupporter;
  random: { token: Buffer; code: string };
};

export type Plan = {
  template: Letter['template'];
  locale: string;
  /** The organization that the mail is sent for; null: the installation. */
  organizationKey: number | null;
  /** Overrides the supporter's address. */
  to?: { identity: string; delivery: string };
  /** The kind that is sent, if it differs from the queued one. */
  kind?: MailKind;
  /** Caps for mails of this kind beyond the usual ones. */
  atMost?: (Cap & { petitionKey?: number })[];
  /** Runs instead of sending when a cap is exceeded. */
  whenCapped?: () => Promise<void>;
  /** Makes tokens and gathers values; called only when the mail is certain to be sent. */
  fill: () => Promise<LetterValues>;
};

/** Why the mail is not sent, as a code for the outbox. */
export type Drop = { drop: string };

/*
 * Caps count mails per mailbox, under all of its spellings. Mails that a stranger can cause by typing an address at a
 * petition or a list share one budget. Mails that only the owner should want have a separate budget per kind, so that
 * signing in someone's name cannot keep that person from getting them.
 */

/** At most `most` mails in `ms`. */
export type Cap = { most: number; ms: number };
