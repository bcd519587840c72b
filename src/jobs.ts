import { sweepChallenges } from './core/brakes/challenges.js';
import { judgeKeys } from './core/brakes/key-breaker.js';
import type { Context } from './core/context.js';
import { publishCells, sweepCells } from './core/counts/published-cells.js';
import { forgetOldRetries } from './core/idempotency.js';
import { remindAll } from './core/letters/reminders.js';
import { sweepLinksAndMail } from './core/mail/sweeping.js';
import { sweepFamilies } from './core/sending/families.js';
import { sweepPace } from './core/sending/pace.js';
import { cancelAbandoned, forgetRecipients } from './core/sending/recipient-retention.js';
import { describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';
import { MINUTE_MS } from './time.js';

type Log = Pick<Logger, 'warn'>;

const isolateKeys = (ctx: Context, logger: Log): Promise<void> =>
  judgeKeys(ctx, ({ keyId, petitionId }) =>
    logger.warn(
      { key: keyId, petition: petitionId },
      'a key is isolated: hardly any of its signatures are confirmed',
    ),
  );

/**
 * Background jobs, their intervals, and the log message of a failure. Several processes may run a job at the same time.
 */
const JOBS: { everyMs: number; what: string; run: (ctx: Context, log: Log) => Promise<unknown> }[] = [
  { everyMs: 5 * MINUTE_MS, what: 'could not remind', run: remindAll },
  { everyMs: MINUTE_MS, what: 'could not judge the keys', run: isolateKeys },
  {
    everyMs: MINUTE_MS,
    what: 'could not publish the counts by country, region and source',
    run: publishCells,
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not delete empty counters',
    run: (ctx) => sweepCells(ctx.store),
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not forget old retries',
    run: (ctx) => forgetOldRetries(ctx.store, ctx.now()),
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not forget old links and mails',
    run: (ctx) => sweepLinksAndMail(ctx.store, ctx.now()),
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not forget used challenges',
    run: (ctx) => sweepChallenges(ctx.store, ctx.now()),
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not forget the recipients of old mailings',
    run: forgetRecipients,
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not cancel abandoned mailings',
    run: cancelAbandoned,
  },
  {
    everyMs: 60 * MINUTE_MS,
    what: 'could not forget how fast mailings were sent',
    run: async (ctx) => {
      await sweepPace(ctx.store, ctx.now());
      await sweepFamilies(ctx.store, ctx.now());
    },
  },
];

/** Starts the jobs. A failed run is logged; the next run does its work too. */
export function startJobs(ctx: Context, logger: Log): { stop: () => void } {
  const timers = JOBS.map(({ everyMs, what, run }) =>
    setInterval(() => {
      run(ctx, logger).catch((error: unknown) => logger.warn({ error: describeError(error) }, what));
    }, everyMs),
  );
  return { stop: () => timers.forEach((timer) => clearInterval(timer)) };
}
