import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { leafOf } from '../proof/leaf.js';
import { rootFrom } from '../proof/tree-file.js';
import type { Manifest } from '../seal/manifest.js';
import { fails, holds, type Finding } from './finding.js';
import { hasColumns } from './lines.js';

/** What signers get about their own line. */
export const BranchProof = Type.Object({
  delivery: Type.String(),
  /** What is in the columns of the delivery, by their names. */
  line: Type.Record(Type.String(), Type.Unknown()),
  salt: Type.String(),
  /** From 0. */
  index: Type.Integer({ minimum: 0 }),
  size: Type.Integer({ minimum: 0 }),
  branch: Type.Array(Type.String(), { maxItems: 64 }),
  root: Type.String(),
});

/** Checks that a line was in the delivery with this manifest. `proof`: JSON that a signer got. */
export function verifyBranch(proof: unknown, { delivery, merkle, columns }: Manifest): Finding {
  if (!Value.Check(BranchProof, proof)) return fails('line', 'the file is not what “my data” gives');
  const { line, salt, index, size, branch, root } = proof;
  if (proof.delivery !== delivery) return fails('line', 'it is of another delivery');
  if (root !== merkle.root || size !== merkle.size) return fails('line', 'it is of another tree');
  if (!hasColumns(line, columns) || line.number !== index + 1) {
    return fails('line', 'its columns or its number are not those of the delivery');
  }
  let found: Buffer | undefined;
  try {
    found = rootFrom(leafOf(line, columns, salt), index, { size, branch });
  } catch {
    return fails('line', 'its salt is not readable');
  }
  return found?.toString('hex') === merkle.root
    ? holds('line', `line ${index + 1} of ${size} is in the delivery as it is here`)
    : fails('line', 'it is not in the delivery as it is here');
}
