/** A throw-away pgbouncer for tests and benchmarks. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

const START_MS = 10_000;
/** Debian installs it in /usr/sbin, which is not in everyone's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];

export interface Pgbouncer {
  /** Leads through it to the database that `url` names. */
  through(url: string): string;
  pid(): number;
  /** Ends it as a crash would. */
  down(): Promise<void>;
  /** Starts it again on the same port. */
  up(): Promise<void>;
  /** Stops it and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

/** The lines that docs/scaling.md tells operators to have, so that a database that is away is soon known to be. */
const ADVISED = { query_wait_timeout: '5', server_login_retry: '1', server_connect_timeout: '3' };

/**
 * Starts one in front of every database of a server, or returns undefined if it is not installed. It pools
 * transactions, unless `settings` say otherwise; `limit` is `statement_timeout` of its sessions in milliseconds.
 */
export async function startPgbouncer(
  server: string,
  settings: Record<string, string> = {},
  limit = 10_000,
): Promise<Pgbouncer | undefined> {
  const program = FOLDERS.map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file));
  if (program === undefined) return undefined;
  const home = await mkdtemp(join(tmpdir(), 'undersigned-pgbouncer-'));
  const port = await freePort();
  const { hostname, port: behind, username } = new URL(server);
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    max_client_conn: '1000',
    ...ADVISED,
    ...settings,
  };
  const file = join(home, 'pgbouncer.ini');
  const target = `host=${hostname} port=${behind} user=${username}`;
  const first = limit > 0 ? ` connect_query='set statement_timeout = ${limit}'` : '';
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(file, `[databases]\n* = ${target}${first}\n[pgbouncer]\n${lines.join('')}`);
  // It refuses to run as root, so root borrows the user of PostgreSQL.
  await chmod(home, 0o755);
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  let child: ChildProcess | undefined;
  const down = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const up = async () => {
    child = spawn(program, ['-q', file], { cwd: home, stdio: ['ignore', 'ignore', 'pipe'], ...user });
    let said = '';
    child.stderr?.on('data', (data: Buffer) => (said = (said + String(data)).slice(-2000)));
    await once(child, 'spawn');
    for (const from = Date.now(); !(await listens(port)); await sleep(10)) {
      if (child.exitCode !== null || Date.now() - from > START_MS) {
        throw new Error(`pgbouncer did not start\n${said}`);
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
  const through = (url: string) => Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href;
  return { through, pid: () => child?.pid ?? 0, down, up, stop };
}

const idOf = (flag: '-u' | '-g'): number =>
  Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim());

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return open;
}
