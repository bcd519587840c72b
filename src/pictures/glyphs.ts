/* Reduces a text to what the fonts can draw, so that no character appears as an empty box. */

/** Characters without a glyph. Joiners stay where they join letters. */
const INVISIBLE =
  /(?![\u200c\u200d])[\p{Control}\p{Format}\p{Surrogate}\p{Private_Use}]|\p{Variation_Selector}|(?<![\p{Letter}\p{Mark}])[\u200c\u200d]|[\u200c\u200d](?![\p{Letter}\p{Mark}])/gu;
/** Vowel points of Arabic and Hebrew: readers do not need them, and the layout engine misplaces them. */
const POINTS = /[\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]/gu;
const HAS_WORDS = /[\p{Letter}\p{Number}]/u;
const PART_OF_A_WORD = /[\p{Letter}\p{Nonspacing_Mark}\p{Spacing_Mark}\p{Number}]/u;

/** The text without invisible characters and vowel points, normalized to NFC so that letters are single characters. */
export const plain = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(POINTS, '')
    .replace(/ {2,}/g, ' ')
    .trim();

/**
 * The text as it can be drawn, given the characters that no font has. Missing emoji and symbols are left out. If a
 * letter is missing, the result is empty, since part of a title could say something else.
 */
export function legible(text: string, missing: ReadonlySet<string>): string {
  const clean = plain(text);
  const lost = [...clean].filter((character) => missing.has(character));
  if (lost.length === 0) return clean;
  if (lost.some((character) => PART_OF_A_WORD.test(character))) return '';
  const rest = plain([...clean].filter((character) => !missing.has(character)).join(''));
  return HAS_WORDS.test(rest) ? rest : '';
}
