/** Starts the servers that are compared, each in its own process. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const TSX = import.meta.resolve('tsx');
const START_MS = 120_000;

/** Without the caller's environment: a stray NODE_OPTIONS or PORT would change what is measured. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production' };

export const ROOT_KEY = Buffer.alloc(32, 1);

export type Contender = {
  name: string;
  pid: number;
  port: number;
  /** Its database file, if it has one. */
  file?: string;
  stop(): Promise<void>;
};

/** A command with its arguments, under which a process is started. */
export type Under = readonly string[];

/** Simulates a slower disk: strace delays each sync, and nothing else. With -D the process keeps its own pid. */
export const slowSyncs = (ms: number): Under =>
  `strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_exit=${ms * 1000}`.split(
    ' ',
  );

type StartOptions = { cwd: string; env?: NodeJS.ProcessEnv; under?: Under | undefined };

/** Starts a process and waits until it prints where it listens. */
export async function start(name: string, args: string[], options: StartOptions) {
  const [command = '', ...more] = [...(options.under ?? []), process.execPath, ...args];
  const child = spawn(command, more, {
    cwd: options.cwd,
    env: { ...ENVIRONMENT, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} did not start`)), START_MS);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const found = /listens on http:\/\/127\.0\.0\.1:(\d+)\s/.exec(said)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}\n${said}`)));
  });
  return { name, port, pid: child.pid ?? 0, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** A forked worker that takes orders by message: one at a time, each with one answer. */
export async function worker<Order extends object, Report>(path: string, ...args: string[]) {
  const child = fork(at(path), args, { execArgv: ['--import', TSX], env: ENVIRONMENT });
  let answered: ((heard: unknown) => void) | undefined;
  let failed: ((reason: Error) => void) | undefined;
  child.on('message', (heard) => answered?.(heard));
  child.once('exit', (code) => failed?.(new Error(`${path} ended with ${code}`)));
  const hear = () =>
    new Promise<unknown>((resolve, reject) => {
      answered = resolve;
      failed = reject;
    });
  await hear();
  return {
    ask(order: Order): Promise<Report> {
      child.send(order);
      return hear() as Promise<Report>;
    },
    stop: () => end(child),
  };
}

/** The built server, with rate limits on, but so high that no request exceeds them. */
export async function startOurs(
  folder: string,
  execArgv: string[] = [],
  more: Record<string, string> = {},
  under?: Under,
): Promise<Contender> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'undersigned.db');
  const env = {
    PORT: '0',
    DATABASE_URL: `file:${file}`,
    ROOT_KEY: ROOT_KEY.toString('base64'),
    DEMO: 'true',
    RATE_LIMIT: 'true',
    RATE_LIMIT_CLIENT: '999999999/60',
    RATE_LIMIT_KEY: '999999999/60',
    RATE_LIMIT_SIGN_BURST: '999999999/60',
    RATE_LIMIT_SIGN_SUSTAINED: '999999999/3600',
    RATE_LIMIT_SIGN_MOST: '999999999/3600',
    CHALLENGE_ABOVE: '999999999/60',
    ...more,
  };
  // Started in the temporary folder, so that no .env is read.
  return {
    ...(await start('ours', [...execArgv, at('../dist/src/cli/main.js'), 'serve'], {
      cwd: folder,
      env,
      under,
    })),
    file,
  };
}

/** A command of the built program. */
export const startCommand = (
  folder: string,
  more: Record<string, string>,
  args: readonly string[],
): ChildProcess =>
  spawn(process.execPath, [at('../dist/src/cli/main.js'), ...args], {
    cwd: folder,
    env: { ...ENVIRONMENT, ROOT_KEY: ROOT_KEY.toString('base64'), DEMO: 'false', ...more },
    stdio: 'ignore',
  });

export function startLimit(
  name: string,
  program: string,
  folder: string,
  args: string[] = [],
  under?: Under,
): Promise<Contender> {
  mkdirSync(folder, { recursive: true });
  return start(name, ['--import', TSX, at(`limits/${program}.ts`), ...args], { cwd: folder, under });
}

/** Like startLimit, for servers that store: they begin with a copy of the database that ours begins with. */
export async function startStore(
  name: string,
  program: string,
  folder: string,
  template: string,
  under?: Under,
): Promise<Contender> {
  const file = join(folder, `${program}.db`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(template, file);
  return { ...(await startLimit(name, program, folder, [file], under)), file };
}

/** Saves our server's answer to a read as a file, for the limit that sends the same bytes. */
export async function keepAnswer(url: string, folder: string): Promise<string> {
  const response = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  const file = join(folder, 'answer.json');
  writeFileSync(file, Buffer.from(await response.arrayBuffer()));
  return file;
}
