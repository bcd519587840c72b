import type { Actor, Caller } from '../actor.js';
import { checkSolution } from '../brakes/challenges.js';
import type { FirstLook } from '../brakes/first-look.js';
import { networkOfSigner } from '../brakes/key-networks.js';
import { openForm } from '../brakes/suspicion.js';
import { Tallies } from '../brakes/tallies.js';
import type { Context } from '../context.js';
import { requireEmail } from '../email.js';
import type { SignInput } from './sign-input.js';
import { assertScopes } from './signing-rules.js';

/** A request to sign, with everything found out before the transaction. It is not changed afterwards. */
export type Signing = FirstLook & {
  readonly petitionRef: string;
  readonly input: SignInput;
  /** Signed with one tap in a mail: nothing was typed, and only the mailbox can tell that it was its owner. */
  readonly tapped: boolean;
  /** Drawn before the transaction, so that a transaction that runs again uses the same. */
  readonly ids: { readonly supporter: string; readonly signature: string; readonly import: string };
};

/** Does all of a signing's work that needs no transaction. Throws `invalid_body` for the address, `scope_required`. */
export async function readSigning(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  input: SignInput,
  caller: Caller,
  { tapped = false } = {},
): Promise<Signing> {
  const email = requireEmail(input.email);
  assertScopes(actor, input);
  return {
    petitionRef,
    actor,
    caller,
    network: networkOfSigner(ctx, actor, caller),
    email,
    input,
    tapped,
    proof: input.altcha ? { solution: await checkSolution(ctx, input.altcha) } : null,
    form: openForm(ctx, input),
    // A later signing must not be able to tell whose tap was counted before it, nor whether its token worked.
    tallies: new Tallies(ctx.brakes, tapped ? `tap ${input.recognition ?? ''}` : email.identity),
    ids: {
      supporter: ctx.newId('sup'),
      signature: ctx.newId('sig'),
      import: input.vouched ? ctx.newId('imp') : '',
    },
  };
}
