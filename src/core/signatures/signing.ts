import type { Tx } from '../../store/store.js';
import { UNKNOWN_CALLER, type Actor, type Caller } from '../actor.js';
import type { Context } from '../context.js';
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

/** What signing did. What depends on the address is for a caller only if `heard`. */
export type Signed = {
  petitionKey: number;
  petitionId: string;
  confirmation: PetitionHead['confirmation'];
  goals: readonly number[];
  /** The confirmed signatures as last published, without this one. */
  published: number;
  created: boolean;
  /** The caller may hear what has become of it: else it gets the answer that strangers get. */
  heard: boolean;
  /** Something was queued for the mailbox. */
  mails: boolean;
  signature: SignatureHead;
};

/**
 * Signs a petition. Signing again is no error and makes no second signature; nothing of an earlier one changes, except
 * that a vouched repeat confirms it.
 *
 * Throws what readSigning, admitSigning and writeSigning throw, and `idempotency_key_reused`.
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
  const signed = await inTransaction(ctx, signing, retry, (tx) =>
    once(tx, retry, () => sign(ctx, tx, signing)),
  );
  // Waking the worker for nothing would cost as much as a tenth of the signature.
  if (signed.mails) ctx.mailWaits();
  if (signed.signature.status === 'confirmed') await ctx.milestones.settle(signed.petitionKey, signed.goals);
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
    goals: petition.goals,
    published,
    created: written.isNew,
    heard: written.heard,
    mails,
    signature: written.signature,
  };
}

/**
 * Signing shares a transaction with others: what it writes belongs to its person alone, or is made through what is
 * unique, or is a sum. Besides the person, others could want the same external id, proof of work or Idempotency-Key: they
 * are kept apart by it. What is vouched for updates a person who may be known, in any order, and goes alone. So does a
 * signer under a spelling that is one of many, since all of them share their room: those wait for each other here rather
 * than in the database, where each would hold a connection that others need.
 */
function inTransaction<T>(
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
