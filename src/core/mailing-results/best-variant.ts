/*
 * How likely each wording of a test is to be the best, from what is known: each rate has the Beta distribution that a
 * uniform prior gives. Computed by quadrature, so that the same figures always give the same answer.
 */

/** How many got it, and how many of them did what counts. */
export type Trial = { of: number; successes: number };

/** Points for each distribution, and how many standard deviations they span on either side. */
const POINTS = 400;
const SPAN = 9;

/** The probability of each to have the highest rate; they add up to 1. */
export function chancesToBeBest(trials: readonly Trial[]): number[] {
  const betas = trials.map(({ of, successes }) => {
    const yes = Math.min(Math.max(0, successes), Math.max(0, of));
    return { a: 1 + yes, b: 1 + Math.max(0, of) - yes };
  });
  // The steps are small wherever any of the distributions changes.
  const points = [...new Set(betas.flatMap(pointsOf))].sort((x, y) => x - y);
  const below = betas.map(({ a, b }) => points.map((x) => betaCdf(x, a, b)));
  const sums = betas.map((_, best) => {
    const others = points.map((_x, k) => product(below, k, best));
    const own = below[best] ?? [];
    let sum = 0;
    for (let k = 1; k < points.length; k += 1) {
      sum += (at(own, k) - at(own, k - 1)) * ((at(others, k) + at(others, k - 1)) / 2);
    }
    return sum;
  });
  const total = sums.reduce((one, other) => one + other, 0);
  return total > 0 ? sums.map((sum) => sum / total) : sums.map(() => 1 / sums.length);
}

const at = (list: readonly number[], index: number): number => list[index] ?? 0;

const product = (lists: readonly (readonly number[])[], k: number, without: number): number =>
  lists.reduce((result, list, index) => (index === without ? result : result * at(list, k)), 1);

/** Points around the mean, evenly in log-odds, where even a rate close to 0 has a nearly normal distribution. */
function pointsOf({ a, b }: { a: number; b: number }): number[] {
  const [centre, deviation] = [Math.log(a / b), Math.sqrt(1 / a + 1 / b)];
  return Array.from({ length: POINTS + 1 }, (_, k) => {
    const logit = centre + deviation * SPAN * ((2 * k) / POINTS - 1);
    return 1 / (1 + Math.exp(-logit));
  });
}

/** The regularized incomplete beta function: how likely the rate is to be below x. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // The continued fraction converges quickly on this side; the other one is its complement.
  return x < (a + 1) / (a + b + 2)
    ? (front * fraction(x, a, b)) / a
    : 1 - (front * fraction(1 - x, b, a)) / b;
}

const TINY = 1e-300;
const MOST_STEPS = 10_000;

/** By the method of Lentz. */
function fraction(x: number, a: number, b: number): number {
  const kept = (value: number) => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < MOST_STEPS; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    result *= d * c;
    if (Math.abs(d * c - 1) < 1e-13) break;
  }
  return result;
}

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** The logarithm of the gamma function, for numbers from 1 on. */
export function logGamma(x: number): number {
  const t = x + 6.5;
  const sum = LANCZOS.reduce((total, one, k) => total + one / (x + k), 0.9999999999998099);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}
