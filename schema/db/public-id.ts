/**
 * Public ids: a type prefix and a UUIDv7 in Crockford base 32, as in the TypeID specification
 * (https://github.com/jetify-com/typeid/tree/main/spec): `pet_01h455vb4pex5vsknk084sn02q`.
 * The database stores the 16 bytes; all other code, and callers, use the text.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Uint8Array(128);
for (const [value, letter] of [...ALPHABET].entries()) VALUES[letter.charCodeAt(0)] = value;
const PAIRS = Array.from({ length: 1024 }, (_, n) => `${ALPHABET[n >> 5]}${ALPHABET[n & 31]}`);

export const ID_PREFIXES = [
  'org',
  'key',
  'adm',
  'pet',
  'sig',
  'sup',
  'sub',
  'txt',
  'con',
  'mlg',
  'mvr',
  'seg',
  'ptn',
  'var',
  'imp',
  'pap',
  'pba',
  'ofs',
  'rsp',
  'dlv',
] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];

/** The pattern for ids of one type. */
export const idPattern = (prefix: IdPrefix): string => `^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`;

/** 16 bytes to 26 characters: 130 bits, the first two always zero. */
export function encodeId(prefix: IdPrefix, bytes: Uint8Array): string {
  let text = `${prefix}_`;
  let bits = 0;
  let held = 2;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    if (held >= 10) {
      held -= 10;
      text += PAIRS[(bits >> held) & 1023];
      bits &= (1 << held) - 1;
    }
  }
  return text;
}

/** The inverse of encodeId for a text that matches idPattern. */
export function decodeId(id: string): Buffer {
  // Of the pool, since every byte is written: an allocation of its own costs three times as much.
  const bytes = Buffer.allocUnsafe(16);
  let bits = 0;
  let held = -2;
  let at = 0;
  for (let i = id.indexOf('_') + 1; i < id.length; i += 1) {
    bits = (bits << 5) | (VALUES[id.charCodeAt(i)] ?? 0);
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 255;
      bits &= (1 << held) - 1;
    }
  }
  return bytes;
}

/** The pattern for slugs of petitions and organizations. */
export const SLUG_PATTERN = '^[a-z0-9]+(?:-[a-z0-9]+)*$';
