/**
 * The address of signer n, distinct for every n below 2^32, and always of the same length. Deliberately unordered, like
 * real addresses: in alphabetical order the index would only grow at its end, which is cheaper.
 */
export const emailOf = (n: number): string =>
  `${(Math.imul(n + 1, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0')}@signers.example.org`;
