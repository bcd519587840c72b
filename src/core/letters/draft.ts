/*
 * What becomes of a queued mail when its turn comes: whether it is sent at all, to whom, and what it may say. Deciding it
 * here, rather than when something is asked for, keeps the asking the same for everybody.
 */

import type { Tables } from '../../../schema/db/tables.js';
import type { MailKind } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { OutboxRow } from '../mail/outbox.js';
import type { Letter, LetterValues } from './letter.js';

export type Supporter = Tables['supporters']['$inferSelect'];

/** What a writer works with. Randomness is drawn before the transaction. */
export type Draft = {
  ctx: Context;
  tx: Tx;
  mail: OutboxRow;
  supporter: Supporter;
  random: { token: Buffer; code: string };
};

export type Plan = {
  template: Letter['template'];
  locale: string;
  /** Whose mail it is; null: the installation's. */
  organizationKey: number | null;
  /** Another address than the supporter's. */
  to?: { identity: string; delivery: string };
  /** What it turned out to be, where that is not what was queued. */
  kind?: MailKind;
  /** Further caps of its own, for mails of its kind. */
  atMost?: (Cap & { petitionKey?: number })[];
  /** What is done instead when it is one too many. */
  whenCapped?: () => Promise<void>;
  /** Makes tokens and gathers the words, once it is certain that the mail is sent. */
  fill: () => Promise<LetterValues>;
};

/** Why a mail is not needed, as a word. */
export type Drop = { drop: string };

/*
 * How many mails one mailbox gets, under whatever spelling. What anybody brings about by typing an address at a petition
 * or a list shares one budget. What only its owner should want has one of its own for each kind: so nothing that is signed
 * in somebody's name keeps from them what they ask for.
 */

/** At most `most` mails in `ms`. */
export type Cap = { most: number; ms: number };
