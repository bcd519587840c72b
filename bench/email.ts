/**
 * The address of signer n. Distinct for every n below 2^32 and in no order, as real addresses arrive: in alphabetical
 * order the index would only ever grow at its end, which is cheaper than what happens in life. Always equally long.
 */
export const emailOf = (n: number): string =>
  `${(Math.imul(n + 1, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0')}@signers.example.org`;
