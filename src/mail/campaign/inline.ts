import juice from 'juice';

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
