/*
 * CSV as in RFC 4180, reading and writing. Files edited by people are not always well formed: an unreadable record is
 * reported by its line, and reading goes on with the next line. csv-parse would lose the lines after a misplaced quote,
 * and takes 35 µs per row instead of 2.
 */

/** What spreadsheets would run as a formula. */
const FORMULA = /^'*[=+\-@\t\r\uFF0B\uFF0D\uFF1D\uFF20]/;
const NEEDS_QUOTES = /[",;\r\n]/;

/**
 * One cell, quoted if needed. Text that a spreadsheet would run as a formula gets a leading apostrophe, which
 * spreadsheets hide and `unescapeFormula` removes.
 */
export function csvCell(value: string): string {
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const unescapeFormula = (cell: string): string =>
  cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;

export type CsvRecord = {
  /** The line where it begins, counted from 1. */
  line: number;
  /** Undefined: unreadable, since a quote is misplaced or never closed. */
  cells: string[] | undefined;
};

/** Characters in a record, at most: a quote that is never closed must not fill the memory. */
export const MAX_RECORD = 65_536;

/** Reads records from text that arrives in pieces. */
export class CsvReader {
  #rest = '';
  #line = 1;
  #separator: string | undefined;
  /** Inside a line that was given up; the text until its end is skipped. */
  #tooLong = false;

  /** The records that this piece completes. Empty lines are skipped. */
  read(piece: string): CsvRecord[] {
    this.#rest += piece;
    return this.#take(false);
  }

  /** The last record, when no more text comes. */
  end(): CsvRecord[] {
    return this.#take(true);
  }

  #take(isLast: boolean): CsvRecord[] {
    const text = this.#rest;
    const records: CsvRecord[] = [];
    let at = this.#tooLong ? this.#endOfLine(text) : 0;
    while (at < text.length) {
      let end = text.indexOf('\n', at);
      if (end < 0) {
        if (!isLast && text.length - at <= MAX_RECORD) break;
        this.#tooLong = !isLast;
        end = text.length;
      }
      const line = text.slice(at, text[end - 1] === '\r' ? end - 1 : end);
      this.#separator ??= separatorOf(line);
      const found = this.#record(text, at, end, line, isLast);
      if (!found) break;
      const { cells, next } = found;
      if (cells === undefined || cells.length > 1 || cells[0] !== '') {
        records.push({ line: this.#line, cells });
      }
      this.#line += linesIn(text, at, next);
      at = next;
    }
    this.#rest = text.slice(at);
    return records;
  }

  #endOfLine(text: string): number {
    const end = text.indexOf('\n');
    this.#tooLong = end < 0;
    this.#line += Number(end >= 0);
    return end < 0 ? text.length : end + 1;
  }

  /** The record that begins at `at`, and where the next one begins; undefined: more text is needed. */
  #record(text: string, at: number, end: number, line: string, isLast: boolean) {
    const separator = this.#separator ?? ',';
    const skip = { cells: undefined, next: end + 1 };
    if (line.length > MAX_RECORD) return skip;
    if (!line.includes('"')) return { cells: line.split(separator), next: end + 1 };
    const quoted = readQuoted(text, at, separator);
    if (quoted === 'wrong') return skip;
    // An unclosed quote would swallow the rest of the file, so only the line that it is in is given up.
    if (quoted === 'open') return isLast || text.length - at > MAX_RECORD ? skip : undefined;
    if (!isLast && quoted.next > text.length) return undefined;
    return quoted;
  }
}

/** In countries with a decimal comma, spreadsheets separate cells by semicolons or tabs. */
const separatorOf = (header: string): string =>
  header.includes(',') ? ',' : ([';', '\t'].find((one) => header.includes(one)) ?? ',');

/** Reads one record with quotes. A quote inside a cell that does not begin with one is an ordinary character. */
function readQuoted(text: string, at: number, separator: string) {
  const cells: string[] = [];
  for (let i = at; ; i += 1) {
    const start = i;
    let cell = '';
    if (text[i] === '"') {
      const end = endOfQuotes(text, i + 1);
      if (end < 0) return 'open';
      cell = text.slice(i + 1, end).replaceAll('""', '"');
      i = end + 1;
    } else {
      while (i < text.length && text[i] !== separator && text[i] !== '\n') i += 1;
      cell = text.slice(start, text[i] === '\n' && text[i - 1] === '\r' ? i - 1 : i);
    }
    cells.push(cell);
    if (text[i] === separator) continue;
    if (text[i] === '\r' && (text[i + 1] === '\n' || i + 1 >= text.length)) i += 1;
    if (i >= text.length || text[i] === '\n') return { cells, next: i + 1 };
    return 'wrong';
  }
}

/** The position of the closing quote; -1: it is not in this text. */
function endOfQuotes(text: string, from: number): number {
  for (let i = text.indexOf('"', from); i >= 0; i = text.indexOf('"', i + 2)) {
    if (text[i + 1] !== '"') return i;
  }
  return -1;
}

function linesIn(text: string, from: number, to: number): number {
  let lines = 0;
  for (let i = text.indexOf('\n', from); i >= 0 && i < to; i = text.indexOf('\n', i + 1)) lines += 1;
  return lines;
}
