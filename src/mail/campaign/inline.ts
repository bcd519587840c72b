import juice from 'juice';

/** The work of inlining grows with elements × selectors, and holds up everybody else on this server meanwhile. */
const MOST_CHARACTERS = 300_000;
const MOST_ELEMENTS = 1500;
const MOST_WORK = 30_000;

/** HTML that would take too long to work on. */
export class TooComplex extends Error {}

/** Throws `TooComplex`. */
export function assertBearable(html: string, css = ''): void {
  const elements = html.match(/<[a-z]/gi)?.length ?? 0;
  const selectors = css.match(/[{,]/g)?.length ?? 0;
  const isBearable =
    html.length + css.length <= MOST_CHARACTERS &&
    elements <= MOST_ELEMENTS &&
    elements * selectors <= MOST_WORK;
  if (!isBearable) throw new TooComplex();
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
