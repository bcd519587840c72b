import { describeError } from '../../errors.js';
import { sqliteFile, type DatabaseUrl } from '../open.js';
import { compareTable, keyText, type Compared } from './compare.js';
import type { CopyEnd, CopyTarget } from './end.js';
import { openPostgresSource, openPostgresTarget } from './postgres.js';
import { openSqliteSource, openSqliteTarget } from './sqlite.js';
import { tablesToCopy, type CopyTable, type Row } from './tables.js';

/*
 * Copies a whole database to another one, of either engine. The rows themselves are the progress: they are written in
 * the order of their keys, so an interrupted copy continues after the greatest key, once the rows that have arrived are
 * checked against the source. The target carries a mark, with which no server starts on it, until both sides were
 * compared from the first row to the last.
 */

export type CopyStep = 'check' | 'copy' | 'compare';

export type CopyOptions = {
  from: DatabaseUrl;
  to: DatabaseUrl;
  /** Deletes what an earlier copy has left, instead of continuing it. */
  restart?: boolean;
  /** Called with progress: `rows` more rows of a table are done, of `of` rows in the whole database. */
  told?: (step: CopyStep, table: string, rows: number, of: number) => void;
};

export type CopyReport = { tables: Compared[]; copied: number; kept: number; copySeconds: number };

/** Copies and compares. The copy is complete if no table of the report has a difference. */
export async function copyDatabase(options: CopyOptions): Promise<CopyReport> {
  const tables = tablesToCopy();
  const source = await openSource(options.from, '--from');
  try {
    const target = await openTarget(options.to, tables);
    try {
      return await copyBetween(source, target, tables, options);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Compares two complete databases, and changes nothing. */
export async function compareDatabases({ from, to, told }: CopyOptions): Promise<Compared[]> {
  const source = await openSource(from, '--from');
  try {
    const target = await openSource(to, '--to');
    try {
      return await compareAll({ source, target }, tablesToCopy(), told);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyBetween(
  source: CopyEnd,
  target: CopyTarget,
  tables: readonly CopyTable[],
  { restart, told }: CopyOptions,
): Promise<CopyReport> {
  const ends = { source, target };
  if (restart) await target.empty(tables.toReversed());
  const kept = await checkArrived(ends, tables, told);
  const of = await countAll(source, tables);
  const begun = performance.now();
  let copied = 0;
  for (const table of tables) {
    await copyTable(source, target, table, (rows) => {
      copied += rows;
      told?.('copy', table.name, rows, of - kept);
    });
  }
  await target.settle(tables);
  const copySeconds = (performance.now() - begun) / 1000;
  const compared = await compareAll(ends, tables, told);
  if (!compared.some(({ difference }) => difference)) await target.complete();
  return { tables: compared, copied, kept, copySeconds };
}

/** Throws unless everything that an earlier copy has left still equals the source. Returns how many rows that are. */
async function checkArrived(
  ends: { source: CopyEnd; target: CopyTarget },
  tables: readonly CopyTable[],
  told: CopyOptions['told'],
): Promise<number> {
  const of = await countAll(ends.target, tables);
  if (of === 0) return 0;
  for (const table of tables) {
    const hear = (rows: number) => told?.('check', table.name, rows, of);
    const { difference } = await compareTable(table, ends, hear, { onlyWhatArrived: true });
    if (!difference) continue;
    const where = `${table.name}, key ${difference.target ?? difference.source}`;
    throw new Error(
      `the source has changed since this copy was started (${where}): stop everything that writes to it, and run it again with --restart`,
    );
  }
  return of;
}

async function copyTable(
  source: CopyEnd,
  target: CopyTarget,
  table: CopyTable,
  told: (rows: number) => void,
): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  for await (const rows of source.chunks(table, await target.lastKey(table))) {
    await writing;
    // The next chunk is read while this one is written.
    writing = writeOrName(target, table, rows).then(() => told(rows.length));
    writing.catch(() => undefined);
  }
  await writing;
}

async function writeOrName(target: CopyTarget, table: CopyTable, rows: Row[]): Promise<void> {
  try {
    await target.write(table, rows);
  } catch (error) {
    const [first, last] = [rows[0], rows.at(-1)].map((row) => keyText(table, row ?? []));
    throw new Error(`${table.name}, keys ${first} to ${last}: the target refuses a row (${codeOf(error)})`);
  }
}

async function compareAll(
  ends: { source: CopyEnd; target: CopyEnd },
  tables: readonly CopyTable[],
  told: CopyOptions['told'],
): Promise<Compared[]> {
  const of = await countAll(ends.target, tables);
  const compared: Compared[] = [];
  for (const table of tables) {
    const hear = (rows: number) => told?.('compare', table.name, rows, of);
    compared.push(await compareTable(table, ends, hear, { onlyWhatArrived: false }));
  }
  return compared;
}

async function countAll(end: CopyEnd, tables: readonly CopyTable[]): Promise<number> {
  let all = 0;
  for (const table of tables) all += await end.count(table);
  return all;
}

function openSource(url: DatabaseUrl, option: '--from' | '--to'): Promise<CopyEnd> {
  const file = sqliteFile(url);
  return blame(option, async () => (file === undefined ? openPostgresSource(url) : openSqliteSource(file)));
}

function openTarget(url: DatabaseUrl, tables: readonly CopyTable[]): Promise<CopyTarget> {
  const file = sqliteFile(url);
  return blame('--to', () =>
    file === undefined ? openPostgresTarget(url, tables) : openSqliteTarget(file, tables),
  );
}

/** Adds to an error which side it is about. Only the driver's code: its message may contain the password. */
async function blame<T>(option: '--from' | '--to', opening: () => Promise<T>): Promise<T> {
  try {
    return await opening();
  } catch (error) {
    const { code, message } = describeError(error) as { code?: string; message?: string };
    throw new Error(
      code === undefined ? `${option}: ${message}` : `the database of ${option} cannot be used (${code})`,
    );
  }
}

const codeOf = (error: unknown) => (describeError(error) as { code?: string }).code ?? 'no code';
