import { createHash } from 'node:crypto';
import { escapeHtml } from '../escape-html.js';

/** Finished markup. Made with the `html` template, which escapes every value that is not `Html` itself. */
export class Html {
  constructor(readonly markup: string) {}
}

type Part = string | number | Html | readonly Part[] | null | undefined | false;

const markupOf = (part: Part): string => {
  if (part instanceof Html) return part.markup;
  if (Array.isArray(part)) return part.map(markupOf).join('');
  return typeof part === 'string' || typeof part === 'number' ? escapeHtml(`${part}`) : '';
};

/** A template tag that escapes its values. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Html =>
  new Html(strings.reduce((text, string, i) => text + markupOf(parts[i - 1]) + string));

const CSS = `:root{color-scheme:light dark;--ink:#1b1f24;--soft:#555d68;--paper:#fff;--line:#6b7280;--rule:#d5d9df;--act:#0b57d0;--on-act:#fff;--danger:#b3261e;--on-danger:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8ea;--soft:#a9afb8;--paper:#16181c;--line:#8b95a3;--rule:#3a3f47;--act:#8ab8ff;--on-act:#0b1a33;--danger:#ffb4ab;--on-danger:#3b0907}}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}
main,.head,.foot{max-width:38rem;margin:0 auto;padding:1.5rem;box-sizing:border-box}
.head{padding-bottom:0}.who{display:inline-flex;align-items:center;gap:.6rem;color:inherit;font-weight:600;text-decoration:none}
a.who:hover{text-decoration:underline}.who img{max-height:2.5rem;max-width:10rem;background:#fff;border-radius:.25rem}
.picture{display:block;width:100%;max-height:16rem;object-fit:cover;border-radius:.4rem}
.foot{color:var(--soft);font-size:.875rem;border-top:1px solid var(--rule)}.foot p{margin:.5rem 0;white-space:pre-line}
.foot p,h1{text-align:-webkit-match-parent;text-align:match-parent}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2.5rem}
form{margin:1rem 0}label,legend{display:block;margin:.75rem 0 .25rem;font-weight:600}
label.check{font-weight:400}fieldset{min-width:0;border:1px solid var(--line);border-radius:.4rem;margin:1rem 0;padding:.5rem 1rem 1rem}
input[type=text],input[type=email],select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid var(--line);border-radius:.4rem;background:var(--paper);color:var(--ink)}
input[type=email],input[name=code]{direction:ltr;text-align:start}:dir(rtl)>input[type=email],:dir(rtl)>input[name=code]{text-align:end}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.25rem;margin-block:.75rem 0;margin-inline:0 .5rem;border-radius:.4rem;border:2px solid var(--act);background:var(--act);color:var(--on-act);cursor:pointer}
button.quiet{background:var(--paper);color:var(--act)}a{color:var(--act)}
button.danger{border-color:var(--danger);background:var(--danger);color:var(--on-danger)}button.danger.quiet{background:var(--paper);color:var(--danger)}
.zone{border:1px solid var(--danger);border-radius:.4rem;margin-top:2.5rem;padding:0 1rem}.zone h2{margin-top:1rem;color:var(--danger)}
.networks{display:flex;flex-wrap:wrap;gap:.5rem}.networks form{margin:0}.networks button{margin:0}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
.notice{border-inline-start:4px solid var(--act);padding:.5rem 1rem;margin:1rem 0}
blockquote{border-inline-start:4px solid var(--rule);margin-inline:0;padding-inline-start:1rem}
code{font-family:ui-monospace,monospace;font-size:.95em;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem}nav a{padding:.5rem 0}
dt{margin-top:1rem;font-weight:600;scroll-margin-top:1rem}dd{margin:.15rem 0 0}
dt:target,dt:target+dd{border-inline-start:4px solid var(--act);padding-inline-start:1rem}`;

const hashOf = (css: string): string => `'sha256-${createHash('sha256').update(css).digest('base64')}'`;
const STYLE_HASH = hashOf(CSS);

/**
 * The Content-Security-Policy of pages: they run no scripts, send their forms to this server alone, and load pictures
 * from these origins alone. `colors`: a further style sheet.
 */
export const pageCsp = (colors: string | null = null, pictures: readonly string[] = []): string =>
  [
    "default-src 'none'",
    `style-src ${[STYLE_HASH, ...(colors === null ? [] : [hashOf(colors)])].join(' ')}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    ...(pictures.length > 0 ? [`img-src ${pictures.join(' ')}`] : []),
  ].join('; ');

/** The policy of pages that load nothing. */
export const PAGE_CSP = pageCsp();

const STYLE = new Html(`<style>${CSS}</style>`);

export type DocumentHead = {
  lang: string;
  dir: string;
  title: string;
  /** What stands above and below the content. */
  head?: Html;
  foot?: Html;
  /** A style sheet with the colours of the page; null: the usual ones. */
  colors?: string | null;
  /** Further elements of the head, such as a redirection. */
  meta?: Html | undefined;
};

/** A whole HTML document. It works without scripts, at any width, in light and dark, and with the keyboard alone. */
export const htmlDocument = (
  { lang, dir, title, colors, head, foot, meta }: DocumentHead,
  body: Part,
): string =>
  html`<!doctype html>
    <html lang="${lang}" dir="${dir}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${meta}
        <title>${title}</title>
        ${STYLE}${colors ? new Html(`<style>${colors}</style>`) : ''}
      </head>
      <body>
        ${head}
        <main>${body}</main>
        ${foot}
      </body>
    </html> `.markup;

/** A form that posts to one of this server's pages. `hidden`: values of hidden inputs. */
export const form = (
  action: string,
  hidden: Record<string, string>,
  content: Part,
  { newTab = false } = {},
): Html =>
  html`<form method="post" action="${action}" ${newTab ? html`target="_blank" rel="noopener"` : ''}>
    ${Object.entries(hidden).map(
      ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
    )}${content}
  </form>`;

/** `danger`: what it does cannot be undone, or not easily. */
export const button = (label: string, { quiet = false, danger = false } = {}): Html =>
  html`<button type="submit" class="${[quiet ? 'quiet' : 'plain', danger ? 'danger' : ''].join(' ').trim()}">
    ${label}
  </button>`;

type Field = {
  name: string;
  label: string;
  value?: string | null;
  type?: 'text' | 'email';
  autocomplete?: string;
  maxLength?: number;
  required?: boolean;
  hint?: string;
  inputMode?: 'numeric';
};

let fields = 0;

export function field({
  name,
  label,
  value,
  type = 'text',
  autocomplete = 'off',
  maxLength = 200,
  required,
  hint,
  inputMode,
}: Field): Html {
  fields = (fields + 1) % 1_000_000;
  const id = `${name}-${fields}`;
  const described = hint ? html` aria-describedby="${id}-hint"` : '';
  const must = required ? html` required` : '';
  const keys = inputMode ? html` inputmode="${inputMode}"` : '';
  return html`<label for="${id}">${label}</label
    ><input
      id="${id}"
      type="${type}"
      name="${name}"
      value="${value ?? ''}"
      maxlength="${maxLength}"
      autocomplete="${autocomplete}"
      ${described}${must}${keys}
    />${hint ? html`<div id="${id}-hint">${hint}</div>` : ''}`;
}

export function choice(
  name: string,
  label: string,
  options: [value: string, words: string][],
  chosen: string,
  { autocomplete = 'off', required = false } = {},
): Html {
  fields = (fields + 1) % 1_000_000;
  const id = `${name}-${fields}`;
  return html`<label for="${id}">${label}</label
    ><select id="${id}" name="${name}" autocomplete="${autocomplete}" ${required ? html`required` : ''}>
      ${options.map(
        ([value, words]) =>
          html`<option value="${value}" ${value === chosen ? html`selected` : ''}>${words}</option>`,
      )}
    </select>`;
}

export const check = (name: string, label: string, checked = false, required = false): Html =>
  html`<label class="check"
    ><input
      type="checkbox"
      name="${name}"
      value="1"
      ${checked ? html`checked` : ''}
      ${required ? html`required` : ''}
    />
    ${label}</label
  >`;
