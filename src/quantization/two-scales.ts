import type { WeightLayout } from './weight-layout.js';
import { type QuantizedWeights, quantizeWeights } from './weights.js';

/** Int8 weights that are only stored: real = scales[channel] · inputScales[k] · integers; no input scales where they gain nothing. */
export interface StoredWeights extends QuantizedWeights {
  /** In the order in which the inputs lie in memory. */
  readonly inputScales: Float32Array<ArrayBuffer> | null;
}

/** Fewer output channels than this do not repay a scale for each input: 4 bytes for so many weights. */
const LEAST_CHANNELS = 32;
/** Rounds of the balance below; the fourth changes little. */
const ROUNDS = 4;
/** Inputs are scaled when that lowers the mean relative error of an input's weights by this factor, 1 dB. */
const LEAST_GAIN = 1.26;

/** The mean over all inputs of Σ (w − ŵ)² / Σ w² over an input's weights: what the error is where small weights meet large activations. */
function relativeError(
  weights: Float32Array,
  { channels, k, index }: WeightLayout,
  restored: (channel: number, input: number, at: number) => number,
): number {
  let total = 0;
  for (let input = 0; input < k; input++) {
    let signal = 0;
    let noise = 0;
    for (let channel = 0; channel < channels; channel++) {
      const at = index(channel, input);
      const weight = weights[at] as number;
      signal += weight * weight;
      noise += (weight - restored(channel, input, at)) ** 2;
    }
    total += signal === 0 ? 0 : noise / signal;
  }
  return total / k;
}

/** A scale for each input, so that |w| / (output scale · input scale) reaches about as far in every row and every column. */
function balance(weights: Float32Array, { channels, k, index }: WeightLayout): Float64Array {
  const outputs = new Float64Array(channels).fill(1);
  const inputs = new Float64Array(k).fill(1);
  const largestOfOutputs = new Float64Array(channels);
  const largestOfInputs = new Float64Array(k);
  const widen = (scales: Float64Array, largest: Float64Array) => {
    for (let i = 0; i < scales.length; i++) {
      if ((largest[i] as number) > 0) (scales[i] as number) *= Math.sqrt(largest[i] as number);
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [scales, largest, ofInputs] of [
      [inputs, largestOfInputs, true],
      [outputs, largestOfOutputs, false],
    ] as const) {
      largest.fill(0);
      for (let channel = 0; channel < channels; channel++) {
        const output = outputs[channel] as number;
        for (let input = 0; input < k; input++) {
          const size = Math.abs(weights[index(channel, input)] as number) / (output * (inputs[input] as number));
          const place = ofInputs ? input : channel;
          if (size > (largest[place] as number)) largest[place] = size;
        }
      }
      widen(scales, largest);
    }
  }
  return inputs;
}

/**
 * Weights in int8 for storage, restored when the model is loaded. A scale per output channel is not enough where a factor per channel was
 * folded into the next layer: its inputs then differ by orders of magnitude, and the small ones, which meet large activations, are
 * lost. A second scale per input keeps them, in 4 bytes an input.
 * @param byInput whether inputs may have scales
 * @throws RangeError when a weight is not finite
 */
export function storedWeights(
  weights: Float32Array,
  layout: WeightLayout,
  { byInput }: { readonly byInput: boolean },
): StoredWeights {
  const plain = quantizeWeights(weights, layout, { perChannel: true, avoidSaturation: false });
  const { channels, k, index } = layout;
  const channelsFirst = layout.axis === 0;
  const alongInputs = channelsFirst || index(0, Math.min(1, k - 1)) === (k > 1 ? channels : 0);
  if (!byInput || channels < LEAST_CHANNELS || k < 2 || !alongInputs) return { ...plain, inputScales: null };
  const inputs = balance(weights, layout).map(Math.fround);
  const scaled = new Float32Array(weights.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let input = 0; input < k; input++) {
      const at = index(channel, input);
      scaled[at] = (weights[at] as number) / (inputs[input] as number);
    }
  }
  const { scales, integers } = quantizeWeights(scaled, layout, { perChannel: true, avoidSaturation: false });
  const before = relativeError(weights, layout, (channel, _, at) => {
    return (plain.scales[channel] as number) * (plain.integers[at] as number);
  });
  const after = relativeError(weights, layout, (channel, input, at) => {
    return (scales[channel] as number) * (inputs[input] as number) * (integers[at] as number);
  });
  if (before < after * LEAST_GAIN) return { ...plain, inputScales: null };
  const inputScales = new Float32Array(k);
  for (let input = 0; input < k; input++) {
    inputScales[channelsFirst ? index(0, input) : input] = inputs[input] as number;
  }
  return { integers, scales, perChannel: true, inputScales };
}
