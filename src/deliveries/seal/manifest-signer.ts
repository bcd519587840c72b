import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { deriveKey } from '../../core/sealer.js';

/* Signs manifests with Ed25519, by a key that is derived from the root key: the same on every server of an installation. */

/** A public key as JSON Web Key: RFC 8037. */
export type PublicJwk = {
  kty: 'OKP';
  crv: 'Ed25519';
  /** The 32 bytes of the key, as base64url. */
  x: string;
  /** The thumbprint of the key: RFC 7638. */
  kid: string;
  alg: 'EdDSA';
  use: 'sig';
};

/** What stands before the 32 bytes of a private key in PKCS #8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

export class ManifestSigner {
  readonly #key: KeyObject;
  /** The `kid` of the public key. */
  readonly keyId: string;
  readonly publicJwk: PublicJwk;

  constructor(rootKey: Uint8Array) {
    const seed = deriveKey(rootKey, 'delivery-manifests');
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const { x = '' } = createPublicKey(this.#key).export({ format: 'jwk' });
    this.keyId = thumbprintOf(x);
    this.publicJwk = { kty: 'OKP', crv: 'Ed25519', x, kid: this.keyId, alg: 'EdDSA', use: 'sig' };
  }

  /** The 64 bytes of a signature. */
  sign(bytes: Uint8Array): Buffer {
    return sign(null, bytes, this.#key);
  }
}

/** The members that RFC 7638 wants of such a key, in the order of their names. */
export const thumbprintOf = (x: string): string =>
  createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');

/** Whether the key with this `x` has made the signature. */
export function isSignedBy(x: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, bytes, key, signature);
}
