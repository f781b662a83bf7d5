import { LARGEST_PAIR, pairSum } from '../../onnx/saturation.js';
import { roundAndClip } from '../rounding.js';
import { LARGEST_INT8, type PlainWeights, type QuantizedWeights, type WeightOptions } from '../weights.js';
import { assembled, leastScale, type WeightRows } from './weight-rows.js';

/** Numbers from one to another, both included, in even steps. */
const steps = (from: number, to: number, count: number) =>
  Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
/**
 * Scales tried, relative to the one that the extremes give. Few are far below: 8 bits seldom gain by clipping. Most are near it, where the
 * grid falls better or worse on the weights by chance.
 */
const RELATIVE_SCALES = [...steps(0.5, 0.95, 9), ...steps(0.96, 1.02, 40)];

/** Takes from both of a pair what is too much for a 16-bit sum, in equal parts, which is the nearest safe pair. */
function makeSafe(integers: Int8Array, scaled: (at: number) => number, at: number, largest: number): void {
  const [first, second] = [integers[at] as number, integers[at + 1] as number];
  if (pairSum(first, second) <= LARGEST_PAIR) return;
  const sign = Math.sign(first);
  const [x, y] = [Math.abs(scaled(at)), Math.abs(scaled(at + 1))];
  const kept = roundAndClip(x - (x + y - LARGEST_PAIR) / 2, LARGEST_PAIR - largest, largest);
  integers[at] = sign * kept;
  integers[at + 1] = sign * (LARGEST_PAIR - kept);
}

/** Writes the nearest safe integers for a scale. @returns Σ (w − s·q)² */
function nearest(
  { weights, k }: WeightRows,
  scale: number,
  { avoidSaturation, largest = LARGEST_INT8 }: WeightOptions,
  integers: Int8Array,
): number {
  const scaled = (at: number) => (weights[at] as number) / scale;
  for (let at = 0; at < weights.length; at++) integers[at] = roundAndClip(Math.fround(scaled(at)), -largest, largest);
  if (avoidSaturation)
    for (let row = 0; row < weights.length; row += k)
      for (let i = 0; i + 1 < k; i += 2) makeSafe(integers, scaled, row + i, largest);
  let error = 0;
  for (let at = 0; at < weights.length; at++)
    error += ((weights[at] as number) - scale * (integers[at] as number)) ** 2;
  return error;
}

/** The scale of each channel that makes the least squared error of its weights. */
export function leastErrorWeights(
  plain: PlainWeights,
  breathe: (steps: number) => Promise<void>,
): Promise<QuantizedWeights> {
  const { options, quantized } = plain;
  return assembled(plain, breathe, RELATIVE_SCALES.length, (rows, index) => {
    const start = quantized.scales[index] as number;
    let best = { scale: start, integers: new Int8Array(rows.weights.length) };
    let least = nearest(rows, start, options, best.integers);
    const trial = new Int8Array(rows.weights.length);
    const lowest = leastScale(plain, rows);
    for (const relative of RELATIVE_SCALES) {
      const scale = Math.fround(start * relative);
      if (scale < lowest || scale === 0) continue;
      const error = nearest(rows, scale, options, trial);
      if (error >= least) continue;
      least = error;
      best = { scale, integers: trial.slice() };
    }
    return best;
  });
}
