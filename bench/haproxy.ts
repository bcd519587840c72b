import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { find, startDaemon } from '../scripts/daemon.js';
import { freePort } from '../scripts/free-port.js';

/** The most connections: low enough for the usual limit of file descriptors. */
const MOST = 2000;
const CONFIG = new URL('../docs/haproxy.cfg', import.meta.url);

export type Proxy = { port: number; pid: number; stop(): Promise<void> };

/** Starts HAProxy with docs/haproxy.cfg in front of some ports; undefined where it is not installed. */
export async function startProxy(folder: string, ports: number[]): Promise<Proxy | undefined> {
  const program = find('haproxy');
  if (program === undefined) return undefined;
  const port = await freePort();
  const servers = ports.map((one, i) => `    server api${i + 1} 127.0.0.1:${one}`).join('\n');
  const config = readFileSync(CONFIG, 'utf8')
    .replace(/^ +maxconn .*$/m, `    maxconn ${MOST}`)
    .replace(/^ +bind .*$/m, `    bind 127.0.0.1:${port}`)
    .replace(/(?:^ +server .*\n)+/m, `${servers}\n`);
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const daemon = await startDaemon({ program, args: ['-f', file, '-db'], port, home: folder });
  return { port, pid: daemon.pid(), stop: () => daemon.down() };
}
