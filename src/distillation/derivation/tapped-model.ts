import type { Samples } from '../../datasets/samples.js';
import { cloneModel } from '../../onnx/ir/clone.js';
import type { Model } from '../../onnx/ir/graph.js';
import { elementCount } from '../../onnx/ir/tensor.js';
import { deadCode } from '../../onnx/passes/dead-code.js';
import { encodeModel } from '../../onnx/serde/encode-model.js';
import { type Session, withSession } from '../../runtime/session.js';
import { MEASURING } from './teacher-network.js';

/** Samples that run together when there is room. */
const MOST_SAMPLES = 16;
/** Bytes that the values read out of one run may take together. */
const TAPPED_BYTES = 64 * 2 ** 20;

/**
 * How many samples run together so that these values of them fit the bound; what the model insists on, where it does.
 * @param shapes as recorded on a few samples, their number in front
 */
export function tappedBatch(
  values: readonly string[],
  shapes: ReadonlyMap<string, readonly number[]>,
  samples: Pick<Samples, 'batch'>,
): number {
  return (
    samples.batch ??
    Math.max(1, Math.min(MOST_SAMPLES, Math.floor(TAPPED_BYTES / (1 + bytesPerSample(values, shapes)))))
  );
}

/** Bytes that float values of one sample take together, by shapes as recorded on a few. */
export const bytesPerSample = (values: readonly string[], shapes: ReadonlyMap<string, readonly number[]>): number =>
  values.reduce((sum, value) => {
    const dims = shapes.get(value) ?? [];
    return sum + (elementCount(dims) / (dims[0] || 1)) * Float32Array.BYTES_PER_ELEMENT;
  }, 0);

/** Opens the part of a model that makes these values of its main graph, its only outputs; the rest is not run, inputs left out. */
export function withTaps<Result>(
  model: Model,
  values: readonly string[],
  threads: number,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const part = cloneModel(model);
  const fed = new Set(part.graph.inputs.map(({ name }) => name));
  part.graph.outputs = [...new Set(values)].filter((name) => !fed.has(name)).map((name) => ({ name, type: null }));
  deadCode.run(part.graph);
  return withSession(encodeModel(part), { threads, optimization: MEASURING }, use);
}
