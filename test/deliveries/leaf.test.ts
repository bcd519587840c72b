import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { COLUMNS, type Column } from '../../src/deliveries/delivery.js';
import { leafOf, type Cells } from '../../src/deliveries/proof/leaf.js';
import { RootOfLeaves } from '../../src/deliveries/verify/lines.js';

const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** As docs/deliveries.md says it. */
function documentedLeaf(line: Cells, columns: readonly Column[], salt: Buffer): Buffer {
  const parts = columns.map((column) => {
    const value = line[column] ?? null;
    const bytes = Buffer.from(String(value));
    return value === null
      ? Buffer.from(`${column}=\n`)
      : Buffer.concat([Buffer.from(`${column}=${bytes.length}:`), bytes, Buffer.from('\n')]);
  });
  return sha256(Buffer.from([0]), salt, ...parts);
}

const cell = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', 'name=1:a\n', '漢'.repeat(30_000), 'é', '\n', '5:'),
);

t.test('a leaf is as it is documented, whatever is in the line', async (t) => {
  fc.assert(
    fc.property(
      fc.subarray([...COLUMNS]),
      fc.array(cell, { minLength: 9, maxLength: 9 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (columns, values, bytes) => {
        const line: Cells = Object.fromEntries(COLUMNS.map((column, i) => [column, values[i] ?? null]));
        const salt = Buffer.from(bytes);
        const leaf = leafOf(line, columns, salt.toString('base64url'));
        return leaf.equals(documentedLeaf(line, columns, salt));
      },
    ),
  );
  t.notSame(leafOf({ name: '' }, ['name'], 'A'.repeat(22)), leafOf({ name: null }, ['name'], 'A'.repeat(22)));
});

t.test('a salt is 16 bytes, in one spelling', async (t) => {
  for (const salt of [
    '',
    'AAAA',
    'A'.repeat(21),
    'A'.repeat(23),
    `${'A'.repeat(21)}B`,
    `${'A'.repeat(21)}=`,
  ]) {
    t.throws(() => leafOf({ name: 'Ada' }, ['name'], salt), { name: 'TypeError' }, salt);
  }
});

t.test('an empty tree has the root of the standard', async (t) => {
  t.equal(new RootOfLeaves().root().toString('hex'), sha256().toString('hex'));
});
