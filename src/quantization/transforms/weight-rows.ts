import type { PlainWeights, QuantizedWeights } from '../weights.js';

/** The channels that share a scale, as rows of K weights one after the other. */
export interface WeightRows {
  readonly channels: readonly number[];
  readonly k: number;
  readonly weights: Float64Array;
}

function rowsOf({ weights, layout, quantized }: PlainWeights): WeightRows[] {
  const all = Array.from({ length: layout.channels }, (_, channel) => channel);
  const groups = quantized.perChannel ? all.map((channel) => [channel]) : [all];
  return groups.map((channels) => ({
    channels,
    k: layout.k,
    weights: Float64Array.from(
      { length: channels.length * layout.k },
      (_, i) => weights[layout.index(channels[Math.floor(i / layout.k)] as number, i % layout.k)] as number,
    ),
  }));
}

export interface Integers {
  readonly scale: number;
  readonly integers: Int8Array;
}

/**
 * Refines rows after rows and puts them where the layout has them.
 * @param steps of arithmetic for one number, about
 * @throws what `breathe` throws
 */
export async function assembled(
  plain: PlainWeights,
  breathe: (steps: number) => Promise<void>,
  steps: number,
  refine: (rows: WeightRows, index: number) => Integers,
): Promise<QuantizedWeights> {
  const { layout, quantized } = plain;
  const integers = new Int8Array(quantized.integers.length);
  const scales = new Float32Array(quantized.scales.length);
  for (const [index, rows] of rowsOf(plain).entries()) {
    await breathe(rows.weights.length * steps);
    const found = refine(rows, index);
    scales[index] = found.scale;
    rows.channels.forEach((channel, row) => {
      for (let i = 0; i < rows.k; i++) integers[layout.index(channel, i)] = found.integers[row * rows.k + i] as number;
    });
  }
  return { integers, scales, perChannel: quantized.perChannel };
}

/** The bound below which the scale of rows must not fall, for the sake of their biases. */
export const leastScale = ({ options }: PlainWeights, { channels }: WeightRows): number =>
  channels.reduce((least, channel) => Math.max(least, options.leastScale?.(channel) ?? 0), 0);
