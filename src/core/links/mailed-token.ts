/*
 * Finds a mailed token in what a person opened or pasted. Mail programs and people add punctuation, quotes and white
 * space around a link, break it over two lines, or hand on the source of the mail in quoted-printable.
 */

/** White space and invisible characters; `=` ends a broken line in quoted-printable. */
const BREAK = '(?:%20|%0[AD]|[\\s=\\p{Cc}\\u00AD\\u200B-\\u200F\\u2060\\uFEFF])+';
const BREAKS = new RegExp(BREAK, 'giu');

const ONE = '[A-Za-z0-9_-]';
/** What the longer form has more than the shorter one, with a break in it. */
const BROKEN_REST = Array.from({ length: 12 }, (_, i) => `${ONE}{${i}}${BREAK}${ONE}{${12 - i}}`).join('|');
/** The prefixes with the characters behind them: 33 random bytes, or a signed token of 39 or 48 bytes. */
const FORMS = [
  `p[cmex]_${ONE}{44}`,
  `p[rub]_${ONE}{64}`,
  // The longer form may be broken behind where the shorter one ends.
  `p[ub]_${ONE}{52}(?!(?:${BROKEN_REST})$)`,
];
// A letter or digit behind it would be part of a mistyped token, which must not become a valid one.
const TOKEN = new RegExp(`(?:${FORMS.join('|')})(?![A-Za-z0-9])`, 'u');

/** The token in a text, in its exact form; undefined: there is none. */
export const mailedTokenIn = (text: string): string | undefined =>
  TOKEN.exec(text)?.[0] ?? TOKEN.exec(text.replace(BREAKS, ''))?.[0];

/** The token in a text; the text itself where there is none, so that it fails like every other invalid token. */
export const mailedToken = (text: string): string => mailedTokenIn(text) ?? text;
