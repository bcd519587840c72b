import juice from 'juice';

/* The work of inlining grows with elements × selectors, and holds up everybody else on this server meanwhile. */

/** HTML that would take too long to work on. */
export class TooComplex extends Error {}

/** What work a text makes. `matches`: its elements times the rules of its style sheets. */
export type Work = { characters: number; elements: number; matches: number };

export function workOf(html: string, css = ''): Work {
  const elements = html.match(/<[a-z]/gi)?.length ?? 0;
  const selectors = css.match(/[{,]/g)?.length ?? 0;
  return { characters: html.length + css.length, elements, matches: elements * selectors };
}

/** The most that one text may make. */
export const MOST_OF_TEXT: Work = { characters: 300_000, elements: 1500, matches: 30_000 };

export const isWithin = (work: Work, most: Work): boolean =>
  work.characters <= most.characters && work.elements <= most.elements && work.matches <= most.matches;

/** Throws `TooComplex`. */
export function assertBearable(html: string, css = ''): void {
  if (!isWithin(workOf(html, css), MOST_OF_TEXT)) throw new TooComplex();
}

/** HTML with the rules of a style sheet on its elements: many mail programs drop sheets. At-rules are left out. */
export const inlineStyles = (html: string, css: string): string =>
  juice.inlineContent(html, css, {
    // Only what the sheet says: no attributes of its own for tables, widths and heights.
    applyAttributesTableElements: false,
    applyHeightAttributes: false,
    applyWidthAttributes: false,
    preserveMediaQueries: false,
    preserveFontFaces: false,
    preserveKeyFrames: false,
  });
