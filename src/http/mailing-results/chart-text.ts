/* The texts in a chart. */

/** Whole letters, as they are seen. */
export function shortened(name: string, letters: number): string {
  const all = [...new Intl.Segmenter().segment(name)].map(({ segment }) => segment);
  return all.length <= letters ? name : `${all.slice(0, letters - 1).join('')}…`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Without the control characters that XML cannot hold. */
export const xml = (said: string): string =>
  said
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
