import type { Tx } from '../../store/store.js';
import { assertChallenge } from '../brakes/challenges.js';
import { suspect, type Suspicion } from '../brakes/suspicion.js';
import type { Context } from '../context.js';
import { inWorld, type EmailAddress } from '../email.js';
import { assertOrigin } from '../organization/origins.js';
import { allowanceOf, type Allowance } from '../partners/vouching.js';
import { assertSignable } from '../petitions/petition-life.js';
import { findHead, type PetitionHead } from '../petitions/petition-lookup.js';
import { readOptIns, type OptIn } from '../subscriptions/opt-ins.js';
import { attribute, type Attribution } from './attribution.js';
import type { Signing } from './read-signing.js';
import { assertForm, assertTappable } from './signing-rules.js';

/** A request to sign that passed all checks, with what they found. */
export type Admission = {
  petition: PetitionHead;
  /** The address as the petition knows it: that of a test is not that of a person. */
  email: EmailAddress;
  attribution: Attribution;
  optIns: OptIn[];
  /** Null: not suspicious. */
  suspicion: Suspicion | null;
  /** How much its organization may still vouch for; null if the request is not vouched. */
  allowance: Allowance | null;
  /** The confirmed signatures as last published. */
  published: number;
};

/**
 * Checks a request to sign against the current petition. No check may depend on whether the address is known. The only
 * write is the use of the proof of work. Throws `petition_not_open`, `petition_closed`, `petition_not_published`,
 * `invalid_body` for a form field, `form_required`, `origin_not_allowed`, `not_a_partner`, `vouching_not_agreed`, `challenge_required`,
 * `challenge_invalid`, `rate_limited`, and what `findHead` throws.
 */
export async function admitSigning(ctx: Context, tx: Tx, signing: Signing): Promise<Admission> {
  const { actor, caller, input } = signing;
  const petition = await findHead(tx, actor, signing.petitionRef);
  assertSignable(petition, tx.now);
  assertOrigin(petition, actor, caller, ctx.links.origin);
  if (signing.tapped) assertTappable(petition);
  else assertForm(petition, input);
  const email = petition.test === 1 ? inWorld(petition.organizationKey, signing.email) : signing.email;
  const attribution = await attribute(ctx, tx, petition, signing, email);
  const vouches = input.vouched && actor.kind === 'secret';
  const allowance = vouches ? await allowanceOf(tx, actor, petition) : null;
  const published = await ctx.published.total(tx, petition.key);
  const optIns = await readOptIns(tx, actor, petition, input.optIns);
  const proven = await assertChallenge(ctx, tx, petition, signing);
  const suspicion =
    allowance?.left === 0 ? allowance.beyond : await suspect(ctx, tx, petition, signing, proven);
  return { petition, email, attribution, optIns, suspicion, allowance, published };
}
