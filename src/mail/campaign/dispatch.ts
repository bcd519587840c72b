import type { Claimed } from '../../core/sending/claims.js';
import type { Settlement } from '../../core/sending/settling.js';
import type { Person } from '../../core/sending/wire-check.js';
import { describeError } from '../../errors.js';
import type { Logger } from '../delivery.js';
import type { Outage } from '../outage.js';
import type { Composed } from './compose.js';
import type { Wire, WireOutcome } from './wire.js';

/** One mail that was attempted. */
export type Attempted = { claimed: Claimed; settlement: Settlement; badAddress?: string };

export type DispatchOptions = {
  wire: Wire;
  /** Signs a message; absent: the mail server does. */
  sign?: ((message: Buffer) => Promise<Buffer>) | undefined;
  outage: Outage;
  logger: Logger;
};

/** Composes and sends one mail. Never throws. */
export async function dispatch(
  { wire, sign, outage, logger }: DispatchOptions,
  compose: (person: Person) => Composed,
  person: Person,
): Promise<Attempted> {
  let composed: Composed;
  try {
    composed = compose(person);
    if (sign) composed.message = await sign(composed.message);
  } catch (error) {
    logger.error(
      { error: describeError(error), recipient: person.key },
      'a mail of a mailing cannot be made',
    );
    return { claimed: person, settlement: { state: 'failed', reason: 'content', code: null } };
  }
  const outcome = await wire.send(composed.envelope, composed.message);
  if (outcome.state === 'sent') outage.end();
  if (outcome.state === 'deferred' && outcome.outage) outage.goOn(outcome.reason);
  const isBad = outcome.state === 'failed' && outcome.badAddress === true;
  return { claimed: person, settlement: settlementOf(outcome), ...(isBad ? { badAddress: person.to } : {}) };
}

function settlementOf(outcome: WireOutcome): Settlement {
  switch (outcome.state) {
    case 'deferred': {
      const { state, reason, code = null, outage } = outcome;
      return { state, reason, code, counts: !outage };
    }
    case 'failed': {
      const { state, reason, code = null, badAddress } = outcome;
      return { state, reason, code, ...(badAddress ? { badAddress } : {}) };
    }
    default:
      return outcome;
  }
}
