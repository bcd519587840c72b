/** A throw-away Redis for tests and benchmarks. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { find, startDaemon, type Daemon } from './daemon.js';
import { freePort } from './free-port.js';

/** When it is started again, it is empty. */
export type RedisServer = Daemon & { url: string };

/** Starts a server on a free loopback port, or returns undefined if Redis is not installed. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const program = find('redis-server');
  if (program === undefined) return undefined;
  const home = await mkdtemp(join(tmpdir(), 'undersigned-redis-'));
  const port = await freePort();
  // Without persistence: counts of requests need not survive.
  const options = { bind: '127.0.0.1', port: String(port), save: '', appendonly: 'no', dir: home };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const daemon = await startDaemon({ program, args, port, home });
  return { ...daemon, url: `redis://127.0.0.1:${port}` };
}
