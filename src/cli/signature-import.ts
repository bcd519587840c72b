import { createReadStream, statSync } from 'node:fs';
import { dateFormat, DATE_FORMAT_RULE, isTimeZone, TIME_ZONE_RULE } from '../core/date-formats.js';
import { findAnyHead } from '../core/petitions/petition-lookup.js';
import { COLUMNS_RULE, readColumnChoices, type ImportColumn } from '../core/signatures/import-columns.js';
import type { ImportTally, LineProblem } from '../core/signatures/import-tally.js';
import { importSignatures } from '../core/signatures/signature-import.js';
import { isAskedBy } from '../core/signatures/signature-import-rules.js';
import { ApiError } from '../errors.js';
import {
  readImportFile,
  type ImportFile,
  type ImportFileFindings,
} from '../http/signatures/signature-import-lines.js';
import { withContext } from './context.js';
import { progressBar } from './progress-bar.js';
import { actorFor, type Format } from './signatures.js';

export type ImportFlags = {
  petition: string;
  organization?: string;
  format?: Format;
  source?: string;
  columns?: string;
  encoding?: string;
  dateFormat?: string;
  timeZone?: string;
  dryRun?: boolean;
  fast?: boolean;
};

/** Leaves half of the time to a running server. */
const GENTLE = { chunkMs: 50, restMs: 50 };
const FAST = { chunkMs: 1000, restMs: 0 };

/** Imports the signatures of a file, or of stdin. The exit code is 1 if a line was refused. */
export const importSignaturesCommand = (file: string, flags: ImportFlags): Promise<void> =>
  withContext(async (ctx) => {
    const { petition, organization, source = null, fast, dryRun = false } = flags;
    const reading = readingOf(file, flags);
    const actor = await actorFor(ctx, petition, organization);
    const head = await findAnyHead(ctx.store.read, petition);
    const bar = progressBar();
    const size = file === '-' ? 0 : statSync(file).size;
    let [read, last] = [0, 0];
    async function* watched() {
      const bytes = file === '-' ? process.stdin : createReadStream(file);
      for await (const piece of bytes as AsyncIterable<Buffer>) {
        read += piece.length;
        yield piece;
      }
    }
    const input = {
      petition,
      actor,
      apiKeyKey: null,
      source,
      dryRun,
      ...(fast ? FAST : GENTLE),
      onError: (problem: LineProblem) => say(problem, ''),
      onWarning: (problem: LineProblem) => say(problem, 'left out: '),
      onProgress: ({ lines }: ImportTally) => {
        bar.add('Importing', lines - last, lines * (size / Math.max(1, read)));
        last = lines;
      },
    };
    function say({ line, field, detail }: LineProblem, what: string) {
      bar.clear();
      // Only the line number is printed: personal data must stay out of terminals and logs.
      console.error(`line ${line}${field && `, ${field}`}: ${what}${detail}`);
    }
    const tally = await tryToImport();
    if (tally.failed > 0) process.exitCode = 1;

    async function tryToImport(): Promise<ImportTally> {
      try {
        const isAsked = head && isAskedBy(head);
        const ownFields = head?.formFields;
        const { lines, found } = readImportFile(watched(), { ...reading, isAsked, ownFields });
        const tally = await importSignatures(ctx, input, lines);
        bar.clear();
        for (const line of findings(found)) console.error(line);
        console.log(`${dryRun ? 'Dry run, nothing is stored. ' : ''}${sentenceOf(tally)}`);
        return tally;
      } catch (error) {
        bar.clear();
        throw error instanceof ApiError && error.details.errors ? new Error(wordsOf(error)) : error;
      }
    }
  });

const formatOf = (file: string): Format => (/\.(?:ndjson|jsonl|json)$/i.test(file) ? 'ndjson' : 'csv');

function readingOf(file: string, flags: ImportFlags): ImportFile {
  const { columns, encoding, dateFormat: format, timeZone: zone } = flags;
  const choices = columns === undefined ? undefined : readColumnChoices(columns);
  if (columns !== undefined && !choices) throw new Error(`--columns: ${COLUMNS_RULE}`);
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
function findings({ encoding, columns }: ImportFileFindings): string[] {
  const lines = encoding === 'utf-8' || encoding === null ? [] : [`Read as ${encoding}.`];
  const lineOf = ({ name, field, ignored }: ImportColumn, i: number) =>
    `column ${i + 1}${name === null ? '' : ` “${name}”`}: ${field ?? REASONS[ignored ?? 'unknown']}`;
  const isPlain = (columns ?? []).every(({ name, field }) => name !== null && name === field);
  return isPlain ? lines : [...lines, ...(columns ?? []).map(lineOf)];
}

function sentenceOf(tally: ImportTally): string {
  const { lines, created, quarantined, confirmed, alreadySigned, leftOut, accepted, failed, warned } = tally;
  const odd = quarantined > 0 ? `${quarantined} quarantined, ` : '';
  const what =
    accepted > 0
      ? `${accepted} accepted`
      : `${created} created, ${odd}${confirmed} confirmed, ${alreadySigned} had signed before`;
  const partly = warned > 0 ? `; ${warned} without a field that could not be read or is not asked for` : '';
  return `${lines} lines: ${what}, ${leftOut} left out, ${failed} wrong${partly}`;
}
