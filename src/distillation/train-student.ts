import type { Training } from '../contracts/distill-step.js';
import type { Model } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { type Feeds, withSession } from '../runtime/session.js';
import { encodeCheckpoint, restoreCheckpoint } from './checkpoint.js';
import { type CheckpointStore, checkpointSchedule } from './checkpoint-schedule.js';
import { heldOutLoss } from './held-out-loss.js';
import type { LossPlan } from './losses/loss-plan.js';
import { createOptimizer } from './optimizers/create-optimizer.js';
import type { Parameters } from './optimizers/optimizer.js';
import { scoringProgram, type TrainingProgram, trainingProgram } from './program.js';
import { batchesPerEpoch, type TrainingOptions, train } from './train.js';
import { type EpochRecord, floatsOf, startState, type TrainingState } from './training-state.js';

export interface StudentTraining {
  /** In the training operator set, constants as initializers. It is left as it is. */
  readonly student: Model;
  readonly trained: readonly string[];
  readonly output: string;
  readonly loss: LossPlan;
  readonly teacherDims: readonly number[] | null;
  readonly training: Training;
  readonly batchSize: number;
  /** Samples to train on, and those on which the held-out loss is measured. */
  readonly indices: readonly number[];
  readonly heldOut: readonly number[];
  inputs(indices: readonly number[]): Promise<Feeds>;
  /** Targets of the loss, by the names of a program's inputs. */
  targets(indices: readonly number[], loss: LossPlan): Promise<Feeds>;
  /** Names this run among those of the step, for its checkpoint. */
  readonly run: string;
  readonly checkpoints: CheckpointStore;
  readonly threads: number;
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
  readonly stopped: 'finished' | 'patience' | 'diverged';
  readonly history: readonly EpochRecord[];
}

/**
 * Trains a student with one loss, from its own weights or from the run's checkpoint, and gives the weights of the lowest held-out loss.
 * @throws ServiceError unsupported_operator, dataset_mismatch, training_diverged, model_run_failed
 */
export async function trainStudent(task: StudentTraining): Promise<TrainedStudent> {
  const { student, output, loss, teacherDims, batchSize, heldOut, signal, threads } = task;
  const sample = await task.inputs(
    Array.from({ length: batchSize }, (_, i) => task.indices[i % task.indices.length] ?? 0),
  );
  const shared = { sample, output, loss, teacherDims };
  const program = await trainingProgram(student, { ...shared, trained: task.trained });
  const state = freshState(task, program);
  const scoring = await scoringProgram(student, { ...shared, weights: [...state.weights.keys()] });
  const saved = await task.checkpoints.load(task.run);
  if (saved) restoreCheckpoint(saved, state, task.run);
  const save = () => task.checkpoints.save(task.run, encodeCheckpoint(state, task.run));
  const due = checkpointSchedule(task.now);
  const batch = async (indices: readonly number[]) =>
    new Map([...(await task.inputs(indices)), ...(await task.targets(indices, loss))]);

  const stopped = await withSession(program.bytes, { threads }, (session) =>
    withSession(scoring.bytes, { threads }, (scorer) =>
      train(
        {
          session,
          program,
          indices: task.indices,
          batch,
          heldOut: (weights) =>
            heldOutLoss({ session: scorer, program: scoring, indices: heldOut, batchSize, weights, batch, signal }),
          async step({ epoch, optimizer }, totalSteps, stepLoss) {
            task.progress(optimizer.steps / totalSteps, { epoch, step: optimizer.steps, loss: stepLoss });
            if (due()) await save();
          },
          signal,
        },
        optionsOf(task),
        state,
      ),
    ),
  );
  // A run that ended is not trained again when a later part of the step has to be.
  if (stopped !== 'diverged') await save();
  if (!state.best) throw new Error('a training that ended has kept its best weights');
  return {
    weights: state.best.weights,
    parameters: [...program.gradients.keys()].reduce(
      (sum, name) => sum + (state.best?.weights.get(name)?.length ?? 0),
      0,
    ),
    bestEpoch: state.best.epoch,
    stopped,
    history: state.history,
  };
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

function optionsOf({ training, batchSize, indices, seed }: StudentTraining): TrainingOptions {
  const steps = training.epochs * batchesPerEpoch(indices.length, batchSize);
  return {
    epochs: training.epochs,
    batchSize,
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
