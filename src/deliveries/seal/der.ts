/*
 * The little of DER that time stamps need: writing a request, and finding fields in an answer. A library of ASN.1 with its
 * dependencies would be far more than this, which reads nothing but tags and lengths.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  oid: 0x06,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** [0], of several fields. */
  tagged: 0xa0,
} as const;

export class DerError extends Error {
  override readonly name = 'DerError';
}

/** One value with its tag and length. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head = body.length < 128 ? [tag, body.length] : [tag, 128 + length.length, ...length];
  return Buffer.concat([Buffer.from(head), body]);
}

/** A whole number that is not negative, from its bytes. */
export function derInteger(bytes: Uint8Array): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = from < 0 ? Buffer.alloc(1) : Buffer.from(bytes.subarray(from));
  const isNegative = (digits[0] ?? 0) > 127;
  return der(TAG.integer, isNegative ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

/** An object identifier, from its numbers below 2^28: '1.2.840'. */
export function derOid(numbers: string): Buffer {
  const [first = 0, second = 0, ...rest] = numbers.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number & 127];
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    bytes.push(...digits);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

export type DerValue = { tag: number; body: Buffer; /** With tag and length. */ whole: Buffer };

/** The values that follow each other in these bytes. Throws `DerError`. */
export function derValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0;
    const [length, begin] = lengthAt(bytes, at + 1);
    const end = begin + length;
    // Tags of several bytes are in none of these structures.
    if ((tag & 31) === 31 || end > bytes.length) throw new DerError('this is no DER');
    values.push({ tag, body: bytes.subarray(begin, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return values;
}

function lengthAt(bytes: Buffer, at: number): [length: number, begin: number] {
  const first = bytes[at];
  if (first === undefined) throw new DerError('this is no DER');
  if (first < 128) return [first, at + 1];
  const count = first - 128;
  // 128 would be a length that is told at the end, which DER does not have.
  if (count < 1 || count > 4 || at + 1 + count > bytes.length) throw new DerError('this is no DER');
  return [bytes.readUIntBE(at + 1, count), at + 1 + count];
}

/** The value at a place, which must have this tag. Throws `DerError`. */
export function derAt(values: readonly DerValue[], place: number, tag: number): DerValue {
  const value = values[place];
  if (value?.tag !== tag) throw new DerError(`there is no value with the tag ${tag} at place ${place}`);
  return value;
}
