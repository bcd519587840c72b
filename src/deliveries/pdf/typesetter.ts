import type PDFDocument from 'pdfkit';
import type { Span } from './blocks.js';
import type { Fonts, Part, Weight } from './fonts.js';
import type { Line } from './line.js';
import { shape, type EmbeddedFont, type Piece } from './shape.js';
import { inVisualOrder, plain, runsBackwards, tokensOf, visible, type Face, type Token } from './tokens.js';

/*
 * Sets text in the fonts of a document. pdfkit's own text breaks lines and shapes words without regard to their direction,
 * takes one font at a time, and keeps every word that it has ever seen.
 */

type Inside = { _font: EmbeddedFont };

/** Pieces that are remembered, at most: names repeat, but there is no end of them. */
const MOST_KNOWN = 10_000;
const DIGITS = /^[0-9]+$/;
const ELLIPSIS = '…';
/** In place of characters that no font has. */
const GAP = '[…]';

export class Typesetter {
  readonly #fonts = new Map<Part, EmbeddedFont>();
  readonly #known = new Map<Part, Map<string, Piece | null>>();
  #remembered = 0;
  readonly #words = new Map<string, Map<string, Token[]>>();
  readonly #spaces = new Map<Part | null, Token>();
  readonly #digits = new Map<Part, { font: EmbeddedFont; digits: Piece[] } | null>();

  constructor(
    private readonly doc: InstanceType<typeof PDFDocument>,
    private readonly fonts: Fonts,
  ) {}

  /**
   * Breaks a text into lines of at most `width` thousandths, and at most `most` lines: then the last one ends with an
   * ellipsis. What no font has is `[…]`.
   */
  lines(text: string, face: Face, width: number, most = Infinity): Line[] {
    const tokens = this.#tokens(plain(text), face);
    return this.#broken(this.#drawable(tokens, face), face, width, most);
  }

  /** The same; null: no font has all of it, or there is nothing to see. */
  exactLines(text: string, face: Face, width: number, most: number): Line[] | null {
    const tokens = this.#tokens(plain(text), face);
    if (tokens.length === 0) return null;
    for (const token of tokens) if (this.#pieceOf(token) === null) return null;
    return this.#broken(tokens, face, width, most);
  }

  /**
   * A number on one line, made of its digits: remembering every number would leave no room for words, and shaping each
   * takes as long as the name beside it.
   */
  number(text: string, face: Face): Line {
    const found = this.#fontOfDigits(face);
    if (!found || !DIGITS.test(text)) return this.#lineOf(this.#tokens(text, face));
    let [width, glyphs] = [0, ''];
    for (const digit of text) {
      const piece = found.digits[Number(digit)];
      width += piece?.width ?? 0;
      glyphs += piece?.strokes[0]?.glyphs ?? '';
    }
    const piece = { width, strokes: [{ rise: 0, glyphs }], actual: null };
    return { pieces: [{ piece, font: found.font, isSlanted: false }], width };
  }

  /** The digits from 0 to 9 in the font of a face, if it has them all. */
  #fontOfDigits({ weight, han }: Face): { font: EmbeddedFont; digits: Piece[] } | null {
    const part = this.fonts.partFor('0', weight, han);
    if (!part) return null;
    const known = this.#digits.get(part);
    if (known !== undefined) return known;
    const digits: Piece[] = [];
    for (let digit = 0; digit < 10; digit += 1) {
      const piece = shape(String(digit), part, false, this.#fontOf(part));
      if (piece?.strokes.length === 1 && piece.strokes[0]?.rise === 0 && piece.actual === null) {
        digits.push(piece);
      }
    }
    const found = digits.length === 10 ? { font: this.#fontOf(part), digits } : null;
    this.#digits.set(part, found);
    return found;
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

  /** Tokens are remembered by word, where the words do not depend on each other. */
  #tokens(text: string, face: Face): Token[] {
    if (runsBackwards(text)) return tokensOf(text, face, this.fonts);
    const known = this.#wordsOf(face);
    const tokens: Token[] = [];
    for (const word of text.split(' ')) {
      if (tokens.length > 0) tokens.push(this.#space(tokens.at(-1)?.part ?? null, face));
      let own = known.get(word);
      if (!own) {
        own = tokensOf(word, face, this.fonts);
        if (own[0]) own[0].canBegin = true;
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(word, own);
      }
      tokens.push(...own);
    }
    return tokens;
  }

  #wordsOf({ weight, han }: Face): Map<string, Token[]> {
    const name = `${weight} ${han}`;
    let words = this.#words.get(name);
    if (!words) this.#words.set(name, (words = new Map<string, Token[]>()));
    return words;
  }

  #space(beside: Part | null, face: Face): Token {
    const part = beside?.has(0x20) ? beside : this.fonts.partFor(' ', face.weight, face.han);
    let space = this.#spaces.get(part);
    if (!space) {
      space = { text: ' ', part, level: 0, isSpace: true, canBegin: false, isSlanted: false };
      this.#spaces.set(part, space);
    }
    return space;
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
    const pieces: { piece: Piece; font: EmbeddedFont; isSlanted: boolean }[] = [];
    let width = 0;
    for (const token of inVisualOrder(tokens)) {
      const piece = this.#pieceOf(token);
      if (!piece || !token.part) continue;
      pieces.push({ piece, font: this.#fontOf(token.part), isSlanted: token.isSlanted });
      width += piece.width;
    }
    return { pieces, width };
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
    const part = (text: string): Token => ({ ...token, piece: undefined, text });
    const upTo = (count: number) => part(clusters.slice(0, count).join(''));
    const least = atLeastOne ? 1 : 0;
    let [low, high] = [least, clusters.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#widthOf([upTo(middle)]) <= width) low = middle;
      else high = middle - 1;
    }
    if (low === 0) return [[], [token]];
    const rest = clusters.slice(low).join('');
    return [[upTo(low)], rest === '' ? [] : [{ ...part(rest), canBegin: true }]];
  }

  #widthOf(tokens: readonly Token[]): number {
    let width = 0;
    for (const token of tokens) width += this.#pieceOf(token)?.width ?? 0;
    return width;
  }

  /** Null: no font has it, or the font cannot join its letters. */
  #pieceOf(token: Token): Piece | null {
    return (token.piece ??= { found: this.#find(token) }).found;
  }

  #find({ text, part, level }: Token): Piece | null {
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
      // It takes the fonts of fontkit, which its types do not say.
      font = (this.doc.font(part.font as unknown as string) as unknown as Inside)._font;
      this.#fonts.set(part, font);
    }
    return font;
  }
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

function withoutSpaces(tokens: readonly Token[]): readonly Token[] {
  let last = tokens.length - 1;
  while (last >= 0 && tokens[last]?.isSpace) last -= 1;
  return last === tokens.length - 1 ? tokens : tokens.slice(0, last + 1);
}
