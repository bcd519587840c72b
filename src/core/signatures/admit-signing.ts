import type { Tx } from '../../store/store.js';
import { assertChallenge } from '../brakes/challenges.js';
import { suspect, type Suspicion } from '../brakes/suspicion.js';
import type { Context } from '../context.js';
import { assertOrigin } from '../organization/origins.js';
import { allowanceOf, type Allowance } from '../partners/vouching.js';
import { assertSignable } from '../petitions/petition-life.js';
import { findHead, type PetitionHead } from '../petitions/petition-lookup.js';
import { readOptIns, type OptIn } from '../subscriptions/opt-ins.js';
import { attribute, type Attribution } from './attribution.js';
import type { Signing } from './read-signing.js';
import { assertForm } from './signing-rules.js';

/** What is known of a request to sign that nothing speaks against. */
export type Admission = {
  petition: PetitionHead;
  attribution: Attribution;
  optIns: OptIn[];
  /** Null: nothing is odd about it. */
  suspicion: Suspicion | null;
  /** How much more its organization may vouch for; null: it vouches for nothing, or for its own petition. */
  allowance: Allowance | null;
  /** The confirmed signatures as last published. */
  published: number;
};

/**
 * Holds a request to sign against the petition as it is now. Nothing here asks whether the address is known. It writes
 * nothing but that the proof of work is used up. Throws `petition_not_open`, `petition_closed`, `petition_not_published`,
 * `invalid_body` for a form field, `origin_not_allowed`, `not_a_partner`, `vouching_not_agreed`, `challenge_required`,
 * `challenge_invalid`, and what findHead throws.
 */
export async function admitSigning(ctx: Context, tx: Tx, signing: Signing): Promise<Admission> {
  const { actor, caller, input } = signing;
  const petition = await findHead(tx, actor, signing.petitionRef);
  assertSignable(petition, tx.now);
  assertOrigin(petition, actor, caller);
  assertForm(petition, input);
  const attribution = await attribute(ctx, tx, petition, signing);
  const vouches = input.vouched && actor.kind === 'secret';
  const allowance = vouches ? await allowanceOf(tx, actor, petition) : null;
  const published = await ctx.published.confirmed(tx, petition.key);
  const optIns = await readOptIns(tx, actor, petition, input.optIns);
  const proven = await assertChallenge(ctx, tx, petition, signing);
  const suspicion = allowance?.left === 0 ? allowance.beyond : await suspect(tx, petition, signing, proven);
  return { petition, attribution, optIns, suspicion, allowance, published };
}
