/** Export and import of one large petition over HTTP, while others read or sign: for growth.ts. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Contender } from './contenders.js';
import { emailOf } from './email.js';
import { memoryOf } from './meter.js';
import type { Order, Report } from './types.js';

export type Transfer = {
  what: 'import' | 'export csv' | 'export ndjson';
  rows: number;
  seconds: number;
  rows_per_s: number;
  /** The server's memory: before, and the highest during the transfer. */
  rss_before_mb: number;
  rss_mb: number;
  /** Of the sockets that read or sign meanwhile. */
  others_rps: number;
  others_p50_ms: number;
  others_p99_ms: number;
};

type Load = { ask(order: Order): Promise<Report> };
export type Where = { server: Contender; load: Load; key: string; petition: string };

const SOCKETS = 5;
const LOOK_MS = 100;
/** The load generator has to know its duration in advance. */
const OTHERS_S = 8;

/** Runs a transfer while a few sockets read or sign. */
async function beside(
  { server, load }: Where,
  others: Pick<Order, 'kind' | 'path' | 'first'>,
  transfer: () => Promise<number>,
): Promise<Omit<Transfer, 'what'>> {
  const { pid, port } = server;
  const before = memoryOf(pid)?.rss ?? NaN;
  let highest = before;
  const look = setInterval(() => (highest = Math.max(highest, memoryOf(pid)?.rss ?? 0)), LOOK_MS);
  const begun = performance.now();
  const seconds = { seconds: OTHERS_S, warmup: 0.5 };
  const [rows, took, report] = await Promise.all([
    transfer(),
    Promise.resolve(),
    load.ask({ ...others, ...seconds, pid, port, connections: SOCKETS }),
  ]).then(([rows, , report]) => [rows, (performance.now() - begun) / 1000, report] as const);
  clearInterval(look);
  const good = report.statuses[others.kind === 'sign' ? 202 : 200];
  if (good !== report.sent) throw new Error(`others were answered ${JSON.stringify(report.statuses)}`);
  return {
    rows,
    seconds: took,
    rows_per_s: Math.round(rows / took),
    rss_before_mb: Math.round(before),
    rss_mb: Math.round(highest),
    others_rps: Math.round(report.answers / report.elapsed),
    others_p50_ms: report.p50,
    others_p99_ms: report.p99,
  };
}

/** Reads an export to its end, and counts its lines. Throws when it is not complete. */
export async function exportAll(where: Where, format: 'csv' | 'ndjson'): Promise<Transfer> {
  const { server, key, petition } = where;
  const path = `/v1/signatures/export?petition=${petition}&format=${format}`;
  let took = NaN;
  const read = async () => {
    const begun = performance.now();
    const sent = request({
      port: server.port,
      path,
      agent: false,
      headers: { authorization: `Bearer ${key}`, 'accept-encoding': 'identity' },
    }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`export: ${answer.statusCode}`);
    let lines = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines += 1;
    }
    took = (performance.now() - begun) / 1000;
    return lines - Number(format === 'csv');
  };
  const others = { kind: 'read', path: `/v1/petitions/${petition}`, first: 0 } as const;
  const found = await beside(where, others, read);
  return timed(`export ${format}`, found, took);
}

/** Imports a file with this number of people into the petition. */
export async function importMany(
  where: Where,
  rows: number,
  first: number,
  others: Pick<Order, 'path' | 'first'>,
): Promise<Transfer> {
  const { server, key, petition } = where;
  let took = NaN;
  const send = async () => {
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
    took = (performance.now() - begun) / 1000;
    return rows;
  };
  const found = await beside(where, { kind: 'sign', ...others }, send);
  return timed('import', found, took);
}

const timed = (what: Transfer['what'], found: Omit<Transfer, 'what'>, seconds: number): Transfer => ({
  what,
  ...found,
  seconds,
  rows_per_s: Math.round(found.rows / seconds),
});

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
