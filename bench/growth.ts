/** `npm run bench:growth`: throughput with a thousand signatures, and with ten million. See README.md. */
import { statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { encodeCursor } from '../src/core/cursor.js';
import { createSecrets } from '../src/core/secrets.js';
import { openFile } from '../src/store/sqlite-driver.js';
import { drawGrowth } from './chart.js';
import { ROOT_KEY, startOurs, worker, type Contender } from './contenders.js';
import type { FillOrder, FillReport } from './growth-fill.js';
import { HEADER, lineOf, TRANSFER_HEADER, transferLineOf, type Growth } from './growth-table.js';
import { compareWithRaw, ratioLineOf } from './growth-compare.js';
import { exportAll, importMany, type Transfer } from './growth-transfers.js';
import { memoryOf } from './meter.js';
import { build, openStage, startDurablePostgres } from './stage.js';
import type { Order, Report } from './types.js';

const HELP = `npm run bench:growth -- [options]
  --rows <n>            signatures in the end (1e7)
  --petitions <n>       which they are spread over, one of them huge (1000)
  --transfer <n>        rows of the import and the exports in the end (1e6, at most --rows; 0: none)
  --seconds <n>         measured seconds of each load (3)
  --connections <n>     sockets that sign or read (100)
  --engine <name>       sqlite or postgres (sqlite)
  --folder <path>       where the database lies meanwhile (a temporary one)
  --write <file>        the numbers as JSON
  --chart <file>        throughput against rows, as SVG
  --built               use dist as it is
  --json                one JSON object as the last line`;

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '1e7' },
    petitions: { type: 'string', default: '1000' },
    transfer: { type: 'string', default: '1e6' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '100' },
    engine: { type: 'string', default: 'sqlite' },
    folder: { type: 'string', default: tmpdir() },
    write: { type: 'string' },
    chart: { type: 'string' },
    built: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [most, petitions, transfer, seconds, connections] = [
  flags.rows,
  flags.petitions,
  flags.transfer,
  flags.seconds,
  flags.connections,
].map(Number) as [number, number, number, number, number];
const isWrong =
  ![most, petitions, seconds, connections].every((n) => n > 0) ||
  !(transfer >= 0) ||
  !['sqlite', 'postgres'].includes(flags.engine);
if (flags.help || isWrong) {
  console.log(HELP);
  process.exit(isWrong ? 2 : 0);
}

const FIRST = 1000;
/** The first signer during measurements: its numbers, and so its addresses, must differ from those of filled rows. */
const SIGNERS = 2_000_000_000;
const IMPORTED = 1_000_000_000;
const PAGES = 60;

const { folder, keep, stop, run } = openStage(flags.folder);
await run(bench);

async function bench() {
  if (!flags.built) build();
  const url = await databaseUrl();
  const filler = await keep(worker<FillOrder, FillReport>('growth-fill.ts', url, folder));
  const load = await keep(worker<Order, Report>('load.ts'));
  const { key = '', petitions: slugs = [] } = await filler.ask({ what: 'begin', petitions });
  const largest = slugs[0] ?? '';
  const growth: Growth[] = [];
  let [filled, signed] = [0, 0];

  console.log(
    `${cpus()[0]?.model.trim()} × ${cpus().length}, Node ${process.versions.node}, ${flags.engine}, ${petitions} petitions, ${connections} sockets, ${seconds} s each\n`,
  );
  console.log(HEADER);
  for (const rows of decades()) {
    const fill = await filler.ask({ what: 'fill', from: filled, to: rows });
    filled = rows;
    const server = await keep(startOurs(folder, [], { DATABASE_URL: url }));
    const measured = await measure(server, load, key, largest, signed);
    const rss = memoryOf(server.pid)?.rss ?? NaN;
    await stop(server);
    signed += measured.signed;
    const counted = await filler.ask({ what: 'verify' });
    if (counted.rows !== filled + signed) {
      throw new Error(`${filled} filled and ${signed} acknowledged, but ${counted.rows} counted`);
    }
    const bytes = await sizeOf(url);
    const { signed: _signed, ...rates } = measured;
    growth.push({
      rows,
      fill_rows_per_s: Math.round(fill.rows / fill.seconds),
      ...rates,
      file_bytes: bytes,
      bytes_per_row: Math.round(bytes / counted.rows),
      rss_mb: Math.round(rss),
    });
    console.log(lineOf(growth.at(-1) as Growth));
  }
  const transfers = transfer > 0 ? await transferAll(url, load, key, slugs, signed) : [];
  const comparison = transfer > 0 && url.startsWith('file:') ? await compare(url, load, key, slugs) : null;
  const result = {
    engine: flags.engine,
    node: process.versions.node,
    cpus: cpus().length,
    growth,
    transfers,
    comparison,
  };
  if (flags.write) writeFileSync(flags.write, `${JSON.stringify(result, null, 2)}\n`);
  if (flags.chart) drawGrowth(flags.chart, result.growth);
  if (flags.json) console.log(JSON.stringify(result));

  async function transferAll(url: string, load: Load, key: string, slugs: string[], signed: number) {
    const server = await keep(startOurs(folder, [], { DATABASE_URL: url }));
    const rows = Math.min(transfer, most);
    const petition = slugs.at(-1) ?? '';
    const where = { server, load, key, petition };
    const signers = {
      kind: 'sign',
      path: `/v1/petitions/${slugs[1]}/signatures`,
      first: SIGNERS + signed,
    } as const;
    const readers = { kind: 'read', path: `/v1/petitions/${petition}`, first: 0 } as const;
    console.log(`\n${TRANSFER_HEADER}`);
    const found: Transfer[] = [];
    for (const next of [
      () => importMany(where, rows, IMPORTED, signers),
      () => exportAll(where, 'csv', readers),
      () => exportAll(where, 'ndjson', readers),
    ]) {
      const one = await next();
      if (one.rows !== rows) throw new Error(`${one.what}: ${one.rows} of ${rows}`);
      found.push(one);
      console.log(transferLineOf(one));
    }
    await stop(server);
    await filler.ask({ what: 'verify' });
    return found;
  }

  async function compare(url: string, load: Load, key: string, slugs: string[]) {
    const rows = Math.min(transfer, most);
    const file = url.slice('file:'.length);
    const [one = '', other = ''] = slugs.slice(-3);
    const at = { folder, file, key, petitions: [one, other], rows, first: IMPORTED + rows, load } as const;
    const comparison = await compareWithRaw({ ...at, stage: { keep, stop } });
    await filler.ask({ what: 'verify' });
    for (const ratio of comparison.ratios) console.log(ratioLineOf(ratio));
    return comparison;
  }
}

type Load = { ask(order: Order): Promise<Report> };

/** 1,000, 10,000 and so on, up to `--rows`. */
function decades(): number[] {
  const found: number[] = [];
  for (let rows = FIRST; rows < most; rows *= 10) found.push(rows);
  return [...found, most];
}

async function databaseUrl(): Promise<string> {
  if (flags.engine === 'sqlite') return `file:${join(folder, 'undersigned.db')}`;
  return (await keep(startDurablePostgres())).url;
}

async function measure(server: Contender, load: Load, key: string, largest: string, signed: number) {
  const { pid, port } = server;
  const path = `/v1/petitions/${largest}`;
  const order = { pid, port, connections, seconds, warmup: 1 };
  const first = SIGNERS + signed;
  const sign = await load.ask({ ...order, kind: 'sign', path: `${path}/signatures`, first });
  if (sign.statuses[202] !== sign.sent) throw new Error(JSON.stringify(sign.statuses));
  const read = await load.ask({ ...order, kind: 'read', path, first: 0 });
  if (read.statuses[200] !== read.sent) throw new Error(JSON.stringify(read.statuses));

  const base = `http://127.0.0.1:${port}`;
  const own = `${base}/v1/signatures?petition=${largest}&limit=100`;
  const all = `${base}${path}/signatures?limit=100`;
  const { cursor, organisers } = await middleOf(own, key);
  return {
    signed: sign.sent,
    sign_rps: Math.round(sign.answers / sign.elapsed),
    sign_p99_ms: sign.p99,
    read_rps: Math.round(read.answers / read.elapsed),
    list_ms: await medianOf(all),
    list_deep_ms: await medianOf(`${all}&cursor=${cursor}`),
    organiser_ms: await medianOf(own, key),
    organiser_deep_ms: await medianOf(`${own}&cursor=${organisers}`, key),
  };
}

type Page = { data: { id: string }[]; next_cursor: string | null };

async function get(url: string, key?: string): Promise<Page> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(url, { headers });
  const page = (await response.json()) as Page;
  if (response.status !== 200 || page.data.length === 0) throw new Error(`${url}: ${response.status}`);
  return page;
}

/** Cursors into the middle of both lists: halfway between the keys of the newest and the oldest row. */
async function middleOf(own: string, key: string) {
  const [name, newest] = placeOf(await get(own, key));
  const [, oldest] = placeOf(await get(`${own}&sort=created_at`, key));
  const middle = Math.round((newest + oldest) / 2);
  const petition = Number(name.split(':')[1]);
  return {
    cursor: createSecrets(ROOT_KEY).place(petition, middle),
    organisers: encodeCursor(name, [middle]),
  };
}

function placeOf({ next_cursor: cursor }: Page): [string, number] {
  return JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as [string, number];
}

async function medianOf(url: string, key?: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < PAGES; i += 1) {
    const begun = performance.now();
    await get(url, key);
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  return Number((times[PAGES / 2] ?? NaN).toFixed(2));
}

/** The size of the database in bytes. Call it after all processes have closed it, so that SQLite's log is empty. */
async function sizeOf(url: string): Promise<number> {
  if (url.startsWith('file:')) {
    const file = url.slice('file:'.length);
    const db = openFile(file);
    db.pragma('wal_checkpoint(truncate)');
    db.close();
    return statSync(file).size;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ size: string }>(
    'select pg_database_size(current_database()) as size',
  );
  await client.end();
  return Number(rows[0]?.size);
}
