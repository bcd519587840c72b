/** Half of the numbers are at most p50, and 99 of 100 at most p99; NaN of none. */
export function percentiles(numbers: readonly number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(numbers).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
