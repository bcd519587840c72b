import { build, type App } from './app.js';
import type { Config } from './config.js';
import { migrateConfiguredStore } from './configured-store.js';
import { erasureJournalFile, journalReserve } from './erasure-journal-file.js';
import { watchLog } from './http/service/metrics.js';
import { startJobs } from './jobs.js';
import { openLog, type Log } from './log.js';
import { loadLocales } from './mail/load-locales.js';
import type { Locales } from './mail/locales.js';
import { loadRootKey } from './root-key.js';
import { startDeliveries } from './start-deliveries.js';
import { startLmtp } from './start-lmtp.js';
import { startMail } from './start-mail.js';
import { startMailings } from './start-mailings.js';
import { startStore } from './start-store.js';
import { turnMemory } from './store/writer-turn.js';
import { openEntrance, type Entrance } from './start-workers.js';

/** The exit code of a process whose disk has failed. */
const EX_IOERR = 74;
/** Time for last answers and log lines to be written before the process ends. */
const LAST_WORDS_MS = 200;
export type RunningServer = {
  app: App;
  url: string;
  migrated: number;
  say: Log['say'];
  stop: () => Promise<void>;
};

/**
 * Migrates and opens the database, builds the app and listens. If a step fails, everything is closed again. `stop`
 * answers requests in progress, finishes mails, and closes everything.
 */
export async function startServer(config: Config): Promise<RunningServer> {
  const log = openLog(config.LOG_LEVEL);
  const { logger } = log;
  const rootKey = loadRootKey(config);
  const locales = loadAllLocales(config, logger);
  const migrated = await migrateConfiguredStore(config);
  let sockets = 0;
  const turn = turnMemory();
  const giveUp = (what: string) => (error: unknown) => {
    logger.fatal({ error }, `${what}: nothing more can be promised`);
    setTimeout(() => process.exit(EX_IOERR), LAST_WORDS_MS);
  };
  const onFailure = giveUp('the disk failed');
  const onEnd = giveUp('the store thread ended');
  const parts = { config, rootKey, locales, logger, turn, onFailure };
  if (config.POSTGRES_POOLER && !config.DATABASE_DIRECT_URL) {
    logger.warn('there is no DATABASE_DIRECT_URL past the pooler: live counts of other processes are polled');
  }
  const { store, verbs, stop } = await startStore({ ...parts, onEnd, arrivals: () => sockets });
  const reserve = journalReserve(config.ERASURE_JOURNAL);
  let app: App | undefined;
  let entrance: Entrance;
  const mail: { stop: () => Promise<void> }[] = [];
  const stopMail = () => Promise.all(mail.map((part) => part.stop()));
  try {
    const erasures = erasureJournalFile(config.ERASURE_JOURNAL, reserve);
    const behindWorkers = config.WORKERS > 0;
    app = await build({ config, store, rootKey, erasures, locales, logger, verbs, behindWorkers });
    watchLog(app.metrics, log.dropped);
    app.server.on('connection', () => (sockets += 1));
    await app.ctx.milestones.settleAll();
    if (config.MAIL_WORKER) {
      mail.push(await startMail({ ...parts, app }), startMailings({ ...parts, read: store.read }));
    }
    if (config.LMTP_LISTEN) mail.push(await startLmtp({ config, ctx: app.ctx, logger }));
    entrance = await openEntrance(config, app, store, logger);
  } catch (error) {
    await stopMail();
    await app?.close();
    await stop();
    reserve.end();
    throw error;
  }
  const jobs = startJobs(app.ctx, logger);
  const deliveries = startDeliveries({ ...parts, app });

  return {
    app,
    migrated,
    say: log.say,
    url: `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${entrance.port}`,
    async stop() {
      jobs.stop();
      await Promise.all([entrance.close(), stopMail(), deliveries.stop()]);
      await stop();
      reserve.end();
      await log.flushed(LAST_WORDS_MS);
    },
  };
}

function loadAllLocales(config: Config, logger: Log['logger']): Locales {
  const locales = loadLocales(config.LOCALES_FOLDER || undefined);
  for (const { locale, keys } of locales.missing) {
    logger.warn({ locale, keys }, 'words are missing in a language: English stands in');
  }
  return locales;
}
