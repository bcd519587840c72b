import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from '../context.js';

/*
 * The envelope sender of a mailing's mail names its recipient, so that a bounce is credited whatever its text says (VERP).
 *
 *   <local part of MAIL_BOUNCE_ADDRESS>+b-<code>@<its domain>
 *
 * The code is base32, since mail servers change the case of letters: the recipient's key in 6 bytes, under a pad that is
 * derived from the MAC behind it, which is an HMAC-SHA-256 cut to 10. It neither reveals keys nor can be made up.
 */

const KEY = 6;
const MAC = 10;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** 16 bytes in characters of 5 bits; the last 2 bits are 0. */
const LENGTH = 26;
const CODE = new RegExp(`(?<![a-z0-9])b-([a-z2-7]{${LENGTH}})(?![a-z0-9])`, 'gi');
/** A text with more codes than any mail has is not searched to its end. */
const MOST_CODES = 50;

type Keys = Pick<Context, 'secrets'>;

/** The envelope sender for a recipient. `bounceAddress`: MAIL_BOUNCE_ADDRESS. */
export function verpAddress(ctx: Keys, bounceAddress: string, recipientKey: number): string {
  const at = bounceAddress.lastIndexOf('@');
  const key = Buffer.alloc(KEY);
  key.writeUIntBE(recipientKey, 0, KEY);
  const mac = macOf(ctx, key);
  const code = base32(Buffer.concat([padded(ctx, key, mac), mac]));
  return `${bounceAddress.slice(0, at)}+b-${code}${bounceAddress.slice(at)}`;
}

/** The recipient's key in an address, or in a text that has one in it. Undefined: there is none that we made. */
export function readVerp(ctx: Keys, text: string): number | undefined {
  let tried = 0;
  for (const [, code = ''] of text.matchAll(CODE)) {
    const recipientKey = readCode(ctx, code.toLowerCase());
    if (recipientKey !== undefined) return recipientKey;
    tried += 1;
    if (tried === MOST_CODES) return undefined;
  }
  return undefined;
}

function readCode(ctx: Keys, code: string): number | undefined {
  const bytes = fromBase32(code);
  // The spare bits of the last character would allow several spellings of one code.
  if (base32(bytes) !== code) return undefined;
  const mac = bytes.subarray(KEY);
  const key = padded(ctx, bytes.subarray(0, KEY), mac);
  return timingSafeEqual(macOf(ctx, key), mac) ? key.readUIntBE(0, KEY) : undefined;
}

const macOf = ({ secrets }: Keys, key: Buffer): Buffer =>
  createHmac('sha256', secrets.verp).update('mac').update(key).digest().subarray(0, MAC);

function padded({ secrets }: Keys, key: Buffer, mac: Buffer): Buffer {
  const pad = createHmac('sha256', secrets.verp).update('pad').update(mac).digest();
  return Buffer.from(key.map((byte, index) => byte ^ (pad[index] ?? 0)));
}

function base32(bytes: Buffer): string {
  let text = '';
  let [bits, value] = [0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31] ?? '';
  }
  return bits > 0 ? text + (ALPHABET[(value << (5 - bits)) & 31] ?? '') : text;
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const letter of text) {
    value = ((value << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) bytes.push((value >> (bits -= 8)) & 255);
  }
  return Buffer.from(bytes);
}
