import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../scripts/free-port.js';

/** The most connections: low enough for the usual limit of file descriptors. */
const MOST = 2000;
const START_MS = 10_000;
const CONFIG = new URL('../docs/haproxy.cfg', import.meta.url);

export type Proxy = { port: number; pid: number; stop(): Promise<void> };

/** Starts HAProxy with docs/haproxy.cfg in front of some ports; undefined where it is not installed. */
export async function startProxy(folder: string, ports: number[]): Promise<Proxy | undefined> {
  const port = await freePort();
  const servers = ports.map((one, i) => `    server api${i + 1} 127.0.0.1:${one}`).join('\n');
  const config = readFileSync(CONFIG, 'utf8')
    .replace(/^ +maxconn .*$/m, `    maxconn ${MOST}`)
    .replace(/^ +bind .*$/m, `    bind 127.0.0.1:${port}`)
    .replace(/(?:^ +server .*\n)+/m, `${servers}\n`);
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const child = spawn('haproxy', ['-f', file, '-db'], {
    // Debian installs it in /usr/sbin, which is not in everyone's PATH.
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += String(data)));
  const spawned = await once(child, 'spawn').then(
    () => true,
    () => false,
  );
  if (!spawned) return undefined;
  for (const from = Date.now(); !(await listens(port)); await sleep(20)) {
    if (child.exitCode !== null || Date.now() - from > START_MS) {
      child.kill('SIGKILL');
      throw new Error(`HAProxy did not start\n${said}`);
    }
  }
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
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
