import { component, enumOf, list, matching, open, ref } from '../typebox.js';

/** The key of RFC 8037, appendix A, and its thumbprint. */
const EXAMPLE = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  alg: 'EdDSA',
  use: 'sig',
};

export const SigningKey = component(
  'SigningKey',
  open(
    {
      kty: enumOf(['OKP'], { description: 'The kind of key: RFC 8037.' }),
      crv: enumOf(['Ed25519'], { description: 'Its curve.' }),
      x: matching('^[A-Za-z0-9_-]{43}$', 43, { description: 'The 32 bytes of the key, as base64url.' }),
      kid: matching('^[A-Za-z0-9_-]{43}$', 43, {
        description: 'The thumbprint of the key (RFC 7638), which a manifest has as its `key_id`.',
      }),
      alg: enumOf(['EdDSA'], { description: 'What it signs with.' }),
      use: enumOf(['sig'], { description: 'What it is for: signing.' }),
    },
    {
      description: 'A public key, as JSON Web Key (RFC 7517).',
      examples: [EXAMPLE],
    },
  ),
);

export const SigningKeys = component(
  'SigningKeys',
  open(
    { keys: list(ref(SigningKey), 100, { description: 'The keys.' }) },
    {
      description: 'The public keys of this installation, as JSON Web Key Set (RFC 7517).',
      examples: [{ keys: [EXAMPLE] }],
    },
  ),
);
