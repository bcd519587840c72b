import { escapeHtml } from '../../escape-html.js';
import { inlineStyles } from './inline.js';

/*
 * The page around the body of a mailing: one column that fits any width, styles on the elements, and a small sheet that
 * switches colours in dark mode. It loads nothing of ours: no font, no pixel.
 */

const FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const LINK = '#0b57d0';
/** Of small print. */
export const PALE = '#5a626d';

/** `own`: HTML of the organization's own keeps its looks; only the blocks get ours. */
const sheet = (color: string | null, own: boolean): string => `
${
  own
    ? ''
    : `p{margin:0 0 16px}
h1,h2,h3,h4{margin:24px 0 12px;line-height:1.3}h1{font-size:24px}h2{font-size:20px}h3,h4{font-size:17px}
ul,ol{margin:0 0 16px;padding-inline-start:24px}
li{margin:0 0 6px}
blockquote{margin:0 0 16px;padding:0 16px;border-inline-start:4px solid #c9ced6}
a{color:${LINK}}
hr{border:0;border-top:1px solid #c9ced6;margin:24px 0}
table{margin:0 0 16px;border-collapse:collapse}
th,td{padding:6px 0;padding-inline-end:12px;text-align:start;vertical-align:top}`
}
img{max-width:100%;height:auto;border:0}
sup{font-size:70%;line-height:0}
.u-headline{margin:0 0 16px;font-size:24px;line-height:1.25;font-weight:700}
.u-headline a{color:inherit;text-decoration:none}
.u-quote{margin:0 0 20px;padding:4px 16px;border-inline-start:4px solid #c9ced6;font-size:17px}
.u-action{margin:0 0 24px}
.u-button{display:inline-block;padding:13px 24px;border-radius:6px;background-color:${color ?? LINK};color:#ffffff;text-decoration:none;font-weight:600;font-size:17px;line-height:1.3}
.u-share{margin:0 0 16px}
.u-line{border:0;border-top:1px solid #c9ced6;margin:24px 0 16px}
.u-small{margin:0 0 10px;font-size:13px;line-height:1.5;color:${PALE}}
.u-small a{color:${PALE}}
.u-reference{overflow-wrap:anywhere}`;

const DARK =
  '@media (prefers-color-scheme:dark){body,.u-page{background-color:#16181c!important;color:#e8e8ea!important}.u-small,.u-small a{color:#a9afb8!important}a{color:#8ab8ff!important}.u-headline a{color:#e8e8ea!important}a.u-button{color:#ffffff!important}blockquote{border-color:#5b6470!important}hr{border-color:#3a4049!important}}';

export type PageParts = {
  body: string;
  subject: string;
  preview: string;
  locale: string;
  dir: 'ltr' | 'rtl';
  color: string | null;
  own: boolean;
};

/** Colours of an organization's own were chosen for a light page. */
const isColoured = (html: string): boolean => /(?:style="[^"]*(?:color|background)|bgcolor=)/i.test(html);

export function toPage({ body, subject, preview, locale, dir, color, own }: PageParts): string {
  const light = own && isColoured(body.replace(/<(?:a|p) class="u-[^>]*>/g, ''));
  const scheme = light ? 'light only' : 'light dark';
  const inlined = inlineStyles(body, sheet(color, own));
  const lang = escapeHtml(locale);
  return `<!doctype html>
<html lang="${lang}" dir="${dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${scheme}">
<meta name="supported-color-schemes" content="${scheme}">
<meta name="format-detection" content="telephone=no,date=no,address=no">
<title>${escapeHtml(subject)}</title>
<style>:root{color-scheme:${scheme}}${light ? '' : `\n${DARK}`}</style>
</head>
<body style="margin:0;padding:0;background-color:#ffffff;color:#1b1f24;-webkit-text-size-adjust:100%">
${preheader(preview)}<div class="u-page" role="article" lang="${lang}" dir="${dir}" style="max-width:600px;margin:0 auto;padding:24px 20px;font-family:${FONT};font-size:16px;line-height:1.55;overflow-wrap:break-word;background-color:#ffffff;color:#1b1f24">
${inlined}
</div>
</body>
</html>
`;
}

/** What mail programs show beside the subject. The blanks behind it keep the body's beginning out. */
const preheader = (preview: string): string =>
  preview === ''
    ? ''
    : `<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden">${escapeHtml(preview)}${'&#847;&zwnj;&nbsp;'.repeat(40)}</div>\n`;
