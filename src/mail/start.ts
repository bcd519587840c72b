import type { App } from '../app.js';
import type { Config } from '../config.js';
import { watchMail } from '../http/metrics.js';
import type { Logger } from './delivery.js';
import type { Locales } from './locales.js';
import { createRenderer } from './render.js';
import { openPost } from './transport.js';
import { startMailWorker, type MailWorker } from './worker.js';

/** Starts the mail worker of a server process, as it is configured. */
export function startMail(config: Config, app: App, locales: Locales, logger: Logger): MailWorker {
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
