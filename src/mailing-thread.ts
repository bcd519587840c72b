import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from './config.js';
import { openConfiguredStore } from './configured-store.js';
import { createContext } from './create-context.js';
import { erasureJournalFile } from './erasure-journal-file.js';
import { describeError } from './errors.js';
import { dkimKey, dkimSigner } from './mail/campaign/dkim.js';
import { openWire } from './mail/campaign/open-wire.js';
import { MailingWorker } from './mail/campaign/worker.js';
import { mailingJournalFile } from './mailing-journal-file.js';
import { threadLogger, type Level, type ThreadEvent } from './worker-thread.js';

/* The thread that start-mailings.ts starts: it sends mailings, with its own connection to the database. */

type MailingThreadData = {
  config: Config;
  rootKey: Uint8Array;
  /** See StoreOptions. */
  turn: SharedArrayBuffer;
  levels: Level[];
};

/** Turns of several mailings, and reading while they are committed. */
const POOL = 4;

const { config, rootKey, turn, levels } = workerData as MailingThreadData;
const say = (said: ThreadEvent) => parentPort?.postMessage(said);

const store = await openConfiguredStore(
  { ...config, POSTGRES_POOL: Math.min(config.POSTGRES_POOL, POOL) },
  { turn, onFatal: (error) => say({ failure: describeError(error) }) },
);
const journal = mailingJournalFile(config.MAILING_JOURNAL);
const key = dkimKey(config);
const worker = new MailingWorker({
  ctx: createContext({ config, store, rootKey, erasures: erasureJournalFile(config.ERASURE_JOURNAL) }),
  from: config.MAIL_FROM,
  bounceAddress: config.MAIL_BOUNCE_ADDRESS,
  wire: openWire(config),
  ...(key ? { sign: dkimSigner(key) } : {}),
  journal,
  logger: threadLogger(levels, say),
  connections: config.MAILING_CONNECTIONS,
}).start();

async function stop(): Promise<void> {
  await worker.stop();
  await journal.close();
  await store.close();
  parentPort?.close();
}

parentPort?.on('message', (asked: 'stop') => {
  if (asked === 'stop') void stop();
});
say('ready');
