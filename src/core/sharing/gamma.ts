import type { Basics } from '../basics.js';

type Random = Basics['random'];

/** A uniform number in the open interval (0, 1). */
const uniform = (random: Random): number => (Number(random(8).readBigUInt64BE() >> 12n) + 0.5) / 2 ** 52;

/** A standard normal number, by Box and Muller. */
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));

/**
 * A random number from the gamma distribution with this shape (at least 1) and rate 1, by Marsaglia and Tsang (2000).
 */
export function drawGamma(random: Random, shape: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(uniform(random)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
