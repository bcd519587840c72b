import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import t, { type Test } from 'tap';
import { packageRoot } from '../../src/package.js';
import { openFile } from '../../src/store/sqlite-driver.js';
import { lookFor } from './until.js';

/*
 * The real server, as a process: what the tests run from is compiled already. A single file that tsx runs compiles it, as
 * a start from the sources costs twice as much; the folder is inside the package, where the dependencies and the
 * migrations are found.
 */
async function compileServer(): Promise<URL> {
  const { compile } = await import('../../scripts/compile.js');
  const cache = fileURLToPath(new URL('node_modules/.cache', packageRoot));
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'undersigned-process-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  compile(['src', 'schema'], folder);
  return pathToFileURL(`${folder}/`);
}
const isCompiled = import.meta.url.endsWith('.js');
const compiled = isCompiled ? new URL('../../', import.meta.url) : await compileServer();
export const main = fileURLToPath(new URL('src/cli/main.js', compiled));
/** A module of the server, for a program that imports it in a process beside the tests. */
export const serverModule = (path: string): string => new URL(path, compiled).href;
/** What Node.js needs to run a program of test/support/ as the tests themselves are run. */
export const supportProgram = (name: string): string[] =>
  isCompiled
    ? [fileURLToPath(new URL(`${name}.js`, import.meta.url))]
    : ['--import', 'tsx', fileURLToPath(new URL(`${name}.ts`, import.meta.url))];

export const PETITION = '/v1/petitions/save-the-old-mill-meadows';
export const FAST = { RATE_LIMIT: 'false', POSTGRES_ALLOW_UNSAFE: 'true' };

export type Env = Record<string, string>;

/** An empty folder to start in: no .env, no database, no key. */
export function home(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-process-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

const environment = (env: Env) => ({ PATH: process.env['PATH'] ?? '', ...env });

export type Ended = { code: number; stdout: string; stderr: string };

export const cli = (cwd: string, env: Env, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { cwd, env: environment(env), timeout: 30_000 };
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });

/** The same with its standard output in a file. */
export const cliInto = (
  out: number,
  cwd: string,
  env: Env,
  ...args: string[]
): Promise<Omit<Ended, 'stdout'>> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: environment(env),
      stdio: ['ignore', out, 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (data: Buffer) => (stderr += String(data)));
    child.once('close', (code) => resolve({ code: code ?? -1, stderr }));
  });

export type Running = {
  url: string;
  /** Everything that it has printed so far. */
  output: () => string;
  process: ChildProcess;
  exit: Promise<{ code: number | null; signal: string | null }>;
  end: (signal: NodeJS.Signals) => Promise<{ code: number | null; signal: string | null }>;
};

/**
 * Starts the server on a free port and waits until it says where it listens; `under` is a command that runs it, `log` a
 * file that all of its output goes to.
 */
export async function serve(
  t: Test,
  cwd: string,
  env: Env = {},
  under: string[] = [],
  log?: string,
): Promise<Running> {
  const [command = '', ...args] = [...under, process.execPath, main, 'serve'];
  const out = log === undefined ? 'pipe' : openSync(log, 'a');
  const child = spawn(command, args, {
    cwd,
    env: environment({ PORT: '0', ...env }),
    // A command that runs the server leaves it behind when it is killed: both go together, as a group.
    detached: under.length > 0,
    stdio: ['ignore', out, out],
  });
  if (typeof out === 'number') closeSync(out);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => (printed += String(data)));
  }
  const output = () => (log === undefined ? printed : readFileSync(log, 'utf8'));
  const exit = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  t.teardown(async () => {
    child.kill('SIGKILL');
    if (under.length > 0 && child.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, 'SIGKILL');
    }
    await exit;
  });
  const listens = () => /listens on (\S+)[^]*openapi\.yaml\n/.exec(output())?.[1];
  await lookFor(() => listens() !== undefined || child.exitCode !== null, { withinMs: 60_000 });
  const url = listens();
  if (url === undefined) throw new Error(`the server did not start: ${output()}`);
  return {
    url,
    output,
    process: child,
    exit,
    end: (signal) => {
      child.kill(signal);
      return exit;
    },
  };
}

export const body = (email: string, fields: object = {}) => ({
  name: 'Ada Okonkwo',
  email,
  country: 'NL',
  ...fields,
});

export const post = (url: string, data: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof data === 'string' ? data : JSON.stringify(data),
  });

export const get = async (url: string, key?: string): Promise<{ status: number; json: any }> => {
  const response = await fetch(url, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, json: await response.json() };
};

export const secretKeyIn = (output: string) => /\bsk_[0-9A-Za-z]{38}\b/.exec(output)?.[0] ?? '';

/** Asks the database itself, without the server. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  if (url.startsWith('file:')) {
    const connection = openFile(url.slice('file:'.length));
    const rows = connection.prepare(sql).all() as Record<string, unknown>[];
    connection.close();
    return rows;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(sql);
  await client.end();
  return rows;
}

export const SIGNERS =
  'select delivery from signatures join supporters on supporters.key = signatures.supporter_key order by 1';

export type Load = {
  /** Addresses whose signature was answered with 202. */
  acknowledged: Set<string>;
  /** Those of them that were sent after somebody had been refused. */
  afterRefusal: number;
  /** Other statuses, and the codes of connections that failed. */
  others: Record<string, number>;
  sent: number;
  /** Resolves when every client has found that nobody answers. */
  done: Promise<unknown>;
};

/** Clients that sign, each address twice now and then, until the connection fails. */
export function load(url: string, { clients, prefix }: { clients: number; prefix: string }): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const state: Load = {
    acknowledged: new Set(),
    afterRefusal: 0,
    others: {},
    sent: 0,
    done: Promise.resolve(),
  };
  const count = (what: string) => void (state.others[what] = (state.others[what] ?? 0) + 1);
  const signOnce = (email: string) =>
    new Promise<boolean>((resolve) => {
      state.sent += 1;
      const refusedBefore = Object.keys(state.others).length > 0;
      const outgoing = request(`${url}${PETITION}/signatures`, {
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `"key-of-${email}"` },
      });
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          if (response.statusCode === 202) {
            state.acknowledged.add(email);
            if (refusedBefore) state.afterRefusal += 1;
          } else count(`${response.statusCode} ${/"code":"(\w+)"/.exec(text)?.[1]}`);
          resolve(true);
        });
        response.on('error', () => undefined);
        response.on('close', () => {
          if (!response.complete) count('half an answer');
          resolve(response.complete);
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        count(String(error.code));
        resolve(false);
      });
      outgoing.end(JSON.stringify(body(email)));
    });
  const client = async (_: unknown, n: number) => {
    for (let i = 0; ; i += 1) {
      const email = `${prefix}-${n}-${i}@load.example`;
      const again = i % 10 === 9;
      const answered = await Promise.all([signOnce(email), again ? signOnce(email) : true]);
      if (answered.includes(false)) return;
    }
  };
  state.done = Promise.all(Array.from({ length: clients }, client)).then(() => agent.destroy());
  return state;
}

/** The only line on stderr: no stack, and nothing on stdout. */
export const oneLine = (t: Test, { code, stdout, stderr }: Ended, wanted: RegExp, name: string) => {
  t.match(stderr, wanted, name);
  t.match(stderr, /^undersigned: [^\n]+\n$/, `${name}: one line`);
  t.same({ code, stdout }, { code: 1, stdout: '' }, name);
};
