import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { readSums } from './mailing-sums.js';
import { getMailing, getWholeMailing, type MailingView, type WholeMailing } from './mailings.js';
import { assertMove, makeMove } from './moves.js';

/*
 * What organisers do with a mailing after it was started. Every process reads the state before each batch, so a move takes
 * effect within a second. All of them throw `mailing_not_found`, `mailing_transition_not_allowed`,
 * `idempotency_key_reused`.
 */

export type Move = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  retry?: Retry,
) => Promise<WholeMailing>;

const verb =
  (work: (tx: Tx, mailing: MailingView) => Promise<void>): Move =>
  (ctx, actor, publicId, retry) =>
    ctx.store.transact((tx) =>
      once(tx, retry, async () => {
        await work(tx, await getMailing(tx, actor, publicId));
        return getWholeMailing(tx, actor, publicId);
      }),
    );

/** No further mail is sent; the few that are under way still arrive. */
export const pauseMailing = verb((tx, mailing) =>
  makeMove(tx, mailing, 'pause', {
    state: 'paused',
    pausedFrom: mailing.state,
    pauseReason: 'organiser',
  }),
);

/** Goes on where it was. What made the breaker pause it does not pause it again. */
export const resumeMailing = verb(async (tx, mailing) => {
  const { key, state, expiresAt, pausedFrom, pauseReason, judgedFrom } = mailing;
  assertMove(state, 'resume');
  if (expiresAt !== null && expiresAt <= tx.now) {
    throw new ApiError('mailing_transition_not_allowed', {
      detail: 'It has expired while it was paused. You can cancel it.',
      extra: { allowed: ['cancel'] },
    });
  }
  const isTripped = ['bounces', 'complaints', 'unsubscribes'].includes(pauseReason ?? '');
  await makeMove(tx, mailing, 'resume', {
    state: pausedFrom ?? 'running',
    pausedFrom: null,
    pauseReason: null,
    judgedFrom: isTripped ? await readSums(tx, key) : judgedFrom,
  });
});

/** Ends it for good: people who did not get it yet do not get it. */
export const cancelMailing = verb((tx, mailing) =>
  makeMove(tx, mailing, 'cancel', {
    state: 'cancelled',
    pausedFrom: null,
    pauseReason: null,
    // Nobody is in the audience of one that never started.
    finishedAt: mailing.startedAt === null ? tx.now : null,
  }),
);

/** Makes a scheduled or missed mailing a draft again. */
export const unscheduleMailing = verb((tx, mailing) =>
  makeMove(tx, mailing, 'unschedule', {
    state: 'draft',
    sendAt: null,
    timeZone: null,
    pauseReason: null,
  }),
);
