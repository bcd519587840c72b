import type { Context } from '../context.js';

/*
 * Codes of share links: 10 characters, 55 random bits. Without vowels, y among them, and without 0, 1, l and O, so that
 * no words come out and nothing is misread.
 */

const ALPHABET = '23456789bcdfghjkmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 10;
/** The largest multiple of the alphabet in a byte: what is above would make some characters likelier. */
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
