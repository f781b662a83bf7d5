import type { Model } from '../onnx/ir/graph.js';
import { byteLength, int64s, type Tensor } from '../onnx/ir/tensor.js';
import { decodeModel } from '../onnx/serde/decode-model.js';
import { encodeModel } from '../onnx/serde/encode-model.js';
import { type RecordedShape, recordShapes } from '../onnx/shapes/record-shapes.js';
import { ServiceError } from '../platform/errors.js';
import { withSession } from '../runtime/session.js';
import { liveBytes } from './live-memory.js';
import { TARGETS, type TrainingProgram } from './program.js';

/**
 * What the process grows by for each byte that lives in the training graph: ONNX Runtime's allocator finds chunks again but not exactly, and the
 * graph that scores lies beside. Measured on four networks at batches of 64 to 512, where estimates met the peak within a quarter.
 */
const ALLOCATOR = 1.5;
/** Copies of the weights that a training holds: gradients twice (the runtime's and ours), two moments, the best so far, themselves. */
const COPIES_OF_WEIGHTS = 6;
/** Shapes that depend on the number of samples are told from the others by two small numbers, neither of which broadcasts. */
const [FEW, MORE] = [2, 3];
const MIB = 2 ** 20;

/** Every value of a training program in the order of its nodes, with its bytes at one number of samples. */
async function valuesOf(program: TrainingProgram, student: Model, sample: ReadonlyMap<string, Tensor>) {
  const model = decodeModel(program.bytes);
  const feeds = new Map(
    model.graph.inputs.map(({ name, type }): [string, Tensor] => {
      const given = sample.get(name) ?? student.graph.initializers.get(name);
      if (given) return [name, given];
      const dims = type?.kind === 'tensor' ? (type.shape ?? []).map(Number) : [];
      if (name === TARGETS.labels && type?.kind === 'tensor' && type.dtype === 'int64')
        return [name, int64s(dims.length === 0 ? [] : Array.from({ length: dims[0] ?? 0 }, () => 0))];
      return [name, { dtype: 'float32', dims, bytes: new Uint8Array(byteLength('float32', dims)) }];
    }),
  );
  const shapes = await recordShapes(
    model,
    (exposed, fetches) =>
      withSession(encodeModel(exposed), { threads: 1, optimization: 'disabled', frugal: true }, (session) =>
        session.run(feeds, fetches),
      ),
    feeds,
  );
  return { graph: model.graph, shapes };
}

const bytesOf = (shape: RecordedShape | undefined) => (shape ? byteLength(shape.dtype, shape.dims) : 0);

/**
 * How many bytes a training takes beyond what the process holds already, by the samples of a batch: what lives at once in the training graph, found by
 * laying it out for two and for three samples, and the copies of the weights.
 * @param programFor the training program of so many samples, and the inputs that it was made with
 */
export async function trainingMemory(
  student: Model,
  programFor: (samples: number) => Promise<{ program: TrainingProgram; sample: ReadonlyMap<string, Tensor> }>,
): Promise<(samples: number) => number> {
  const layout = async (samples: number) => {
    const { program, sample } = await programFor(samples);
    const names = [...program.gradients.keys()];
    return { ...(await valuesOf(program, student, sample)), names };
  };
  const [few, more] = [await layout(FEW), await layout(MORE)];
  const outputs = ({ graph }: typeof few) => graph.nodes.flatMap((node) => node.outputs);
  const counterparts = new Map(outputs(more).map((value, i) => [outputs(few)[i] ?? '', value]));
  const weights = few.names.reduce((sum, name) => sum + (student.graph.initializers.get(name)?.bytes.length ?? 0), 0);
  return (samples) => {
    const live = liveBytes(few.graph, (value) => {
      const small = bytesOf(few.shapes.get(value));
      return small + (samples - FEW) * (bytesOf(more.shapes.get(counterparts.get(value) ?? '')) - small);
    });
    return Math.round(ALLOCATOR * live + COPIES_OF_WEIGHTS * weights);
  };
}

/** What an engine holds beside its training: the runtime, samples, models. A constant, so that equal jobs are divided equally. */
const ENGINE_BYTES = 192 * MIB;

/**
 * The largest equal part of a batch that fits into memory.
 * @param memory bytes by samples
 * @throws ServiceError memory_limit_exceeded when not even single samples fit
 */
export function fittingBatch(batchSize: number, memory: (samples: number) => number, limit: number): number {
  const parts = Array.from({ length: batchSize }, (_, i) => batchSize - i).filter((size) => batchSize % size === 0);
  const fitting = parts.find((size) => ENGINE_BYTES + memory(size) <= limit);
  if (fitting !== undefined) return fitting;
  const needed = Math.ceil((ENGINE_BYTES + memory(1)) / MIB);
  throw new ServiceError(
    'memory_limit_exceeded',
    `Training takes about ${needed} MiB even with one sample at a time; ${Math.floor(limit / MIB)} are there for it.`,
    { hint: 'Give a smaller student, smaller inputs, or the engine more memory (ENGINE_MEMORY_MB).' },
  );
}
