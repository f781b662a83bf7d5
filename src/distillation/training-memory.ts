import type { Model } from '../onnx/ir/graph.js';
import { byteLength, int64s, type Tensor } from '../onnx/ir/tensor.js';
import { decodeModel } from '../onnx/serde/decode-model.js';
import { ServiceError } from '../platform/errors.js';
import type { Feeds } from '../runtime/session.js';
import { FEW, type Layout, layoutOf, liveBySamples, MORE } from './live-by-samples.js';
import { TARGETS, type TrainingProgram } from './program.js';

/**
 * What the process grows by for each byte that lives in the training graph: ONNX Runtime's allocator finds chunks again but not exactly, and the
 * graph that scores lies beside. Measured on four networks at batches of 64 to 512, where estimates met the peak within a quarter.
 */
const ALLOCATOR = 1.5;
/** Copies of the weights that a training holds: gradients twice (the runtime's and ours), two moments, the best so far, themselves. */
const COPIES_OF_WEIGHTS = 6;
const MIB = 2 ** 20;
/** What a session takes beside its values. Measured on a quantized MobileNet that is scored beside its training: 75 MiB, 36 of them by its values. */
const SESSION_BYTES = 32 * MIB;

/** Every value of a training program in the order of its nodes, with its bytes at one number of samples. */
async function valuesOf(
  program: TrainingProgram,
  student: Model,
  sample: ReadonlyMap<string, Tensor>,
): Promise<Layout> {
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
  return layoutOf(model, feeds);
}

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
  const weights = few.names.reduce((sum, name) => sum + (student.graph.initializers.get(name)?.bytes.length ?? 0), 0);
  const live = liveBySamples(few, more);
  return (samples) => Math.round(ALLOCATOR * live(samples) + COPIES_OF_WEIGHTS * weights);
}

/**
 * How many bytes a model takes that is run beside a training, by the samples of a batch.
 * @param feedsOf so many samples
 */
export async function inferenceMemory(
  model: Model,
  feedsOf: (samples: number) => Promise<Feeds>,
): Promise<(samples: number) => number> {
  const live = liveBySamples(await layoutOf(model, await feedsOf(FEW)), await layoutOf(model, await feedsOf(MORE)));
  return (samples) => Math.round(ALLOCATOR * live(samples)) + SESSION_BYTES;
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
