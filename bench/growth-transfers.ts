/** Export and import of one large petition, over HTTP and on the command line: for growth.ts. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startCommand, type Contender } from './contenders.js';
import { emailOf } from './email.js';
import { memoryOf } from './meter.js';
import type { Order, Report } from './types.js';

export type Transfer = {
  what: string;
  rows: number;
  seconds: number;
  rows_per_s: number;
  /** The memory of the process that works: before, and the highest in the first and in the second half of the time. */
  rss_before_mb: number;
  rss_half_mb: number;
  rss_mb: number;
  /** Of the sockets that read or sign meanwhile; null: none. */
  others_rps: number | null;
  others_p50_ms: number | null;
  others_p99_ms: number | null;
};

type Load = { ask(order: Order): Promise<Report> };
export type Where = { server: Contender; load: Load; key: string; petition: string };

const SOCKETS = 5;
const LOOK_MS = 100;
/** The load generator has to know its duration in advance. */
const OTHERS_S = 8;

/** Measures the memory of a process while something runs. */
async function watched<T>(pid: number, work: () => Promise<T>) {
  const before = memoryOf(pid)?.rss ?? NaN;
  const seen: number[] = [];
  const look = setInterval(() => seen.push(memoryOf(pid)?.rss ?? 0), LOOK_MS);
  const result = await work().finally(() => clearInterval(look));
  const half = seen.length >> 1;
  const memory = {
    rss_before_mb: Math.round(before),
    rss_half_mb: Math.round(Math.max(before, ...seen.slice(0, half))),
    rss_mb: Math.round(Math.max(before, ...seen)),
  };
  return { result, memory };
}

type Others = Pick<Order, 'kind' | 'path' | 'first'>;
const NO_OTHERS = { others_rps: null, others_p50_ms: null, others_p99_ms: null };

/** Runs a transfer, alone or while a few sockets read or sign. `transfer` returns how many rows it has moved. */
async function run(
  what: string,
  { server: { pid, port }, load }: Where,
  others: Others | undefined,
  transfer: () => Promise<{ rows: number; seconds: number }>,
): Promise<Transfer> {
  const { result, memory } = await watched(pid, () =>
    Promise.all([
      transfer(),
      others && load.ask({ ...others, seconds: OTHERS_S, warmup: 0.5, pid, port, connections: SOCKETS }),
    ]),
  );
  const [{ rows, seconds }, report] = result;
  if (report && report.statuses[others?.kind === 'sign' ? 202 : 200] !== report.sent) {
    throw new Error(`others were answered ${JSON.stringify(report.statuses)}`);
  }
  const told = report && {
    others_rps: Math.round(report.answers / report.elapsed),
    others_p50_ms: report.p50,
    others_p99_ms: report.p99,
  };
  return { what, rows, seconds, rows_per_s: Math.round(rows / seconds), ...memory, ...(told ?? NO_OTHERS) };
}

/** Reads an export to its end, and counts its lines. Throws when it is not complete. */
export function exportAll(where: Where, format: 'csv' | 'ndjson', others?: Others): Promise<Transfer> {
  const { server, key, petition } = where;
  return run(`HTTP: export ${format}`, where, others, async () => {
    const begun = performance.now();
    const sent = request({
      port: server.port,
      path: `/v1/signatures/export?petition=${petition}&format=${format}`,
      agent: false,
      headers: { authorization: `Bearer ${key}`, 'accept-encoding': 'identity' },
    }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`export: ${answer.statusCode}`);
    let lines = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines += 1;
    }
    return { rows: lines - Number(format === 'csv'), seconds: secondsSince(begun) };
  });
}

/** Imports a file with this number of people into the petition. */
export function importMany(where: Where, rows: number, first: number, others?: Others): Promise<Transfer> {
  const { server, key, petition } = where;
  return run('HTTP: import csv', where, others, async () => {
    const begun = performance.now();
    const sent = request({
      port: server.port,
      path: `/v1/signatures/import?petition=${petition}&source=growth`,
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv' },
    });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    await pipeline(Readable.from(fileOf(rows, first)), sent);
    const [answer] = await answered;
    let text = '';
    for await (const piece of answer.setEncoding('utf8') as AsyncIterable<string>) text += piece;
    const result = JSON.parse(text) as { created?: number };
    if (result.created !== rows) throw new Error(`import: ${answer.statusCode} ${text.slice(0, 500)}`);
    return { rows, seconds: secondsSince(begun) };
  });
}

/** A command of ours, on the same database: its start and end are part of the time. */
export async function command(
  what: string,
  rows: number,
  { url, folder }: { url: string; folder: string },
  args: readonly string[],
): Promise<Transfer> {
  const begun = performance.now();
  const child = startCommand(folder, { DATABASE_URL: url }, args);
  const { result: code, memory } = await watched(
    child.pid ?? 0,
    async () => (await once(child, 'exit'))[0] as number,
  );
  if (code !== 0) throw new Error(`${what}: it ended with ${code}`);
  const seconds = secondsSince(begun);
  return { what, rows, seconds, rows_per_s: Math.round(rows / seconds), ...memory, ...NO_OTHERS };
}

/** Writes the file that `importMany` sends. */
export const writeImport = (file: string, rows: number, first: number): Promise<void> =>
  pipeline(Readable.from(fileOf(rows, first)), createWriteStream(file));

const secondsSince = (begun: number): number => (performance.now() - begun) / 1000;

function* fileOf(rows: number, first: number): Generator<string> {
  yield 'email,name,country,display,created_at,external_id\n';
  let text = '';
  for (let n = first; n < first + rows; n += 1) {
    text += `${emailOf(n)},Ada Okonkwo,NL,initials,2026-01-02T03:04:05Z,sheet-${n}\n`;
    if (text.length < 65_536) continue;
    yield text;
    text = '';
  }
  yield text;
}
