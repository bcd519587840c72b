import type { Static, TObject } from '@sinclair/typebox';
import type { ValidateFunction } from 'ajv';
import { countryByName } from '../../core/countries.js';
import { dateFormat, type DateFormat } from '../../core/date-formats.js';
import { yesOrNo } from '../../core/signatures/answers.js';
import type { ImportLine } from '../../core/signatures/signature-import.js';
import { formOf, readWrittenDate } from '../../core/written-dates.js';
import type { FieldError } from '../../errors.js';
import { fieldErrors } from '../problems.js';
import { hasBadText, validator } from '../validation.js';

/*
 * Reads the values of a line: what people and other systems wrote becomes what the contract wants. A value that cannot be
 * read costs its field, not the person: only an address and a name are indispensable.
 */

export type Values = Record<string, unknown>;

/** How dates of the file are read. */
export type DateReading = { format?: string | undefined; zone?: string | undefined };

/** What a line of one kind of files holds. */
export type LineContract<Wire, Input> = {
  validate: ValidateFunction<Wire>;
  /** Fields that are left empty if they cannot be read. */
  dispensable: ReadonlySet<string>;
  /** Fields with a date, and how the contract writes one. */
  dates: readonly string[];
  writeDate: (at: Date) => string;
  /** A date that is written as the contract has it. */
  exactDate: RegExp;
  /** Takes out what is not a field of the contract. Returns whether the file says that the signature did not count. */
  prepare: (values: Values, warnings: FieldError[]) => boolean;
  inputOf: (wire: Wire) => Input;
};

/** The contract of a line. `needed`: fields without which a line is refused. */
export const lineContract = <Schema extends TObject>(
  schema: Schema,
  needed: readonly string[],
): Pick<LineContract<Static<Schema>, unknown>, 'validate' | 'dispensable'> => ({
  validate: validator({ coerceTypes: false }).compile<Static<Schema>>(schema),
  dispensable: new Set(Object.keys(schema.properties).filter((name) => !needed.includes(name))),
});

const NOT_TEXT = '\uFFFD';

export const about = (field: string, code: string, detail: string): FieldError[] => [
  { pointer: field === '' ? '' : `/${field}`, code, detail },
];

/** Reads the lines of one file. */
export class ValueReader<Wire extends { status?: unknown }, Input> {
  readonly #format: DateFormat | undefined;
  readonly #zone: string;

  /** `encoding`: of the file, for messages. */
  constructor(
    private readonly contract: LineContract<Wire, Input>,
    { format, zone = 'UTC' }: DateReading,
    private readonly encoding: () => string,
  ) {
    this.#format = format === undefined ? undefined : dateFormat(format);
    this.#zone = zone;
  }

  lineOf(line: number, values: Values | FieldError[]): ImportLine<Input> {
    if (Array.isArray(values)) return { line, errors: values };
    const { validate, dispensable, prepare, inputOf } = this.contract;
    const warnings: FieldError[] = [];
    const uncounted = prepare(values, warnings);
    const error = this.#dropBadText(values, warnings) ?? this.#readDates(values, warnings);
    if (error) return { line, errors: error };
    readCountry(values);
    readHidden(values, warnings);
    while (!validate(values)) {
      const errors = fieldErrors((validate.errors ?? []) as never);
      const refusing = errors.filter(({ pointer }) => !dispensable.has(fieldOf(pointer)));
      if (refusing.length > 0) return { line, errors: refusing };
      for (const one of errors) leaveOut(values, one.pointer);
      warnings.push(...errors);
    }
    const read = values;
    const notCounted = uncounted || (read.status != null && read.status !== 'confirmed');
    return {
      line,
      input: inputOf(read),
      ...(notCounted ? { notCounted } : {}),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
  }

  /** Removes texts that are not of the encoding; returns an error for those that the line cannot do without. */
  #dropBadText(values: Values, warnings: FieldError[]): FieldError[] | undefined {
    for (const name of Object.keys(values)) {
      if (!isBad(values[name])) continue;
      const detail = `It is not valid ${this.encoding().toUpperCase()}, or holds NUL: save the file as UTF-8.`;
      const errors = about(name, 'encoding', detail);
      if (!this.contract.dispensable.has(name)) return errors;
      delete values[name];
      warnings.push(...errors);
    }
    return undefined;
  }

  /** Dates in any form that can be read become those of RFC 3339. Returns an error for an ambiguous one. */
  #readDates(values: Values, warnings: FieldError[]): FieldError[] | undefined {
    const { dates, writeDate, exactDate } = this.contract;
    for (const field of dates) {
      const value = values[field];
      if (typeof value !== 'number' && (typeof value !== 'string' || exactDate.test(value))) continue;
      const written = String(value).trim();
      const at = this.#format?.(written, this.#zone) ?? readWrittenDate(written, this.#zone);
      const form = `Its form is “${formOf(written)}”`;
      if (at === 'ambiguous') {
        const how = 'give date_format, like DD/MM/YYYY or MM/DD/YYYY HH:mm';
        return about(field, 'ambiguous_date', `${form}, and either number could be the month: ${how}.`);
      }
      if (at) {
        values[field] = writeDate(at);
        continue;
      }
      delete values[field];
      const how = this.#format ? 'which is not that of date_format' : 'which is not known: give date_format';
      warnings.push(...about(field, 'date', `${form}, ${how}.`));
    }
    return undefined;
  }
}

const fieldOf = (pointer: string): string => pointer.split('/')[1] ?? '';

/** Leaves out a field, or one answer to the petition's own. */
function leaveOut(values: Values, pointer: string): void {
  const [, field = '', name = ''] = pointer.split('/');
  const { answers } = values;
  const isOne = field === 'answers' && typeof answers === 'object' && answers !== null;
  if (isOne && Object.hasOwn(answers, name)) delete (answers as Values)[name];
  else delete values[field];
}

function readCountry(values: Values): void {
  const { country } = values;
  if (typeof country !== 'string' || /^[A-Z]{2}$/.test(country)) return;
  values['country'] = countryByName(country) ?? country;
}

/** Whom a file says to hide stays hidden, even if it says so in a way that cannot be read. */
function readHidden(values: Values, warnings: FieldError[]): void {
  const { hidden } = values;
  if (typeof hidden !== 'string') return;
  const said = yesOrNo(hidden);
  values['hidden'] = said !== false;
  if (said === undefined) {
    const detail = 'It is neither true nor false: the signer is kept out of the public list.';
    warnings.push(...about('hidden', 'type', detail));
  }
}

const isBad = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.includes(NOT_TEXT) || value.includes('\0') || !value.isWellFormed()
    : typeof value === 'object' &&
      value !== null &&
      (hasBadText(value) || JSON.stringify(value).includes(NOT_TEXT));
