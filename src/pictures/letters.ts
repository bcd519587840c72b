/* Which of a text can be drawn. Nothing is ever drawn as an empty box. */

/** What has no shape of its own; joiners only where they join letters. */
const INVISIBLE =
  /(?![\u200c\u200d])[\p{Control}\p{Format}\p{Surrogate}\p{Private_Use}]|\p{Variation_Selector}|(?<![\p{Letter}\p{Mark}])[\u200c\u200d]|[\u200c\u200d](?![\p{Letter}\p{Mark}])/gu;
/** Vowel points of Arabic and Hebrew. Text is read without them, and the layout engine misplaces them. */
const POINTS = /[\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]/gu;
const HAS_WORDS = /[\p{Letter}\p{Number}]/u;
const PART_OF_A_WORD = /[\p{Letter}\p{Nonspacing_Mark}\p{Spacing_Mark}\p{Number}]/u;

/** Without what has no shape of its own, and each letter in one piece where there is such a piece. */
export const plain = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(POINTS, '')
    .replace(/ {2,}/g, ' ')
    .trim();

/**
 * The text as it can be drawn, given the characters that no font has. Emoji and other signs are left out; for a letter
 * that is missing the whole text is (it is empty then): half a title says something else.
 */
export function legible(text: string, missing: ReadonlySet<string>): string {
  const clean = plain(text);
  const lost = [...clean].filter((character) => missing.has(character));
  if (lost.length === 0) return clean;
  if (lost.some((character) => PART_OF_A_WORD.test(character))) return '';
  const rest = plain([...clean].filter((character) => !missing.has(character)).join(''));
  return HAS_WORDS.test(rest) ? rest : '';
}
