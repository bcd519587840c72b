import { createHash } from 'node:crypto';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { readBranch, rootFrom, TreeWriter } from '../../src/deliveries/proof/tree-file.js';
import { folderFor } from '../support/deliveries.js';

const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const leafFor = (number: number): Buffer => sha256(Buffer.from([0]), Buffer.from(String(number)));
const leavesFor = (size: number): Buffer[] => Array.from({ length: size }, (_, i) => leafFor(i));

/** RFC 6962, 2.1, as it is written there. */
function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length < 2) return leaves[0] ?? sha256();
  const k = split(leaves.length);
  return sha256(Buffer.from([1]), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** 2.1.1. */
function naivePath(index: number, leaves: readonly Buffer[]): string[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  const [head, tail] = [leaves.slice(0, k), leaves.slice(k)];
  return index < k
    ? [...naivePath(index, head), naiveRoot(tail).toString('hex')]
    : [...naivePath(index - k, tail), naiveRoot(head).toString('hex')];
}

/** The largest power of two that is less. */
const split = (size: number): number => 2 ** (Math.ceil(Math.log2(size)) - 1);

function treeOf(path: string, size: number): Buffer {
  const writer = new TreeWriter(path, size);
  for (let i = 0; i < size; i += 1) writer.add(leafFor(i));
  return writer.end();
}

let trees = 0;

t.test('every branch of every small tree is that of the standard', async (t) => {
  const folder = folderFor(t);
  for (let size = 0; size <= 40; size += 1) {
    const path = join(folder, `${size}`);
    const leaves = leavesFor(size);
    const root = treeOf(path, size);
    t.equal(root.toString('hex'), naiveRoot(leaves).toString('hex'), `root of ${size}`);
    for (const [i, leaf] of leaves.entries()) {
      const branch = await readBranch(path, i);
      if (JSON.stringify(branch) !== JSON.stringify({ size, branch: naivePath(i, leaves) })) {
        t.fail(`branch ${i} of ${size}`);
      }
      if (!rootFrom(leaf, i, branch)?.equals(root)) t.fail(`from leaf ${i} of ${size} to the root`);
    }
    for (const wrong of [-1, size, 0.5, NaN]) {
      await t.rejects(readBranch(path, wrong), { name: 'DeliveryError' }, `${wrong} of ${size}`);
    }
  }
  t.equal(statSync(join(folder, '7')).mode & 0o777, 0o600);
});

t.test('larger trees, and branches that were changed', async (t) => {
  const folder = folderFor(t);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5_000 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (size, place, byte, change) => {
        const path = join(folder, `t${(trees += 1)}`);
        const root = treeOf(path, size);
        const leaves = leavesFor(size);
        t.equal(root.toString('hex'), naiveRoot(leaves).toString('hex'));
        const index = place % size;
        const leaf = leaves[index] ?? sha256();
        const { branch } = await readBranch(path, index);
        t.same(branch, naivePath(index, leaves));
        const leads = (from: Buffer, at: number, of: number, by: string[]) =>
          rootFrom(from, at, { size: of, branch: by })?.equals(root) === true;
        t.ok(leads(leaf, index, size, branch));
        t.notOk(leads(leafFor(size), index, size, branch), 'another leaf');
        t.notOk(leads(leaf, index, size, [...branch, root.toString('hex')]), 'one more');
        if (branch.length === 0) return;
        t.notOk(leads(leaf, index, size, branch.slice(1)), 'one less');
        const changed = branch.map((node) => Buffer.from(node, 'hex'));
        const node = changed[byte % changed.length];
        if (node) node[byte % 32] = (node[byte % 32] ?? 0) ^ change;
        t.notOk(
          leads(
            leaf,
            index,
            size,
            changed.map((one) => one.toString('hex')),
          ),
          'changed',
        );
        const other = (index + 1 + (byte % (size - 1))) % size;
        t.notOk(leads(leaf, other, size, branch), 'another place');
      },
    ),
    { numRuns: 25 },
  );
});

t.test('a tree that is not whole is said to be so', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'tree');
  const writer = new TreeWriter(path, 2);
  writer.add(leafFor(0));
  t.throws(() => writer.end(), { name: 'DeliveryError', message: '1 leaves are missing' });
  writer.add(leafFor(1));
  t.throws(() => writer.add(leafFor(2)), { name: 'DeliveryError' });
  writer.end();
  truncateSync(path, 60);
  await t.rejects(readBranch(path, 0), { name: 'DeliveryError', message: /cut off/ });
  writeFileSync(path, 'x'.repeat(100));
  await t.rejects(readBranch(path, 0), { name: 'DeliveryError', message: /holds no tree/ });
});
