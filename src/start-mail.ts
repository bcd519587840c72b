import type { App } from './app.js';
import type { Config } from './config.js';
import { watchMail } from './http/service/metrics.js';
import type { Locales } from './mail/locales.js';
import { sharedStats, statsMemory } from './mail/shared-stats.js';
import { threadProgram } from './thread-program.js';
import { startThread, type ThreadOptions } from './worker-thread.js';

/** The mail thread is woken after a random delay in this range. */
const SOON_MS = { from: 50, to: 500 };

export type MailOptions = Pick<ThreadOptions, 'logger' | 'onFailure'> & {
  config: Config;
  app: Pick<App, 'ctx' | 'metrics'>;
  locales: Pick<Locales, 'catalogues'>;
  rootKey: Uint8Array;
  turn: SharedArrayBuffer;
};

/**
 * Starts the mail worker of a server process in a separate thread with its own database connections. Nearly all work
 * that depends on whether an address is known happens there: on the thread that answers requests, it would delay the
 * next answer measurably. For the same reason it is not woken at once, since both threads share the machine.
 */
export async function startMail(options: MailOptions): Promise<{ stop: () => Promise<void> }> {
  const { config, app, rootKey, turn, locales } = options;
  const stats = statsMemory();
  const data = { config, rootKey, turn, stats, catalogues: locales.catalogues };
  const thread = await startThread(threadProgram(import.meta.url, 'mail-thread'), {
    ...options,
    name: 'mail',
    data,
  });
  let waking: NodeJS.Timeout | undefined;
  app.ctx.mailWaits.listen(() => {
    waking ??= setTimeout(
      () => {
        waking = undefined;
        thread.ask('wake');
      },
      SOON_MS.from + Math.random() * (SOON_MS.to - SOON_MS.from),
    ).unref();
  });
  watchMail(app.metrics, () => ({ ...sharedStats(stats) }));
  return thread;
}
