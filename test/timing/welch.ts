/** Mean and variance of a growing sample, without keeping it (Welford). */
export class Sample {
  n = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.n += 1;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.#squares += before * (value - this.mean);
  }

  /** Several samples as one. */
  static of(samples: readonly Sample[]): Sample {
    const all = new Sample();
    for (const one of samples) {
      const n = all.n + one.n;
      const between = one.mean - all.mean;
      all.#squares += one.#squares + (between ** 2 * all.n * one.n) / Math.max(n, 1);
      all.mean += (between * one.n) / Math.max(n, 1);
      all.n = n;
    }
    return all;
  }

  get variance(): number {
    return this.n > 1 ? this.#squares / (this.n - 1) : 0;
  }
}

/** Welch's t: how many standard errors two means lie apart, whatever the variances. */
export function welch(a: Sample, b: Sample): number {
  const error = Math.sqrt(a.variance / a.n + b.variance / b.n);
  return error === 0 ? 0 : (a.mean - b.mean) / error;
}
