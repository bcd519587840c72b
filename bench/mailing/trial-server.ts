import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/package.js';
import { until } from '../../test/support/until.js';

/* The built server as an operator runs it: one process, ended and started again on the same data. */

const MAIN = fileURLToPath(new URL('dist/src/cli/main.js', packageRoot));

export type TrialServer = {
  url: string;
  start: () => Promise<void>;
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number | null>;
  command: (...args: string[]) => string;
  log: () => string;
};

export function trialServer(folder: string, port: number, settings: Record<string, string>): TrialServer {
  const env = { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', PORT: String(port), ...settings };
  const file = `${folder}/server.log`;
  const log = () => readFileSync(file, 'utf8');
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const out = openSync(file, 'a');
    // Started in the temporary folder, so that no .env is read.
    const started = spawn(process.execPath, [MAIN, 'serve'], {
      cwd: folder,
      env,
      stdio: ['ignore', out, out],
    });
    closeSync(out);
    child = started;
    const isReady = async () => {
      if (started.exitCode !== null) {
        throw new Error(`the server ended with ${started.exitCode}: ${log().slice(-1000)}`);
      }
      return fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    await until(isReady, 'the server', { withinMs: 120_000, everyMs: 50 });
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const exit = once(child, 'exit');
    child.kill(signal);
    return ((await exit) as [number | null])[0];
  }

  const command = (...args: string[]) =>
    execFileSync(process.execPath, [MAIN, ...args], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' });
  return { url, start, end, command, log };
}

export type Answer = { status: number; body: any; text: string };
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** Calls the API with a key. Throws where nothing answers. */
export const caller =
  (url: string, key: string): Call =>
  async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string';
    const answer = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined || isText ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
    return { status: answer.status, body: isJson ? JSON.parse(text) : undefined, text };
  };

/** The same for what has to succeed. */
export const sure =
  (call: Call) =>
  async (...asked: Parameters<Call>): Promise<any> => {
    const { status, body, text } = await call(...asked);
    if (status >= 300) throw new Error(`${asked[0]} ${asked[1]}: ${status} ${text}`);
    return body;
  };
