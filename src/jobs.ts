import type { Context } from './core/context.js';
import { forgetOldRetries } from './core/idempotency.js';
import { remindAll } from './core/reminders.js';
import { sweepLinksAndMail } from './core/sweeping.js';
import { describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';

const MINUTE_MS = 60_000;

/** What runs in the background, how often, and what a failure is called in the log. Several processes may run it at once. */
const JOBS: { everyMs: number; what: string; run: (ctx: Context) => Promise<unknown> }[] = [
  { everyMs: 5 * MINUTE_MS, what: 'could not remind', run: remindAll },
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
];

/** Starts them; the next turn of each makes good what a failed one left. */
export function startJobs(ctx: Context, logger: Pick<Logger, 'warn'>): { stop: () => void } {
  const timers = JOBS.map(({ everyMs, what, run }) =>
    setInterval(() => {
      run(ctx).catch((error: unknown) => logger.warn({ error: describeError(error) }, what));
    }, everyMs),
  );
  return { stop: () => timers.forEach((timer) => clearInterval(timer)) };
}
