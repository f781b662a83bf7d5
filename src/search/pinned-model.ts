import type { Samples } from '../datasets/samples.js';
import type { Model } from '../onnx/ir/graph.js';
import { cleanUp } from '../onnx/passes/clean-up.js';
import { pinShapes } from '../onnx/shapes/pin-shapes.js';
import type { RunModel } from '../onnx/shapes/record-shapes.js';
import { withUniqueNames } from '../quantization/names.js';
import { runOnce } from '../quantization/shapes.js';

export interface PinningOptions {
  readonly model: Model;
  /** With a fixed batch. */
  readonly samples: Samples;
  /** Any samples: all have the same shapes. */
  readonly calibration: readonly number[];
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/**
 * The model for the one shape that the dataset sends, and how many nodes that removed.
 * @throws ServiceError model_run_failed, model_load_failed
 */
export async function pinnedModel(options: PinningOptions): Promise<{ model: Model; changes: number }> {
  const { samples, calibration, threads, scratch, signal } = options;
  const session = { threads, scratch };
  const graph = { ...options.model.graph, nodes: withUniqueNames(options.model.graph.nodes) };
  const { model } = await cleanUp({ ...options.model, graph }, { run: runOnce(session, new Map()), signal });
  const rows = Array.from({ length: samples.batch ?? 1 }, (_, i) => calibration[i % calibration.length] ?? 0);
  const feeds = await samples.feeds(rows);
  // Parts of the model that depend on constants alone are run too, and take none of the inputs.
  const run: RunModel = (part, fetches) => {
    const taken = new Set(part.graph.inputs.map(({ name }) => name));
    return runOnce(session, new Map([...feeds].filter(([name]) => taken.has(name))))(part, fetches);
  };
  return pinShapes(model, feeds, run);
}
