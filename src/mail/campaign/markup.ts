import MarkdownIt from 'markdown-it';
import sanitize from 'sanitize-html';
import { assertBearable, inlineStyles } from './inline.js';
import type { Report } from './finding.js';

/* The body of a mailing as HTML that is safe in a mail: from Markdown, or from HTML of the organization's own. */

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false });
markdown.disable(['code', 'fence', 'backticks', 'reference']);
// Only whole URLs become links, since `example.org` alone would lead to http.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
const encoded = markdown.normalizeLink.bind(markdown);
// Percent-encoded, marks could not be found again.
markdown.normalizeLink = (url) => (/[\ue000\ue001]/.test(url) ? url.trim() : encoded(url));

/** A text with its notes, `[^1]: …`, by their labels. */
export function takeNotes(source: string): { text: string; notes: Map<string, string> } {
  const notes = new Map<string, string>();
  const text = source.replace(
    /^ {0,3}\[\^([\w-]{1,20})\]:[ \t]*(.*(?:\n(?: {2,}|\t).+)*)\n?/gm,
    (_, label: string, note: string) => {
      notes.set(label, note.replace(/\s*\n\s*/g, ' ').trim());
      return '';
    },
  );
  return { text, notes };
}

/** Throws `TooComplex`. */
export function fromMarkdown(source: string, report: Report): string {
  const html = markdown.render(source);
  assertBearable(html);
  return clean(html, report);
}
export const inlineMarkdown = (source: string, report: Report): string =>
  clean(markdown.renderInline(source), report);

const STYLE_SHEET = /<style\b[^>]*>([\s\S]*?)<\/style\s*>/gi;

/** HTML without its style sheets, and these. */
export const partsOf = (source: string): { body: string; css: string } => ({
  body: source.replace(STYLE_SHEET, ''),
  css: [...source.matchAll(STYLE_SHEET)].map(([, sheet = '']) => sheet.replace(/<!--|-->/g, '')).join('\n'),
});

/** The styles of a style sheet are put on the elements, since many mail programs drop it. Throws `TooComplex`. */
export function fromHtml(source: string, report: Report): string {
  const { body, css } = partsOf(source);
  assertBearable(body, css);
  if (/@media|@import|@font-face/i.test(css)) {
    report(
      'warning',
      'styles_dropped',
      'Media queries, imports and fonts of a style sheet are left out: mails load nothing.',
    );
  }
  try {
    return clean(inlineStyles(body, css), report);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    report('warning', 'styles_unreadable', 'The style sheet cannot be read: it is left out.');
    return clean(body, report);
  }
}

/** Not below zero: it would draw one part over another. */
const MEASURE = [/^(?:[\d.]+(?:px|em|rem|%|pt|vh|vw)?|auto)(?: [\d.]+(?:px|em|rem|%|pt)?| auto){0,3}$/];
const SPACING = [/^-?[\d.]+(?:px|em|rem|pt)?$/, /^normal$/];
const COLOR = [/^#[0-9a-f]{3,8}$/i, /^rgba?\([\d ,.%/]+\)$/i, /^hsla?\([\d ,.%/a-z]+\)$/i, /^[a-z]+$/i];
const WORDS = [/^[a-z -]+$/i];
const BORDER = [/^[a-z0-9#.,%() -]+$/i];

const STYLES: Record<string, RegExp[]> = Object.fromEntries<RegExp[]>([
  ...['margin', 'padding'].flatMap((name) =>
    ['', '-top', '-right', '-bottom', '-left'].map((side): [string, RegExp[]] => [name + side, MEASURE]),
  ),
  ...[
    'width',
    'max-width',
    'min-width',
    'height',
    'font-size',
    'line-height',
    'border-radius',
    'text-indent',
    'border-spacing',
  ].map((name): [string, RegExp[]] => [name, [...MEASURE, /^normal$/]]),
  ['letter-spacing', SPACING],
  ...['color', 'background-color', 'background', 'border-color'].map((name): [string, RegExp[]] => [
    name,
    COLOR,
  ]),
  ...['border', 'border-top', 'border-right', 'border-bottom', 'border-left'].map(
    (name): [string, RegExp[]] => [name, BORDER],
  ),
  ...[
    'text-align',
    'text-decoration',
    'text-transform',
    'font-style',
    'vertical-align',
    'direction',
    'list-style-type',
    'white-space',
    'border-style',
    'border-collapse',
    'float',
    'clear',
  ].map((name): [string, RegExp[]] => [name, WORDS]),
  ['font-weight', [/^(?:[a-z]+|\d{3})$/i]],
  ['font-family', [/^[\w\s,'"-]+$/]],
  // What hides text from readers and shows it to filters is not possible.
  ['display', [/^(?:block|inline|inline-block|table|table-row|table-cell)$/i]],
]);

const RULES: sanitize.IOptions = {
  allowedTags:
    'p br hr h1 h2 h3 h4 em strong b i u s small big sub sup blockquote ul ol li a img table thead tbody tfoot tr td th caption div span center font'.split(
      ' ',
    ),
  allowedAttributes: {
    '*': ['style', 'dir', 'lang', 'align', 'valign', 'title'],
    a: ['href'],
    img: ['src', 'alt', 'width', 'height'],
    ol: ['start'],
    font: ['color', 'size', 'face'],
    table: ['width', 'border', 'cellpadding', 'cellspacing', 'bgcolor', 'role'],
    tr: ['bgcolor'],
    td: ['width', 'height', 'bgcolor', 'colspan', 'rowspan'],
    th: ['width', 'height', 'bgcolor', 'colspan', 'rowspan'],
  },
  allowedStyles: { '*': STYLES },
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesByTag: { img: ['https'] },
  allowProtocolRelative: false,
  nonTextTags: ['script', 'style', 'textarea', 'option', 'title', 'noscript', 'head'],
};

function clean(html: string, report: Report): string {
  const gone = [
    ...new Set(
      [...html.matchAll(/<(script|form|input|iframe|object|embed|video|audio|svg|link)\b/gi)].map(
        ([, name]) => name?.toLowerCase(),
      ),
    ),
  ];
  if (gone.length > 0) {
    report('warning', 'element_dropped', `Mails cannot hold ${gone.join(', ')}: it is left out.`);
  }
  let withoutAlt = 0;
  const safe = sanitize(html, {
    ...RULES,
    exclusiveFilter: ({ tag, attribs }) => {
      if (tag !== 'img') return false;
      if (isPixel(attribs) || /[\ue000\ue001]/.test(attribs['src'] ?? '')) {
        report(
          'error',
          'pixel',
          'A picture of one or two pixels, or with a value of the recipient in its address, watches who opens the mail: leave it out.',
        );
        return true;
      }
      if ((attribs['src'] ?? '') === '') {
        report(
          'error',
          'picture_unusable',
          'A picture has no address that begins with https://: it is left out.',
        );
        return true;
      }
      if ((attribs['alt'] ?? '').trim() === '') withoutAlt += 1;
      return false;
    },
  });
  if (withoutAlt > 0) {
    const detail = `${withoutAlt} of the pictures say nothing to people who do not see them: give each an alt text.`;
    report('warning', 'alt_missing', detail);
  }
  return safe;
}

const isPixel = ({ width, height, style = '' }: sanitize.Attributes): boolean =>
  [
    width,
    height,
    ...[...style.matchAll(/(?:^|;)\s*(?:max-)?(?:width|height)\s*:\s*([\d.]+)px/gi)].map(([, size]) => size),
  ].some((size) => size !== undefined && size !== '' && Number(size) <= 2);
