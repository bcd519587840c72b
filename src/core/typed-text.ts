/*
 * Normalises text that people type, paste or export. Keyboards, word processors and spreadsheets insert characters that
 * the person did not choose: no-break spaces, direction marks, full-width letters, digits of other scripts, dashes for
 * hyphens. All rules about them are here. A contract names the normalisation of a field with the keyword `typed`, so the
 * API, imports and pages agree.
 */

/** At least one visible character. U+3164, U+2800 and the last three belong to these classes, but are blank. */
const INK =
  /(?![\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\u{13441}\u{13442}])[\p{Letter}\p{Number}\p{Punctuation}\p{Symbol}]/u;

export const isVisible = (text: string): boolean => INK.test(text);

/** Bidirectional marks, overrides and isolates. No name needs them, since letters have a direction anyway. */
const DIRECTIONS = /\p{Bidi_Control}+/gu;

/** Zero-width characters without meaning. The joiners U+200C and U+200D stay: Persian and Hindi spelling needs them. */
const UNSEEN = /[\u00AD\u200B\u2060-\u2064\uFEFF]+/g;

/** White space and control characters; U+3164 and U+2800 are blank, although Unicode does not class them as spaces. */
const BLANKS = /[\s\p{Cc}\u3164\u2800]+/gu;

/** ASCII words with single spaces between them: nearly all texts, which need no work. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** The text without direction marks, with which a name could rearrange the line that shows it. */
export const undirected = (text: string): string => text.replace(DIRECTIONS, '');

/** A typeset text, such as a title: no-break spaces inside it are kept, as in French before a colon. */
export const trimmed = (text: string): string =>
  PLAIN.test(text) ? text : undirected(text).replace(/^[\s\uFEFF\u200B]+|[\s\uFEFF\u200B]+$/gu, '');

/** One line, such as a name: words with single spaces between them. */
export const oneLine = (text: string): string =>
  PLAIN.test(text) ? text : undirected(text).replace(UNSEEN, '').replace(BLANKS, ' ').trim();

/** Several lines, such as a comment: each is normalised, empty ones are kept. */
export const manyLines = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text
        .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
        .map(oneLine)
        .join('\n')
        .trim();

const DIGIT = /^\p{Nd}$/u;

/** Unicode gives each script ten consecutive digits; some of these runs are adjacent. */
function westernDigit(digit: string): string {
  const point = digit.codePointAt(0) ?? 0;
  let first = point;
  while (DIGIT.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((point - first) % 10);
}

/** A text for machines, such as a code: full-width characters, digits of other scripts and dashes become ASCII. */
export const forMachines = (text: string): string =>
  PLAIN.test(text)
    ? text
    : oneLine(text.normalize('NFKC'))
        .replace(/\p{Nd}/gu, westernDigit)
        .replace(/[\p{Pd}\u2212]/gu, '-');

/** The six digits of a mailed code, without spaces or punctuation copied along with them; undefined: it is no code. */
export function codeOf(text: string): string | undefined {
  const digits = forMachines(text).replace(/[^\p{Letter}0-9]/gu, '');
  return /^[0-9]{6}$/.test(digits) ? digits : undefined;
}

/** A postal code, without the postal mark of Japan. */
export const postalCodeOf = (text: string): string => forMachines(text).replace(/^〒\s*/, '');

const PHONE = /^\+?[0-9 ()./-]+(?:(?:,|;| ?(?:ext\.?|extension|x|#)) ?[0-9]{1,8})?$/i;

/** A phone number in ASCII, otherwise as typed; undefined: it is no phone number. */
export function phoneOf(text: string): string | undefined {
  const plain = forMachines(text)
    .replace(/^tel:\s*/i, '')
    .replace(/^\+ +/, '+')
    .replace(/[\u2022\u00b7\u30fb]/g, '.');
  const digits = plain.replace(/\D/g, '').length;
  return PHONE.test(plain) && digits >= 4 && digits <= 20 ? plain : undefined;
}

const TAG = /^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?$/;

/**
 * A language tag in its canonical form, `pt-BR` of `pt_br`: language, script and region of it. Undefined: it is none.
 */
export function localeOf(text: string): string | undefined {
  if (TAG.test(text)) return text;
  try {
    const { language, script, region } = new Intl.Locale(text.trim().replaceAll('_', '-'));
    const tag = [language, script, region].filter(Boolean).join('-');
    return TAG.test(tag) ? tag : undefined;
  } catch {
    return undefined;
  }
}
