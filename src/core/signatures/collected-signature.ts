import type { EmailAddress } from '../email.js';
import type { Allowance } from '../partners/vouching.js';
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

/** Who brings them: noted at each signature. */
export type Collector = {
  collectorKey: number;
  apiKeyKey: number | null;
  importKey: number;
  source: string | null;
  allowance: Allowance;
  /** Something is hidden from them: they do not hear whether an external id, or with it a signer, is new. */
  quiet: boolean;
};
