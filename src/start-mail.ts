import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { App } from './app.js';
import type { Config } from './config.js';
import { watchMail } from './http/service/metrics.js';
import type { Asked, Level, MailThreadData, Said } from './mail-thread.js';
import type { Logger } from './mail/delivery.js';
import { sharedStats, statsMemory } from './mail/shared-stats.js';
import { threadProgram } from './thread-program.js';

/** The outbox is looked into at some moment in this time after something was asked for. */
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
 * Starts the mail worker of a server process, as it is configured: on a thread of its own, with its own way to the
 * database. Nearly all that differs between a known address and another is done by it; on the thread that answers,
 * whoever asks next would notice how long it takes. It does not begin at once either: the machine is the same.
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
  thread.on('message', (said: Said) => {
    if (said === 'ready') return;
    if ('failure' in said) onFailure(said.failure);
    else logger[said.level](said.values, said.message);
  });
  const ask = (asked: Asked) => thread.postMessage(asked);
  // Rejects when the thread cannot begin.
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
