import type { App } from '../app.js';
import type { Config } from '../config.js';
import { watchMail } from '../http/metrics.js';
import type { Logger } from './delivery.js';
import { loadLocales } from './locales.js';
import { createRenderer } from './render.js';
import { openPost } from './transport.js';
import { startMailWorker, type MailWorker } from './worker.js';

/** Starts the mail worker of a server process, as it is configured. Throws when a catalogue of languages is wrong. */
export function startMail(config: Config, app: App, logger: Logger): MailWorker {
  const locales = loadLocales(config.LOCALES_FOLDER || undefined);
  for (const { locale, keys } of locales.missing) {
    logger.warn({ locale, keys }, 'words are missing in a language: English stands in');
  }
  const worker = startMailWorker({
    ctx: app.ctx,
    post: openPost(config),
    render: createRenderer(locales),
    logger,
    domainRate: config.domainRate,
    connections: config.MAIL_CONNECTIONS,
  });
  watchMail(app.metrics, () => worker.stats());
  return worker;
}
