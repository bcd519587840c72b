/*
 * Finds a mailed token in what a person opened or pasted. Mail programs and people add punctuation, quotes and white
 * space around a link, break it over two lines, or hand on the source of the mail in quoted-printable.
 */

/** Each prefix with the number of characters behind it: 33 random bytes, or a signed token of 39 or 48 bytes. */
const LENGTHS = { pc: 44, pm: 44, pe: 44, px: 44, pu: 52, pb: 52, pr: 64 } as const;

const TOKEN = new RegExp(
  // A letter or digit behind it would be part of a mistyped token, which must not become a valid one.
  `(?:${Object.entries(LENGTHS)
    .map(([prefix, length]) => `${prefix}_[A-Za-z0-9_-]{${length}}`)
    .join('|')})(?![A-Za-z0-9])`,
);

/** White space and invisible characters; `=` ends a broken line in quoted-printable. */
const BREAKS = /(?:%20|%0[AD]|[\s=\p{Cc}\u00AD\u200B-\u200F\u2060\uFEFF])+/giu;

/** The token in a text, in its exact form; undefined: there is none. */
export const mailedTokenIn = (text: string): string | undefined =>
  TOKEN.exec(text)?.[0] ?? TOKEN.exec(text.replace(BREAKS, ''))?.[0];

/** The token in a text; the text itself where there is none, so that it fails like every other invalid token. */
export const mailedToken = (text: string): string => mailedTokenIn(text) ?? text;
