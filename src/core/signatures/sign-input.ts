import type { Utm } from '../../../schema/db/tables/signatures.js';
import type { PostalAddress } from '../../../schema/db/tables/supporters.js';
import type { OptInInput } from '../subscriptions/opt-ins.js';
import type { SignatureRow } from './signature-views.js';

export type SignInput = {
  email: string;
  name: string;
  country?: string | null;
  postalCode?: string | null;
  postalAddress?: PostalAddress | null;
  phone?: string | null;
  comment?: string | null;
  display?: SignatureRow['display'];
  source?: string | null;
  utm?: Utm | null;
  /** Answers to "may they mail you?", one for each organization that asked. */
  optIns?: OptInInput[];
  /** The token of the personal link that brought the signer: it tells the mailing, and nobody. */
  recognition?: string | null;
  /** The code of the share link that brought the signer. */
  shareCode?: string | null;
  /** When the form was opened: from createChallenge. */
  formToken?: string | null;
  /** The solved proof of work. */
  altcha?: string | null;
  /** A field that people do not see: whoever fills it in is a machine. */
  website?: string | null;
  /** The caller's own id for this signature. */
  externalId?: string | null;
  /** The caller has proven the mailbox: the signature counts at once. What it says of the supporter is the organization's word. */
  vouched?: boolean;
};
