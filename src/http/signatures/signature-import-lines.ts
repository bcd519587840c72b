import { SignatureImportLine } from '../../../schema/api/signatures/signature-import.js';
import { CsvReader, MAX_RECORD, unescapeFormula, type CsvRecord } from '../../core/csv.js';
import type { CollectedSignature } from '../../core/signatures/collected-signature.js';
import type { ImportLine } from '../../core/signatures/signature-import.js';
import { invalidBody, type FieldError } from '../../errors.js';
import { date } from '../case.js';
import { repeatedMember, TWICE } from '../json-text.js';
import { fieldErrors } from '../problems.js';
import { hasBadText, validator } from '../validation.js';
import { CSV_COLUMNS } from './signature-columns.js';

/*
 * Parses files of signatures that were collected elsewhere: each line becomes a signature, or errors with its number.
 */

type Values = Record<string, unknown>;

/** Members of an export that an import ignores. */
const NOT_READ = [
  'id',
  'petition_id',
  'supporter_id',
  'collector_id',
  'shown',
  'mailing_id',
  'withdrawn_at',
  'suspicion',
];
const REQUIRED = ['email', 'name'];
const NOT_TEXT = '\uFFFD';

/** Parses a file as it arrives. Throws `invalid_body` for a CSV whose first line does not name its columns. */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  format: 'csv' | 'ndjson',
): AsyncGenerator<ImportLine[], void, undefined> {
  // The decoder removes a byte order mark, and replaces invalid UTF-8 by U+FFFD, which `isBad` reports.
  const decoder = new TextDecoder();
  const reader = format === 'csv' ? new CsvLines() : new JsonLines();
  for await (const piece of bytes) {
    const lines = reader.read(decoder.decode(piece, { stream: true }));
    if (lines.length > 0) yield lines;
  }
  yield [...reader.read(decoder.decode()), ...reader.end()];
}

class CsvLines {
  readonly #reader = new CsvReader();
  #columns: (string | undefined)[] | undefined;

  read = (text: string): ImportLine[] => this.#toLines(this.#reader.read(text));

  end(): ImportLine[] {
    const lines = this.#toLines(this.#reader.end());
    // An empty file has no header: reports the missing columns.
    this.#columns ??= columnsOf([]);
    return lines;
  }

  #toLines(records: CsvRecord[]): ImportLine[] {
    const lines: ImportLine[] = [];
    for (const { line, cells } of records) {
      if (!this.#columns) this.#columns = columnsOf(cells ?? []);
      else lines.push(lineOf(line, this.#valuesOf(cells, this.#columns)));
    }
    return lines;
  }

  #valuesOf(cells: string[] | undefined, columns: (string | undefined)[]): Values | FieldError[] {
    if (!cells) {
      return about('', 'quotes', 'A quote is in the wrong place: write "" for one in a quoted cell.');
    }
    if (cells.length !== columns.length) {
      const found = `It has ${cells.length} cells, and the first line ${columns.length}`;
      return about('', 'cells', `${found}: put cells with a separator in them into quotes.`);
    }
    const values: Values = {};
    for (let i = 0; i < cells.length; i += 1) {
      const [column, cell] = [columns[i], cells[i]];
      if (column === undefined || !cell) continue;
      const value = unescapeFormula(cell);
      const put = PARTS[column];
      if (put) put(values, value);
      else values[column] = value;
    }
    return values;
  }
}

/** Columns that are part of a nested member, or not a string. */
const PARTS: Record<string, (values: Values, cell: string) => void> = {
  hidden: (values, cell) => (values['hidden'] = cell === 'true' ? true : cell === 'false' ? false : cell),
  ...partsOf('postal_address', {
    lines: (cell) => cell.split(/\r?\n/),
    city: (cell) => cell,
    region: (cell) => cell,
  }),
  ...partsOf(
    'utm',
    Object.fromEntries(
      ['source', 'medium', 'campaign', 'term', 'content'].map((tag) => [tag, (cell: string) => cell]),
    ),
  ),
};

function partsOf(field: string, parts: Record<string, (cell: string) => unknown>): typeof PARTS {
  const put = (part: string, read: (cell: string) => unknown) => (values: Values, cell: string) => {
    values[field] = { ...(values[field] as Values | undefined), [part]: read(cell) };
  };
  return Object.fromEntries(
    Object.entries(parts).map(([part, read]) => [`${field}_${part}`, put(part, read)]),
  );
}

const KNOWN = new Set([
  ...Object.keys(SignatureImportLine.properties).filter((name) => !['utm', 'postal_address'].includes(name)),
  ...Object.keys(PARTS),
]);

/** The member for each column; undefined where it is ignored. Throws `invalid_body`. */
function columnsOf(header: readonly string[]): (string | undefined)[] {
  const names = header.map((name) => name.trim().toLowerCase());
  const wrong = names.flatMap((name, i) => {
    const pointer = `/columns/${i}`;
    if (names.indexOf(name) !== i) {
      return [{ pointer, code: 'duplicate', detail: 'A column before it has the same name.' }];
    }
    // Names must not be repeated: if the header is missing, they are personal data of the first row.
    return KNOWN.has(name) || CSV_COLUMNS.includes(name)
      ? []
      : [
          {
            pointer,
            code: 'unknown',
            detail: `There is no such column. There are: ${[...KNOWN].join(', ')}.`,
          },
        ];
  });
  const missing = REQUIRED.filter((name) => !names.includes(name)).map((name) => ({
    pointer: '/columns',
    code: 'required',
    detail: `The first line must name the columns, ${name} among them.`,
  }));
  if (wrong.length + missing.length > 0) throw invalidBody(...missing, ...wrong.slice(0, 20));
  return names.map((name) => (KNOWN.has(name) ? name : undefined));
}

class JsonLines {
  #rest = '';
  #line = 0;
  #tooLong = false;

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
    if (text.trim() === '') return [];
    return [lineOf(line, objectIn(text))];
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

const about = (field: string, code: string, detail: string): FieldError[] => [
  { pointer: field === '' ? '' : `/${field}`, code, detail },
];

const validate = validator({ coerceTypes: false }).compile<SignatureImportLine>(SignatureImportLine);

function lineOf(line: number, values: Values | FieldError[]): ImportLine {
  if (Array.isArray(values)) return { line, errors: values };
  const bad = Object.keys(values).find((name) => isBad(values[name]));
  if (bad !== undefined) {
    return { line, errors: about(bad, 'encoding', 'It is not UTF-8, or holds NUL: save the file as UTF-8.') };
  }
  if (!validate(values)) return { line, errors: fieldErrors((validate.errors ?? []) as never) };
  const notCounted = values.status != null && values.status !== 'confirmed';
  return { line, input: inputOf(values), ...(notCounted ? { notCounted } : {}) };
}

const isBad = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.includes(NOT_TEXT) || value.includes('\0') || !value.isWellFormed()
    : typeof value === 'object' &&
      value !== null &&
      (hasBadText(value) || JSON.stringify(value).includes(NOT_TEXT));

const inputOf = (one: SignatureImportLine): CollectedSignature => ({
  email: one.email,
  name: one.name,
  country: one.country ?? null,
  postalCode: one.postal_code ?? null,
  postalAddress: one.postal_address ?? null,
  phone: one.phone ?? null,
  comment: one.comment ?? null,
  ...(one.display ? { display: one.display } : {}),
  hidden: one.hidden === true,
  source: one.source ?? null,
  utm: one.utm ?? null,
  externalId: one.external_id ?? null,
  createdAt: date(one.created_at) ?? null,
  confirmedAt: date(one.confirmed_at) ?? null,
});
