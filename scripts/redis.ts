/** A throw-away Redis for tests and benchmarks. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

const START_MS = 10_000;

export interface RedisServer {
  url: string;
  pid(): number;
  /** Ends it as a crash would. */
  down(): Promise<void>;
  /** Starts it again on the same port, empty. */
  up(): Promise<void>;
  /** Stops it and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts a server on a free loopback port, or returns undefined if Redis is not installed. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const home = await mkdtemp(join(tmpdir(), 'undersigned-redis-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const down = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const up = async () => {
    // Without persistence: counts of requests need not survive.
    const options = { bind: '127.0.0.1', port: String(port), save: '', appendonly: 'no', dir: home };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    child = spawn('redis-server', args, { cwd: home, stdio: 'ignore' });
    await once(child, 'spawn');
    await listening(port, child);
  };
  const stop = async () => {
    await down();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await up();
  } catch (error) {
    await stop();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, pid: () => child?.pid ?? 0, down, up, stop };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (const from = Date.now(); Date.now() - from < START_MS;) {
    const socket = connect(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    if (child.exitCode !== null) break;
    await sleep(10);
  }
  throw new Error('redis-server did not start');
}
