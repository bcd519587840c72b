/*
 * Quoted-printable (RFC 2045) of pieces of a text. Pieces are encoded apart from each other and joined with soft line
 * breaks, so that a piece that is the same in a million mails is encoded once. Each begins in the first column.
 */

/** Joins two pieces within a line of the text. */
export const SOFT_BREAK = '=\r\n';
/** The most characters in a line, with the `=` of a soft line break. */
const LINE = 76;

const HEX = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`);
/** What stands for itself, except in the places that `Encoding.byte` names. */
const PLAIN = Array.from({ length: 256 }, (_, byte) =>
  (byte >= 33 && byte <= 126 && byte !== 61) || byte === 32 || byte === 9 ? String.fromCharCode(byte) : '',
);
const [LF, CR, SPACE, TAB, DOT] = [10, 13, 32, 9, 46];

/** A text whose line breaks are all LF. */
export const withLineFeeds = (text: string): string => text.replace(/\r\n?/g, '\n');

/** Encodes a piece. No line of it is longer than 76 characters or begins with a dot; line breaks become CRLF. */
export function encodeQuotedPrintable(piece: string): string {
  const bytes = Buffer.from(withLineFeeds(piece));
  let done = '';
  let line = '';
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === LF) {
      done += `${line}\r\n`;
      line = '';
      continue;
    }
    const next = bytes[at + 1];
    // Spaces at the end of a line may get lost. The piece's own end is followed by a soft line break.
    const last = (byte === SPACE || byte === TAB) && next === LF;
    const length = last || byte === CR || PLAIN[byte] === '' ? 3 : 1;
    // Leaves room for the `=`, even where the line break that follows would not need it.
    if (line.length + length > LINE - 1) {
      done += line + SOFT_BREAK;
      line = '';
    }
    // A server would take a dot at the beginning of a line for its own.
    const stuffed = byte === DOT && line === '';
    line += length === 3 || stuffed ? HEX[byte] : PLAIN[byte];
  }
  return done + line;
}
