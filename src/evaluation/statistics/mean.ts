import type { Estimate, Interval } from './confidence.js';
import { studentT975 } from './student-t.js';

/** What the interval of a mean needs to know of the values. */
export interface Moments {
  readonly n: number;
  readonly mean: number;
  /** Sample standard deviation, divisor n - 1. */
  readonly deviation: number;
  /** Third central moment over the cubed standard deviation (divisor n); 0 when all values are equal. */
  readonly skewness: number;
}

export function momentsOf(values: ArrayLike<number>): Moments {
  const n = values.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i] as number;
  const mean = sum / n;
  let second = 0;
  let third = 0;
  for (let i = 0; i < n; i++) {
    const difference = (values[i] as number) - mean;
    second += difference ** 2;
    third += difference ** 3;
  }
  const variance = second / n;
  const skewness = variance > 0 ? third / n / variance ** 1.5 : 0;
  return { n, mean, deviation: n > 1 ? Math.sqrt(second / (n - 1)) : 0, skewness };
}

/**
 * A mean with the interval of Hall (1992), "On the removal of skewness by transformation", J. R. Statist. Soc. B 54, 221-228:
 * Student's interval whose ends t are bent by the sample skewness γ,
 *   g⁻¹(t) = (3 √n / γ) (cbrt(1 + (γ / √n) (t - γ / (6 √n))) - 1),   [x̄ - s/√n g⁻¹(t), x̄ - s/√n g⁻¹(-t)].
 * Errors against the original are skewed (most samples almost equal, a few far off), where the plain t interval covers too little
 * on the costly side; a bootstrap of few samples does no better and needs random numbers. γ = 0 gives the t interval. @throws RangeError for
 * fewer than two values, which bound nothing.
 */
function hallInterval({ n, mean, deviation, skewness }: Moments): Estimate {
  if (n < 2) throw new RangeError('the interval of a mean needs at least two values');
  const t = studentT975(n - 1);
  const gamma = skewness / Math.sqrt(n);
  const bend = (x: number) => (Math.abs(gamma) < 1e-9 ? x : (3 / gamma) * (Math.cbrt(1 + gamma * (x - gamma / 6)) - 1));
  const error = deviation / Math.sqrt(n);
  return { value: mean, ci95: [mean - error * bend(t), mean - error * bend(-t)] };
}

/** The mean of values that lie in `range`, with its interval cut to it. */
export function meanOf(moments: Moments, [low, high]: Interval): Estimate {
  const { value, ci95 } = hallInterval(moments);
  return { value, ci95: [Math.max(low, ci95[0]), Math.min(high, ci95[1])] };
}
