import { csvCell, rawCsvCell } from '../core/csv.js';

/* Writes things as lines of a file, CSV or NDJSON. */

export type Cell = string | number | boolean | null | undefined;

export type LineFormat = {
  format: 'csv' | 'ndjson';
  bom?: boolean | undefined;
  /** `raw`: for programs that run no formulas, and take an apostrophe for a part of the text. */
  formulas?: 'escaped' | 'raw' | undefined;
};

const BOM = '\uFEFF';

/** A kind of files: the columns of its CSV, and a thing as the API shows it. */
export class LineFile<View, Wire> {
  readonly header: string;
  readonly #cells: readonly ((one: Wire) => Cell)[];

  constructor(
    columns: Record<string, (one: Wire) => Cell>,
    private readonly toWire: (view: View) => Wire,
  ) {
    this.header = `${Object.keys(columns).join(',')}\r\n`;
    this.#cells = Object.values(columns);
  }

  /** The text of a file, one slice at a time. Unless it throws, it is complete. */
  async *write(
    slices: AsyncIterable<readonly View[]>,
    { format, bom = false, formulas }: LineFormat,
  ): AsyncGenerator<string, void, undefined> {
    const cellText = formulas === 'raw' ? rawCsvCell : csvCell;
    const lineOf =
      format === 'csv'
        ? (view: View) => this.#csvLine(view, cellText)
        : (view: View) => `${JSON.stringify(this.toWire(view))}\n`;
    if (format === 'csv') yield bom ? BOM + this.header : this.header;
    for await (const slice of slices) yield slice.map(lineOf).join('');
  }

  #csvLine(view: View, cellText: (text: string) => string): string {
    const one = this.toWire(view);
    let text = '';
    for (const [i, cellOf] of this.#cells.entries()) {
      const value = cellOf(one);
      if (i > 0) text += ',';
      if (typeof value === 'string') text += cellText(value);
      else if (value != null) text += value;
    }
    return `${text}\r\n`;
  }
}

/** The name of a file about a petition. */
export const exportName = (name: string, format: LineFormat['format'], at: Date): string =>
  `${name}-${at.toISOString().slice(0, 10)}.${format}`;
