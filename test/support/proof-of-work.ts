import { createHash } from 'node:crypto';

export type Altcha = {
  algorithm: string;
  challenge: string;
  salt: string;
  signature: string;
  maxnumber: number;
};

/** Finds the number, as a page does, and writes it down as it is sent. `changes` spoil it. */
export function solve(altcha: Altcha, changes: Record<string, unknown> = {}): string {
  const { algorithm, challenge, salt, signature, maxnumber } = altcha;
  for (let number = 0; number <= maxnumber; number += 1) {
    if (createHash('sha256').update(`${salt}${number}`).digest('hex') !== challenge) continue;
    const payload = { algorithm, challenge, number, salt, signature, ...changes };
    return Buffer.from(JSON.stringify(payload)).toString('base64');
  }
  throw new Error('the challenge has no solution');
}
