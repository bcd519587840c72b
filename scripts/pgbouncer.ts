/** A throw-away pgbouncer for tests and benchmarks. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { find, startDaemon, type Daemon } from './daemon.js';
import { freePort } from './free-port.js';

export type Pgbouncer = Daemon & {
  /** Leads through it to the database that `url` names. */
  through(url: string): string;
};

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
  const program = find('pgbouncer');
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
  const user = process.getuid?.() === 0 ? { user: { uid: idOf('-u'), gid: idOf('-g') } } : {};
  const daemon = await startDaemon({ program, args: ['-q', file], port, home, ...user });
  const through = (url: string) => Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href;
  return { ...daemon, through };
}

const idOf = (flag: '-u' | '-g'): number =>
  Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim());
