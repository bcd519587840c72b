import { Server } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** At shutdown: how long clients with open connections have to send a request that was already on the way. */
const LAST_CALL_MS = 500;
/** As long as a request may take to arrive: after that all connections are closed. */
const PATIENCE_MS = 15_000;
const SWEEP_MS = 50;

export type Closing = {
  server: HttpServer;
  /** From now on each answer closes its connection. */
  drain: () => void;
  /** Resolves when there are no connections any more. */
  close: () => Promise<unknown>;
};

/**
 * Closes a server without breaking requests. A connection that is closed while its next request is on the way looks
 * like a crash to its client. So each one is first closed with an answer (`connection: close`), and idle ones last.
 */
export async function closeGently({ server, drain, close }: Closing): Promise<void> {
  drain();
  // net's close only stops listening; http's close would also close idle connections.
  Server.prototype.close.call(server);
  const lastCall = performance.now() + LAST_CALL_MS;
  while ((await connectionsOf(server)) > 0 && performance.now() < lastCall) await sleep(SWEEP_MS);
  // Answers that began before draining did not announce the close: their connections become idle from now on.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => server.closeAllConnections(), PATIENCE_MS);
  await close();
  clearInterval(sweep);
  clearTimeout(cut);
}

const connectionsOf = (server: Server): Promise<number> =>
  new Promise((resolve) => server.getConnections((error, count) => resolve(error ? 0 : count)));
