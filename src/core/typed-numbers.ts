import { forMachines } from './typed-text.js';

const LARGEST = 2_000_000_000;

/**
 * A whole number as people type it, in any script and with any marks between thousands: `12,480`, `12.480`, `12 480`,
 * `12’480`. Undefined: it is none, or is above two thousand million.
 */
export function readWholeNumber(typed: string): number | undefined {
  const text = forMachines(typed).trim();
  if (!/^(?:\d+|\d{1,3}(?:[\s.,'’٬]\d{3})+)$/u.test(text)) return undefined;
  const number = Number(text.replace(/\D/gu, ''));
  return number <= LARGEST ? number : undefined;
}
