import type { Actor, Caller } from '../actor.js';
import type { EmailAddress } from '../email.js';
import type { FormOpened } from '../sealer.js';
import type { Tallies } from './tallies.js';

/** What people may write: the name with its parts, and the comment of a signature. */
export type Written = {
  name: string;
  givenName?: string | null;
  familyName?: string | null;
  comment?: string | null;
};

/** A signing as it arrived, with everything that can be found out before the transaction. */
export type FirstLook = {
  readonly actor: Actor;
  readonly caller: Caller;
  /** The caller's network, hashed with the key that the request used. */
  readonly network: Buffer | null;
  readonly email: EmailAddress;
  /** The parts of the body that brakes look at. */
  readonly input: Written & { vouched?: boolean; website?: string | null };
  readonly proof: WorkProof;
  /** Undefined: the form token is invalid. Null: none was sent. */
  readonly form: FormOpened | undefined | null;
  readonly tallies: Tallies;
};

/** A solved challenge: its petition, its expiry, and the hash that identifies it. */
export type Solution = { petitionId: string; expiresAt: Date; hash: Buffer };

/** The result of checking the proof of work before the transaction; null: none was sent. */
export type WorkProof = { solution: Solution | undefined } | null;
