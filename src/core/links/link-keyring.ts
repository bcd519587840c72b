import { deriveKey, seal, unseal } from '../sealer.js';

/** Opens sealed link keys, and caches what it derives: unsealing each time would cost more than verifying. */
export class LinkKeyring {
  readonly #sealingKey: Buffer;
  readonly #derived = new Map<string, Buffer>();

  constructor(rootKey: Uint8Array) {
    this.#sealingKey = deriveKey(rootKey, 'link-keys');
  }

  seal(key: Buffer): Buffer {
    return seal(this.#sealingKey, key);
  }

  /** The key for one purpose; undefined if it was sealed under another root key. */
  derive(sealed: Buffer, purpose: string): Buffer | undefined {
    const name = `${purpose} ${sealed.toString('base64')}`;
    const known = this.#derived.get(name);
    if (known) return known;
    const root = unseal(this.#sealingKey, sealed);
    if (!root) return undefined;
    const key = deriveKey(root, `link/${purpose}`);
    this.#derived.set(name, key);
    return key;
  }
}
