import type { Petition } from './api.js';

/** The organization's colour as a style sheet, for light and for dark pages. */
export const colorsOf = ({ color, color_dark: dark }: Petition['organization']): string =>
  color && dark ? `:host{--color:${color};--color-dark:${dark}}` : '';

/** A constructed style sheet, which also works on pages whose CSP forbids inline styles. */
export function styleSheet(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
