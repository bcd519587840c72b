import { randomInt } from 'node:crypto';

/** How many signers are remembered: each has a place, and whoever needs the same one takes it over. */
const PLACES = 1 << 17;
const WORD = 2 ** 32;
const LARGEST = 2 ** 53;

/**
 * Which mailboxes have lately signed which petition, and under which spelling. Of this process, in a table of fixed size.
 * It holds hashes under a key that is drawn when the process starts, and tells a signal, never more: so a fast hash does.
 */
export class Mailboxes {
  readonly #mailboxes = new Uint32Array(PLACES);
  readonly #spellings = new Uint32Array(PLACES);
  readonly #seed = randomInt(2 ** 31);

  /**
   * Whether this mailbox has signed this petition under another spelling. Both are hashes of this class. The first
   * spelling stays.
   */
  note(petitionKey: number, cluster: number, spelling: number): boolean {
    const mixed = (cluster + petitionKey * 0x9e3779b1) % LARGEST;
    const place = mixed % PLACES;
    const mailbox = Math.floor(mixed / PLACES) % WORD;
    const written = spelling % WORD;
    if (this.#mailboxes[place] === mailbox) return this.#spellings[place] !== written;
    this.#mailboxes[place] = mailbox;
    this.#spellings[place] = written;
    return false;
  }

  /** 53 bits of a text: two multiplicative hashes side by side. */
  hash(text: string): number {
    let high = this.#seed;
    let low = Math.imul(this.#seed, 0x9e3779b1);
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      high = Math.imul(high ^ code, 0x85ebca77);
      low = Math.imul(low ^ code, 0xc2b2ae3d);
    }
    high = Math.imul(high ^ (high >>> 16), 0x7feb352d) ^ Math.imul(low ^ (low >>> 13), 0x846ca68b);
    low = Math.imul(low ^ (low >>> 16), 0x7feb352d) ^ Math.imul(high ^ (high >>> 13), 0x846ca68b);
    return (high & 0x1f_ffff) * WORD + (low >>> 0);
  }
}
