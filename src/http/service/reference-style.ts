/**
 * Styles the Scalar API reference in the colours of the pages (src/http/html.ts). Every text must keep a contrast of
 * 4.5 to 1, in light and dark. Links to scalar.com are hidden.
 */
export const REFERENCE_CSS = `
.light-mode, .dark-mode {
  --scalar-font: system-ui, sans-serif;
  --scalar-font-code: ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace;
  --scalar-code-language-color-supersede: var(--scalar-color-3);
}
.light-mode {
  --scalar-color-1: #1b1f24;
  --scalar-color-2: #4a5058;
  --scalar-color-3: #5d646e;
  --scalar-color-accent: #0b57d0;
  --scalar-color-blue: #0b57d0;
  --scalar-color-green: #0f6b3a;
  --scalar-color-yellow: #7a5200;
  --scalar-color-orange: #9a4600;
  --scalar-color-red: #b3261e;
  --scalar-color-purple: #6236b0;
  --scalar-background-1: #fff;
  --scalar-background-2: #f5f6f8;
  --scalar-background-3: #e9ebef;
  --scalar-background-accent: #0b57d014;
  --scalar-border-color: #d3d7de;
  --scalar-button-1: #0b57d0;
  --scalar-button-1-hover: #0a4cb5;
  --scalar-button-1-color: #fff;
}
.dark-mode {
  --scalar-color-1: #e8e8ea;
  --scalar-color-2: #b9bfc8;
  --scalar-color-3: #a2a9b4;
  --scalar-color-accent: #8ab8ff;
  --scalar-color-blue: #8ab8ff;
  --scalar-color-green: #6fd6a0;
  --scalar-color-yellow: #f0c05a;
  --scalar-color-orange: #ffab70;
  --scalar-color-red: #ff9a90;
  --scalar-color-purple: #c9a8ff;
  --scalar-background-1: #16181c;
  --scalar-background-2: #1f2228;
  --scalar-background-3: #2b2f37;
  --scalar-background-accent: #8ab8ff1f;
  --scalar-border-color: #3a3f49;
  --scalar-button-1: #8ab8ff;
  --scalar-button-1-hover: #a9cbff;
  --scalar-button-1-color: #0b1a33;
}
:focus-visible { outline: 3px solid var(--scalar-color-accent) !important; outline-offset: 2px; }
/* Without these, underscores in codes are cut off, and the last status overlaps the switch beside it. */
.markdown-summary { padding-bottom: 3px; }
.scalar-card-checkbox { padding-left: 10px; border-left: 1px solid var(--scalar-border-color); }
.scalar-card-checkbox-checkmark { box-shadow: inset 0 0 0 1px var(--scalar-color-3) !important; }
a[href^='https://www.scalar.com'], a[href^='https://scalar.com'] { display: none !important; }
`;
