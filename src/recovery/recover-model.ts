import { join } from 'node:path';
import { Training } from '../contracts/distill-step.js';
import type { MetricName } from '../contracts/job-spec.js';
import type { Recovery } from '../contracts/recovery.js';
import type { TaughtTraining } from '../distillation/distill-options.js';
import { type FittingBatch, fitToMemory } from '../distillation/fit-to-memory.js';
import { nothingFrozen } from '../distillation/frozen.js';
import { TARGETS } from '../distillation/program.js';
import { teacherOutputs } from '../distillation/teacher-outputs.js';
import { batchAt } from '../distillation/train.js';
import { type TrainedStudent, trainStudent } from '../distillation/train-student.js';
import { inferenceMemory } from '../distillation/training-memory.js';
import { floatsOf } from '../distillation/training-state.js';
import type { Model } from '../onnx/ir/graph.js';
import { ServiceError } from '../platform/errors.js';
import { derivedSeed, seededRandom, shuffled } from '../platform/random.js';
import { withSession } from '../runtime/session.js';
import { kernelLoss, withBatchLoss } from './kernel-loss.js';
import { recoveryLoss, suitableLoss } from './recovery-loss.js';
import { startFromFloat } from './start-from-float.js';
import { type TrainingForm, trainingForm } from './training-form.js';

/** What a recovery is given; its teacher is the model that the step was given. */
export interface RecoverOptions extends TaughtTraining {
  /** The result of post-training quantization. It is left as it is. */
  readonly quantized: Model;
  /** The float model right before its numbers were rounded, for where its weights lay between the integers. */
  readonly float: Model;
  readonly recovery: Recovery;
  readonly metric: MetricName;
  /** @param fraction of the whole work, from 0 to 1 */
  progress(fraction: number, metrics: Readonly<Record<string, number>>): void;
  now(): number;
  /** Whether the time for training is used up; then the best integers so far are the result. */
  outOfTime?(): boolean;
}

export interface Recovered extends Omit<TrainedStudent, 'weights'>, Pick<TrainingForm, 'frozen'> {
  readonly model: Model;
  readonly loss: string;
  readonly batchSize: number;
  readonly memory: FittingBatch;
  readonly samples: number;
  /** Loss of the model before the recovery on the selection samples, by its own kernels, as those of `history`. */
  readonly lossBefore: number;
}

/** Fraction of the work after which the teacher has answered. */
const TAUGHT = 0.1;
/** Answers of the teacher that are looked at to tell probabilities from logits. */
const PROBED = 16;

/**
 * Quantization-aware distillation: the float model teaches its own quantized copy. Gradients go straight through the rounding of weights
 * and activations; scales of weights stay as they are, or are learned too, those of activations stay. After each epoch the quantized model itself is scored on the selection samples, by the
 * kernels that will run it, and the best epoch is kept: that before the first, when none was better. The result is the same graph with other
 * integers and biases, and scales where they are learned.
 * @throws ServiceError unsupported_operator, dataset_too_small, dataset_mismatch, memory_limit_exceeded, training_diverged, model_load_failed,
 *   model_run_failed
 */
export async function recoverModel(options: RecoverOptions): Promise<Recovered> {
  const { quantized, recovery, samples, selection, output, signal, threads, seed, scratch } = options;
  const { loss: spec = suitableLoss(options.metric) } = recovery;
  const indices = shuffled(options.training, seededRandom(derivedSeed(seed, 'recovery'))).slice(0, recovery.samples);
  if (indices.length === 0 || selection.length < 2)
    throw new ServiceError('dataset_too_small', 'A recovery needs samples to train on, and two to compare on.');
  const form = trainingForm(quantized, output, recovery.scales);
  await startFromFloat(form.model, form.weights, options.float);
  const batchSize = samples.batch ?? Math.min(recovery.batch_size, indices.length);
  const teacher = await withSession(options.teacher.path, { threads, external: options.teacher.external }, (session) =>
    teacherOutputs({
      ...{ teacher: session, output, samples, indices: [...indices, ...selection], batch: batchSize, signal },
      path: join(scratch, 'recovery-teacher.raw'),
      progress: (fraction) => options.progress(fraction * TAUGHT, {}),
    }),
  );
  const inputs = (rows: readonly number[]) => samples.feeds(rows);
  const answers = (rows: readonly number[]) => teacher.rows(rows);
  try {
    const probed = await answers(indices.slice(0, PROBED));
    const loss = recoveryLoss(spec, { quantized: quantized.graph, output, answers: probed });
    const teacherShape = (size: number) => [size, ...probed.dims.slice(1)];
    const student = { student: form.model, trained: form.trained, output, loss, block: options.block ?? 1 };
    const memory = await fitToMemory({
      ...{ ...student, frozen: nothingFrozen, samples, indices, batchSize, limit: options.memoryLimit, teacherShape },
      // Between epochs the quantized model is scored while the training graph is held.
      beside: (feedsOf) => inferenceMemory(quantized, feedsOf),
    });
    const { microBatch } = memory;
    const sample = await answers(batchAt(indices, 0, microBatch));
    return await withBatchLoss(loss, sample, async (batchLoss) => {
      const scored = { output, indices: selection, batchSize: microBatch, batchLoss, inputs, teacher: answers };
      const score = (model: Model) => kernelLoss(model, { ...scored, threads, scratch, signal });
      const lossBefore = await score(quantized);
      const { weights, ...trained } = await trainStudent({
        ...{ ...student, teacherDims: sample.dims, batchSize, microBatch, keepsInitial: true },
        training: trainingOf(recovery),
        indices,
        heldOut: selection,
        inputs,
        targets: async (rows) => new Map([[TARGETS.teacher, await answers(rows)]]),
        heldOutScore: (latents) =>
          score(form.quantized(new Map([...latents].map(([name, tensor]) => [name, floatsOf(tensor)])))),
        run: 'recovery',
        checkpoints: options.checkpoints,
        ...{ threads, seed, signal },
        progress: (fraction, metrics) => options.progress(TAUGHT + (1 - TAUGHT) * fraction, metrics),
        now: options.now,
        ...(options.outOfTime && { outOfTime: options.outOfTime }),
      });
      return {
        ...trained,
        ...{ model: form.quantized(weights), frozen: form.frozen, loss: spec.kind, batchSize, memory, lossBefore },
        samples: indices.length,
      };
    });
  } finally {
    await teacher.close();
  }
}

/** Adam without decay: a latent that counts steps of a grid has no reason to be near 0. */
const trainingOf = ({ epochs, batch_size, learning_rate, patience }: Recovery): Training =>
  Training.parse({
    ...{ epochs, batch_size, patience, schedule: 'cosine' },
    optimizer: { kind: 'adamw', learning_rate, weight_decay: 0 },
  });
