import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from './config.js';
import { openConfiguredStore } from './configured-store.js';
import { isWorded } from './core/letters/letter.js';
import { createContext } from './create-context.js';
import { erasureJournalFile } from './erasure-journal-file.js';
import { describeError } from './errors.js';
import { createTestRenderer } from './mail/campaign/test-mail.js';
import type { Catalogue } from './mail/catalogue.js';
import { localesOf } from './mail/locales.js';
import { createRenderer } from './mail/render.js';
import { sharedStats } from './mail/shared-stats.js';
import { openPost } from './mail/transport.js';
import { startMailWorker } from './mail/worker.js';
import { threadLogger, type Level, type ThreadEvent } from './worker-thread.js';

/* The thread that start-mail.ts starts: the mail worker with its own connection to the database. */

type MailThreadData = {
  config: Config;
  rootKey: Uint8Array;
  /** See StoreOptions. */
  turn: SharedArrayBuffer;
  stats: SharedArrayBuffer;
  catalogues: Catalogue[];
  levels: Level[];
};

/** The outbox is short: few pages are needed twice. */
const PAGE_CACHE_MIB = 4;

const { config, rootKey, turn, stats, catalogues, levels } = workerData as MailThreadData;
const say = (said: ThreadEvent) => parentPort?.postMessage(said);

const store = await openConfiguredStore(
  // At most one connection for each mail being sent, and one to claim the next.
  { ...config, POSTGRES_POOL: Math.min(config.POSTGRES_POOL, config.MAIL_CONNECTIONS + 1) },
  { turn, pageCacheMiB: PAGE_CACHE_MIB, onFatal: (error) => say({ failure: describeError(error) }) },
);
const ctx = createContext({
  config,
  store,
  rootKey,
  erasures: erasureJournalFile(config.ERASURE_JOURNAL),
});
const locales = localesOf(catalogues);
const words = createRenderer(locales, config.installation);
const tests = createTestRenderer(locales);
const worker = startMailWorker({
  ctx,
  post: openPost(config),
  render: (letter) => (isWorded(letter) ? words(letter) : tests(letter)),
  logger: threadLogger(levels, say),
  domainRate: config.domainRate,
  connections: config.MAIL_CONNECTIONS,
  stats: sharedStats(stats),
});

async function stop(): Promise<void> {
  await worker.stop();
  await store.close();
  parentPort?.close();
}

parentPort?.on('message', (asked: 'wake' | 'stop') => {
  if (asked === 'wake') ctx.mailWaits();
  else void stop();
});
say('ready');
