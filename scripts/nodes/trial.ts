/** One trial of a server: it starts, signs with all of its threads at work, is stopped, and must have lost nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, openClient, signHead } from '../../bench/client.js';
import { emailOf } from '../../bench/email.js';
import { openFile } from '../../src/store/sqlite-driver.js';

const PETITION = '/v1/petitions/save-the-old-mill-meadows';
const SOCKETS = 50;
const START_MS = 30_000;
const LIFE_MS = 120_000;

export type Trial = { signatures: number; mails: number; ms: number };

/** Runs a trial. Throws what was wrong. `main`: the path of the program that is installed for this Node. */
export async function trial(bin: string, main: string, home: string, enough: number): Promise<Trial> {
  mkdirSync(home);
  const begun = performance.now();
  const child = spawn(bin, [main, 'serve'], {
    cwd: home,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      RATE_LIMIT: 'false',
      // As fast as they can be written.
      MAIL_DOMAIN_RATE: '1000000/60',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (said += String(data)));
  }
  const exit = once(child, 'close');
  const life = setTimeout(() => child.kill('SIGKILL'), LIFE_MS);
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const fail = (what: string) => new Error(`${what}\n${said.slice(0, 400)} … ${said.slice(-4000)}`);
  try {
    let url: string | undefined;
    for (const from = performance.now(); url === undefined; await sleep(20)) {
      if (child.exitCode !== null || child.signalCode !== null) throw fail('it did not start');
      if (performance.now() - from > START_MS) throw fail('it did not start in time');
      url = /listens on (\S+)[^]*openapi\.yaml\n/.exec(said)?.[1];
    }
    await busy(url, /\bsk_[0-9A-Za-z]{38}\b/.exec(said)?.[0] ?? '');

    const signing = sign(Number(new URL(url).port));
    while (signing.acknowledged.size < enough && child.exitCode === null && child.signalCode === null) {
      await sleep(10);
    }
    // While all sockets continue to sign.
    child.kill('SIGTERM');
    const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
    signing.end();
    if (code !== 0 || /Assertion failed|Native stack trace/.test(said)) {
      throw fail(`it ended with ${signal ?? code} after ${signing.acknowledged.size} signatures`);
    }
    const { lost, rows } = look(join(home, 'data/undersigned.db'), signing.acknowledged);
    if (lost.length > 0) throw fail(`${lost.length} of ${rows} signatures are lost, such as ${lost[0]}`);
    const mails = readdirSync(join(home, 'data/mail')).length;
    if (mails === 0) throw fail('no mail was written');
    return { signatures: signing.acknowledged.size, mails, ms: Math.round(performance.now() - begun) };
  } finally {
    clearTimeout(life);
    process.off('exit', kill);
    kill();
    await exit;
  }
}

/** Gives the threads for mails and for pictures something to do. */
async function busy(url: string, key: string): Promise<void> {
  const authorization = `Bearer ${key}`;
  const found = await fetch(`${url}${PETITION}`, { headers: { authorization } });
  const etag = found.headers.get('etag') ?? '';
  const changed = await fetch(`${url}${PETITION}`, {
    method: 'PATCH',
    headers: { authorization, 'content-type': 'application/merge-patch+json', 'if-match': etag },
    body: JSON.stringify({ confirmation: 'email' }),
  });
  if (!changed.ok) throw new Error(`confirmation by mail: ${changed.status} ${await changed.text()}`);
  const picture = await fetch(`${url}${PETITION}/og.png`);
  if (!picture.ok) throw new Error(`the picture: ${picture.status} ${await picture.text()}`);
  await picture.arrayBuffer();
}

/** Signs on keep-alive sockets until they are closed. */
function sign(port: number): { acknowledged: Set<string>; end: () => void } {
  const acknowledged = new Set<string>();
  const head = signHead(`${PETITION}/signatures`);
  let next = 0;
  const sockets = Array.from({ length: SOCKETS }, () => {
    let n = 0;
    const send = () => {
      n = next++;
      socket.write(head + bodyOf(n), 'latin1');
    };
    const socket: Socket = openClient(port, ({ status }) => {
      if (status === 202) acknowledged.add(emailOf(n));
      if (!socket.destroyed) send();
    });
    return socket.once('connect', send).on('error', () => socket.destroy());
  });
  return { acknowledged, end: () => sockets.forEach((socket) => socket.destroy()) };
}

function look(file: string, acknowledged: ReadonlySet<string>): { rows: number; lost: string[] } {
  const database = openFile(file);
  try {
    const whole = database.pragma('integrity_check', { simple: true });
    if (whole !== 'ok') throw new Error(`integrity_check: ${String(whole)}`);
    const sql =
      'select delivery from signatures join supporters on supporters.key = signatures.supporter_key';
    const stored = new Set(database.prepare(sql).pluck().all() as string[]);
    return { rows: stored.size, lost: [...acknowledged].filter((email) => !stored.has(email)) };
  } finally {
    database.close();
  }
}
