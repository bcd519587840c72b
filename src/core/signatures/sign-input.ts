import type { Utm } from '../../../schema/db/tables/signatures.js';
import type { PostalAddress } from '../../../schema/db/tables/supporters.js';
import type { OptInInput } from '../subscriptions/opt-ins.js';
import type { AnswersInput } from './answers.js';
import type { SignatureRow } from './signature-views.js';

export type SignInput = {
  email: string;
  name: string;
  /** The parts of the name, where they are known. */
  givenName?: string | null;
  familyName?: string | null;
  country?: string | null;
  postalCode?: string | null;
  postalAddress?: PostalAddress | null;
  phone?: string | null;
  comment?: string | null;
  answers?: AnswersInput | null;
  display?: SignatureRow['display'];
  /** The language of the form. */
  locale?: string | null;
  source?: string | null;
  utm?: Utm | null;
  /** Answers to "may they mail you?", one per organization that asked. */
  optIns?: OptInInput[];
  /** The token of the personal link that brought the signer. It identifies the mailing, not the person. */
  recognition?: string | null;
  /** The code of the share link that brought the signer. */
  shareCode?: string | null;
  /** The form token of `createChallenge`, which says when the form was opened. */
  formToken?: string | null;
  /** The solved proof of work. */
  altcha?: string | null;
  /** A honeypot: a field that people do not see. Only machines fill it in. */
  website?: string | null;
  /** The caller's own id for this signature. */
  externalId?: string | null;
  /**
   * The organization has proven the mailbox: the signature counts at once, and its data is taken as the organization's
   * word.
   */
  vouched?: boolean;
};
