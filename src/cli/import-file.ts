import { createReadStream, statSync } from 'node:fs';
import { dateFormat, DATE_FORMAT_RULE, isTimeZone, TIME_ZONE_RULE } from '../core/date-formats.js';
import { readColumnChoices, type ColumnKind, type ImportColumn } from '../core/signatures/import-columns.js';
import type { ImportListener, LineProblem } from '../core/signatures/import-tally.js';
import type { ImportLine } from '../core/signatures/signature-import.js';
import { ApiError } from '../errors.js';
import {
  readImportFile,
  type FileKind,
  type ImportFile,
  type ImportFileFindings,
} from '../http/signatures/signature-import-lines.js';
import { progressBar } from './progress-bar.js';
import type { Format } from './signatures.js';

/* What commands that import a file have in common. */

export type FileFlags = {
  format?: Format;
  columns?: string;
  encoding?: string;
  dateFormat?: string;
  timeZone?: string;
  dryRun?: boolean;
  fast?: boolean;
};

/** Leaves half of the time to a running server. */
const GENTLE = { chunkMs: 50, transactionMs: 0, restMs: 50 };
const FAST = { chunkMs: 1000, transactionMs: 2000, restMs: 0 };

type Tally = { lines: number; failed: number };

/** What an import is told besides its lines. */
type How<Told extends Tally> = ImportListener & {
  dryRun: boolean;
  chunkMs: number;
  transactionMs: number;
  restMs: number;
  onProgress: (tally: Told) => void;
};

export type FileImport<Field extends string, Wire, Input, Told extends Tally> = {
  kind: FileKind<Field, Wire, Input>;
  isAsked?: ((field: Field) => boolean) | undefined;
  run: (lines: AsyncIterable<readonly ImportLine<Input>[]>, how: How<Told>) => Promise<Told>;
  sentenceOf: (tally: Told) => string;
  /** What to do after it was stopped. */
  afterStop?: (tally: Told) => string;
};

/** Imports a file, or stdin (`-`), and says how. The exit code is 1 if a line was refused. */
export async function importFile<Field extends string, Wire extends object, Input, Told extends Tally>(
  file: string,
  flags: FileFlags,
  { kind, isAsked, run, sentenceOf, afterStop }: FileImport<Field, Wire, Input, Told>,
): Promise<void> {
  const { fast, dryRun = false } = flags;
  const reading = readingOf(file, flags, kind.columns);
  const bar = progressBar();
  const size = file === '-' ? 0 : statSync(file).size;
  let read = 0;
  let last: Told | undefined;
  async function* watched() {
    const bytes = file === '-' ? process.stdin : createReadStream(file);
    for await (const piece of bytes as AsyncIterable<Buffer>) {
      read += piece.length;
      yield piece;
    }
  }
  const say = ({ line, field, detail }: LineProblem, what: string) => {
    bar.clear();
    // Only the line number is printed: personal data must stay out of terminals and logs.
    console.error(`line ${line}${field && `, ${field}`}: ${what}${detail}`);
  };
  const how = {
    dryRun,
    ...(fast ? FAST : GENTLE),
    onError: (problem: LineProblem) => say(problem, ''),
    onWarning: (problem: LineProblem) => say(problem, kind.warning),
    onProgress: (tally: Told) => {
      const { lines } = tally;
      bar.add('Importing', lines - (last?.lines ?? 0), lines * (size / Math.max(1, read)));
      last = tally;
    },
  };
  try {
    const { lines, found } = readImportFile(watched(), { ...reading, isAsked }, kind);
    const tally = await run(lines, how);
    bar.clear();
    for (const line of findings(found)) console.error(line);
    console.log(`${dryRun ? 'Dry run, nothing is stored. ' : ''}${sentenceOf(tally)}`);
    if (tally.failed > 0) process.exitCode = 1;
  } catch (error) {
    bar.clear();
    if (last && afterStop && !dryRun) console.error(afterStop(last));
    throw error instanceof ApiError && error.details.errors ? new Error(wordsOf(error)) : error;
  }
}

const formatOf = (file: string): Format => (/\.(?:ndjson|jsonl|json)$/i.test(file) ? 'ndjson' : 'csv');

function readingOf<Field extends string>(
  file: string,
  flags: FileFlags,
  kind: ColumnKind<Field>,
): ImportFile<Field> {
  const { columns, encoding, dateFormat: format, timeZone: zone } = flags;
  const choices = columns === undefined ? undefined : readColumnChoices(columns, kind);
  if (columns !== undefined && !choices) throw new Error(`--columns: ${kind.rule}`);
  if (format !== undefined && !dateFormat(format)) throw new Error(`--date-format: ${DATE_FORMAT_RULE}`);
  if (zone !== undefined && !isTimeZone(zone)) throw new Error(`--time-zone: ${TIME_ZONE_RULE}`);
  return { format: flags.format ?? formatOf(file), encoding, columns: choices, dates: { format, zone } };
}

const wordsOf = ({ details: { errors = [] } }: ApiError): string =>
  errors.map(({ pointer, detail }) => (/\d$/.test(pointer) ? `${pointer}: ${detail}` : detail)).join('\n');

const REASONS = {
  unknown: 'ignored',
  not_asked: 'ignored, since the petition does not ask for it',
  other_column: 'ignored, since another column is read as it',
};

/** How the file was read. Nothing is said about columns that have the names of their fields. */
function findings({ encoding, columns }: ImportFileFindings<string>): string[] {
  const lines = encoding === 'utf-8' || encoding === null ? [] : [`Read as ${encoding}.`];
  const lineOf = ({ name, field, ignored }: ImportColumn<string>, i: number) =>
    `column ${i + 1}${name === null ? '' : ` “${name}”`}: ${field ?? REASONS[ignored ?? 'unknown']}`;
  const isPlain = (columns ?? []).every(({ name, field }) => name !== null && name === field);
  return isPlain ? lines : [...lines, ...(columns ?? []).map(lineOf)];
}
