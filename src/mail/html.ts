import { escapeHtml } from '../escape-html.js';
import type { Block, Blocks } from './blocks.js';
import type { Catalogue } from './catalogue.js';
import { cleanLines } from './plain-text.js';

/*
 * Mails as HTML. They must load nothing, so that opening a mail cannot be tracked. Styles are inline, because many mail
 * programs drop style sheets; the sheet only switches colours in dark mode.
 */

const SHEET = `:root{color-scheme:light dark}
@media (prefers-color-scheme:dark){body,.page{background:#16181c!important;color:#e8e8ea!important}.quote{border-color:#5b6470!important}.small,.small a{color:#a9afb8!important}a{color:#8ab8ff!important}a.button{background:#8ab8ff!important;color:#0b1a33!important}}`;

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const P = 'margin:0 0 16px';
const SMALL = 'margin:0 0 8px;font-size:13px;color:#5a626d';

export function toHtml(
  { body, footer }: Blocks,
  { subject, locale, dir }: Pick<Catalogue, 'locale' | 'dir'> & { subject: string },
): string {
  return `<!doctype html>
<html lang="${escapeHtml(locale)}" dir="${dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(subject)}</title>
<style>${SHEET}</style>
</head>
<body style="margin:0;background:#ffffff;color:#1b1f24;${FONT};font-size:16px;line-height:1.5">
<div class="page" role="article" lang="${escapeHtml(locale)}" dir="${dir}" style="max-width:600px;margin:0 auto;padding:24px">
${body.map(render).join('\n')}
<hr style="border:0;border-top:1px solid #c9ced6;margin:24px 0 16px">
${footer.map(renderSmall).join('\n')}
</div>
</body>
</html>
`;
}

function render(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">${lines(block.text)}</h1>`;
    case 'quote':
      return quote(lines(block.text));
    case 'code':
      return `<p style="${P};font-size:26px;letter-spacing:4px;font-family:ui-monospace,Consolas,monospace" dir="ltr">${escapeHtml(block.text)}</p>`;
    case 'words':
      return `<div lang="${escapeHtml(block.locale)}" dir="auto">${inStyle(block.html)}</div>`;
    case 'agreement':
      return quote(`<strong>${lines(block.organization)}</strong><br>${lines(block.text)}`);
    case 'button':
      return `<p style="${P}"><a class="button" href="${escapeHtml(block.link)}" style="display:inline-block;padding:12px 20px;border-radius:6px;background:#0b57d0;color:#ffffff;text-decoration:none;font-weight:600">${lines(block.label)}</a></p>
<p class="small" style="${SMALL};margin-bottom:16px">${lines(block.hint)}<br><span dir="ltr" style="word-break:break-all">${escapeHtml(block.link)}</span></p>`;
    case 'link':
      return `<p style="${P}">${anchor(block)}</p>`;
    default:
      return `<p style="${P}">${lines(block.text)}</p>`;
  }
}

const renderSmall = (block: Block): string =>
  `<p class="small" style="${SMALL}">${block.kind === 'link' ? anchor(block) : 'text' in block ? lines(block.text) : ''}</p>`;

const STYLES: Readonly<Record<string, string>> = {
  p: P,
  ul: 'margin:0 0 16px;padding-inline-start:24px',
  ol: 'margin:0 0 16px;padding-inline-start:24px',
  blockquote: 'margin:0 0 16px;padding:0 16px;border-inline-start:4px solid #c9ced6',
  a: 'color:#0b57d0',
};

/** HTML of own words, which has elements of these names alone, with the styles of mails. */
const inStyle = (html: string): string =>
  html
    .replace(/<(p|ul|ol|blockquote|a)(?=[ >])/g, (start, name: string) => `${start} style="${STYLES[name]}"`)
    .replaceAll('<blockquote', '<blockquote class="quote"');

// dir="auto": the text is the organization's, and may be in another language than the mail.
const quote = (html: string): string =>
  `<blockquote class="quote" dir="auto" style="margin:0 0 16px;padding:0 16px;border-inline-start:4px solid #c9ced6">${html}</blockquote>`;

const anchor = ({ label, link }: { label: string; link: string }): string =>
  `<a href="${escapeHtml(link)}" style="color:#0b57d0">${lines(label)}</a>`;

const lines = (text: string): string => cleanLines(text).map(escapeHtml).join('<br>');
