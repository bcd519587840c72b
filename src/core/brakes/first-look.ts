import type { Actor, Caller } from '../actor.js';
import type { EmailAddress } from '../email.js';
import type { FormOpened } from '../sealer.js';
import type { Tallies } from './tallies.js';

/** A signing as it came, with what could be told of it before the transaction. */
export type FirstLook = {
  readonly actor: Actor;
  readonly caller: Caller;
  /** The caller's network, hashed for the key that it came with. */
  readonly network: Buffer | null;
  readonly email: EmailAddress;
  /** What it says, as far as brakes look at it. */
  readonly input: { name: string; vouched?: boolean; website?: string | null };
  readonly proof: WorkProof;
  /** Undefined: the token is none of ours. Null: there is none. */
  readonly form: FormOpened | undefined | null;
  readonly tallies: Tallies;
};

/** A challenge that was solved: for which petition, until when, and what tells it from all others. */
export type Solution = { petitionId: string; expiresAt: Date; hash: Buffer };

/** What was found out about the proof of work before the transaction; null: none was sent. */
export type WorkProof = { solution: Solution | undefined } | null;
