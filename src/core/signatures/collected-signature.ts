/*
 * Signatures that were collected elsewhere, many in one transaction: the same rules as for signing with `vouched`, in few
 * statements for all of them.
 */

import type { EmailAddress } from '../email.js';
import type { SignInput } from './sign-input.js';

/** A signature as it was collected elsewhere. */
export type CollectedSignature = SignInput & {
  hidden?: boolean;
  /** When it was signed; now if absent. */
  createdAt?: Date | null;
  /** When it began to count; when it was signed if absent. */
  confirmedAt?: Date | null;
};

export type Collected = {
  input: CollectedSignature;
  email: EmailAddress;
  ids: { supporter: string; signature: string };
};
