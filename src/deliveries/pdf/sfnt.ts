import { inflateSync } from 'node:zlib';

/*
 * A font of the web as an OpenType font. The font engine reads both, but inflates a whole table of a WOFF for each glyph
 * that it takes from it.
 */

const HEADER = 44;
const ENTRY = 20;

type Table = { tag: Buffer; checksum: number; data: Buffer };

function tablesOf(woff: Buffer): Table[] {
  return Array.from({ length: woff.readUInt16BE(12) }, (_, i) => {
    const at = HEADER + i * ENTRY;
    const [offset, packed, length] = [4, 8, 12].map((field) => woff.readUInt32BE(at + field));
    const raw = woff.subarray(offset, (offset ?? 0) + (packed ?? 0));
    return {
      tag: woff.subarray(at, at + 4),
      checksum: woff.readUInt32BE(at + 16),
      data: packed === length ? raw : inflateSync(raw),
    };
  });
}

/** Tables begin at multiples of four bytes. */
const padded = (length: number): number => (length + 3) & ~3;

/** Unpacks a WOFF of the first kind. */
export function unpackWoff(woff: Buffer): Buffer {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('this is no WOFF');
  const tables = tablesOf(woff);
  let offset = 12 + 16 * tables.length;
  const sfnt = Buffer.alloc(tables.reduce((sum, { data }) => sum + padded(data.length), offset));
  woff.copy(sfnt, 0, 4, 8);
  const power = Math.floor(Math.log2(tables.length));
  sfnt.writeUInt16BE(tables.length, 4);
  sfnt.writeUInt16BE(16 * 2 ** power, 6);
  sfnt.writeUInt16BE(power, 8);
  sfnt.writeUInt16BE(16 * (tables.length - 2 ** power), 10);
  tables.forEach(({ tag, checksum, data }, i) => {
    const at = 12 + 16 * i;
    tag.copy(sfnt, at);
    sfnt.writeUInt32BE(checksum, at + 4);
    sfnt.writeUInt32BE(offset, at + 8);
    sfnt.writeUInt32BE(data.length, at + 12);
    data.copy(sfnt, offset);
    offset += padded(data.length);
  });
  return sfnt;
}
