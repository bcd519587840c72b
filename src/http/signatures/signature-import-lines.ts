import type { OwnField } from '../../../schema/db/tables/petitions.js';
import { CsvReader, MAX_RECORD, unescapeFormula, type CsvRecord } from '../../core/csv.js';
import { FileDecoder } from '../../core/file-text.js';
import {
  columnsOf,
  type ColumnChoices,
  type ImportColumn,
  type ImportTarget,
} from '../../core/signatures/import-columns.js';
import type { ImportLine } from '../../core/signatures/signature-import.js';
import type { FieldError } from '../../errors.js';
import { repeatedMember, TWICE } from '../json-text.js';
import { about, ValueReader, type DateReading, type Values } from './signature-import-values.js';

/*
 * Parses files of signatures that were collected elsewhere: each line becomes a signature, or errors with its number.
 */

export type ImportFile = {
  format: 'csv' | 'ndjson';
  /** As the sender names it. */
  encoding?: string | undefined;
  /** What the sender says about columns. */
  columns?: ColumnChoices | undefined;
  dates?: DateReading;
  /** Whether the petition has a place for a field. */
  isAsked?: ((field: ImportTarget) => boolean) | undefined;
  /** The fields of the petition's own, for CSV. */
  ownFields?: readonly OwnField[] | undefined;
};

/** What is found out about a file while it is read. */
export type ImportFileFindings = { encoding: string | null; columns: ImportColumn[] | null };

/** Members of an export that an import ignores. */
const NOT_READ = [
  'id',
  'petition_id',
  'supporter_id',
  'phone_e164',
  'collector_id',
  'shown',
  'mailing_id',
  'withdrawn_at',
  'suspicion',
];

/**
 * Parses a file as it arrives. `lines` throws `invalid_body` for a CSV whose first line does not name its columns, and
 * for an encoding that is unknown.
 */
export function readImportFile(
  bytes: AsyncIterable<Uint8Array>,
  file: ImportFile,
): { lines: AsyncGenerator<ImportLine[], void, undefined>; found: ImportFileFindings } {
  const decoder = new FileDecoder(file.encoding);
  const found: ImportFileFindings = { encoding: null, columns: null };
  const values = new ValueReader(file.dates ?? {}, () => decoder.encoding);
  const reader = file.format === 'csv' ? new CsvLines(values, file, found) : new JsonLines(values);
  async function* lines() {
    for await (const piece of bytes) {
      const some = reader.read(decoder.read(piece));
      found.encoding = decoder.encoding;
      if (some.length > 0) yield some;
    }
    const last = decoder.end();
    found.encoding = decoder.encoding;
    yield [...reader.read(last), ...reader.end()];
  }
  return { lines: lines(), found };
}

type Put = (values: Values, cell: string) => void;

class CsvLines {
  readonly #reader = new CsvReader();
  #puts: (Put | undefined)[] | undefined;

  constructor(
    private readonly values: ValueReader,
    private readonly file: ImportFile,
    private readonly found: ImportFileFindings,
  ) {}

  read = (text: string): ImportLine[] => this.#toLines(this.#reader.read(text));

  end(): ImportLine[] {
    const lines = this.#toLines(this.#reader.end());
    // An empty file has no header: reports the missing columns.
    this.#puts ??= this.#putsOf([]);
    return lines;
  }

  #toLines(records: CsvRecord[]): ImportLine[] {
    const lines: ImportLine[] = [];
    for (const { line, cells } of records) {
      if (!this.#puts) this.#puts = this.#putsOf(cells ?? []);
      else lines.push(this.values.lineOf(line, valuesOf(cells, this.#puts)));
    }
    return lines;
  }

  #putsOf(header: readonly string[]): (Put | undefined)[] {
    const { columns: choices, isAsked = () => true, ownFields } = this.file;
    const columns = columnsOf(header, choices, isAsked, ownFields);
    this.found.columns = columns;
    return columns.map(({ field }) => (field === null ? undefined : putOf(field)));
  }
}

/** Cells that are left out at the end of a row are empty. */
function valuesOf(cells: string[] | undefined, puts: (Put | undefined)[]): Values | FieldError[] {
  if (!cells) {
    return about('', 'quotes', 'A quote is in the wrong place: write "" for one in a quoted cell.');
  }
  if (cells.length > puts.length && cells.slice(puts.length).some((cell) => cell.trim() !== '')) {
    const found = `It has ${cells.length} cells, and the first line ${puts.length}`;
    return about('', 'cells', `${found}: put cells with a separator in them into quotes.`);
  }
  const values: Values = {};
  for (let i = 0; i < cells.length; i += 1) {
    const cell = cells[i];
    if (cell) puts[i]?.(values, unescapeFormula(cell));
  }
  if ('given_name' in values || 'family_name' in values) joinNames(values);
  return values;
}

/** Where a list has a given name and a "name", the latter is usually the family name. */
function joinNames(values: Values): void {
  const { given_name: given = '', family_name: family = '', name = '' } = values as Record<string, string>;
  delete values['given_name'];
  delete values['family_name'];
  const [first, whole] = [given.trim(), name.trim()];
  const parts = whole === '' ? [first, family.trim()] : whole.includes(first) ? [whole] : [first, whole];
  values['name'] = parts.filter(Boolean).join(' ');
}

/** How a cell gets into its place: some are part of a nested member. */
function putOf(field: ImportTarget): Put {
  const [, parent = '', part = ''] = /^(postal_address|utm|answers)[_.](.+)$/.exec(field) ?? [];
  if (parent === '') return (values, cell) => (values[field] = cell);
  return (values, cell) => {
    const value = part === 'lines' ? cell.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== '') : cell;
    values[parent] = { ...(values[parent] as Values | undefined), [part]: value };
  };
}

class JsonLines {
  #rest = '';
  #line = 0;
  #tooLong = false;

  constructor(private readonly values: ValueReader) {}

  read(piece: string): ImportLine[] {
    const texts = (this.#rest + piece).split('\n');
    this.#rest = texts.pop() ?? '';
    const lines = texts.flatMap((text) => this.#read(text));
    if (this.#rest.length > MAX_RECORD) {
      this.#rest = '';
      this.#tooLong = true;
    }
    return lines;
  }

  end = (): ImportLine[] => this.#read(this.#rest);

  #read(text: string): ImportLine[] {
    this.#line += 1;
    const [line, isTooLong] = [this.#line, this.#tooLong || text.length > MAX_RECORD];
    this.#tooLong = false;
    if (isTooLong) return [{ line, errors: about('', 'too_long', `It must be shorter than ${MAX_RECORD}.`) }];
    if (/^[\s\u001A]*$/.test(text)) return [];
    return [this.values.lineOf(line, objectIn(text))];
  }
}

function objectIn(text: string): Values | FieldError[] {
  try {
    const value: unknown = JSON.parse(text);
    const repeated = repeatedMember(text, value);
    if (repeated !== undefined) return [{ pointer: repeated, ...TWICE }];
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const name of NOT_READ) delete (value as Values)[name];
      return value as Values;
    }
  } catch {
    // Reported below.
  }
  return about('', 'json', 'Write one JSON object on each line.');
}
