import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { fetchBounded, isSecureUrl } from '../seal/bounded-fetch.js';
import { thumbprintOf } from '../seal/manifest-signer.js';
import { readSmall } from './read-small.js';

/* The public keys of an installation, as JSON Web Key Set. */

const MOST_BYTES = 1_000_000;
const TIMEOUT_MS = 15_000;
/** The second, where the file was put on another server. */
const TYPES = ['application/jwk-set+json', 'application/json'];

const Key = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
});
const KeySet = Type.Object({ keys: Type.Array(Type.Unknown(), { maxItems: 1_000 }) });

/** `x` of each key, by its thumbprint: what a set says about the name of a key is not relied on. */
export type Keys = ReadonlyMap<string, string>;

/** Reads a set from a file or a URL. Throws what to tell its caller. */
export async function readKeys(source: string): Promise<Keys> {
  const isUrl = /^https?:/.test(source);
  if (isUrl && !isSecureUrl(source)) throw new Error('keys are read from a file or from https');
  const text = isUrl ? await fetched(source) : await readSmall(source, MOST_BYTES);
  const set = parsed(text);
  if (!Value.Check(KeySet, set)) throw new Error('these are no keys: a JSON Web Key Set is wanted');
  const keys = set.keys.filter((key) => Value.Check(Key, key));
  return new Map(keys.map(({ x }) => [thumbprintOf(x), x]));
}

async function fetched(url: string): Promise<Buffer> {
  const bounds = { types: TYPES, mostBytes: MOST_BYTES, timeoutMs: TIMEOUT_MS };
  try {
    return await fetchBounded(url, {}, bounds);
  } catch {
    throw new Error('the keys could not be fetched');
  }
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
