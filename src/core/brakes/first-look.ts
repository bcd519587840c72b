import type { Actor, Caller } from '../actor.js';
import type { EmailAddress } from '../email.js';
import type { FormOpened } from '../sealer.js';

/** A signing as it came, with what could be told of it before the transaction. */
export type FirstLook = {
  actor: Actor;
  caller: Caller;
  /** The caller's network, hashed for the key that it came with. */
  network: Buffer | null;
  email: EmailAddress;
  /** What it says, as far as brakes look at it. */
  input: { name: string; vouched?: boolean; website?: string | null };
  proof: WorkProof;
  /** Undefined: the token is none of ours. Null: there is none. */
  form: FormOpened | undefined | null;
  /** What was counted in this process: once, however often the transaction runs. */
  counted: { pressure?: boolean; network?: boolean; alias?: boolean };
};

/** A challenge that was solved: for which petition, until when, and what tells it from all others. */
export type Solution = { petitionId: string; expiresAt: Date; hash: Buffer };

/** What was found out about the proof of work before the transaction; null: none was sent. */
export type WorkProof = { solution: Solution | undefined } | null;
