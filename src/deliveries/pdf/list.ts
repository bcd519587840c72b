import { columnsOf, type Column, type Delivery, type DeliveryLine } from '../delivery.js';
import { fill } from '../words.js';
import { heading, nameOf } from './front.js';
import type { Element, Pages } from './pages.js';
import type { Line } from './line.js';

/* The list of the names: one row for each line, which never takes more than a few lines of a page. */

const SIZE = 8.5;
const LEADING = 11;
const GAP = 6;
/** Shares of the width, and lines at most: what is longer ends with an ellipsis, and the CSV has it all. */
const SHAPES: Record<Column, readonly [share: number, lines: number]> = {
  number: [1.1, 1],
  name: [3.4, 2],
  country: [2, 2],
  region: [2, 2],
  postal_code: [1.2, 1],
  city: [2, 2],
  date: [1.6, 1],
  comment: [4, 6],
  partner: [2.2, 2],
};

/**
 * With more lines, each page of the list is one element of the structure: each cell takes some hundred bytes of the file,
 * so that the structure would be ten times as large as the list.
 */
const MOST_TAGGED = 5_000;

const MOST_KNOWN = 5_000;

type Place = { column: Column; x: number; width: number; most: number };

export class List {
  readonly #places: Place[];
  readonly #countries: Intl.DisplayNames;
  readonly #dates: Intl.DateTimeFormat;
  readonly #dated = new Map<string, string>();
  readonly #countryNames = new Map<string, string>();
  /** Cells that many lines have. */
  readonly #known = new Map<string, Line[]>();
  readonly #isTagged: boolean;
  /** The element of the rows on the present page. */
  #table: Element | undefined;
  #group: string | undefined;
  /** The numbers of lines whose names cannot be drawn. */
  readonly notDrawn: number[] = [];

  constructor(
    private readonly pages: Pages,
    private readonly delivery: Delivery,
    lines: number,
  ) {
    this.#isTagged = lines <= MOST_TAGGED;
    this.#countries = new Intl.DisplayNames(delivery.locale, { type: 'region', fallback: 'code' });
    this.#dates = new Intl.DateTimeFormat(delivery.locale, {
      dateStyle: 'medium',
      timeZone: 'UTC',
      numberingSystem: 'latn',
    });
    this.#places = placesOf(columnsOf(delivery), pages);
  }

  async begin(): Promise<void> {
    // Dates have letters in some languages.
    await this.pages.load(this.#dates.format(new Date(this.delivery.cutAt)));
    heading(this.pages, 2, this.delivery.words.names);
    if (this.delivery.groupBy === 'none') this.#open();
  }

  /** Loads the fonts that a line needs. */
  async load(line: DeliveryLine): Promise<void> {
    const { name, region, postal_code, city, comment, partner, country } = line;
    const land = country === null ? null : this.#countryOf(country);
    for (const text of [name, region, postal_code, city, comment, partner, land]) {
      // Fonts that are not there yet are those of the Far East.
      if (text && /[\u1100-\u{10ffff}]/u.test(text)) {
        await this.pages.load(text, 400, text === land ? null : country);
      }
    }
    if (this.delivery.groupBy !== 'none') await this.pages.load(this.#groupOf(line), 700);
  }

  add(line: DeliveryLine): void {
    const { pages } = this;
    this.#enterGroup(line);
    const cells = this.#places.map((place) => this.#cell(place, line));
    const height = LEADING * Math.max(1, ...cells.map((lines) => lines.length)) + 2;
    if (pages.y + height > pages.bottom) {
      this.#close();
      pages.turn();
      this.#open();
    }
    this.#row(cells, height, 'TD');
  }

  end(): void {
    this.#close();
  }

  #enterGroup(line: DeliveryLine): void {
    if (this.delivery.groupBy === 'none') return;
    const group = this.#groupOf(line);
    if (group === this.#group) return;
    this.#close();
    this.#group = group;
    heading(this.pages, 3, group);
    this.#open();
  }

  #groupOf({ country, region, postal_code }: DeliveryLine): string {
    const { words, groupBy } = this.delivery;
    const land = country === null ? words.not_stated : this.#countryOf(country);
    if (groupBy === 'country') return land;
    if (groupBy === 'region') return `${land}, ${region ?? words.not_stated}`;
    return `${land}, ${postal_code ? `${postal_code.slice(0, 2)}…` : words.not_stated}`;
  }

  /** Begins the rows of a page, with the names of the columns. */
  #open(): void {
    const { pages, delivery } = this;
    this.#table = pages.doc.struct(this.#isTagged ? 'Table' : 'P');
    pages.root.add(this.#table);
    const titles = this.#places.map(({ column, width }) => {
      const title = delivery.words[`column_${column}`];
      return pages.setter.lines(title, pages.face(title, 700), (width / SIZE) * 1000, 1);
    });
    if (!this.#isTagged) {
      pages.flush();
      this.#content = pages.doc.markStructureContent('P');
      this.#table.add(this.#content);
    }
    this.#row(titles, LEADING + 4, 'TH');
  }
  #content: ReturnType<Pages['doc']['markStructureContent']> | undefined;

  #close(): void {
    if (!this.#table) return;
    this.pages.flush();
    if (this.#content) this.pages.doc.endMarkedContent();
    this.#table.end();
    this.#table = this.#content = undefined;
  }

  #row(cells: readonly Line[][], height: number, type: 'TH' | 'TD'): void {
    const { pages } = this;
    const table = this.#isTagged ? this.#table : undefined;
    const row = table && pages.doc.struct('TR');
    if (row) table.add(row);
    this.#places.forEach(({ x }, i) => {
      const draw = () =>
        cells[i]?.forEach((line, j) => pages.draw(line, x, pages.y + LEADING * (j + 1) - 2, SIZE));
      if (!row) return draw();
      const cell = pages.doc.struct(type, type === 'TH' ? ({ scope: 'Column' } as object) : {});
      row.add(cell);
      pages.within(cell, type, draw);
      cell.end();
    });
    row?.end();
    pages.y += height;
  }

  #cell({ column, width, most }: Place, line: DeliveryLine): Line[] {
    const { setter } = this.pages;
    const room = (width / SIZE) * 1000;
    if (column === 'number') return [setter.number(String(line.number), this.pages.face(''))];
    if (column === 'name') return this.#name(line, room, most);
    const text = this.#textOf(column, line);
    if (text === '') return [];
    // What the signer has written, or what this program says.
    const isOurs = column === 'country' || column === 'date';
    const face = this.pages.face(text, 400, isOurs ? null : line.country);
    if (column === 'comment') return setter.lines(text, face, room, most);
    const key = `${column} ${face.han} ${text}`;
    let lines = this.#known.get(key);
    if (!lines) {
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(key, (lines = setter.lines(text, face, room, most)));
    }
    return lines;
  }

  #name({ name, number, country }: DeliveryLine, room: number, most: number): Line[] {
    const { pages, delivery } = this;
    if (name === null) return this.#said(delivery.words.not_named, room, most);
    const lines = pages.setter.exactLines(name, pages.face(name, 400, country), room, most);
    if (lines) return lines;
    this.notDrawn.push(number);
    return this.#said(fill(delivery.words.not_drawn, { line: String(number) }), room, most);
  }

  #said(text: string, room: number, most: number): Line[] {
    return this.pages.setter.lines(text, this.pages.face(text), room, most);
  }

  #textOf(
    column: 'country' | 'region' | 'postal_code' | 'city' | 'date' | 'comment' | 'partner',
    line: DeliveryLine,
  ): string {
    const value = line[column] ?? '';
    if (value === '') return '';
    if (column === 'country') return this.#countryOf(value);
    return column === 'date' ? this.#dateOf(value) : value;
  }

  #countryOf(code: string): string {
    let name = this.#countryNames.get(code);
    if (name === undefined) this.#countryNames.set(code, (name = nameOf(this.#countries, code)));
    return name;
  }

  #dateOf(date: string): string {
    const day = date.slice(0, 10);
    let said = this.#dated.get(day);
    if (said === undefined) {
      const read = new Date(date);
      said = Number.isNaN(read.getTime()) ? date : this.#dates.format(read);
      this.#dated.set(day, said);
    }
    return said;
  }
}

function placesOf(columns: readonly Column[], pages: Pages): Place[] {
  const shares = columns.reduce((sum, column) => sum + SHAPES[column][0], 0);
  const room = pages.width - GAP * (columns.length - 1);
  let x = pages.left;
  return columns.map((column) => {
    const [share, most] = SHAPES[column];
    const place = { column, x, width: (room * share) / shares, most };
    x += place.width + GAP;
    return place;
  });
}
