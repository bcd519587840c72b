import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';
import { encodeId, type IdPrefix } from '../schema/db/public-id.js';

/** Random numbers for many ids at a time: drawing them for each id would double its cost. */
const numbers = new Uint32Array(1024);
let used = numbers.length;

const generator = new V7Generator({
  nextUint32() {
    if (used === numbers.length) {
      randomFillSync(numbers);
      used = 0;
    }
    return numbers[used++] ?? 0;
  },
});

/** A new public id. Ids of one process sort in the order in which they were made. */
export const newId = (prefix: IdPrefix): string => encodeId(prefix, generator.generate().bytes);
