import type { Context } from '../context.js';

/*
 * Codes of share links: 10 characters, 55 random bits. The alphabet has no vowels (nor y), so that no words appear, and
 * no 0, 1, l and O, which are easily misread.
 */

const ALPHABET = '23456789bcdfghjkmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 10;
/** The largest multiple of the alphabet's length in a byte; larger bytes would make some characters more likely. */
const FAIR = 256 - (256 % ALPHABET.length);

export function newShareCode(random: Context['random']): string {
  let code = '';
  while (code.length < LENGTH) {
    for (const byte of random(LENGTH - code.length)) {
      if (byte < FAIR) code += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return code;
}
