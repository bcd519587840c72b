import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { App } from './app.js';
import type { Config } from './config.js';
import { watchMail } from './http/service/metrics.js';
import type { MailCommand, Level, MailThreadData, MailEvent } from './mail-thread.js';
import type { Logger } from './mail/delivery.js';
import { sharedStats, statsMemory } from './mail/shared-stats.js';
import { threadProgram } from './thread-program.js';

/** The mail thread is woken after a random delay in this range. */
const SOON_MS = { from: 50, to: 500 };

const LEVELS: Level[] = ['debug', 'info', 'warn', 'error'];

export type MailOptions = {
  config: Config;
  app: Pick<App, 'ctx' | 'metrics'>;
  rootKey: Uint8Array;
  logger: Logger & { isLevelEnabled(level: string): boolean };
  turn: SharedArrayBuffer;
  /** The disk failed. */
  onFailure: (error: unknown) => void;
};

/**
 * Starts the mail worker of a server process in a separate thread with its own database connections. Nearly all work
 * that depends on whether an address is known happens there: on the thread that answers requests, it would delay the
 * next answer measurably. For the same reason it is not woken at once, since both threads share the machine.
 */
export async function startMail(options: MailOptions): Promise<{ stop: () => Promise<void> }> {
  const { config, app, rootKey, logger, turn, onFailure } = options;
  const stats = statsMemory();
  const levels = LEVELS.filter((level) => logger.isLevelEnabled(level));
  const thread = new Worker(threadProgram(import.meta.url, 'mail-thread'), {
    name: 'mail',
    execArgv: [],
    workerData: { config, rootKey, turn, stats, levels } satisfies MailThreadData,
  });
  const exit = new Promise((resolve) => thread.once('exit', resolve));
  thread.on('message', (said: MailEvent) => {
    if (said === 'ready') return;
    if ('failure' in said) onFailure(said.failure);
    else logger[said.level](said.values, said.message);
  });
  const ask = (asked: MailCommand) => thread.postMessage(asked);
  // Rejects if the thread fails to start.
  await once(thread, 'message');
  thread.on('error', (error) => {
    throw error;
  });

  let waking: NodeJS.Timeout | undefined;
  app.ctx.mailWaits.listen(() => {
    waking ??= setTimeout(
      () => {
        waking = undefined;
        ask('wake');
      },
      SOON_MS.from + Math.random() * (SOON_MS.to - SOON_MS.from),
    ).unref();
  });
  watchMail(app.metrics, () => ({ ...sharedStats(stats) }));
  return {
    async stop() {
      ask('stop');
      await exit;
    },
  };
}
