import { deriveKey, seal, unseal } from './sealer.js';

/*
 * How `undersigned doctor` recognizes the server of its own installation, and learns what that server sees of a client
 * behind all proxies: a question and its answer in a header of GET /livez, both sealed with a key of the root key. For
 * anyone else they are noise, and without a question there is no answer.
 */

export const RECOGNITION_HEADER = 'undersigned-doctor';

/** `client`: who the limits count; `peer`: who is connected; `forwarded`: what X-Forwarded-For said. */
export type Seen = { client: string; peer: string; forwarded: string | null };

const LONGEST = 500;

export class Recognition {
  readonly #key: Buffer;

  constructor(rootKey: Uint8Array) {
    this.#key = deriveKey(rootKey, 'doctor');
  }

  /** `nonce`: text that the answer repeats. */
  question(nonce: string): string {
    return this.#seal({ nonce });
  }

  /** Undefined for everything that is not a question of this installation. */
  answer(question: string, seen: Seen): string | undefined {
    const { nonce } = this.#open(question) ?? {};
    return nonce === undefined ? undefined : this.#seal({ nonce, seen });
  }

  /** What the server has seen; undefined if it is another installation’s, or the answer to another question. */
  read(answer: string, nonce: string): Seen | undefined {
    const opened = this.#open(answer);
    return opened?.nonce === nonce ? opened.seen : undefined;
  }

  #seal(value: { nonce: string; seen?: Seen }): string {
    return seal(this.#key, Buffer.from(JSON.stringify(value))).toString('base64url');
  }

  #open(sealed: string): { nonce: string; seen?: Seen } | undefined {
    if (sealed.length > LONGEST) return undefined;
    const plain = unseal(this.#key, Buffer.from(sealed, 'base64url'));
    return plain && (JSON.parse(String(plain)) as { nonce: string; seen?: Seen });
  }
}
