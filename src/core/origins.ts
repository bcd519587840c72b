import type { Actor, Caller } from './context.js';
import type { PetitionGate } from './petition-lookup.js';

/** Throws `origin_not_allowed`. */
export function assertOrigin(_petition: PetitionGate, _actor: Actor, _caller: Caller): void {
  // Filled in below.
}
