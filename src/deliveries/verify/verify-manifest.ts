import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { isSignedBy } from '../seal/manifest-signer.js';
import { Manifest, MANIFEST, SIGNATURE, TIMESTAMP } from '../seal/manifest.js';
import { readTimestamp } from '../seal/timestamp.js';
import { fails, holds, open, type Finding } from './finding.js';
import type { Keys } from './keys.js';
import { readIfThere } from './read-small.js';

/** Manifests of a million lines in volumes have some thousand files. */
const MOST_BYTES = 64_000_000;

export type Checked = { manifest: Manifest | undefined; findings: Finding[] };

/** Reads a manifest, and checks who has signed it and when. `keys`: undefined, where none were named. */
export async function verifyManifest(folder: string, keys: Keys | undefined): Promise<Checked> {
  const bytes = await readIfThere(join(folder, MANIFEST), MOST_BYTES);
  if (!bytes) return { manifest: undefined, findings: [fails(MANIFEST, 'there is none')] };
  const manifest = parsed(bytes);
  if (!manifest) return { manifest, findings: [fails(MANIFEST, 'it is no manifest of version 1')] };
  const { delivery, recipient, cut_at: cut, counts } = manifest;
  const said = `${delivery}, ${counts.listed} lines for ${printable(recipient)}, as of ${printable(cut)}`;
  const signature = await verifySignature(folder, manifest, bytes, keys);
  return { manifest, findings: [holds(MANIFEST, said), signature, await verifyTimestamp(folder, bytes)] };
}

/** Something from a file, for a terminal: without what could move the cursor. */
export const printable = (text: string): string =>
  text.replace(/[\p{Control}\p{Format}]/gu, '?').slice(0, 200);

function parsed(bytes: Buffer): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return Value.Check(Manifest, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function verifySignature(
  folder: string,
  { key_id: id }: Manifest,
  bytes: Buffer,
  keys: Keys | undefined,
): Promise<Finding> {
  const signature = await readIfThere(join(folder, SIGNATURE), 1_000);
  if (!signature) return fails('signature', `there is no ${SIGNATURE}`);
  // Without the key, nothing tells the manifest from one that somebody else has made.
  if (!keys) return fails('signature', 'not checked: name the keys of the installation with --keys');
  const x = keys.get(id);
  if (x === undefined) return fails('signature', `the key ${printable(id)} is none of these`);
  return isSignedBy(x, bytes, signature)
    ? holds('signature', `by the key ${id}`)
    : fails('signature', 'the manifest was changed, or is signed by another key');
}

async function verifyTimestamp(folder: string, bytes: Buffer): Promise<Finding> {
  const answer = await readIfThere(join(folder, TIMESTAMP), 1_000_000);
  if (!answer) return open('time stamp', 'there is none');
  try {
    const { imprint, at } = readTimestamp(answer);
    return imprint === createHash('sha256').update(bytes).digest('hex')
      ? holds('time stamp', `${at}, for this manifest; \`openssl ts -verify\` says by whom`)
      : fails('time stamp', 'it is for something else');
  } catch {
    return fails('time stamp', 'it is not readable');
  }
}
