import type { Model } from '../../onnx/ir/graph.js';
import { numbers } from '../../onnx/ir/numbers.js';
import type { Session } from '../../runtime/session.js';
import { withModelSession } from '../model-session.js';
import { sampleRows } from '../samples.js';
import type { Preset } from './range-methods.js';
import type { CalibrationTask } from './task.js';

/** Samples on which whole models are compared: each costs two runs for each preset. */
export const SCORED_SAMPLES = 32;
/** Stands for "no difference", and its negative for an output that is lost in noise or not finite. */
const MAX_DECIBEL = 200;

export interface ScoredPreset {
  readonly preset: Preset;
  /** Signal to noise of the model's outputs against float, in dB: the mean of the outputs. */
  readonly decibel: number;
}

const decibelOf = ({ signal, noise }: Energies) => {
  if (noise === 0) return MAX_DECIBEL;
  const decibel = 10 * Math.log10(signal / noise);
  return Number.isNaN(decibel) ? -MAX_DECIBEL : Math.min(MAX_DECIBEL, Math.max(-MAX_DECIBEL, decibel));
};

interface Energies {
  signal: number;
  noise: number;
}

/** 10 · log10(Σx² / Σ(x − y)²) over all samples, the mean over the outputs; integer and boolean outputs count as numbers. */
async function outputSqnr(float: Session, quantized: Session, task: ScoringTask): Promise<number> {
  const energies = new Map<string, Energies>();
  for (const row of sampleRows(task.indices, task.samples)) {
    task.signal.throwIfAborted();
    const feeds = await task.samples.feeds(row);
    const expected = await float.run(feeds);
    const actual = await quantized.run(feeds);
    for (const [name, tensor] of expected) {
      const other = actual.get(name);
      if (!other || tensor.dtype === 'string') continue;
      const [x, y] = [numbers(tensor), numbers(other)];
      const energy = energies.get(name) ?? { signal: 0, noise: 0 };
      // Outputs whose size depends on the numbers, such as found boxes, may differ in length: what is missing is all noise.
      for (let i = 0; i < Math.max(x.length, y.length); i++) {
        energy.signal += (x[i] ?? 0) ** 2;
        energy.noise += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
      }
      energies.set(name, energy);
    }
  }
  const decibels = [...energies.values()].map(decibelOf);
  return decibels.reduce((sum, decibel) => sum + decibel, 0) / Math.max(1, decibels.length);
}

type ScoringTask = Omit<CalibrationTask, 'values'>;

/**
 * Builds the model of each preset and compares its outputs with those of the float model, run as they will be: fully optimized, by the
 * integer kernels of this CPU.
 * @param task its model is the float one, its indices the selection samples
 * @returns one entry for each preset, in their order
 */
export function scorePresets(
  task: ScoringTask,
  presets: readonly Preset[],
  build: (preset: Preset) => Model,
): Promise<ScoredPreset[]> {
  const options = { threads: task.threads, scratch: task.scratch };
  return withModelSession(task.model, options, async (float) => {
    const scored: ScoredPreset[] = [];
    for (const preset of presets) {
      task.signal.throwIfAborted();
      const decibel = await withModelSession(build(preset), options, (quantized) => outputSqnr(float, quantized, task));
      scored.push({ preset, decibel });
      task.progress(scored.length / presets.length);
    }
    return scored;
  });
}
