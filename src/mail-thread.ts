import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from './config.js';
import { openConfiguredStore } from './configured-store.js';
import { createContext } from './create-context.js';
import { erasureJournalFile } from './erasure-journal-file.js';
import { describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';
import { loadLocales } from './mail/locales.js';
import { createRenderer } from './mail/render.js';
import { sharedStats } from './mail/shared-stats.js';
import { openPost } from './mail/transport.js';
import { startMailWorker } from './mail/worker.js';

/* The thread that start-mail.ts starts: the mail worker with its own connection to the database. */

export type MailThreadData = {
  config: Config;
  rootKey: Uint8Array;
  /** See StoreOptions. */
  turn: SharedArrayBuffer;
  stats: SharedArrayBuffer;
  /** The log levels that are enabled. */
  levels: Level[];
};
export type Level = keyof Logger;
export type MailCommand = 'wake' | 'stop';
export type MailEvent =
  'ready' | { level: Level; values: Record<string, unknown>; message: string } | { failure: unknown };

const { config, rootKey, turn, stats, levels } = workerData as MailThreadData;
const say = (said: MailEvent) => parentPort?.postMessage(said);
const logAt =
  (level: Level): Logger[Level] =>
  (values, message) => {
    if (levels.includes(level)) say({ level, values, message });
  };

const store = await openConfiguredStore(
  // At most one connection for each mail being sent, and one to claim the next.
  { ...config, POSTGRES_POOL: Math.min(config.POSTGRES_POOL, config.MAIL_CONNECTIONS + 1) },
  { turn, onFatal: (error) => say({ failure: describeError(error) }) },
);
const ctx = createContext({
  config,
  store,
  rootKey,
  erasures: erasureJournalFile(config.ERASURE_JOURNAL),
});
const worker = startMailWorker({
  ctx,
  post: openPost(config),
  render: createRenderer(loadLocales(config.LOCALES_FOLDER || undefined), config.installation),
  logger: { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error') },
  domainRate: config.domainRate,
  connections: config.MAIL_CONNECTIONS,
  stats: sharedStats(stats),
});

async function stop(): Promise<void> {
  await worker.stop();
  await store.close();
  parentPort?.close();
}

parentPort?.on('message', (asked: MailCommand) => {
  if (asked === 'wake') ctx.mailWaits();
  else void stop();
});
say('ready');
