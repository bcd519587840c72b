/** A throw-away PostgreSQL server for tests and benchmarks. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root, so root borrows the user that every package of it creates. */
const isRoot = process.getuid?.() === 0;
const USER = 'postgres';

export interface PostgresServer {
  url: string;
  /** Stops the server as a crash would, and keeps its files. */
  down(): Promise<void>;
  /** Kills all of its processes at once (Linux), as when a machine dies. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  up(): Promise<void>;
  /** Stops the server and removes its files. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free loopback port, or returns undefined if PostgreSQL is not installed. By default it is not
 * durable, which makes it fast; `settings` can change that (`{ fsync: 'on', synchronous_commit: 'on' }`). With
 * `primary`, the URL of another server, it becomes a standby of that one.
 */
export async function startPostgres(
  settings: Record<string, string> = {},
  primary?: string,
): Promise<PostgresServer | undefined> {
  const bin = await findBinaries();
  if (bin === undefined) return undefined;

  const home = await mkdtemp(join(tmpdir(), 'undersigned-postgres-'));
  const data = join(home, 'data');
  const log = join(home, 'server.log');
  const tool = (name: string, ...args: string[]) => {
    const file = join(bin, name);
    // The working directory may be one that the borrowed user cannot enter.
    return isRoot
      ? run('runuser', ['-u', USER, '--', file, ...args], { cwd: home })
      : run(file, args, { cwd: home });
  };
  const down = async () => void (await tool('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop'));
  const up = async () => void (await tool('pg_ctl', '-D', data, '-l', log, '-w', 'start'));
  const kill = async () => {
    const postmaster = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    for (const pid of [postmaster, ...(await childrenOf(postmaster))]) process.kill(pid, 'SIGKILL');
  };
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      if (existsSync(join(data, 'postmaster.pid'))) await down().catch(() => undefined);
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    })());

  try {
    if (isRoot) await chown(home, await idOf(USER, '-u'), await idOf(USER, '-g'));
    if (primary === undefined) {
      const locale = ['-E', 'UTF8', '--locale=C.UTF-8'];
      await tool('initdb', '-D', data, '-U', USER, '-A', 'trust', '--no-sync', ...locale);
    } else {
      await tool('pg_basebackup', '-D', data, '-d', primary, '-X', 'stream', '-c', 'fast');
      await writeFile(join(data, 'standby.signal'), '');
    }
    const port = await freePort();
    const all: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      max_connections: '200',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      ...settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
    await appendFile(join(data, 'postgresql.conf'), lines.join(''));
    await up().catch(async (error: unknown) => {
      const said = await readFile(log, 'utf8').catch(() => '');
      throw new Error(`PostgreSQL did not start.\n${said}`, { cause: error });
    });
    return { url: `postgres://${USER}@127.0.0.1:${port}/postgres`, down, kill, up, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The directory of `initdb` and `postgres`. Clients alone (`pg_config`, `psql`) are not enough. */
async function findBinaries(): Promise<string | undefined> {
  if (isRoot && Number.isNaN(await idOf(USER, '-u'))) return undefined;
  const debian = '/usr/lib/postgresql';
  const versions = await readdir(debian).catch((): string[] => []);
  const candidates = [
    await answerOf('pg_config', '--bindir'),
    ...versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return candidates.find(
    (dir) => dir !== '' && ['initdb', 'pg_ctl', 'postgres'].every((name) => existsSync(join(dir, name))),
  );
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return pids.map(Number).filter((_, i) => stats[i]?.replace(/^.*\) \S+ /s, '').startsWith(`${parent} `));
}

/** The output of a program; empty if it is missing or fails. */
const answerOf = (file: string, ...args: string[]): Promise<string> =>
  run(file, args).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );

const idOf = async (user: string, flag: '-u' | '-g'): Promise<number> =>
  Number.parseInt(await answerOf('id', flag, user), 10);
