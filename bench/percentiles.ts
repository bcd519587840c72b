/** The median and the 99th percentile; NaN without numbers. */
export function percentiles(numbers: readonly number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(numbers).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
