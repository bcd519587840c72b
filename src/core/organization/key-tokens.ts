import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/* The text of keys: a prefix, 32 random characters and a checksum. The database stores only their SHA-256. */

const PREFIX = { secret: 'sk', publishable: 'pk', admin: 'ak' } as const;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 32;
type Random = (bytes: number) => Buffer;

const PATTERN = /^(?:[asp]k|[sp]k_test)_[0-9A-Za-z]{38}$/;

const base62 = (value: number, length: number): string =>
  length === 0 ? '' : base62(Math.floor(value / 62), length - 1) + (ALPHABET[value % 62] ?? '');

/** Shows that a key is mistyped or truncated, not revoked, without asking the database. */
const checksum = (text: string): string => base62(crc32(text), 6);

function randomText(random: Random): string {
  let text = '';
  // 248 is the largest multiple of 62 that a byte holds: above it the first letters would be more likely.
  while (text.length < SECRET_LENGTH) {
    for (const byte of random(SECRET_LENGTH)) text += byte < 248 ? ALPHABET[byte % 62] : '';
  }
  return text.slice(0, SECRET_LENGTH);
}

export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Whether a text has the form of a key and its checksum fits. */
export const isWellFormedKey = (token: string): boolean =>
  PATTERN.test(token) && checksum(token.slice(0, -6)) === token.slice(-6);

/** `test`: a key of a test organization, which shows it. */
export function newToken(random: Random, kind: keyof typeof PREFIX, test = false): string {
  const text = `${PREFIX[kind]}_${test ? 'test_' : ''}${randomText(random)}`;
  return text + checksum(text);
}
