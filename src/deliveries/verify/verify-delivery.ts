import { open as found, type Finding } from './finding.js';
import type { Keys } from './keys.js';
import { verifyBranch } from './verify-branch.js';
import { FileVerifier } from './verify-files.js';
import { verifyManifest } from './verify-manifest.js';

export type VerifyOptions = {
  /** Undefined: none were named, so that the signature cannot be checked. */
  keys: Keys | undefined;
  /** Of age, to look into encrypted files. */
  identities: readonly string[];
  /** What a signer got about one line: then the files are not looked at, which a signer does not have. */
  branch?: unknown;
};

/** Looks at a delivery in a folder as somebody who got it, who need not trust who sent it. */
export async function verifyDelivery(folder: string, options: VerifyOptions): Promise<Finding[]> {
  const { manifest, findings } = await verifyManifest(folder, options.keys);
  if (!manifest) return findings;
  if (options.branch !== undefined) {
    return [...findings, verifyBranch(options.branch, manifest), found('files', 'not looked at')];
  }
  return [...findings, ...(await new FileVerifier(folder, manifest, options.identities).run())];
}
