import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { compileInTurn } from './checking.js';
import { assertReady, freezeMailing } from './freezing.js';
import { getMailing, getWholeMailing, type MailingView, type WholeMailing } from './mailings.js';
import { canMove, makeMove } from './moves.js';
import { sourceOf } from './reading-source.js';
import { assertSendable, type Occasion } from './readiness.js';
import { withSharedLinks } from './share-lines.js';
import type { Compile, CompiledMailing, SharedLink } from './source.js';

/** What a version of a mailing says. */
type Prepared = { version: number; compiled: CompiledMailing; shareLinks: SharedLink[] };

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
): Promise<WholeMailing> =>
  beginAnew(async () => {
    const before = await getMailing(ctx.store.read, actor, publicId);
    // One that has been started already may be a retry, which gets the first answer.
    const prepared = canMove(before.state, 'start') ? await prepare(ctx, before, compile) : undefined;
    return ctx.store.transact((tx) =>
      once(tx, retry, async () => {
        await begin(ctx, tx, await getMailing(tx, actor, publicId), prepared);
        return getWholeMailing(tx, actor, publicId);
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

/** What the mailing says. Throws `mailing_not_ready`, or `Unusable`. Not for transactions. */
export async function prepare(
  ctx: Context,
  mailing: MailingView,
  compile: Compile,
  occasion: Occasion = { kind: 'start', at: ctx.now() },
): Promise<Prepared> {
  const { read } = ctx.store;
  const source = withSharedLinks(ctx, await sourceOf(ctx, read, mailing));
  await assertSendable(read, mailing, occasion);
  try {
    const compiled = await compileInTurn(mailing.organizationKey, () => compile(source));
    assertReady(compiled);
    return { version: mailing.version, compiled, shareLinks: source.petition?.shareLinks ?? [] };
  } catch (error) {
    throw new Unusable('a mailing cannot be compiled', { cause: error });
  }
}

/** Begins a mailing with what was compiled. Throws `mailing_transition_not_allowed`, `mailing_not_ready`. */
export async function begin(
  ctx: Context,
  tx: Tx,
  mailing: MailingView,
  prepared: Prepared | undefined,
): Promise<void> {
  if (canMove(mailing.state, 'start')) {
    if (prepared?.version !== mailing.version) throw new Edited();
    await assertSendable(tx, mailing, { kind: 'start', at: tx.now });
  }
  await makeMove(tx, mailing, 'start', { state: 'building', startedAt: tx.now, pauseReason: null });
  if (prepared) await freezeMailing(ctx, tx, mailing, prepared.compiled, prepared.shareLinks);
}
