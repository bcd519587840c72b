import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DeliveryError } from '../delivery.js';
import { nodeOf, rootOfNothing } from './leaf.js';

/*
 * The tree as a file: a head, then the levels from the leaves to the root, 32 bytes for each node. A node without a
 * neighbour stands on the next level as it is, which makes the tree of RFC 6962. Since it is known how many leaves will come,
 * every level has its place before, and is written while they come.
 */

const MAGIC = 'UNDRTREE';
const HEAD = 32;
const NODE = 32;
/** Nodes of a level that are written at once. */
const BUFFERED = 512;

/** How many nodes each level has, from the leaves. */
function levelsOf(size: number): number[] {
  const levels = [size];
  for (let count = size; count > 1; levels.push(count)) count = Math.ceil(count / 2);
  return levels;
}

type Level = {
  /** Where in the file the next nodes go. */
  at: number;
  /** Nodes that are not written yet. */
  buffer: Buffer;
  used: number;
  /** The left one of a pair, until the right one comes. */
  left: Buffer | undefined;
};

/** Writes the tree while leaves come, in a thread where nothing else waits. */
export class TreeWriter {
  readonly #levels: Level[];
  readonly #file: number;
  #left: number;
  #root: Buffer | undefined;

  /** `size`: how many leaves will come. */
  constructor(
    path: string,
    private readonly size: number,
  ) {
    this.#left = size;
    // A thread that ends closes what it has open.
    this.#file = openSync(path, 'wx', 0o600);
    const head = Buffer.alloc(HEAD);
    head.write(MAGIC, 'latin1');
    head.writeBigUInt64BE(BigInt(size), MAGIC.length);
    writeSync(this.#file, head, 0, HEAD, 0);
    let at = HEAD;
    this.#levels = levelsOf(size).map((count) => {
      const level = { at, buffer: Buffer.alloc(Math.min(count, BUFFERED) * NODE), used: 0, left: undefined };
      at += count * NODE;
      return level;
    });
  }

  /** Takes the next leaf. */
  add(leaf: Buffer): void {
    if (this.#left === 0) throw new DeliveryError(`more than ${this.size} leaves came`);
    this.#left -= 1;
    let node: Buffer | undefined = leaf;
    for (const level of this.#levels) {
      node = this.#put(level, node);
      if (!node) return;
    }
  }

  /** Puts a node into its level; the node above, if this one is the right one of a pair. */
  #put(level: Level, node: Buffer): Buffer | undefined {
    if (level.used === level.buffer.length) this.#flush(level);
    level.used += node.copy(level.buffer, level.used);
    const { left } = level;
    level.left = left ? undefined : node;
    this.#root = node;
    return left && nodeOf(left, node);
  }

  #flush(level: Level): void {
    writeSync(this.#file, level.buffer, 0, level.used, level.at);
    level.at += level.used;
    level.used = 0;
  }

  /** The root, when all is on the disk. */
  end(): Buffer {
    if (this.#left > 0) throw new DeliveryError(`${this.#left} leaves are missing`);
    // From the leaves upwards: what has no neighbour goes up alone.
    let alone: Buffer | undefined;
    const top = this.#levels.at(-1);
    for (const level of this.#levels) {
      if (alone) alone = this.#put(level, alone);
      if (level !== top) alone ??= level.left;
    }
    for (const level of this.#levels) this.#flush(level);
    fsyncSync(this.#file);
    closeSync(this.#file);
    return this.#root ?? rootOfNothing();
  }
}

export type Branch = {
  /** How many leaves the tree has. */
  size: number;
  /** The neighbours on the way to the root, from below, in hexadecimal digits: RFC 6962's audit path. */
  branch: string[];
};

/**
 * What leads from a leaf to the root. `index`: from 0, so that line 1 has index 0. It reads 32 bytes for each level.
 * Throws `DeliveryError` for an index that the tree does not have, and for a file that holds no tree.
 */
export async function readBranch(treeFile: string, index: number): Promise<Branch> {
  const file = await open(treeFile, 'r');
  try {
    const size = sizeIn(await read(file, 0, HEAD));
    if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
      throw new DeliveryError(`the delivery has no line with the index ${index}`);
    }
    const branch: string[] = [];
    let [at, own] = [HEAD, index];
    for (const count of levelsOf(size)) {
      const neighbour = own ^ 1;
      if (neighbour < count) branch.push((await read(file, at + neighbour * NODE, NODE)).toString('hex'));
      at += count * NODE;
      own = Math.floor(own / 2);
    }
    return { size, branch };
  } finally {
    await file.close();
  }
}

function sizeIn(head: Buffer): number {
  if (head.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new DeliveryError('the file holds no tree');
  return Number(head.readBigUInt64BE(MAGIC.length));
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw new DeliveryError('the file of the tree is cut off');
  return buffer;
}

/** The root that a leaf and its branch lead to: RFC 9162, 2.1.3.2. Undefined: the branch is not one of this tree. */
export function rootFrom(leaf: Uint8Array, index: number, { size, branch }: Branch): Buffer | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  let node: Uint8Array = leaf;
  let [own, used] = [index, 0];
  for (const count of levelsOf(size)) {
    if ((own ^ 1) < count) {
      const neighbour = Buffer.from(branch[used] ?? '', 'hex');
      if (neighbour.length !== NODE) return undefined;
      node = own % 2 === 1 ? nodeOf(neighbour, node) : nodeOf(node, neighbour);
      used += 1;
    }
    own = Math.floor(own / 2);
  }
  return used === branch.length ? Buffer.from(node) : undefined;
}
