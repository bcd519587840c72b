import type { Tx } from '../store/store.js';
import type { Actor, Context } from './context.js';
import type { PetitionGate } from './petition-lookup.js';
import type { SignInput } from './signing.js';

/** Throws `challenge_required`, `challenge_invalid`. */
export async function assertChallenge(
  _ctx: Context,
  _tx: Tx,
  _petition: PetitionGate,
  _actor: Actor,
  _input: SignInput,
): Promise<void> {
  // Filled in below.
}
