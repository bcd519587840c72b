import { convert, type FormatCallback, type HtmlToTextOptions } from 'html-to-text';

/* The text part of a mailing, made from the HTML of its body. */

const attributeOf = ({ attribs }: { attribs?: unknown }, name: string): string =>
  (attribs as Record<string, string> | undefined)?.[name] ?? '';

/** A button: its address stands alone on the next line. */
const button: FormatCallback = (elem, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 });
  walk(elem.children, builder);
  builder.addInline(':');
  builder.addLineBreak();
  builder.addInline(attributeOf(elem, 'href'), { noWordTransform: true });
  builder.closeBlock({ trailingLineBreaks: 1 });
};

const alt: FormatCallback = (elem, _walk, builder) => {
  const text = attributeOf(elem, 'alt').trim();
  if (text !== '') builder.addInline(`[${text}]`);
};

const heading = { options: { uppercase: false, leadingLineBreaks: 2, trailingLineBreaks: 2 } };

const OPTIONS: HtmlToTextOptions = {
  wordwrap: 72,
  formatters: { button, alt },
  selectors: [
    {
      selector: 'a',
      options: { linkBrackets: ['<', '>'], hideLinkHrefIfSameAsText: true, noAnchorUrl: true },
    },
    { selector: 'a.u-button', format: 'button' },
    { selector: 'img', format: 'alt' },
    ...['h1', 'h2', 'h3', 'h4'].map((selector) => ({ selector, ...heading })),
    { selector: 'hr', options: { length: 30 } },
    { selector: 'table', format: 'block' },
    { selector: 'tr', format: 'block' },
    { selector: 'td', format: 'block' },
    { selector: 'th', format: 'block' },
  ],
};

export const toTextPart = (html: string): string =>
  `${convert(html.replaceAll('\u2060<sup>', '<sup>'), OPTIONS)
    .replace(/[ \t]+$/gm, '')
    .trim()}\n`;
