import { randomInt } from 'node:crypto';

const WORD = 2 ** 32;
/** Random per process, so that no attacker can construct colliding texts. */
const SEED = randomInt(2 ** 31);

/**
 * A 53-bit hash for short-lived memory of this process (two 32-bit multiplicative hashes side by side). Not
 * cryptographic.
 */
export function fastHash(text: string): number {
  let high = SEED;
  let low = Math.imul(SEED, 0x9e3779b1);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x85ebca77);
    low = Math.imul(low ^ code, 0xc2b2ae3d);
  }
  high = Math.imul(high ^ (high >>> 16), 0x7feb352d) ^ Math.imul(low ^ (low >>> 13), 0x846ca68b);
  low = Math.imul(low ^ (low >>> 16), 0x7feb352d) ^ Math.imul(high ^ (high >>> 13), 0x846ca68b);
  return (high & 0x1f_ffff) * WORD + (low >>> 0);
}
