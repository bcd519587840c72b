import type { Basics } from '../basics.js';

type Random = Basics['random'];

/** Between 0 and 1, and neither: 52 random bits and a half. */
const uniform = (random: Random): number => (Number(random(8).readBigUInt64BE() >> 12n) + 0.5) / 2 ** 52;

/** Box and Muller. */
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));

/** A draw from the gamma distribution of this shape (1 or more) and rate 1, after Marsaglia and Tsang (2000). */
export function drawGamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(uniform(random)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
