import type { Samples } from '../datasets/samples.js';
import type { Model } from '../onnx/ir/graph.js';
import type { Feeds } from '../runtime/session.js';
import type { Frozen } from './frozen.js';
import type { Hint } from './hints/hint.js';
import type { LossPlan } from './losses/loss-plan.js';
import { trainingProgram } from './program.js';
import { fittingBatch, trainingMemory } from './training-memory.js';

/** How a batch is brought into memory. */
export interface FittingBatch {
  /** Samples that go through the graph at a time; their gradients add up to those of the whole batch. */
  readonly microBatch: number;
  /** The most that the process will hold, in bytes; null where it was not estimated. */
  readonly estimatedBytes: number | null;
}

/**
 * How much of a batch fits into memory. Models of a fixed batch take it whole.
 * @param task.limit bytes that the process may hold; undefined when nobody minds
 * @param task.teacherShape of the teacher's output for so many samples, when the loss reads it
 * @throws ServiceError memory_limit_exceeded when not even single samples fit
 */
export async function fitToMemory(task: {
  readonly student: Model;
  readonly trained: readonly string[];
  readonly frozen: Frozen;
  readonly output: string;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly batchSize: number;
  readonly loss: LossPlan;
  teacherShape(size: number): readonly number[] | null;
  readonly labelShares?: number | undefined;
  readonly hints?: readonly Hint[];
  readonly block: number;
  readonly limit: number | undefined;
  /** What the process takes beside the training at the same time, in bytes by samples. */
  beside?(feedsOf: (samples: number) => Promise<Feeds>): Promise<(samples: number) => number>;
}): Promise<FittingBatch> {
  const { student, samples, batchSize, limit } = task;
  const { trained, frozen, output, loss, block, labelShares, hints = [] } = task;
  if (samples.batch !== null || limit === undefined) return { microBatch: batchSize, estimatedBytes: null };
  const feedsOf = (size: number) => samples.feeds(Array.from({ length: size }, () => task.indices[0] ?? 0));
  const training = await trainingMemory(student, async (size) => {
    const sample = await feedsOf(size);
    const shapes = { sample, teacherDims: task.teacherShape(size) };
    const options = { ...shapes, output, loss, trained, block, frozen, labelShares, hints };
    return { sample, program: await trainingProgram(student, options) };
  });
  const beside = await task.beside?.(feedsOf);
  const memory = (size: number) => training(size) + (beside?.(size) ?? 0);
  const microBatch = fittingBatch(batchSize, memory, limit);
  return { microBatch, estimatedBytes: process.memoryUsage.rss() + memory(microBatch) };
}
