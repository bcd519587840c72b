import * as harfbuzz from 'harfbuzzjs';
import type { Part } from './fonts.js';

/* Chooses and places the glyphs of a word, as browsers do it. */

/** What pdfkit has, and its types leave out. */
export type EmbeddedFont = {
  id: string;
  ref: () => unknown;
  subset: { includeGlyph: (glyph: number) => number };
  widths: number[];
  unicode: number[][];
};
/** A token with its glyphs. Lengths are thousandths of the font size. */
export type Piece = {
  width: number;
  /** Glyphs of the same height: `[<0001> -20 <0002>]`, without the brackets. */
  strokes: { rise: number; glyphs: string }[];
  /**
   * What it says, where its glyphs do not tell. Not from right to left: readers take glyphs as standing from left to right
   * and turn them round, what they are told too.
   */
  actual: string | null;
};

const buffer = new harfbuzz.Buffer();

/** The glyphs of a token, from left to right; null: one is missing. */
export function shape(text: string, part: Part, isBackwards: boolean, font: EmbeddedFont): Piece | null {
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
