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
export const csvCell = (value: string): string => rawCsvCell(FORMULA.test(value) ? `'${value}` : value);

/** One cell for programs that run no formulas: quoted if needed, otherwise unchanged. */
export const rawCsvCell = (value: string): string =>
  NEEDS_QUOTES.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** How exports for spreadsheets protect digits: `="0612345678"`. */
const TEXT_FORMULA = /^="([^"]*)"$/;

/** The text of a cell, without what was added so that spreadsheets leave it alone. */
export function unescapeFormula(cell: string): string {
  if (cell.startsWith("'")) return FORMULA.test(cell) ? cell.slice(1) : cell;
  return cell.startsWith('=') ? (TEXT_FORMULA.exec(cell)?.[1] ?? cell) : cell;
}

export type CsvRecord = {
  /** The line where it begins, counted from 1. */
  line: number;
  /** Undefined: unreadable, since a quote is misplaced or never closed. */
  cells: string[] | undefined;
};

/** Characters in a record, at most: a quote that is never closed must not fill the memory. */
export const MAX_RECORD = 65_536;

/** White space, and the Ctrl-Z with which old programs end a file. */
const BLANK = /^[\s\u001A]*$/;

/** How Excel names the separator, on a line before the header. */
const SEPARATOR_LINE = /^"?sep=([^"])"?$/i;

/** Reads records from text that arrives in pieces. */
export class CsvReader {
  #rest = '';
  #line = 1;
  #separator: string | undefined;
  /** Whether lines end with CR alone, as in files of old Macs. Undefined until the end of the first line. */
  #hasCrEnds: boolean | undefined;
  /** Inside a line that was given up; the text until its end is skipped. */
  #tooLong = false;

  /** The records that this piece completes. Blank ones are skipped: lines of white space, rows of separators. */
  read(piece: string): CsvRecord[] {
    this.#rest += this.#hasCrEnds ? piece.replaceAll('\r', '\n') : piece;
    return this.#take(false);
  }

  /** The last record, when no more text comes. */
  end(): CsvRecord[] {
    return this.#take(true);
  }

  #take(isLast: boolean): CsvRecord[] {
    if (this.#hasCrEnds === undefined) this.#findLineEnd(isLast);
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
      const named = this.#separator === undefined && this.#findSeparator(line);
      const found = this.#record(text, at, end, line, isLast);
      if (!found) break;
      const { cells, next } = found;
      if (!named && !(cells && isBlank(cells))) records.push({ line: this.#line, cells });
      this.#line += linesIn(text, at, next);
      at = next;
    }
    this.#rest = text.slice(at);
    return records;
  }

  #findLineEnd(isLast: boolean): void {
    // Line breaks within quotes do not count.
    const end = /^(?:[^"\r\n]|"[^"]*")*(?:\n|\r(?=([^]?)))/.exec(this.#rest);
    if (!end || (end[1] === '' && !isLast)) return;
    this.#hasCrEnds = end[1] !== undefined && end[1] !== '\n';
    if (this.#hasCrEnds) this.#rest = this.#rest.replaceAll('\r', '\n');
  }

  /** Finds the separator in the first line that is not blank. True if the line has no other purpose. */
  #findSeparator(line: string): boolean {
    if (BLANK.test(line)) return false;
    const named = SEPARATOR_LINE.exec(line)?.[1];
    this.#separator = named ?? separatorOf(line);
    return named !== undefined;
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

const isBlank = (cells: readonly string[]): boolean =>
  BLANK.test(cells[0] ?? '') && cells.every((cell) => BLANK.test(cell));

/** The most frequent separator outside of quotes. Spreadsheets of countries with a decimal comma do not use commas. */
function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const times = (separator: string) => bare.split(separator).length;
  return [',', ';', '\t', '|'].reduce((best, one) => (times(one) > times(best) ? one : best));
}

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
