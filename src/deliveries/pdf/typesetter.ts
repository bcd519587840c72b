import * as harfbuzz from 'harfbuzzjs';
import type PDFDocument from 'pdfkit';
import type { Span } from './blocks.js';
import type { Fonts, Part, Weight } from './fonts.js';
import { inVisualOrder, plain, runsBackwards, tokensOf, visible, type Face, type Token } from './tokens.js';

/*
 * Sets text in the fonts of a document. pdfkit's own text breaks lines and shapes words without regard to their direction,
 * takes one font at a time, and keeps every word that it has ever seen.
 */

/** What pdfkit has, and its types leave out. */
type EmbeddedFont = {
  id: string;
  ref: () => unknown;
  subset: { includeGlyph: (glyph: number) => number };
  widths: number[];
  unicode: number[][];
};
type Inside = { _font: EmbeddedFont };

/** A token with its glyphs. Lengths are thousandths of the font size. */
type Piece = {
  width: number;
  /** Glyphs of the same height: `[<0001> -20 <0002>]`, without the brackets. */
  strokes: { rise: number; glyphs: string }[];
  /**
   * What it says, where its glyphs do not tell. Not from right to left: readers take glyphs as standing from left to right
   * and turn them round, what they are told too.
   */
  actual: string | null;
};

export type Line = {
  /** In the order of the page, from left to right. */
  pieces: readonly { piece: Piece; font: EmbeddedFont; isSlanted: boolean }[];
  /** In thousandths of the font size. */
  width: number;
  /** Its operators in the size in which it was drawn last: the same country is drawn on every page. */
  drawn?: { size: number; parts: DrawnPart[]; fonts: ReadonlySet<EmbeddedFont> };
};

/** Part of a line, upright or slanted; `at`: where it begins, from the beginning of the line. */
type DrawnPart = { at: number; isSlanted: boolean; operators: string };

export type Spot = { x: number; y: number; size: number };

/** Pieces that are remembered, at most: names repeat, but there is no end of them. */
const MOST_KNOWN = 10_000;
const ELLIPSIS = '…';
/** In place of characters that no font has. */
const GAP = '[…]';

export class Typesetter {
  readonly #fonts = new Map<Part, EmbeddedFont>();
  readonly #known = new Map<Part, Map<string, Piece | null>>();
  #remembered = 0;

  constructor(
    private readonly doc: typeof PDFDocument.prototype,
    private readonly fonts: Fonts,
  ) {}

  /**
   * Breaks a text into lines of at most `width` thousandths, and at most `most` lines: then the last one ends with an
   * ellipsis. What no font has is `[…]`.
   */
  lines(text: string, face: Face, width: number, most = Infinity): Line[] {
    const tokens = tokensOf(plain(text), face, this.fonts);
    return this.#broken(this.#drawable(tokens, face), face, width, most);
  }

  /** The same; null: no font has all of it, or there is nothing to see. */
  exactLines(text: string, face: Face, width: number, most: number): Line[] | null {
    const tokens = tokensOf(plain(text), face, this.fonts);
    const isThere = tokens.length > 0 && tokens.every((token) => this.#pieceOf(token) !== null);
    return isThere ? this.#broken(tokens, face, width, most) : null;
  }

  /** A number on one line, digit by digit: remembering every number would leave no room for words. */
  number(text: string, face: Face): Line {
    return this.#lineOf(Array.from(text).flatMap((digit) => tokensOf(digit, face, this.fonts)));
  }

  /** The same for a text with emphasis, which is left out where directions mix. */
  prose(spans: readonly Span[], faceOf: (text: string, weight: Weight) => Face, width: number): Line[] {
    const text = spans.map((span) => span.text).join('');
    const face = faceOf(text, 400);
    if (runsBackwards(text)) return this.lines(text, face, width);
    const tokens: Token[] = [];
    for (const { text: part, isBold, isSlanted } of spans) {
      const more = tokensOf(visible(part), faceOf(text, isBold ? 700 : 400), this.fonts);
      if (more[0] && tokens.at(-1)?.isSpace) more[0].canBegin = true;
      tokens.push(...more.map((token) => ({ ...token, isSlanted })));
    }
    return this.#broken(this.#drawable(tokens, face), face, width, Infinity);
  }

  #broken(tokens: Token[], face: Face, width: number, most: number): Line[] {
    if (this.#widthOf(tokens) <= width) return [this.#lineOf(withoutSpaces(tokens))];
    const lines: Token[][] = [[]];
    let used = 0;
    const queue = tokens.slice().reverse();
    for (let unit = takeUnit(queue); unit; unit = takeUnit(queue)) {
      const line = lines.at(-1) ?? [];
      const [unitWidth, bare] = [this.#widthOf(unit), this.#widthOf(withoutSpaces(unit))];
      if (used + bare <= width) {
        line.push(...unit);
        used += unitWidth;
      } else if (line.length > 0) {
        if (lines.length === most) return this.#cut(lines, face, width, true);
        lines.push([]);
        used = 0;
        queue.push(...unit.reverse());
      } else {
        const [head, tail] = this.#split(unit, width);
        line.push(...head);
        if (lines.length === most && tail.length > 0) return this.#cut(lines, face, width, true);
        if (tail.length > 0) lines.push([]);
        used = 0;
        queue.push(...tail.reverse());
      }
    }
    return this.#cut(lines, face, width, false);
  }

  /**
   * Operators that draw a line with its left end at `x` and its letters standing on `y`. Its fonts are entered into `used`,
   * the resources of a page.
   */
  operators(line: Line, { x, y, size }: Spot, used: Record<string, unknown>): string {
    if (line.drawn?.size !== size) line.drawn = drawnIn(line, size);
    for (const font of line.drawn.fonts) used[font.id] ??= font.ref();
    let all = '';
    for (const { at, isSlanted, operators } of line.drawn.parts) {
      all += `BT 1 0 ${isSlanted ? 0.2 : 0} -1 ${round(x + at)} ${round(y)} Tm\n${operators}\nET\n`;
    }
    return all;
  }

  #drawable(tokens: Token[], face: Face): Token[] {
    if (tokens.every((token) => this.#pieceOf(token) !== null)) return tokens;
    const gap = tokensOf(GAP, face, this.fonts);
    return tokens.flatMap((token, i) => {
      if (this.#pieceOf(token)) return [token];
      const before = tokens[i - 1];
      if (before && !this.#pieceOf(before)) return [];
      return gap.map((one) => ({ ...one, level: token.level, canBegin: token.canBegin }));
    });
  }

  /** The lines as they are drawn; `isCut`: more follows, which the last one says. */
  #cut(lines: Token[][], face: Face, width: number, isCut: boolean): Line[] {
    const last = lines.at(-1) ?? [];
    if (isCut) {
      const dots = tokensOf(ELLIPSIS, face, this.fonts).map((dot) => ({
        ...dot,
        level: last.at(-1)?.level ?? 0,
      }));
      const room = width - this.#widthOf(dots);
      const [kept] = this.#split(last, room);
      lines[lines.length - 1] = [...withoutSpaces(kept), ...dots];
    }
    return lines.map((line) => this.#lineOf(withoutSpaces(line)));
  }

  #lineOf(tokens: readonly Token[]): Line {
    const pieces = inVisualOrder(tokens).flatMap((token) => {
      const piece = this.#pieceOf(token);
      return piece && token.part
        ? [{ piece, font: this.#fontOf(token.part), isSlanted: token.isSlanted }]
        : [];
    });
    return { pieces, width: pieces.reduce((sum, { piece }) => sum + piece.width, 0) };
  }

  /** Cuts tokens where the width ends, between clusters if need be; at least one cluster is taken. */
  #split(tokens: readonly Token[], width: number): [Token[], Token[]] {
    const head: Token[] = [];
    let used = 0;
    for (const [i, token] of tokens.entries()) {
      const own = this.#widthOf([token]);
      if (used + own <= width) {
        head.push(token);
        used += own;
        continue;
      }
      const [first, rest] = this.#splitToken(token, width - used, head.length === 0);
      const tail = [...rest, ...tokens.slice(i + 1)];
      return [[...head, ...first], tail];
    }
    return [head, []];
  }

  #splitToken(token: Token, width: number, atLeastOne: boolean): [Token[], Token[]] {
    const clusters =
      token.text.match(/[^\p{Mark}\u200c\u200d]?[\p{Mark}\u200c\u200d]*/gu)?.filter(Boolean) ?? [];
    const upTo = (count: number) => ({ ...token, text: clusters.slice(0, count).join('') });
    const least = atLeastOne ? 1 : 0;
    let [low, high] = [least, clusters.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#widthOf([upTo(middle)]) <= width) low = middle;
      else high = middle - 1;
    }
    if (low === 0) return [[], [token]];
    const rest = clusters.slice(low).join('');
    return [[upTo(low)], rest === '' ? [] : [{ ...token, text: rest, canBegin: true }]];
  }

  #widthOf(tokens: readonly Token[]): number {
    return tokens.reduce((sum, token) => sum + (this.#pieceOf(token)?.width ?? 0), 0);
  }

  /** Null: no font has it, or the font cannot join its letters. */
  #pieceOf({ text, part, level }: Token): Piece | null {
    if (!part) return null;
    let known = this.#known.get(part);
    if (!known) this.#known.set(part, (known = new Map<string, Piece | null>()));
    const isBackwards = level % 2 === 1;
    const key = isBackwards ? `\u202e${text}` : text;
    let piece = known.get(key);
    if (piece === undefined) {
      if (this.#remembered >= MOST_KNOWN) {
        for (const map of this.#known.values()) map.clear();
        this.#remembered = 0;
      }
      piece = shape(text, part, isBackwards, this.#fontOf(part));
      known.set(key, piece);
      this.#remembered += 1;
    }
    return piece;
  }

  #fontOf(part: Part): EmbeddedFont {
    let font = this.#fonts.get(part);
    if (!font) {
      this.doc.font(part.font as unknown as string);
      font = (this.doc as unknown as Inside)._font;
      this.#fonts.set(part, font);
    }
    return font;
  }
}

function drawnIn({ pieces }: Line, size: number): NonNullable<Line['drawn']> {
  const parts: DrawnPart[] = [];
  let at = 0;
  for (let from = 0; from < pieces.length;) {
    const isSlanted = pieces[from]?.isSlanted === true;
    const end = pieces.findIndex((piece, i) => i > from && piece.isSlanted !== isSlanted);
    const same = pieces.slice(from, end < 0 ? pieces.length : end);
    parts.push({ at, isSlanted, operators: operatorsOf(same, size) });
    at += same.reduce((sum, { piece }) => sum + (piece.width * size) / 1000, 0);
    from += same.length;
  }
  return { size, parts, fonts: new Set(pieces.map(({ font }) => font)) };
}

/** The operators of pieces from where the first begins. */
function operatorsOf(pieces: Line['pieces'], size: number): string {
  const out: string[] = [];
  let font: EmbeddedFont | undefined;
  let [rise, glyphs] = [0, ''];
  const flush = (...next: string[]) => {
    if (glyphs !== '') out.push(`[${glyphs}] TJ`);
    glyphs = '';
    out.push(...next);
  };
  for (const { piece, font: wanted } of pieces) {
    if (wanted !== font) {
      font = wanted;
      flush(`/${font.id} ${size} Tf`);
    }
    if (piece.actual !== null) flush(`/Span <</ActualText <${utf16(piece.actual)}>>> BDC`);
    for (const stroke of piece.strokes) {
      if (stroke.rise !== rise) {
        rise = stroke.rise;
        flush(`${round((rise * size) / 1000)} Ts`);
      }
      glyphs += stroke.glyphs;
    }
    if (piece.actual !== null) flush('EMC');
  }
  flush(...(rise === 0 ? [] : ['0 Ts']));
  return out.join('\n');
}

/** The next tokens between which no line can be broken, with the spaces behind them. */
function takeUnit(queue: Token[]): Token[] | undefined {
  const first = queue.pop();
  if (!first) return undefined;
  const unit = [first];
  for (let next = queue.at(-1); next && !next.canBegin; next = queue.at(-1)) {
    unit.push(next);
    queue.pop();
  }
  return unit;
}

function withoutSpaces(tokens: readonly Token[]): Token[] {
  const last = tokens.findLastIndex(({ isSpace }) => !isSpace);
  return tokens.slice(0, last + 1);
}

const buffer = new harfbuzz.Buffer();

/** The glyphs of a token, from left to right; null: one is missing. */
function shape(text: string, part: Part, isBackwards: boolean, font: EmbeddedFont): Piece | null {
  buffer.clearContents();
  // Marks keep the places of their own characters.
  buffer.setClusterLevel(harfbuzz.ClusterLevel.MONOTONE_CHARACTERS);
  buffer.setFlags(harfbuzz.BufferFlag.REMOVE_DEFAULT_IGNORABLES);
  buffer.addText(text);
  buffer.guessSegmentProperties();
  buffer.setDirection(isBackwards ? harfbuzz.Direction.RTL : harfbuzz.Direction.LTR);
  harfbuzz.shape(part.shaper, buffer);
  const places = buffer.getGlyphPositions();
  const glyphs = buffer.getGlyphInfos();
  // The glyph of what is missing.
  if (glyphs.some(({ codepoint }) => codepoint === 0)) return null;
  const scale = 1000 / part.font.unitsPerEm;
  const strokes: Piece['strokes'] = [];
  const said = lettersOf(text, glyphs);
  let [width, shift] = [0, 0];
  for (const [i, { codepoint: glyph }] of glyphs.entries()) {
    const { xAdvance = 0, xOffset = 0, yOffset = 0 } = places[i] ?? {};
    const id = font.subset.includeGlyph(glyph);
    const own = (font.widths[id] ??= part.font.getGlyph(glyph).advanceWidth * scale);
    font.unicode[id] ??= said[i] ?? [];
    const rise = Math.round(yOffset * scale);
    let stroke = strokes.at(-1);
    if (stroke?.rise !== rise) strokes.push((stroke = { rise, glyphs: '' }));
    shift += xOffset * scale;
    stroke.glyphs += movedBy(shift) + `<${id.toString(16).padStart(4, '0')}>`;
    shift += (xAdvance - xOffset) * scale - own - Math.round(shift);
    width += xAdvance * scale;
  }
  const last = strokes.at(-1);
  if (last) last.glyphs += movedBy(shift);
  return { width, strokes, actual: part.isComplex && !isBackwards ? text : null };
}

const movedBy = (shift: number): string => (Math.round(shift) === 0 ? '' : ` ${-Math.round(shift)} `);

/** The characters that each glyph stands for; none for the second glyph of the same ones. */
function lettersOf(text: string, glyphs: readonly harfbuzz.GlyphInfo[]): number[][] {
  const starts = [...new Set(glyphs.map(({ cluster }) => cluster))].sort((a, b) => a - b);
  const taken = new Set<number>();
  return glyphs.map(({ cluster }) => {
    if (taken.has(cluster)) return [];
    taken.add(cluster);
    const end = starts[starts.indexOf(cluster) + 1] ?? text.length;
    return Array.from(
      text.slice(cluster, end).replace(/[\u200c\u200d]/g, ''),
      (character) => character.codePointAt(0) ?? 0,
    );
  });
}

const round = (length: number): number => Math.round(length * 100) / 100;

const utf16 = (text: string): string =>
  `FEFF${Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0')).join('')}`;
