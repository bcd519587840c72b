/*
 * What people type, paste and export, read as they meant it. Keyboards, text processors and spreadsheets put characters
 * into a text that nobody chose: spaces that do not break, marks of direction, letters as wide as a Chinese one, digits of
 * another script, dashes for hyphens. Here, and nowhere else, is decided what becomes of them. Contracts name one of these
 * readings (`typed`), so that the API, imports and pages agree.
 */

/** A letter, digit or sign that leaves ink: U+3164, U+2800 and the last three are called so, and are blank. */
const INK =
  /(?![\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\u{13441}\u{13442}])[\p{Letter}\p{Number}\p{Punctuation}\p{Symbol}]/u;

export const isVisible = (text: string): boolean => INK.test(text);

/** Marks, overrides and isolates. Letters have a direction of their own: no name needs them. */
const DIRECTIONS = /\p{Bidi_Control}+/gu;

/** Of no width and no meaning. The joiners U+200C and U+200D stay: Persian and Hindi are spelled with them. */
const UNSEEN = /[\u00AD\u200B\u2060-\u2064\uFEFF]+/g;

/** Spaces, tabs, line ends and what control characters are left. U+3164 and U+2800 are blank, but no white space. */
const BLANKS = /[\s\p{Cc}\u3164\u2800]+/gu;

/** One word after another in ASCII, as nearly every text is. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** The text without what turns the direction of the text around it: a name could rearrange the line that it stands in. */
export const undirected = (text: string): string => text.replace(DIRECTIONS, '');

/** A text that was set with care, such as a title: its spaces may be of a kind. Only its ends are bare. */
export const trimmed = (text: string): string =>
  PLAIN.test(text) ? text : undirected(text).replace(/^[\s\uFEFF\u200B]+|[\s\uFEFF\u200B]+$/gu, '');

/** One line, such as a name: words with a space between them. */
export const oneLine = (text: string): string =>
  PLAIN.test(text) ? text : undirected(text).replace(UNSEEN, '').replace(BLANKS, ' ').trim();

/** Several lines, such as a comment: each one line, empty ones kept. */
export const manyLines = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text
        .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
        .map(oneLine)
        .join('\n')
        .trim();

const DIGIT = /^\p{Nd}$/u;

/** Unicode gives each script its ten digits in a row; some rows follow one another. */
function westernDigit(digit: string): string {
  const point = digit.codePointAt(0) ?? 0;
  let first = point;
  while (DIGIT.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((point - first) % 10);
}

/** Letters, digits and signs for a machine, such as a code: of usual width, digits of the West, hyphens for dashes. */
export const forMachines = (text: string): string =>
  PLAIN.test(text)
    ? text
    : oneLine(text.normalize('NFKC'))
        .replace(/\p{Nd}/gu, westernDigit)
        .replace(/[\p{Pd}\u2212]/gu, '-');

/** The six digits of a code out of a mail, whatever was copied with them, such as spaces or a full stop. */
export function codeOf(text: string): string | undefined {
  const digits = forMachines(text).replace(/[^\p{Letter}0-9]/gu, '');
  return /^[0-9]{6}$/.test(digits) ? digits : undefined;
}

/** A postal code. In Japan a mark stands before it, in some countries that of the country. */
export const postalCodeOf = (text: string): string => forMachines(text).replace(/^〒\s*/, '');

const PHONE = /^\+?[0-9 ()./-]+(?:(?:,|;| ?(?:ext\.?|extension|x|#)) ?[0-9]{1,8})?$/i;

/** A phone number with the digits that can be dialled, as it was typed otherwise; undefined: it is none. */
export function phoneOf(text: string): string | undefined {
  const plain = forMachines(text)
    .replace(/^tel:\s*/i, '')
    .replace(/^\+ +/, '+')
    .replace(/[\u2022\u00b7\u30fb]/g, '.');
  const digits = plain.replace(/\D/g, '').length;
  return PHONE.test(plain) && digits >= 4 && digits <= 20 ? plain : undefined;
}
