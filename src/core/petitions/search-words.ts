/*
 * Search folds text to words here, not in SQL: so both engines find the same.
 */

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** The words of a text without case and accents: "Save the Élan!" gives ["save", "the", "elan"]. */
export function foldWords(text: string): string[] {
  const folded = text
    .normalize('NFKD')
    .replace(/\p{Mark}+/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll('ø', 'o')
    .replaceAll('ł', 'l')
    .replaceAll('đ', 'd')
    .replaceAll('æ', 'ae')
    .replaceAll('œ', 'oe');
  // The segmenter also finds the words of scripts that write without spaces; runs of letters cut "don't" and "U.S." alike.
  return [...segmenter.segment(folded)].flatMap(
    ({ segment }) => segment.match(/[\p{Letter}\p{Number}]+/gu) ?? [],
  );
}

/** What is stored to be searched: each word between two spaces. */
export const searchText = (...texts: string[]): string => ` ${texts.flatMap(foldWords).join(' ')} `;

/** The patterns that must all match `searchText` for LIKE. Folded words hold no wildcards. */
export const wordPatterns = (query: string): string[] => foldWords(query).map((word) => `% ${word} %`);
