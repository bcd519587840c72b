import type { Tx } from '../../store/store.js';
import { UNKNOWN_CALLER, type Actor, type Caller } from '../actor.js';
import type { Context } from '../context.js';
import { stepsOf, type Steps } from '../counts/milestones.js';
import { clusterOf } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { oneAtATime } from '../one-at-a-time.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { admitSigning } from './admit-signing.js';
import { askMailbox } from './ask-mailbox.js';
import { readSigning, type Signing } from './read-signing.js';
import type { SignInput } from './sign-input.js';
import type { SignatureHead } from './signature-rows.js';
import { writeSigning } from './write-signing.js';

/** What signing did. If `heard` is false, the caller must not learn anything that depends on the address. */
export type Signed = {
  petitionKey: number;
  petitionId: string;
  confirmation: PetitionHead['confirmation'];
  steps: Steps;
  /** The confirmed signatures as last published, not counting this one. */
  published: number;
  created: boolean;
  /** Whether the caller may learn the outcome; otherwise it must get the answer that strangers get. */
  mayLearnOutcome: boolean;
  /** How many signings shared its commit, this one included. */
  together: number;
  /** Whether a mail was queued. */
  mails: boolean;
  signature: SignatureHead;
};

/**
 * Signs a petition. Signing again is no error and creates no second signature; the earlier one stays as it is, except
 * that a vouched repeat confirms it.
 *
 * Throws what `readSigning`, `admitSigning` and `writeSigning` throw, and `idempotency_key_reused`.
 */
export async function signPetition(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: SignInput,
  retry?: Retry,
  caller: Caller = UNKNOWN_CALLER,
): Promise<Signed> {
  const signing = await readSigning(ctx, actor, petitionRef, input, caller);
  const signed = await inTransaction(ctx, signing, retry, async (tx) => {
    const kept = await once(tx, retry, () => sign(ctx, tx, signing));
    // Not that of the first request, when this one is a retry.
    kept.together = tx.together;
    return kept;
  });
  // Only if needed: waking the worker costs a tenth of a signing.
  if (signed.mails) ctx.mailWaits();
  if (signed.signature.status === 'confirmed') await ctx.milestones.settle(signed.petitionKey, signed.steps);
  return signed;
}

async function sign(ctx: Context, tx: Tx, signing: Signing): Promise<Signed> {
  const admission = await admitSigning(ctx, tx, signing);
  const written = await writeSigning(ctx, tx, signing, admission);
  const mails = await askMailbox(ctx, tx, signing, admission, written);
  const { petition, published } = admission;
  return {
    petitionKey: petition.key,
    petitionId: petition.publicId,
    confirmation: petition.confirmation,
    steps: stepsOf(petition),
    published,
    created: written.isNew,
    mayLearnOutcome: written.mayLearnOutcome,
    together: tx.together,
    mails,
    signature: written.signature,
  };
}

/**
 * Signings share transactions (`gather`). That is safe because each writes only rows of its own person, inserts on
 * unique keys, or sums. Two signings must not share one if they might touch the same row, so `touches` names the
 * person, external id, proof of work and Idempotency-Key. Vouched signings update a supporter who may be known, in any
 * order, and run alone. So do signings with one of many spellings, which compete for the same room: they queue here,
 * since in the database each would hold a connection while it waits.
 */
export function inTransaction<T>(
  { store }: Context,
  { email: { identity }, input, proof }: Signing,
  retry: Retry | undefined,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const cluster = clusterOf(identity);
  if (cluster !== identity) return oneAtATime(cluster, () => store.transact(work));
  if (input.vouched) return store.transact(work);
  const touches = [identity];
  if (retry) touches.push(retry.hash.toString('hex'));
  if (proof?.solution) touches.push(proof.solution.hash.toString('hex'));
  if (input.externalId != null) touches.push(input.externalId);
  return store.gather(touches, work);
}
