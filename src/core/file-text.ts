import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { invalidBody } from '../errors.js';

/*
 * Decodes the text of a file that people saved with any program: UTF-8, UTF-16 or Windows-1252, whichever a byte order
 * mark, the sender or the bytes themselves say.
 */

/** Encodings that spreadsheets save in, for messages. */
const EXAMPLES = 'utf-8, utf-16le, windows-1252 or windows-1251';

/** A decoder for the encoding with this name (of the WHATWG Encoding Standard), undefined if there is none. */
export function decoderFor(name: string): TextDecoder | undefined {
  try {
    return new TextDecoder(name.trim());
  } catch {
    return undefined;
  }
}

/** Bytes after the first that is not ASCII, by which the encoding is judged. */
const SAMPLE = 65_536;

/** UTF-8 for the bytes of one character that are not ASCII, as Latin-1. */
const UTF8 =
  /[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEF][\x80-\xBF]{2}|[\xF0-\xF4][\x80-\xBF]{3}/g;

/**
 * What text in Windows-1252 hardly ever contains: unused bytes, four accented letters in a row (Cyrillic, Greek, Hebrew,
 * Chinese), or signs such as £ and ³ within words (Polish, Czech).
 */
const NOT_WINDOWS_1252 =
  /[\x81\x8D\x8F\x90\x9D]|[\xC0-\xFF]{4}|[A-Za-z]{2}[\xA3\xA5\xB3\xB9\xBC\xBE\xBF]|[\xA3\xA5\xAF][a-z]{2}/;

/** Decodes a file that arrives in pieces. */
export class FileDecoder {
  #decoder: TextDecoder | undefined;
  /** Bytes that are not decoded yet, while the encoding is unknown. */
  #held = Buffer.alloc(0);
  #begun = false;
  readonly #named: string | undefined;

  /** `named`: the encoding that the sender names. Throws `invalid_body` if there is no such encoding. */
  constructor(named?: string) {
    this.#named = named;
    if (named !== undefined && !decoderFor(named)) {
      const shown = /^[\w.:-]{1,40}$/.test(named) ? ` ${named}` : ' of this name';
      throw notDecoded(`There is no encoding${shown}.`);
    }
  }

  /** The name of the encoding. As long as there was only ASCII, this is UTF-8. */
  get encoding(): string {
    return this.#decoder?.encoding ?? 'utf-8';
  }

  /** The text of this piece. A few pieces may be held back. Throws `invalid_body` if the encoding is unclear. */
  read(piece: Uint8Array): string {
    if (this.#decoder) return this.#decoder.decode(piece, { stream: true });
    this.#held = this.#held.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#held, piece]);
    return this.#decide(false);
  }

  /** The rest of the text, when no more bytes come. */
  end(): string {
    return this.#decide(true) + (this.#decoder?.decode() ?? '');
  }

  #decide(isLast: boolean): string {
    if (this.#decoder) return '';
    const held = this.#held;
    if (!this.#begun) {
      if (held.length < 4 && !isLast) return '';
      this.#begun = true;
      const told = markedIn(held) ?? this.#named ?? wideIn(held);
      if (told !== undefined) return this.#decodeAs(told);
    }
    if (isAscii(held)) {
      this.#held = Buffer.alloc(0);
      return held.toString('latin1');
    }
    // Two letters before it tell whether it belongs to a word.
    const from = Math.max(0, held.findIndex((byte) => byte > 0x7f) - 2);
    if (held.length - from < SAMPLE && !isLast) {
      this.#held = held.subarray(from);
      return held.toString('latin1', 0, from);
    }
    return this.#decodeAs(guess(held.subarray(from)));
  }

  #decodeAs(name: string): string {
    // The decoder removes a byte order mark, and replaces what is invalid by U+FFFD.
    const decoder = new TextDecoder(name);
    const text = decoder.decode(this.#held, { stream: true });
    this.#decoder = decoder;
    this.#held = Buffer.alloc(0);
    return text;
  }
}

function markedIn(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined;
}

/** UTF-16 without a mark: the first letters are ASCII, so each second byte is NUL. */
function wideIn([a, b, c, d]: Buffer): string | undefined {
  if (a && b === 0 && c && d === 0) return 'utf-16le';
  return a === 0 && b && c === 0 && d ? 'utf-16be' : undefined;
}

/** A file in UTF-8 may hold a few broken characters, which are reported with their lines. */
function guess(sample: Buffer): string {
  const text = sample.toString('latin1');
  const valid = text.match(UTF8)?.join('').length ?? 0;
  const others = (text.match(/[\x80-\xFF]/g)?.length ?? 0) - valid;
  if (valid > others) return 'utf-8';
  if (!NOT_WINDOWS_1252.test(text)) return 'windows-1252';
  throw notDecoded('The file is not in UTF-8, and does not look like Windows-1252 either.');
}

const notDecoded = (what: string) =>
  invalidBody({
    pointer: '',
    code: 'encoding',
    detail: `${what} Save it as UTF-8, or name its encoding, like ${EXAMPLES}: charset= in the Content-Type, --encoding on the command line.`,
  });
