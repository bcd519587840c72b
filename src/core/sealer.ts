import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/*
 * Seals small values so that only this installation can read them and two seals of the same value cannot be linked:
 * AES-256-GCM with a fresh nonce under a key derived, for each purpose, from the root key.
 */

const ALGORITHM = 'aes-256-gcm';
const NONCE = 12;
const TAG = 16;

/** Drawing random bytes one nonce at a time costs more than sealing. No byte is given out twice. */
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

/** Returns undefined for anything that was not sealed under this key. */
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

/** Derives the 32-byte key for one purpose. */
export const deriveKey = (root: Uint8Array, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), `undersigned/${purpose}`, 32));

const RECEIPT = /^rc_[A-Za-z0-9_-]{59}$/;

export type Sealer = {
  /** The receipt of a signature: fresh at every call, always of the same length. */
  receipt(signatureKey: number): string;
  /** The signature that a receipt stands for, or undefined. */
  openReceipt(receipt: string): number | undefined;
};

export function createSealer(rootKey: Uint8Array): Sealer {
  const key = deriveKey(rootKey, 'receipt');
  return {
    receipt(signatureKey) {
      const plain = Buffer.alloc(16);
      plain.writeBigUInt64BE(BigInt(signatureKey), 8);
      return `rc_${seal(key, plain).toString('base64url')}`;
    },
    openReceipt(receipt) {
      if (!RECEIPT.test(receipt)) return undefined;
      const text = receipt.slice(3);
      const sealed = Buffer.from(text, 'base64url');
      // Node's decoder ignores stray bits: what it reads must be what was written.
      if (sealed.toString('base64url') !== text) return undefined;
      const plain = unseal(key, sealed);
      return plain && Number(plain.readBigUInt64BE(8));
    },
  };
}
