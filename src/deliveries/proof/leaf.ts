import { hash } from 'node:crypto';
import type { Column, DeliveryLine } from '../delivery.js';

/*
 * A line as a leaf of the Merkle tree of RFC 6962. Its salt makes it unguessable: who has the leaves learns no names, and
 * when the salt is erased nothing tells any more that a name was there.
 */

export const SALT_BYTES = 16;

/** A line as it is in a file or at its signer: what is in its columns, by their names. */
export type Cells = Readonly<Partial<Record<Column, string | number | null>>>;

/**
 * SHA-256 of a zero byte, the 16 bytes of the salt, and for each column in its order `name=length:value` and a line feed;
 * the length is that of the value in bytes of UTF-8. A column without a value is `name=` and a line feed.
 */
export function leafOf(line: DeliveryLine | Cells, columns: readonly Column[], salt: string): Buffer {
  if (!SALT.test(salt)) throw new TypeError('a salt is 16 bytes, as base64url');
  let text = '';
  for (const column of columns) text += `${column}=${cellOf(line[column])}\n`;
  const start = 1 + SALT_BYTES;
  // A character has three bytes at most.
  if (scratch.length < start + 3 * text.length) scratch = Buffer.alloc(start + 3 * text.length);
  // Its first byte is always 0, which is the prefix of leaves.
  scratch.write(salt, 1, SALT_BYTES, 'base64url');
  const end = start + scratch.write(text, start);
  return hash('sha256', scratch.subarray(0, end), 'buffer');
}

/** Making one for each line would take as long as hashing it. */
let scratch = Buffer.alloc(65_536);

/** Of 16 bytes, the last digit tells two bits: other digits would be the same bytes in another spelling. */
const SALT = /^[A-Za-z0-9_-]{21}[AQgw]$/;

function cellOf(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return `${Buffer.byteLength(text)}:${text}`;
}

/** The prefix of nodes, and room for two. */
const pair = Buffer.alloc(65, 1);

/** A node above two others. */
export function nodeOf(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 1);
  pair.set(right, 33);
  return hash('sha256', pair, 'buffer');
}

/** The root of a tree without leaves. */
export const rootOfNothing = (): Buffer => hash('sha256', Buffer.alloc(0), 'buffer');
