import type { EmbeddedFont, Piece } from './shape.js';

/* A line of text, and the operators that draw it on a page. */

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

/**
 * Operators that draw a line with its left end at `x` and its letters standing on `y`. Its fonts are entered into `used`,
 * the resources of a page.
 */
export function operators(line: Line, { x, y, size }: Spot, used: Record<string, unknown>): string {
  if (line.drawn?.size !== size) line.drawn = drawnIn(line, size);
  for (const font of line.drawn.fonts) used[font.id] ??= font.ref();
  let all = '';
  for (const { at, isSlanted, operators } of line.drawn.parts) {
    all += `BT 1 0 ${isSlanted ? 0.2 : 0} -1 ${round(x + at)} ${round(y)} Tm\n${operators}\nET\n`;
  }
  return all;
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

const round = (length: number): number => Math.round(length * 100) / 100;

const utf16 = (text: string): string =>
  `FEFF${Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0')).join('')}`;
