import type { EmailAddress } from '../email.js';
import type { Allowance } from '../partners/vouching.js';
import type { SignInput } from './sign-input.js';

/** A signature that was collected elsewhere. */
export type CollectedSignature = SignInput & {
  hidden?: boolean;
  /** When it was signed; null or absent: now. */
  createdAt?: Date | null;
  /** When it began to count; null or absent: when it was signed. */
  confirmedAt?: Date | null;
};

export type Collected = {
  input: CollectedSignature;
  email: EmailAddress;
  ids: { supporter: string; signature: string };
};

/** The organization that imports the signatures, and the details that each of them gets. */
export type Collector = {
  collectorKey: number;
  apiKeyKey: number | null;
  importKey: number;
  source: string | null;
  allowance: Allowance;
  /**
   * Whether some signatures are hidden from it. If so, it must not learn whether an external id, or the signer with it,
   * is new.
   */
  hidesNewness: boolean;
};
