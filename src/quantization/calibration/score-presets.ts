import type { Model } from '../../onnx/ir/graph.js';
import { withModelSession } from '../model-session.js';
import { outputSqnr, type ScoringTask } from './output-sqnr.js';

/** Samples on which whole models are compared: each costs two runs for each preset. */
export const SCORED_SAMPLES = 32;

/** Something that whole models can differ in: the ranges of activations, or how weights are rounded. */
export interface Scored<Preset> {
  readonly preset: Preset;
  /** Signal to noise of the model's outputs against float, in dB: the mean of the outputs. */
  readonly decibel: number;
}

/**
 * Builds the model of each preset and compares its outputs with those of the float model, run as they will be: fully optimized, by the
 * integer kernels of this CPU.
 * @param task its model is the float one, its indices the selection samples
 * @returns one entry for each preset, in their order
 */
export function scorePresets<Preset>(
  task: ScoringTask,
  presets: readonly Preset[],
  build: (preset: Preset) => Model,
): Promise<Scored<Preset>[]> {
  const options = { threads: task.threads, scratch: task.scratch };
  return withModelSession(task.model, options, async (float) => {
    const scored: Scored<Preset>[] = [];
    for (const preset of presets) {
      task.signal.throwIfAborted();
      const { decibel } = await withModelSession(build(preset), options, (quantized) =>
        outputSqnr(float, quantized, task),
      );
      scored.push({ preset, decibel });
      task.progress(scored.length / presets.length);
    }
    return scored;
  });
}
