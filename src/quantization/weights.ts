import { LARGEST_PAIR, pairSum } from '../onnx/saturation.js';
import { type IntegerRange, quantizationParameters } from './parameters.js';
import { roundAndClip } from './rounding.js';
import { offsetsOf, type WeightLayout } from './weight-layout.js';

/** The largest size of a symmetric INT8 weight: without -128, the zero point is exactly 0. */
export const LARGEST_INT8 = 127;
/** The same in 4 bits. */
export const LARGEST_INT4 = 7;

/** Symmetric int8 weights: real = scales[channel] · integers; one scale when they are per tensor. */
export interface QuantizedWeights {
  readonly integers: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  readonly perChannel: boolean;
}

export interface WeightOptions {
  readonly perChannel: boolean;
  /** Keep every pair of neighbouring weights small enough that 16-bit sums cannot saturate. */
  readonly avoidSaturation: boolean;
  /** The largest size of an integer; LARGEST_INT8 by default. */
  readonly largest?: number;
  /** A lower bound of each scale, by channel: the bias's overflow guard. */
  readonly leastScale?: (channel: number) => number;
}

/** Weights beside what the plainest rounding makes of them: from where better numbers start. */
export interface PlainWeights {
  readonly weights: Float32Array;
  readonly layout: WeightLayout;
  readonly options: WeightOptions;
  readonly quantized: QuantizedWeights;
}

/** How often a channel's scale is widened until its pairs are safe; the first widening nearly always suffices. */
const MAX_WIDENINGS = 8;
/** Rounding can push a pair that scales to exactly the bound past it by one step. */
const WIDENING_MARGIN = 1.002;

/** The largest sum of a neighbouring pair of one output channel. @param start of the channel */
function largestPair(weights: Int8Array, start: number, offsets: Int32Array): number {
  let largest = 0;
  for (let k = 0; k + 1 < offsets.length; k += 2) {
    const first = weights[start + (offsets[k] as number)] as number;
    const second = weights[start + (offsets[k + 1] as number)] as number;
    largest = Math.max(largest, pairSum(first, second));
  }
  return largest;
}

/** The symmetric scale of the channels that start here. */
function scaleOf(weights: Float32Array, starts: readonly number[], offsets: Int32Array, integers: IntegerRange) {
  let min = 0;
  let max = 0;
  for (const start of starts) {
    for (let k = 0; k < offsets.length; k++) {
      const weight = weights[start + (offsets[k] as number)] as number;
      if (!Number.isFinite(weight)) throw new RangeError('a weight is not finite');
      if (weight < min) min = weight;
      else if (weight > max) max = weight;
    }
  }
  return quantizationParameters({ min, max }, integers, { symmetric: true }).scale;
}

/**
 * Weights in int8, one symmetric scale per output channel or one for all. The division is rounded to float32 before it is rounded to an
 * integer, as ONNX Runtime's tool does. With `avoidSaturation` the scale of a channel whose pairs exceed the safe sum is widened
 * just as far as needed; half of the int8 range is the worst case. With a `largest` they fit fewer bits.
 * @throws RangeError when a weight is not finite.
 */
export function quantizeWeights(weights: Float32Array, layout: WeightLayout, options: WeightOptions): QuantizedWeights {
  const offsets = offsetsOf(layout);
  const integers = new Int8Array(weights.length);
  const { largest = LARGEST_INT8 } = options;
  const groups = options.perChannel ? layout.channels : 1;
  const scales = new Float32Array(groups);
  for (let group = 0; group < groups; group++) {
    const channels = options.perChannel ? [group] : Array.from({ length: layout.channels }, (_, channel) => channel);
    const starts = channels.map((channel) => layout.index(channel, 0));
    let scale = scaleOf(weights, starts, offsets, { min: -largest, max: largest });
    for (const channel of channels) scale = Math.max(scale, options.leastScale?.(channel) ?? 0);
    const write = () => {
      let pair = 0;
      for (const start of starts) {
        for (let k = 0; k < offsets.length; k++) {
          const at = start + (offsets[k] as number);
          integers[at] = roundAndClip(Math.fround((weights[at] as number) / scale), -largest, largest);
        }
        if (options.avoidSaturation) pair = Math.max(pair, largestPair(integers, start, offsets));
      }
      return pair;
    };
    scale = Math.fround(scale);
    for (let round = 0, pair = write(); pair > LARGEST_PAIR && round < MAX_WIDENINGS; round++, pair = write()) {
      scale = Math.fround(scale * (pair / LARGEST_PAIR) * WIDENING_MARGIN);
    }
    scales[group] = scale;
  }
  return { integers, scales, perChannel: options.perChannel };
}
