import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { oneAtATime } from '../one-at-a-time.js';
import { getMailing } from './mailings.js';
import { sourceOf } from './reading-source.js';
import { unsendable, type Occasion } from './readiness.js';
import type { Finding, MailingSource } from './source.js';

/** Looks at what a mailing says. `known`: what was found without that. */
export type Look<T> = (source: MailingSource, known: Finding[]) => Promise<T>;

/**
 * Finds what a start would refuse: of a scheduled mailing at its moment, of others now. Throws `mailing_not_found`,
 * `mailing_not_ready`.
 */
export async function checkMailing<T>(
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  look: Look<T>,
): Promise<T> {
  const on = ctx.store.read;
  const mailing = await getMailing(on, actor, publicId);
  const source = await sourceOf(ctx, on, mailing);
  const { state, sendAt, organizationKey } = mailing;
  const occasion: Occasion =
    state === 'scheduled' && sendAt !== null && sendAt > ctx.now()
      ? { kind: 'schedule', at: sendAt }
      : { kind: 'start', at: ctx.now() };
  const known = await unsendable(on, mailing, occasion);
  return compileInTurn(organizationKey, () => look(source, known));
}

/** Compiling is work for this process: an organization gets one of its mailings compiled at a time. */
export const compileInTurn = <T>(organizationKey: number, work: () => Promise<T>): Promise<T> =>
  oneAtATime(`compile ${organizationKey}`, work);
