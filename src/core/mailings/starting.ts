import type { FrozenVariant } from '../../../schema/db/tables/mailings.js';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { freezeMailing, sourceOf, type MailingSource } from './freezing.js';
import { getMailing, type MailingView } from './mailings.js';
import { canMove, makeMove } from './moves.js';
import { assertReady } from './readiness.js';

/** Makes of a mailing what is sent: pure, so that it can run outside of transactions. */
export type Compile = (source: MailingSource) => FrozenVariant[];

/** What a version of a mailing says. */
type Compiled = { version: number; variants: FrozenVariant[] };

/** Somebody has edited the mailing while it was compiled. */
class Edited extends Error {}

/** The content cannot be compiled: nothing but editing helps. */
export class Unusable extends Error {}

const MOST_ATTEMPTS = 5;

/**
 * Starts a mailing: what it says is fixed now, and its audience is the people who are subscribed when it is built. Throws
 * `mailing_not_found`, `mailing_transition_not_allowed`, `mailing_not_ready`, `idempotency_key_reused`.
 */
export const startMailing = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  compile: Compile,
  retry?: Retry,
): Promise<MailingView> =>
  beginAnew(async () => {
    const before = await getMailing(ctx.store.read, actor, publicId);
    // One that has been started already may be a retry, which gets the first answer.
    const compiled = canMove(before.state, 'start') ? await prepare(ctx, before, compile) : undefined;
    return ctx.store.transact((tx) =>
      once(tx, retry, async () => {
        await begin(ctx, tx, await getMailing(tx, actor, publicId), compiled);
        return getMailing(tx, actor, publicId);
      }),
    );
  });

/** Tries again while somebody edits at the same time. */
export async function beginAnew<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Unusable && error.cause instanceof ApiError) throw error.cause;
      if (!(error instanceof Edited)) throw error;
      if (attempts < MOST_ATTEMPTS) continue;
      throw new ApiError('mailing_not_ready', { detail: 'It is being edited: try again when that is done.' });
    }
  }
}

/** What the mailing says. Throws `mailing_not_ready`, or `Unusable`. */
export async function prepare(ctx: Context, mailing: MailingView, compile: Compile): Promise<Compiled> {
  const { read } = ctx.store;
  await assertReady(read, mailing, { kind: 'start', at: ctx.now() });
  const source = await sourceOf(read, mailing);
  try {
    return { version: mailing.version, variants: compile(source) };
  } catch (error) {
    throw new Unusable('a mailing cannot be compiled', { cause: error });
  }
}

/** Begins a mailing with what was compiled. Throws `mailing_transition_not_allowed`, `mailing_not_ready`. */
export async function begin(
  ctx: Context,
  tx: Tx,
  mailing: MailingView,
  compiled: Compiled | undefined,
): Promise<void> {
  if (canMove(mailing.state, 'start')) {
    if (compiled?.version !== mailing.version) throw new Edited();
    await assertReady(tx, mailing, { kind: 'start', at: tx.now });
  }
  await makeMove(tx, mailing, 'start', { state: 'building', startedAt: tx.now, pauseReason: null });
  if (compiled) await freezeMailing(ctx, tx, mailing, compiled.variants);
}
