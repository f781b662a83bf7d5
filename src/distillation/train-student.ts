import type { Training } from '../contracts/distill-step.js';
import type { Model } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { type Feeds, withSession } from '../runtime/session.js';
import type { Moment } from './augmentation/view.js';
import { encodeCheckpoint, restoreCheckpoint } from './checkpoint.js';
import { type CheckpointStore, checkpointSchedule } from './checkpoint-schedule.js';
import { type Frozen, nothingFrozen } from './frozen.js';
import { heldOutLoss } from './held-out-loss.js';
import type { Hint } from './hints/hint.js';
import type { LossPlan } from './losses/loss-plan.js';
import { createOptimizer } from './optimizers/create-optimizer.js';
import type { Parameters } from './optimizers/optimizer.js';
import { type ProgramOptions, scoringProgram, type TrainingProgram, trainingProgram } from './program.js';
import { batchesPerEpoch, type TrainingEnd, type TrainingOptions, train } from './train.js';
import { copied, type EpochRecord, floatsOf, startState, type TrainingState, type Weights } from './training-state.js';

/** Between QuantizeLinear and DequantizeLinear a training graph wants the floats that gradients read, no integer kernels. */
const FLOAT_ONLY = { 'session.disable_quant_qdq': '1' };

export interface StudentTraining {
  /** In the training operator set, constants as initializers. It is left as it is. */
  readonly student: Model;
  readonly trained: readonly string[];
  /** Nodes whose weights and statistics stay as they are. */
  readonly frozen?: Frozen;
  readonly output: string;
  readonly loss: LossPlan;
  readonly teacherDims: readonly number[] | null;
  readonly training: Training;
  /** Whether the student's own weights count as a result, as epoch −1: they are more than a random start. */
  readonly keepsInitial?: boolean;
  readonly batchSize: number;
  /** Samples of a batch that go through the graph at a time, a divisor of batchSize; all of them by default. */
  readonly microBatch?: number;
  /** Samples to train on, and those on which the held-out loss is measured. */
  readonly indices: readonly number[];
  readonly heldOut: readonly number[];
  inputs(indices: readonly number[]): Promise<Feeds>;
  /** What a step is fed, where it is not just inputs and targets: samples may be changed, and the teacher asked about them. */
  readonly shown?: (indices: readonly number[], at: Moment) => Promise<Feeds>;
  /** Classes of labels that a step is fed as shares [N, classes]; by default it is fed one class per sample. */
  readonly labelShares?: number | undefined;
  /** Values that learn from the teacher's; the weights of their maps are among the student's, and no part of the result. */
  readonly hints?: readonly Hint[] | undefined;
  /** Targets of the loss, by the names of a program's inputs. */
  targets(indices: readonly number[], loss: LossPlan): Promise<Feeds>;
  /** Names this run among those of the step, for its checkpoint. */
  readonly run: string;
  /** How good weights are on the held-out samples, lower is better; by default their loss in the student's own graph. */
  readonly heldOutScore?: (weights: Weights) => Promise<number>;
  readonly checkpoints: CheckpointStore;
  readonly threads: number;
  /** Channels per block of the CPU's convolution kernels, as `blockSize` gives them. */
  readonly block?: number;
  /** Whether the time for training is used up; then the best weights so far are the result. */
  outOfTime?(): boolean;
  readonly seed: number;
  readonly signal: AbortSignal;
  progress(fraction: number, metrics: Readonly<Record<string, number>>): void;
  /** A monotonic clock in milliseconds; it decides when a checkpoint is written and nothing else. */
  now(): number;
}

export interface TrainedStudent {
  readonly weights: Parameters;
  readonly parameters: number;
  readonly bestEpoch: number;
  readonly stopped: TrainingEnd;
  readonly history: readonly EpochRecord[];
}

/**
 * Trains a student with one loss, from its own weights or from the run's checkpoint, and gives the weights of the lowest held-out loss.
 * @throws ServiceError unsupported_operator, dataset_mismatch, training_diverged, model_run_failed
 */
export async function trainStudent(task: StudentTraining): Promise<TrainedStudent> {
  const { student, output, loss, teacherDims, signal, threads, batchSize, microBatch = batchSize } = task;
  const sample = await task.inputs(
    Array.from({ length: microBatch }, (_, i) => task.indices[i % task.indices.length] ?? 0),
  );
  const shared = { sample, output, loss, teacherDims };
  const { trained, block = 1, frozen = nothingFrozen, labelShares, hints = [] } = task;
  const program = await trainingProgram(student, { ...shared, trained, block, frozen, labelShares, hints });
  const state = freshState(task, program);
  const saved = await task.checkpoints.load(task.run);
  if (saved) restoreCheckpoint(saved, state, task.run);
  const save = () => task.checkpoints.save(task.run, encodeCheckpoint(state, task.run));
  const due = checkpointSchedule(task.now);
  const batch = async (indices: readonly number[]) =>
    new Map([...(await task.inputs(indices)), ...(await task.targets(indices, loss))]);

  const stopped = await withSession(program.bytes, { threads, extra: FLOAT_ONLY, remembersLayout: false }, (session) =>
    withHeldOutScore(task, { ...shared, weights: [...state.weights.keys()] }, batch, async (heldOut) => {
      if (task.keepsInitial) state.best ??= await initialBest(state, heldOut);
      return train(
        {
          session,
          program,
          indices: task.indices,
          batch: task.shown ?? batch,
          heldOut,
          async step({ epoch, optimizer }, totalSteps, stepLoss) {
            task.progress(optimizer.steps / totalSteps, { epoch, step: optimizer.steps, loss: stepLoss });
            if (due()) await save();
          },
          ...(task.outOfTime && { outOfTime: task.outOfTime }),
          signal,
        },
        optionsOf(task),
        state,
      );
    }),
  );
  // A run that ended is not trained again when a later part of the step has to be.
  if (stopped !== 'diverged' && stopped !== 'timeout') await save();
  if (!state.best) throw new Error('a training that ended has kept its best weights');
  const maps = new Set(hints.flatMap(({ matrix, bias }) => [matrix, bias]));
  const weights = new Map([...state.best.weights].filter(([name]) => !maps.has(name)));
  return {
    weights,
    parameters: [...program.gradients.keys()].reduce((sum, name) => sum + (weights.get(name)?.length ?? 0), 0),
    bestEpoch: state.best.epoch,
    stopped,
    history: state.history,
  };
}

/** Opens what scores weights on the held-out samples, hands it to `use` and frees it on every path. */
async function withHeldOutScore<Result>(
  { student, heldOut: indices, batchSize, microBatch = batchSize, signal, threads, heldOutScore }: StudentTraining,
  options: ProgramOptions & { readonly weights: readonly string[] },
  batch: (indices: readonly number[]) => Promise<Feeds>,
  use: (heldOut: (weights: Weights) => Promise<number>) => Promise<Result>,
): Promise<Result> {
  if (heldOutScore) return use(heldOutScore);
  const program = await scoringProgram(student, options);
  return withSession(program.bytes, { threads, extra: FLOAT_ONLY, remembersLayout: false }, (session) =>
    use((weights) => heldOutLoss({ session, program, indices, batchSize: microBatch, weights, batch, signal })),
  );
}

async function initialBest({ weights }: TrainingState, score: (weights: Weights) => Promise<number>) {
  const heldOut = await score(weights);
  return Number.isFinite(heldOut) ? { epoch: -1, heldOut, weights: copied(weights) } : null;
}

/** Copies of the student's weights and running statistics, which training changes in place. */
function freshState({ student, training }: StudentTraining, program: TrainingProgram): TrainingState {
  const weights = new Map(
    [...program.gradients.keys(), ...program.statistics.keys()].map((name): [string, Tensor] => {
      const weight = student.graph.initializers.get(name);
      if (!weight) throw new Error(`${name} is no weight of the student`);
      return [name, { ...weight, bytes: Uint8Array.from(weight.bytes) }];
    }),
  );
  const trained = [...program.gradients.keys()].flatMap((name): [string, Tensor][] => {
    const weight = weights.get(name);
    return weight ? [[name, weight]] : [];
  });
  const parameters = new Map(trained.map(([name, weight]) => [name, floatsOf(weight)]));
  // Weight decay is for matrices and kernels; biases and normalization parameters, which are vectors, go without.
  const decays = (name: string) => (weights.get(name)?.dims.length ?? 0) > 1;
  return startState(weights, createOptimizer(training.optimizer, parameters, decays), training.ema !== null);
}

function optionsOf({ training, batchSize, microBatch = batchSize, indices, seed }: StudentTraining): TrainingOptions {
  const steps = training.epochs * batchesPerEpoch(indices.length, batchSize);
  return {
    epochs: training.epochs,
    batchSize,
    parts: batchSize / microBatch,
    schedule: {
      kind: training.schedule,
      peak: training.optimizer.learning_rate,
      warmupSteps: Math.round(training.warmup * steps),
    },
    clipNorm: training.clip_norm,
    emaDecay: training.ema,
    patience: training.patience,
    seed,
  };
}
