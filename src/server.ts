import type { AddressInfo } from 'node:net';
import pino, { type Logger } from 'pino';
import { build, type App } from './app.js';
import type { Config } from './config.js';
import { forgetOldRetries } from './core/idempotency.js';
import { describeError } from './errors.js';
import { loadRootKey } from './root-key.js';
import { migrateStore, openStore } from './store/open.js';
import type { Store, StoreOptions } from './store/store.js';

const HOUR_MS = 3_600_000;
/** Lets the answers that say what happened leave before the process ends. */
const LAST_WORDS_MS = 200;

export type RunningServer = { app: App; url: string; migrated: number; stop: () => Promise<void> };

/** Opens the configured database for this process. The caller closes it. */
export const openConfiguredStore = (config: Config, options: Partial<StoreOptions> = {}): Promise<Store> =>
  openStore(config.DATABASE_URL, {
    now: () => new Date(),
    maxWaiting: config.MAX_WAITING,
    poolSize: config.POSTGRES_POOL,
    statementTimeoutMs: config.POSTGRES_STATEMENT_TIMEOUT_MS,
    allowUnsafeDurability: config.POSTGRES_ALLOW_UNSAFE,
    onFatal: () => undefined,
    ...options,
  });

/** What a log line may hold of a request: never a query string, a body, an address or a key. */
export const createLogger = (level: string): Logger =>
  pino({
    level,
    redact: { paths: ['req.headers.authorization', '*.email', '*.token', 'req.remoteAddress'], censor: '[redacted]' },
    serializers: {
      req: ({ method, routeOptions, id }: { method: string; routeOptions?: { url?: string }; id: string }) => ({
        id,
        method,
        route: routeOptions?.url,
      }),
      err: describeError,
    },
  });

/** Migrates, opens, builds and listens. `stop` answers what is under way, flushes what waits, and closes. */
export async function startServer(config: Config): Promise<RunningServer> {
  const logger = createLogger(config.LOG_LEVEL);
  const rootKey = loadRootKey(config);
  const migrated = await migrateStore(config.DATABASE_URL);
  let sockets = 0;
  const store = await openConfiguredStore(config, {
    arrivals: () => sockets,
    onFatal(error) {
      logger.fatal({ error: describeError(error) }, 'the disk failed: nothing more can be promised');
      setTimeout(() => process.exit(74), LAST_WORDS_MS);
    },
  });
  const app = await build({ config, store, rootKey, logger });
  app.server.on('connection', () => (sockets += 1));
  await app.ctx.milestones.settleAll();
  const forgetting = setInterval(() => {
    forgetOldRetries(store, new Date()).catch((error: unknown) =>
      logger.warn({ error: describeError(error) }, 'could not forget old retries'),
    );
  }, HOUR_MS);

  await app.listen({ host: config.HOST, port: config.PORT });
  const { port } = app.server.address() as AddressInfo;
  return {
    app,
    migrated,
    url: `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${port}`,
    async stop() {
      app.drain();
      clearInterval(forgetting);
      await app.close();
      await store.close();
    },
  };
}
