import { Resolver } from 'node:dns/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from './config.js';
import { openConfiguredStore } from './configured-store.js';
import type { Context } from './core/context.js';
import { createContext } from './create-context.js';
import { erasureJournalFile } from './erasure-journal-file.js';
import { decideDue } from './core/mailing-results/winner.js';
import { startDue } from './core/mailings/schedule.js';
import { buildAudienceStep } from './core/sending/audience.js';
import { endMailings } from './core/sending/ending.js';
import { learnFamilies } from './core/sending/families.js';
import { describeError } from './errors.js';
import { compileWith } from './mail/campaign/campaign.js';
import { dkimKey, dkimSigner } from './mail/campaign/dkim.js';
import { openWire } from './mail/campaign/open-wire.js';
import { MailingWorker } from './mail/campaign/worker.js';
import type { Catalogue } from './mail/catalogue.js';
import { localesOf } from './mail/locales.js';
import { mailingJournalFile } from './mailing-journal-file.js';
import { threadLogger, type Level, type ThreadEvent } from './worker-thread.js';

/* The thread that start-mailings.ts starts: it sends mailings, with its own connection to the database. */

type MailingThreadData = {
  config: Config;
  rootKey: Uint8Array;
  /** See StoreOptions. */
  turn: SharedArrayBuffer;
  catalogues: Catalogue[];
  levels: Level[];
};

/** Turns of several mailings, and reading while they are committed. */
const POOL = 4;

/** Recipients are read and written in the order of their keys: few pages are needed twice. */
const PAGE_CACHE_MIB = 4;

const { config, rootKey, turn, catalogues, levels } = workerData as MailingThreadData;
const say = (said: ThreadEvent) => parentPort?.postMessage(said);

const store = await openConfiguredStore(
  { ...config, POSTGRES_POOL: Math.min(config.POSTGRES_POOL, POOL) },
  { turn, pageCacheMiB: PAGE_CACHE_MIB, onFatal: (error) => say({ failure: describeError(error) }) },
);
const journal = mailingJournalFile(config.MAILING_JOURNAL);
const key = dkimKey(config);
const logger = threadLogger(levels, say);
const ctx = createContext({ config, store, rootKey, erasures: erasureJournalFile(config.ERASURE_JOURNAL) });
const compile = compileWith({ publicUrl: config.publicUrl, locales: localesOf(catalogues) });
const resolver = new Resolver({ timeout: 3000, tries: 2 });

/** While the first mails are sent: which provider takes the mail of domains that are not known. */
async function learn(mailingKey: number): Promise<void> {
  while (!stopping && (await learnFamilies(ctx, resolver, mailingKey)) > 0);
}

async function build(_ctx: Context, mailingKey: number): Promise<boolean> {
  const isBuilt = await buildAudienceStep(ctx, mailingKey);
  if (isBuilt) {
    void learn(mailingKey).catch((error: unknown) =>
      logger.warn({ error: describeError(error) }, 'mail providers cannot be looked up'),
    );
  }
  return isBuilt;
}

async function endSome(): Promise<void> {
  while (!stopping && (await endMailings(ctx)));
}

let stopping = false;
const worker = new MailingWorker({
  ctx,
  from: config.MAIL_FROM,
  bounceAddress: config.MAIL_BOUNCE_ADDRESS,
  wire: openWire(config),
  ...(key ? { sign: dkimSigner(key) } : {}),
  journal,
  logger,
  connections: config.MAILING_CONNECTIONS,
  build,
  chores: [(on) => startDue(on, compile), decideDue, endSome],
}).start();

async function stop(): Promise<void> {
  stopping = true;
  await worker.stop();
  await journal.close();
  await store.close();
  parentPort?.close();
}

parentPort?.on('message', (asked: 'stop') => {
  if (asked === 'stop') void stop();
});
say('ready');
