/* What charts have in common: their words, and a height that reads well. */

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

/** The first number at or above a maximum that reads well on an axis. */
export function roundUp(most: number): number {
  if (most <= 4) return Math.max(1, most);
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((one) => one * unit).find((one) => one >= most) ?? most;
}
