import PDFDocument from 'pdfkit';
import { escapeHtml } from '../../escape-html.js';
import type { Delivery } from '../delivery.js';
import type { FileSink } from '../file-sink.js';
import { fill } from '../words.js';
import type { Fonts, Han, Weight } from './fonts.js';
import { operators, type Line } from './line.js';
import { hanOf, type Face } from './tokens.js';
import { Typesetter } from './typesetter.js';

/*
 * The pages of one document, written while they are drawn. How many there are is known at the end: until then each page
 * refers to a form that is drawn last.
 */

const MARGIN = 48;
const TOP = 78;
const FOOT = 34;

type Document = InstanceType<typeof PDFDocument>;
export type Element = ReturnType<Document['struct']>;

/** pdfkit puts these into XML without escaping them. */
class SafeDocument extends PDFDocument {
  _addInfo(): void {
    const { info } = this;
    this.info = Object.fromEntries(
      Object.entries(info).map(([key, value]) => [
        key,
        typeof value === 'string' ? escapeHtml(value) : value,
      ]),
    );
    (PDFDocument.prototype as unknown as { _addInfo: () => void })._addInfo.call(this);
    this.info = info;
  }
}

export class Pages {
  readonly doc: Document;
  readonly setter: Typesetter;
  readonly root: Element;
  /** Where the next line goes, from the top of the page. */
  y = 0;
  readonly left = MARGIN;
  #count = 0;
  /** What is drawn, and not passed on yet. */
  #operators = '';
  /** What the foot of a page says behind the number of pages. */
  #after = '';
  readonly #total: PDFKit.PDFKitReference;
  readonly #han: Han;
  readonly #numbers: Intl.NumberFormat;
  readonly #ended: Promise<void>;

  constructor(
    sink: FileSink,
    private readonly delivery: Delivery,
    private readonly fonts: Fonts,
  ) {
    const { title, organization, locale, pageSize, cutAt } = delivery;
    this.doc = new SafeDocument({
      size: pageSize,
      margin: 0,
      autoFirstPage: false,
      pdfVersion: '1.7',
      tagged: true,
      lang: locale,
      displayTitle: true,
      font: '',
      // Every different word would be kept.
      fontLayoutCache: false,
      info: {
        Title: title,
        Author: organization,
        Producer: 'Undersigned',
        Creator: 'Undersigned',
        CreationDate: new Date(cutAt),
      },
    });
    this.#han = /^ja\b/.test(locale) ? 'jp' : /^ko\b/.test(locale) ? 'kr' : 'sc';
    this.#numbers = new Intl.NumberFormat(locale, { numberingSystem: 'latn' });
    this.#ended = new Promise((resolve) => this.doc.on('end', resolve));
    this.doc.on('data', (chunk: Uint8Array) => sink.write(chunk));
    this.setter = new Typesetter(this.doc, fonts);
    this.root = this.doc.struct('Document');
    this.doc.addStructure(this.root);
    this.#total = this.doc.ref({ Type: 'XObject', Subtype: 'Form', BBox: [0, -20, 300, 20] });
  }

  /** What comes behind the title of the document, where there are several of it. */
  subtitle(text: string): void {
    this.doc.info.Title = `${this.delivery.title} – ${text}`;
  }

  get width(): number {
    return this.doc.page.width - 2 * MARGIN;
  }

  /** Where lines end. */
  get bottom(): number {
    return this.doc.page.height - MARGIN - 12;
  }

  get resources(): Record<string, unknown> {
    return (this.doc.page as unknown as { fonts: Record<string, unknown> }).fonts;
  }

  /** The fonts for a text; `country`: of who wrote it. */
  face(text: string, weight: Weight = 400, country?: string | null): Face {
    const home = country === 'JP' ? 'jp' : country === 'KR' ? 'kr' : country ? 'sc' : this.#han;
    return { weight, han: hanOf(text, home) };
  }

  async load(text: string, weight: Weight = 400, country?: string | null): Promise<void> {
    const { han } = this.face(text, weight, country);
    await this.fonts.load(text, weight, han);
  }

  /** Begins a page. */
  turn(): void {
    const { doc, delivery } = this;
    this.flush();
    doc.addPage();
    this.#count += 1;
    this.y = TOP;
    doc.markContent('Artifact', { type: 'Pagination' });
    const half = this.width / 2 - 8;
    this.#short(delivery.organization, 700, half, this.left, MARGIN);
    this.#short(delivery.title, 400, half, this.left + this.width / 2 + 8, MARGIN);
    this.rule(MARGIN + 8);
    const [before = '', after = ''] = delivery.words.page.split(/\{\{ *pages *\}\}/);
    const number = this.number(this.#count);
    const foot = doc.page.height - FOOT;
    const edge = this.#short(fill(before, { page: number }), 400, half, this.left, foot);
    this.flush();
    (doc.page as unknown as { xobjects: Record<string, unknown> }).xobjects['Total'] = this.#total;
    doc.addContent(
      `q 1 0 0 1 ${(edge + (before.endsWith(' ') ? 2.2 : 0)).toFixed(2)} ${foot.toFixed(2)} cm /Total Do Q`,
    );
    doc.endMarkedContent();
    this.#after = fill(after, { page: number });
  }

  number(value: number): string {
    return this.#numbers.format(value);
  }

  /** Makes room for a line of this height, on the next page if need be. */
  makeRoom(height: number): void {
    if (this.y + height > this.bottom) this.turn();
  }

  draw(line: Line, x: number, y: number, size: number): void {
    this.#operators += operators(line, { x, y, size }, this.resources);
  }

  /** Passes on what was drawn. Needed before anything that pdfkit writes itself. */
  flush(): void {
    // As bytes: pdfkit would turn it into them letter by letter.
    if (this.#operators !== '') this.doc.addContent(Buffer.from(this.#operators, 'latin1'));
    this.#operators = '';
  }

  rule(y: number): void {
    this.flush();
    this.doc.addContent(`0.4 w 0.6 G ${this.left} ${y} m ${this.left + this.width} ${y} l S`);
  }

  /** Draws as part of an element of the structure, on one page. */
  within(element: Element, type: string, draw: () => void): void {
    this.flush();
    const content = this.doc.markStructureContent(type);
    draw();
    this.flush();
    this.doc.endMarkedContent();
    element.add(content);
  }

  /** Writes what has not been written yet; resolves when the sink has all of it. */
  async end(): Promise<void> {
    this.flush();
    this.root.end();
    const fonts: Record<string, unknown> = {};
    const text = this.number(this.#count) + this.#after;
    const [line] = this.setter.lines(text, this.face(text), 100_000, 1);
    if (line) this.#total.write(operators(line, { x: 0, y: 0, size: 8 }, fonts));
    Object.assign(this.#total.data, { Resources: { Font: fonts } });
    (this.#total as unknown as { end: () => void }).end();
    this.doc.end();
    await this.#ended;
  }

  /** One line of the margins, cut if it is too long; its right end. */
  #short(text: string, weight: Weight, width: number, x: number, y: number): number {
    const size = 8;
    const [line] = this.setter.lines(text, this.face(text, weight), (width / size) * 1000, 1);
    if (!line) return x;
    this.draw(line, x, y, size);
    return x + (line.width * size) / 1000;
  }
}
