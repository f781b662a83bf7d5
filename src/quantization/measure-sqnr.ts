import type { Model } from '../onnx/ir/graph.js';
import { elements, type Tensor } from '../onnx/ir/tensor.js';
import { MEASURING, withModelSession } from './model-session.js';
import { type QuantizationSamples, sampleRows } from './samples.js';
import { tapGroups, tapped } from './tapped-values.js';

export interface SqnrOptions {
  readonly float: Model;
  readonly quantized: Model;
  /** Values to compare, with the number of bytes that one run gives of each. */
  readonly values: ReadonlyMap<string, number>;
  readonly samples: QuantizationSamples;
  readonly indices: readonly number[];
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly progress: (fraction: number) => void;
}

interface Energies {
  signal: number;
  noise: number;
}

function accumulate(energies: Energies, expected: Tensor, actual: Tensor): void {
  const x = elements(expected, 'float32');
  const y = elements(actual, 'float32');
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    energies.signal += value * value;
    energies.noise += (value - (y[i] as number)) ** 2;
  }
}

/** A bound that stands for "no difference". */
const MAX_DECIBEL = 200;

/**
 * Signal to quantization noise of each value: 10 · log10(Σx² / Σ(x − y)²) in dB over all samples, x from the float model and y from the
 * quantized one, so errors of earlier nodes count. Equal values give MAX_DECIBEL, a dead signal gives null. Q and DQ are read literally,
 * in float: where no pair of weights saturates, that is what the integer kernels compute.
 */
export async function measureSqnr(options: SqnrOptions): Promise<Map<string, number | null>> {
  const result = new Map<string, number | null>();
  const rows = sampleRows(options.indices, options.samples);
  const passes = tapGroups(options.values);
  const session = { threads: options.threads, scratch: options.scratch, optimization: MEASURING } as const;
  if (rows.length === 0) return result;
  for (const [pass, values] of passes.entries()) {
    const energies = new Map(values.map((value): [string, Energies] => [value, { signal: 0, noise: 0 }]));
    await withModelSession(tapped(options.float, values), session, (float) =>
      withModelSession(tapped(options.quantized, values), session, async (quantized) => {
        for (const [position, row] of rows.entries()) {
          options.signal.throwIfAborted();
          const feeds = await options.samples.feeds(row);
          const expected = await float.run(feeds);
          const actual = await quantized.run(feeds);
          for (const [value, energy] of energies) {
            const [x, y] = [expected.get(value), actual.get(value)];
            if (x && y) accumulate(energy, x, y);
          }
          options.progress((pass + (position + 1) / rows.length) / passes.length);
        }
      }),
    );
    for (const [value, { signal, noise }] of energies) {
      const decibel = noise === 0 ? MAX_DECIBEL : 10 * Math.log10(signal / noise);
      result.set(value, signal > 0 && Number.isFinite(decibel) ? Math.min(MAX_DECIBEL, decibel) : null);
    }
  }
  return result;
}
