/** A program that listens on a loopback port, for tests and benchmarks: it is ended as by a crash, and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 10_000;
/** Debian installs some in /usr/sbin, which is not in everyone's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];

export interface Daemon {
  pid(): number;
  /** Ends it as a crash would. */
  down(): Promise<void>;
  /** Starts it again on the same port. */
  up(): Promise<void>;
  /** Stops it and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

type DaemonOptions = {
  /** The path of the program, from `find`. */
  program: string;
  args: string[];
  /** Where it listens. */
  port: number;
  /** The folder in which it runs. */
  home: string;
  /** As whom it runs; absent: as this process. */
  user?: { uid: number; gid: number };
};

/** The path of an installed program. */
export const find = (name: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, name)).find((file) => existsSync(file));

/** Starts it, and resolves once it listens. If it does not, it throws with the last that it has said. */
export async function startDaemon({ program, args, port, home, user }: DaemonOptions): Promise<Daemon> {
  let child: ChildProcess | undefined;
  const down = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const up = async () => {
    child = spawn(program, args, { cwd: home, stdio: ['ignore', 'ignore', 'pipe'], ...user });
    let said = '';
    child.stderr?.on('data', (data: Buffer) => (said = (said + String(data)).slice(-2000)));
    await once(child, 'spawn');
    for (const from = Date.now(); !(await listens(port)); await sleep(10)) {
      if (child.exitCode !== null || Date.now() - from > START_MS) {
        throw new Error(`${program} did not start\n${said}`);
      }
    }
  };
  const stop = async () => {
    await down();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await up();
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: () => child?.pid ?? 0, down, up, stop };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return open;
}
