/* Search splits text into words here and not in SQL, so that both engines find the same. */

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** The words of a text in lower case without accents: "Save the Élan!" gives ["save", "the", "elan"]. */
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
  // The segmenter finds words in scripts without spaces, too; the pattern then splits "don't" and "U.S." the same
  // everywhere.
  return [...segmenter.segment(folded)].flatMap(
    ({ segment }) => segment.match(/[\p{Letter}\p{Number}]+/gu) ?? [],
  );
}

/** The searchable form that is stored: each word between two spaces. */
export const searchText = (...texts: string[]): string => ` ${texts.flatMap(foldWords).join(' ')} `;

/** LIKE patterns, all of which `searchText` must match. Folded words contain no wildcards. */
export const wordPatterns = (query: string): string[] => foldWords(query).map((word) => `% ${word} %`);
