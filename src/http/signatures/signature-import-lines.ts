import { CsvReader, MAX_RECORD, unescapeFormula, type CsvRecord } from '../../core/csv.js';
import { FileDecoder } from '../../core/file-text.js';
import {
  columnsOf,
  type ColumnChoices,
  type ColumnKind,
  type ImportColumn,
} from '../../core/signatures/import-columns.js';
import type { ImportLine } from '../../core/signatures/signature-import.js';
import type { FieldError } from '../../errors.js';
import { repeatedMember, TWICE } from '../json-text.js';
import {
  about,
  ValueReader,
  type DateReading,
  type LineContract,
  type Values,
} from './signature-import-values.js';

/*
 * Parses files of signatures that were collected elsewhere: each line becomes a signature, or errors with its number.
 */

export type ImportFile<Field extends string> = {
  format: 'csv' | 'ndjson';
  /** As the sender names it. */
  encoding?: string | undefined;
  /** What the sender says about columns. */
  columns?: ColumnChoices<Field> | undefined;
  dates?: DateReading;
  /** Whether the petition has a place for a field. */
  isAsked?: ((field: Field) => boolean) | undefined;
};

/** What the lines of one kind of files are. */
export type FileKind<Field extends string, Wire, Input> = {
  columns: ColumnKind<Field>;
  line: LineContract<Wire, Input>;
  /** Members of an export that an import ignores. */
  notRead: readonly string[];
  /** What a command puts before a warning. */
  warning: string;
};

/** What is found out about a file while it is read. */
export type ImportFileFindings<Field extends string> = {
  encoding: string | null;
  columns: ImportColumn<Field>[] | null;
};

/**
 * Parses a file as it arrives. `lines` throws `invalid_body` for a CSV whose first line does not name its columns, and
 * for an encoding that is unknown.
 */
export function readImportFile<Field extends string, Wire extends object, Input>(
  bytes: AsyncIterable<Uint8Array>,
  file: ImportFile<Field>,
  kind: FileKind<Field, Wire, Input>,
): { lines: AsyncGenerator<ImportLine<Input>[], void, undefined>; found: ImportFileFindings<Field> } {
  const decoder = new FileDecoder(file.encoding);
  const found: ImportFileFindings<Field> = { encoding: null, columns: null };
  const values = new ValueReader(kind.line, file.dates ?? {}, () => decoder.encoding);
  const reader =
    file.format === 'csv'
      ? new CsvLines(values, file, kind.columns, found)
      : new JsonLines(values, kind.notRead);
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

type Lines<Input> = { lineOf(line: number, values: Values | FieldError[]): ImportLine<Input> };

class CsvLines<Field extends string, Input> {
  readonly #reader = new CsvReader();
  #puts: (Put | undefined)[] | undefined;
  #hasFamilyNames = false;

  constructor(
    private readonly values: Lines<Input>,
    private readonly file: ImportFile<Field>,
    private readonly kind: ColumnKind<Field>,
    private readonly found: ImportFileFindings<Field>,
  ) {}

  read = (text: string): ImportLine<Input>[] => this.#toLines(this.#reader.read(text));

  end(): ImportLine<Input>[] {
    const lines = this.#toLines(this.#reader.end());
    // An empty file has no header: reports the missing columns.
    this.#puts ??= this.#putsOf([]);
    return lines;
  }

  #toLines(records: CsvRecord[]): ImportLine<Input>[] {
    const lines: ImportLine<Input>[] = [];
    for (const { line, cells } of records) {
      if (!this.#puts) this.#puts = this.#putsOf(cells ?? []);
      else lines.push(this.values.lineOf(line, this.#valuesOf(cells, this.#puts)));
    }
    return lines;
  }

  #valuesOf(cells: string[] | undefined, puts: (Put | undefined)[]): Values | FieldError[] {
    const values = valuesOf(cells, puts);
    if (!this.#hasFamilyNames && 'given_name' in values) readFamilyName(values);
    return values;
  }

  #putsOf(header: readonly string[]): (Put | undefined)[] {
    const columns = columnsOf(header, this.file.columns, this.file.isAsked ?? (() => true), this.kind);
    this.found.columns = columns;
    this.#hasFamilyNames = columns.some(({ field }) => field === 'family_name');
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
  return values;
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];

/** Where a list has a given name and a "name" without it, the latter is the family name. */
function readFamilyName(values: Values): void {
  const { given_name: given = '', name = '' } = values as Record<string, string | undefined>;
  const words = new Set(wordsOf(name));
  if (words.size === 0 || wordsOf(given).every((word) => words.has(word))) return;
  values['family_name'] = name;
  delete values['name'];
}

/** How a cell gets into its place: some are part of a nested member. */
function putOf(field: string): Put {
  const [, parent = '', part = ''] = /^(postal_address|utm|answers)[_.](.+)$/.exec(field) ?? [];
  if (parent === '') return (values, cell) => (values[field] = cell);
  return (values, cell) => {
    const value = part === 'lines' ? cell.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== '') : cell;
    values[parent] = { ...(values[parent] as Values | undefined), [part]: value };
  };
}

class JsonLines<Input> {
  #rest = '';
  #line = 0;
  #tooLong = false;

  constructor(
    private readonly values: Lines<Input>,
    private readonly notRead: readonly string[],
  ) {}

  read(piece: string): ImportLine<Input>[] {
    const texts = (this.#rest + piece).split('\n');
    this.#rest = texts.pop() ?? '';
    const lines = texts.flatMap((text) => this.#read(text));
    if (this.#rest.length > MAX_RECORD) {
      this.#rest = '';
      this.#tooLong = true;
    }
    return lines;
  }

  end = (): ImportLine<Input>[] => this.#read(this.#rest);

  #read(text: string): ImportLine<Input>[] {
    this.#line += 1;
    const [line, isTooLong] = [this.#line, this.#tooLong || text.length > MAX_RECORD];
    this.#tooLong = false;
    if (isTooLong) return [{ line, errors: about('', 'too_long', `It must be shorter than ${MAX_RECORD}.`) }];
    if (/^[\s\u001A]*$/.test(text)) return [];
    return [this.values.lineOf(line, objectIn(text, this.notRead))];
  }
}

function objectIn(text: string, notRead: readonly string[]): Values | FieldError[] {
  try {
    const value: unknown = JSON.parse(text);
    const repeated = repeatedMember(text, value);
    if (repeated !== undefined) return [{ pointer: repeated, ...TWICE }];
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const name of notRead) delete (value as Values)[name];
      return value as Values;
    }
  } catch {
    // Reported below.
  }
  return about('', 'json', 'Write one JSON object on each line.');
}
