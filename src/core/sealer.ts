import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/*
 * Encrypts small values so that only this installation can read them, and so that two seals of the same value cannot be
 * linked: AES-256-GCM with a fresh nonce, with a key per purpose that is derived from the root key.
 */

const ALGORITHM = 'aes-256-gcm';
const NONCE = 12;
const TAG = 16;

/** Random bytes for many nonces at once, since drawing 12 at a time costs more than sealing. No byte is used twice. */
const pool = { bytes: Buffer.alloc(0), used: 0 };

function freshNonce(): Buffer {
  if (pool.used + NONCE > pool.bytes.length) {
    pool.bytes = randomBytes(NONCE * 512);
    pool.used = 0;
  }
  pool.used += NONCE;
  return pool.bytes.subarray(pool.used - NONCE, pool.used);
}

export function seal(key: Uint8Array, plain: Uint8Array): Buffer {
  const nonce = freshNonce();
  const cipher = createCipheriv(ALGORITHM, key, nonce);
  const body = cipher.update(plain);
  cipher.final();
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

/** The plain text; undefined for everything that was not sealed with this key. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < NONCE + TAG) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAuthTag(sealed.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Derives the 32-byte key for one purpose. A purpose may never be renamed: its key opens what was sealed before. */
export const deriveKey = (root: Uint8Array, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), `undersigned/${purpose}`, 32));

/** The content of a form token: the petition, and when its form was opened. */
export type FormOpened = { petitionKey: number; at: number };

export type Sealer = {
  /** The receipt of a signature (0: of none): different at every call, always of the same length. */
  receipt(signatureKey: number): string;
  /** The signature of a receipt; undefined if it is invalid. */
  openReceipt(receipt: string): number | undefined;
  /** Unreadable for its holder, who cannot even tell when it was made. */
  formToken(opened: FormOpened): string;
  openFormToken(token: string): FormOpened | undefined;
};

export function createSealer(rootKey: Uint8Array): Sealer {
  const receipts = pairSealer('rc', deriveKey(rootKey, 'receipt'));
  const forms = pairSealer('ft', deriveKey(rootKey, 'form'));
  return {
    receipt: (signatureKey) => receipts.seal(0, signatureKey),
    openReceipt: (receipt) => receipts.open(receipt)?.[1],
    formToken: ({ petitionKey, at }) => forms.seal(petitionKey, at),
    openFormToken(token) {
      const pair = forms.open(token);
      return pair && { petitionKey: pair[0], at: pair[1] };
    },
  };
}

/** Seals two whole numbers into a token with a prefix. All tokens have the same length. */
function pairSealer(prefix: string, key: Buffer) {
  const pattern = new RegExp(`^${prefix}_[A-Za-z0-9_-]{59}$`);
  return {
    seal(first: number, second: number): string {
      const plain = Buffer.alloc(16);
      if (first !== 0) plain.writeBigUInt64BE(BigInt(first), 0);
      plain.writeBigUInt64BE(BigInt(second), 8);
      return `${prefix}_${seal(key, plain).toString('base64url')}`;
    },
    open(token: string): [first: number, second: number] | undefined {
      if (!pattern.test(token)) return undefined;
      const text = token.slice(prefix.length + 1);
      const sealed = Buffer.from(text, 'base64url');
      // Node's decoder ignores stray bits, which would allow several spellings of one token.
      if (sealed.toString('base64url') !== text) return undefined;
      const plain = unseal(key, sealed);
      return plain && [Number(plain.readBigUInt64BE(0)), Number(plain.readBigUInt64BE(8))];
    },
  };
}
