import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App } from './app.js';
import { closeGently } from './close-gently.js';
import type { Config } from './config.js';
import { asItCame } from './http/front/behind-workers.js';
import type { Log } from './log.js';
import { sqliteFile } from './store/open.js';
import type { Store } from './store/store.js';
import { startWorkers } from './workers/start-workers.js';

/** As many connections may wait as the kernel lets: those of workers come many at a time. */
const BACKLOG = 4096;

/** Where the world comes in. */
export type Entrance = {
  port: number;
  /** Answers what has come, and closes. */
  close: () => Promise<void>;
};

/** Lets the world in: by itself or, with WORKERS, through them. */
export async function openEntrance(
  config: Config,
  app: App,
  store: Pick<Store, 'generation'>,
  logger: Log['logger'],
): Promise<Entrance> {
  if (config.WORKERS > 0) return openWorkers(config, app, store, logger);
  await app.listen({ host: config.HOST, port: config.PORT });
  return { port: (app.server.address() as AddressInfo).port, close: () => closeGently(app) };
}

async function openWorkers(
  { HOST: host, PORT: port, DATABASE_URL, WORKERS, publicUrl, trustProxy }: Config,
  app: App,
  store: Pick<Store, 'generation'>,
  logger: Log['logger'],
): Promise<Entrance> {
  // Only this user can reach what is in a folder of mkdtemp: who speaks to the socket names the client.
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-'));
  const clear = () => rmSync(folder, { recursive: true, force: true });
  const socket = join(folder, 'server.sock');
  app.server.prependListener('request', (request) => {
    // A worker reads that the database has changed before it asks: what is answered must not be from before.
    if (request.method === 'GET') store.generation('anew');
    asItCame(request);
  });
  try {
    await app.listen({ path: socket, backlog: BACKLOG });
    const { data: constant } = app.constant;
    const file = sqliteFile(DATABASE_URL) ?? '';
    const workers = await startWorkers({
      workers: WORKERS,
      settings: { host, port, socket, file, publicUrl, trustProxy, constant },
      count: (tally) => app.front.countTally(tally),
      logger,
    });
    const close = async () => {
      app.drain();
      await workers.drain();
      await closeGently(app);
      clear();
    };
    return { port: workers.port, close };
  } catch (error) {
    clear();
    throw error;
  }
}
