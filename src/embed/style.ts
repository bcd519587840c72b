import type { Petition } from './api.js';

/**
 * Custom properties for pages: --undersigned-accent, -accent-text, -background, -text, -error, -border, -radius,
 * -padding, -font, -font-size. Colours that are not set follow the page's `color-scheme`, which is light by default.
 */
export const CSS = `
:host {
  all: initial;
  color-scheme: inherit;
  display: block;
  font-family: var(--undersigned-font, inherit);
  font-size: var(--undersigned-font-size, inherit);
  line-height: 1.5;
  text-align: start;
  --accent: var(--undersigned-accent, var(--color, #0b57d0));
  --accent-text: var(--undersigned-accent-text, #fff);
  --background: var(--undersigned-background, Canvas);
  --text: var(--undersigned-text, CanvasText);
  --error: var(--undersigned-error, #b3261e);
  --radius: var(--undersigned-radius, 8px);
  --quiet: color-mix(in srgb, var(--text) 72%, var(--background));
  --line: var(--undersigned-border, color-mix(in srgb, var(--text) 20%, var(--background)));
  --edge: color-mix(in srgb, var(--text) 58%, var(--background));
}
@supports (color: light-dark(red, red)) {
  :host {
    --accent: var(--undersigned-accent, light-dark(var(--color, #0b57d0), var(--color-dark, #a8c7fa)));
    --accent-text: var(--undersigned-accent-text, light-dark(#fff, #111));
    --error: var(--undersigned-error, light-dark(#b3261e, #f2b8b5));
  }
}
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
article {
  background: var(--background);
  color: var(--text);
  border: 1px solid var(--line);
  border-radius: var(--radius);
  padding: var(--undersigned-padding, clamp(16px, 4%, 32px));
  overflow-wrap: break-word;
}
h2, h3, p, ul, ol, fieldset, form { margin: 0; padding: 0; }
h2 { font-size: 1.6em; line-height: 1.25; text-wrap: balance; hyphens: auto; }
h3 { font-size: 1.2em; line-height: 1.3; }
article > * + * { margin-block-start: 1em; }
.test { border: 1px dashed var(--error); border-radius: var(--radius); padding: .5em .75em; color: var(--error); font-weight: 600; }
.targets { margin-block-start: .5em; }
.picture { display: block; width: 100%; max-height: 22em; object-fit: cover; border-radius: calc(var(--radius) * .75); }
.lead { display: flex; align-items: center; gap: .6em; font-weight: 600; }
.lead + h2 { margin-block-start: .5em; }
.lead a { color: inherit; }
.logo { height: 2.5em; max-width: 8em; object-fit: contain; background: #fff; border-radius: 4px; padding: 2px; }
.names { list-style: none; display: flex; flex-wrap: wrap; gap: .25em 1em; }
.partners { display: flex; flex-wrap: wrap; gap: .25em .75em; }
article > form, article > .thanks { margin-block-start: 1.75em; }
.quiet, .hint { color: var(--quiet); }
.lines { white-space: pre-line; }
.statement { border-inline-start: 3px solid var(--accent); padding-inline-start: 1em; }
a { color: var(--accent); }
summary { cursor: pointer; font-weight: 600; padding-block: .35em; min-height: 24px; }
.rich > * + *, .rich + h3, .sources { margin-block-start: .75em; }
.rich ul, .rich ol, .sources { padding-inline-start: 1.5em; }
.rich :is(h2, h3, h4) { font-size: 1.05em; }
.rich sup { line-height: 0; }
.rich sup a { padding: .4em .15em; margin: -.4em -.1em; text-decoration: none; }
.rich pre { overflow-x: auto; }
.progress strong { font-size: 1.3em; font-variant-numeric: tabular-nums; margin-inline-end: .35em; }
progress {
  appearance: none; display: block; width: 100%; height: 10px; margin-block-start: .5em;
  border: 0; border-radius: 5px; overflow: hidden;
  background: var(--line); color: var(--accent);
}
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); transition: inline-size .6s; }
progress::-moz-progress-bar { background: var(--accent); }
.fields {
  display: grid; gap: 1em; margin-block-start: 1em; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, max(15em, 40%)), 1fr));
}
.field:has(textarea), fieldset, .wide { grid-column: 1 / -1; }
.many { max-height: 24em; overflow-y: auto; margin-block-start: .5em; }
.choice strong { display: block; }
.choice + .hint { margin: 0 0 .35em; padding-inline-start: calc(24px + .6em); }
.field { display: flex; flex-direction: column; min-width: 0; }
label, legend { font-weight: 600; padding: 0; }
:is(label, legend, summary) .quiet { font-weight: 400; }
.hint { font-size: .9em; margin-block-start: .25em; }
article > .hint { margin-block-start: 1em; }
input, select, textarea, button { font: inherit; color: inherit; }
.code { display: flex; flex-wrap: wrap; gap: 0 .5em; align-items: flex-start; }
.code button { margin-block-start: 1.75em; }
.code .field { flex: 0 1 22em; }
.code input { letter-spacing: .15em; }
button.link { border: 0; padding-inline: 0; color: var(--accent); text-decoration: underline; text-align: start; overflow-wrap: anywhere; }
.field :is(input, select, textarea), .said input {
  width: 100%; min-height: 44px; padding: .5em .75em; margin-block-start: .25em;
  font-size: max(1em, 16px);
  background: var(--background); color: var(--text);
  border: 1px solid var(--edge); border-radius: calc(var(--radius) * .75);
}
.field textarea { resize: vertical; }
.field [aria-invalid] { border: 2px solid var(--error); }
fieldset { border: 0; min-width: 0; }
.choice { display: flex; gap: .6em; font-weight: 400; padding-block: .35em; cursor: pointer; }
.choice input { flex: none; width: 24px; height: 24px; margin: 0; accent-color: var(--accent); }
.error { color: var(--error); font-weight: 600; font-size: .95em; margin-block-start: .25em; }
.alert:not(:empty) {
  border: 2px solid var(--error); border-radius: calc(var(--radius) * .75);
  padding: .75em 1em; margin-block-start: 1em;
}
.alert ul { padding-inline-start: 1.2em; }
button {
  min-height: 44px; padding: .5em 1em; cursor: pointer;
  border: 1px solid var(--edge); border-radius: calc(var(--radius) * .75);
  background: transparent; font-weight: 600;
}
.main {
  width: 100%; margin-block-start: 1.25em; padding: .75em 1em; font-size: 1.1em;
  background: var(--accent); color: var(--accent-text); border-color: transparent;
}
button:hover { box-shadow: inset 0 0 0 99em color-mix(in srgb, var(--text) 8%, transparent); }
.main[aria-disabled=true] { opacity: .75; cursor: progress; }
.buttons { display: flex; flex-wrap: wrap; gap: .5em; margin-block-start: .75em; }
.share > p { margin-block-start: .5em; }
.share { margin-block-start: 1.5em; }
.said:not(:empty) { margin-block-start: .75em; overflow-wrap: anywhere; }
.notice {
  border-radius: calc(var(--radius) * .75); padding: 1em;
  background: color-mix(in srgb, var(--accent) 10%, var(--background));
}
.notice > * + * { margin-block-start: .5em; }
:focus { outline: none; }
:is(a, button, input, select, textarea, summary):focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px;
}
.elsewhere {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;

/** The organization's colour as a style sheet, for light and for dark pages. */
export const colorsOf = ({ color, color_dark: dark }: Petition['organization']): string =>
  color && dark ? `:host{--color:${color};--color-dark:${dark}}` : '';

/** A constructed style sheet, which also works on pages whose CSP forbids inline styles. */
export function styleSheet(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
