import { type ActivationFormat, quantizationParameters, type Range, U8 } from '../parameters.js';
import { roundHalfToEven } from '../rounding.js';
import type { Histogram } from './histogram.js';

/**
 * Σ n_i · (x_i − s·(q(x_i) − z))² over the bins of a histogram: the squared error that a range makes by rounding and clipping, with the very
 * scale s, zero point z and rounding (half to even) that the model will use. x_i is the mean of bin i, n_i its count.
 */
export function quantizationError(
  histogram: Histogram,
  { integers, symmetric }: ActivationFormat = U8,
): (range: Range) => number {
  const { means, counts } = histogram.occupied();
  return (range) => {
    const { scale, zeroPoint } = quantizationParameters(range, integers, { symmetric });
    const [low, high] = [integers.min - zeroPoint, integers.max - zeroPoint];
    let error = 0;
    for (let i = 0; i < means.length; i++) {
      const mean = means[i] as number;
      const level = Math.min(high, Math.max(low, roundHalfToEven(mean / scale)));
      error += (counts[i] as number) * (mean - scale * level) ** 2;
    }
    return error;
  };
}
