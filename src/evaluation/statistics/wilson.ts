import { type Estimate, Z } from './confidence.js';

/**
 * A proportion and its score interval (Wilson 1927): the p with |p̂ - p| <= z sqrt(p (1 - p) / n),
 *   (p̂ + z²/2n ± z sqrt(p̂ (1 - p̂)/n + z²/4n²)) / (1 + z²/n).
 * It stays inside [0, 1] and has width at 0 and 1.
 */
export function proportion(successes: number, n: number): Estimate {
  const p = successes / n;
  const z2n = (Z * Z) / n;
  const centre = (p + z2n / 2) / (1 + z2n);
  const half = (Z * Math.sqrt((p * (1 - p)) / n + z2n / (4 * n))) / (1 + z2n);
  // At 0 and 1 the ends are exact, whatever rounding makes of them.
  return { value: p, ci95: [p === 0 ? 0 : centre - half, p === 1 ? 1 : centre + half] };
}
