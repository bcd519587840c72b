/** Checks of several API processes on one database. */
import { Agent, get, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RedisServer } from '../scripts/redis.js';
import type { Checks } from './checks.js';
import type { MailSink } from './mail-sink.js';
import { command, type Published } from './petition.js';
import type { Report } from './types.js';

/** How often one client may confirm in a minute. */
export const CONFIRMATIONS = 20;
const MAIL_MS = 60_000;
const HEARD_MS = 5000;

export type Scaled = { checks: Checks; database: string; urls: () => string[] };

/** Counts the signatures of the latest petition. */
const ROWS =
  'select count(*) as n from signatures where petition_key = (select max(key) from petitions) and status = $1';

async function ask(database: string, sql: string, ...values: unknown[]): Promise<number> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query<{ n: string }>(sql, values);
  await client.end();
  return Number(rows[0]?.n);
}

/** Checks that acknowledged signatures, rows, and the counts of every process are equal. */
export async function counted({ checks, database, urls }: Scaled, path: string, report: Report) {
  const { sent, statuses } = report;
  const name = `${urls().length} process${urls().length > 1 ? 'es' : ''}`;
  checks.add(`${name}: all of ${sent} acknowledged`, statuses[202] === sent, JSON.stringify(statuses));
  const rows = await ask(database, ROWS, 'confirmed');
  checks.add(`${name}: as many rows`, rows === sent, String(rows));
  const told = await Promise.all(
    urls().map(async (url) => {
      const { confirmed } = (await (await fetch(`${url}${path}/counts`)).json()) as { confirmed: number };
      return confirmed;
    }),
  );
  checks.add(
    `${name}: and so they count`,
    told.every((one) => one === sent),
    told.join(),
  );
}

const TWICE = 50;

/** Checks that people who sign at all processes at the same time count once. */
export async function countedOnce({ checks, database, urls }: Scaled, { path }: Published) {
  const people = Array.from({ length: TWICE }, (_, n) => `person${n}@twice.example.org`);
  const statuses = await Promise.all(
    people.flatMap((email) => urls().map(async (url) => (await sign(url, path, email)).status)),
  );
  const rows = await ask(database, ROWS, 'confirmed');
  checks.add(
    `${TWICE} people who sign at ${urls().length} processes at once are counted once`,
    rows === TWICE && statuses.every((status) => status === 202),
    `${rows} rows; ${[...new Set(statuses)].join()}`,
  );
}

const sign = (url: string, path: string, email: string): Promise<Response> =>
  fetch(`${url}${path}/signatures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Ada', email, country: 'NL' }),
  });

/** Checks that a listener at the last process receives a signature at the first one. */
export async function heardElsewhere({ checks, urls }: Scaled, { path }: Published) {
  const [here = '', there = ''] = [urls()[0], urls().at(-1)];
  let [text, heard] = ['', 0];
  const stream = get(`${there}${path}/counts/live`, (answer) => {
    answer.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (heard === 0 && text.includes('"confirmed":1')) heard = performance.now();
    });
  });
  stream.on('error', () => undefined);
  while (!text.includes('"confirmed":0')) await sleep(10);
  const signed = await sign(here, path, 'ada@listeners.example.org');
  const at = performance.now();
  while (heard === 0 && performance.now() - at < HEARD_MS) await sleep(10);
  stream.destroy();
  checks.add(
    `a listener at another process receives a signature${heard > 0 ? `, after ${(heard - at).toFixed(0)} ms` : ''}`,
    signed.status === 202 && heard > 0 && urls().length > 1,
  );
}

/** Checks that all processes send mails, and that no mail is sent twice. */
export async function mailedOnce({ checks, database, urls }: Scaled, mail: MailSink, report: Report) {
  const rows = await ask(database, ROWS, 'pending');
  checks.add(
    `all of ${report.sent} that ask for a confirmation acknowledged`,
    report.statuses[202] === report.sent,
  );
  checks.add('as many rows wait for it', rows === report.sent, String(rows));
  const from = Date.now();
  while (Date.now() - from < MAIL_MS && (await ask(database, 'select count(*) as n from outbox')) > 0) {
    await sleep(200);
  }
  const [ids, recipients] = [new Set(mail.ids), new Set(mail.recipients)];
  checks.add(`${rows} mails were sent`, mail.ids.length >= rows, String(mail.ids.length));
  checks.add(
    'no mail twice',
    ids.size === mail.ids.length && mail.ids.length === rows,
    `${ids.size} of ${mail.ids.length}`,
  );
  checks.add('no recipient got two', recipients.size === mail.recipients.length);
  const shares = await Promise.all(
    urls().map(async (url) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^mail_total\{outcome="sent"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    }),
  );
  checks.add(
    `the processes sent ${shares.join(', ')} of them`,
    shares.every((share) => share > 0) && shares.reduce((sum, share) => sum + share, 0) === rows,
  );
}

/** Checks that processes share one limit with Redis, and have one each without. */
export async function limited({ checks, urls }: Scaled, port: number, redis: RedisServer) {
  const n = urls().length;
  const passed = await pass(port, '127.0.0.2', 2 * CONFIRMATIONS * n);
  checks.add(
    `of ${n} processes one limit: ${CONFIRMATIONS} passed`,
    passed[429] === 2 * CONFIRMATIONS * n - CONFIRMATIONS && !passed[500],
    JSON.stringify(passed),
  );
  await redis.down();
  const alone = await pass(port, '127.0.0.3', 2 * CONFIRMATIONS * n);
  const entered = 2 * CONFIRMATIONS * n - (alone[429] ?? 0);
  checks.add(
    `without Redis no request fails, and each process has its own limit: ${entered} passed`,
    entered >= CONFIRMATIONS && entered <= CONFIRMATIONS * n && !alone[500] && !alone[503],
    JSON.stringify(alone),
  );
  await redis.up();
}

/** Sends requests of one client through the proxy, which distributes them. Returns the number of each status. */
async function pass(port: number, localAddress: string, times: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  const agent = new Agent({ keepAlive: false });
  const options = { host: '127.0.0.1', port, localAddress, agent, method: 'POST', path: '/v1/confirmations' };
  for (let i = 0; i < times; i += 1) {
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = request({ ...options, headers: { 'content-type': 'application/json' } }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
      });
      outgoing.on('error', reject);
      outgoing.end('{}');
    });
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}

export async function recounted({ checks }: Scaled, env: NodeJS.ProcessEnv, cwd: string) {
  const said = await command(env, cwd, 'recount').catch(() => 'it differs');
  checks.add('every counter equals its rows (undersigned recount)', /^Every counter equals/.test(said));
}
