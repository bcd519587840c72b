import type { Signal } from '../../schema/db/brake-tables.js';
import type { Tx } from '../store/store.js';
import type { Actor, Caller, Context } from './context.js';
import type { EmailAddress } from './email.js';
import type { PetitionGate } from './petition-lookup.js';
import type { SignInput } from './signing.js';

export type Suspicion = { score: number; signals: Signal[] };

export async function suspect(
  _ctx: Context,
  _tx: Tx,
  _petition: PetitionGate,
  _about: { actor: Actor; caller: Caller; email: EmailAddress; input: SignInput },
): Promise<Suspicion | null> {
  return null;
}

export async function noteSuspicion(tx: Tx, signatureKey: number, suspicion: Suspicion): Promise<void> {
  await tx.db.insert(tx.tables.suspicions).values({ signatureKey, ...suspicion, createdAt: tx.now });
}
