/** The temporary folder and the processes of a benchmark, which are cleaned up at its end. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres, type PostgresServer } from '../scripts/postgres.js';

const root = fileURLToPath(new URL('..', import.meta.url));

type Running = { stop(): Promise<unknown> };

/** Opens a temporary folder. It is removed, and everything passed to `keep` stopped, when `run` ends or on a signal. */
export function openStage(parent = tmpdir()) {
  const folder = mkdtempSync(join(parent, 'undersigned-bench-'));
  const running: Running[] = [];
  async function clear() {
    // A crashed process cannot be stopped, which must not prevent stopping the others.
    for (const one of running.splice(0).reverse()) await one.stop().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void clear().then(() => process.exit(130)));
  }
  const keep = async <Started extends Running>(starting: Promise<Started> | Started): Promise<Started> => {
    const started = await starting;
    running.push(started);
    return started;
  };
  /** Stops some of them before the end. */
  const stop = async (...some: Running[]): Promise<void> => {
    for (const one of some) {
      running.splice(running.indexOf(one), 1);
      await one.stop();
    }
  };
  const run = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } finally {
      await clear();
    }
  };
  return { folder, keep, stop, run };
}

/** Builds the server. */
export function build(): void {
  console.error('Building …');
  execFileSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: 'inherit' });
}

/** Like startPostgres, but durable: otherwise measurements would be meaningless. Throws where it is not installed. */
export async function startDurablePostgres(
  settings: Record<string, string> = {},
  primary?: string,
): Promise<PostgresServer> {
  const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
  const server = await startPostgres({ ...durable, ...settings }, primary);
  if (!server) throw new Error('there is no PostgreSQL: install it (Debian: apt-get install postgresql)');
  return server;
}
