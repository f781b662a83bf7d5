import type { Model } from '../onnx/ir/graph.js';
import { elements, type Tensor } from '../onnx/ir/tensor.js';
import type { CalibrationTask } from './calibration/task.js';
import { MEASURING, withModelSession } from './model-session.js';
import { sampleRows } from './samples.js';
import { sideBySide } from './side-by-side.js';

/** Its values are compared: float32, of both main graphs. */
export interface SqnrOptions extends Omit<CalibrationTask, 'model' | 'kept'> {
  readonly float: Model;
  readonly quantized: Model;
}

/** A bound that stands for "no difference". */
const MAX_DECIBEL = 200;

const only = (scalar: Tensor | undefined): number =>
  (scalar ? elements(scalar, 'float32')[0] : undefined) ?? Number.NaN;

/**
 * Signal to quantization noise of each value: 10 · log10(Σx² / Σ(x − y)²) in dB over all samples, x from the float model and y from the
 * quantized one, so errors of earlier nodes count. Equal values give MAX_DECIBEL, a dead signal gives null. Q and DQ are read literally,
 * in float: where no pair of weights saturates, that is what the integer kernels compute.
 */
export async function measureSqnr(options: SqnrOptions): Promise<Map<string, number | null>> {
  const { samples, threads, scratch } = options;
  const rows = sampleRows(options.indices, samples);
  if (rows.length === 0 || options.values.length === 0) return new Map();
  const { model, comparisons } = sideBySide(options.float, options.quantized, options.values);
  const energies = new Map(options.values.map((value) => [value, { signal: 0, noise: 0 }]));
  await withModelSession(model, { threads, scratch, optimization: MEASURING }, async ({ run }) => {
    for (const [position, row] of rows.entries()) {
      options.signal.throwIfAborted();
      const found = await run(await samples.feeds(row));
      for (const [value, names] of comparisons) {
        const energy = energies.get(value);
        if (!energy) continue;
        energy.signal += only(found.get(names.signal));
        energy.noise += only(found.get(names.noise));
      }
      options.progress((position + 1) / rows.length);
    }
  });
  return new Map(
    [...energies].map(([value, { signal, noise }]) => {
      const decibel = noise === 0 ? MAX_DECIBEL : 10 * Math.log10(signal / noise);
      return [value, signal > 0 && Number.isFinite(decibel) ? Math.min(MAX_DECIBEL, decibel) : null];
    }),
  );
}
