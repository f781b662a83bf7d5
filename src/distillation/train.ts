import type { ScheduleKind } from '../contracts/distill-step.js';
import { ServiceError } from '../platform/errors.js';
import { derivedSeed, seededRandom, shuffled } from '../platform/random.js';
import type { Feeds, Session } from '../runtime/session.js';
import type { Moment } from './augmentation/view.js';
import { mixStatistics } from './batch-normalization.js';
import { dropoutMasks } from './dropout.js';
import { clipGradients } from './optimizers/clip-gradients.js';
import type { Parameters } from './optimizers/optimizer.js';
import { learningRateAt } from './optimizers/schedule.js';
import type { TrainingProgram } from './program.js';
import { areFinite, copied, floatsOf, scoredWeights, type TrainingState, type Weights } from './training-state.js';

export interface TrainingOptions {
  readonly epochs: number;
  readonly batchSize: number;
  /** Equal parts in which a batch goes through the graph, to save memory; 1 by default. */
  readonly parts?: number;
  readonly schedule: { readonly kind: ScheduleKind; readonly peak: number; readonly warmupSteps: number };
  /** Largest common norm of the gradients; null leaves them as they are. */
  readonly clipNorm: number | null;
  /** Decay of the moving average of the weights; null keeps none. */
  readonly emaDecay: number | null;
  /** Epochs without a lower held-out loss after which training stops; null never does. */
  readonly patience: number | null;
  readonly seed: number;
}

export interface TrainingRun {
  readonly session: Session;
  readonly program: TrainingProgram;
  /** Samples to train on. */
  readonly indices: readonly number[];
  /** Inputs and targets of one batch, or a part of one, by the names of the program. */
  batch(indices: readonly number[], at: Moment): Promise<Feeds>;
  /** Loss of these weights on held-out samples. */
  heldOut(weights: Weights): Promise<number>;
  /** Called after each step, when the state is whole: the moment for a checkpoint. */
  step(state: TrainingState, totalSteps: number, loss: number): Promise<void>;
  /** Whether the time for training is used up. */
  outOfTime?(): boolean;
  readonly signal: AbortSignal;
}

/** Batches of one epoch: whole ones only, since the program's batch is fixed; at least one, which repeats samples when there are too few. */
export const batchesPerEpoch = (samples: number, batchSize: number): number =>
  Math.max(1, Math.floor(samples / batchSize));

/** The samples of batch `number` in this order; the order starts again where it ends. */
export const batchAt = (order: readonly number[], number: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => order[(number * size + i) % order.length] as number);

/**
 * The order of an epoch's samples depends on seed and epoch alone, so that a resumed run needs no random state to go on in the
 * same order.
 */
const epochOrder = (indices: readonly number[], seed: number, epoch: number): number[] =>
  shuffled(indices, seededRandom(derivedSeed(seed, 'epoch', epoch)));

/** Why a training ended: epochs done, held-out loss no longer falling, loss no number, or time used up. */
export type TrainingEnd = 'finished' | 'patience' | 'diverged' | 'timeout';

/**
 * Trains until the epochs are over, the held-out loss stops falling, the loss is no number, or time is up. Continues from `state`, step by step
 * the same as if it had never been interrupted. Afterwards `state.best` holds the weights of the lowest held-out loss.
 * @throws ServiceError training_diverged when the loss is no number before any epoch has given something to keep
 */
export async function train(run: TrainingRun, options: TrainingOptions, state: TrainingState): Promise<TrainingEnd> {
  const perEpoch = batchesPerEpoch(run.indices.length, options.batchSize);
  const total = options.epochs * perEpoch;
  while (state.epoch < options.epochs) {
    if (outOfPatience(state, options)) return 'patience';
    const order = epochOrder(run.indices, options.seed, state.epoch);
    while (state.batch < perEpoch) {
      run.signal.throwIfAborted();
      const loss = await trainStep(run, batchAt(order, state.batch, options.batchSize), options, state, total);
      if (!Number.isFinite(loss)) return diverged(state);
      state.lossSum += loss;
      state.batch++;
      await run.step(state, total, loss);
      if (run.outOfTime?.() === true) return (await scoreEpoch(run, state)) ? 'timeout' : diverged(state);
    }
    if (!(await scoreEpoch(run, state))) return diverged(state);
    state.epoch++;
    state.batch = 0;
    state.lossSum = 0;
  }
  return 'finished';
}

/**
 * Measures the weights on held-out samples and keeps them when none were better.
 * @returns false when the loss or a weight is no finite number: a layer behind such a weight can give finite numbers all the same
 */
async function scoreEpoch(run: TrainingRun, state: TrainingState): Promise<boolean> {
  const { epoch, batch, best } = state;
  if (!areFinite(scoredWeights(state))) return false;
  const heldOut = await run.heldOut(scoredWeights(state));
  if (!Number.isFinite(heldOut)) return false;
  state.history.push({ epoch, loss: state.lossSum / batch, heldOut });
  if (best === null || heldOut < best.heldOut) state.best = { epoch, heldOut, weights: copied(scoredWeights(state)) };
  return true;
}

const outOfPatience = ({ epoch, best }: TrainingState, { patience }: TrainingOptions) =>
  patience !== null && best !== null && epoch - 1 - best.epoch >= patience;

async function trainStep(
  run: TrainingRun,
  rows: readonly number[],
  options: TrainingOptions,
  state: TrainingState,
  total: number,
): Promise<number> {
  const { weights, optimizer, average } = state;
  const parameters = new Map([...weights].map(([name, tensor]) => [name, floatsOf(tensor)]));
  const { parts = 1 } = options;
  const gradients = new Map<string, Float32Array>();
  let loss = 0;
  for (let part = 0; part < parts; part++) {
    const size = rows.length / parts;
    const at = { epoch: state.epoch, part: state.batch * parts + part };
    const masks = dropoutMasks(run.program.masks, options.seed, at.epoch, at.part);
    const shown = await run.batch(rows.slice(part * size, (part + 1) * size), at);
    const feeds = new Map([...shown, ...masks, ...weights]);
    const computed = await gradientsOf(run, feeds);
    loss += computed.loss / parts;
    if (!Number.isFinite(loss)) return loss;
    for (const [weight, gradient] of computed.gradients) addScaled(gradients, weight, gradient, 1 / parts);
    for (const [weight, { batch, momentum }] of computed.statistics)
      mixStatistics(parameters.get(weight) as Float32Array, batch, momentum);
  }
  if (options.clipNorm !== null) clipGradients(gradients, options.clipNorm);
  optimizer.step(parameters, gradients, learningRateAt(optimizer.steps, total, options.schedule));
  if (average !== null && options.emaDecay !== null) moveAverage(average, parameters, options.emaDecay);
  return loss;
}

/** Loss, gradients by weight and statistics of the batch by running statistic, for one set of feeds. */
async function gradientsOf({ session, program }: TrainingRun, feeds: Feeds) {
  const statistics = [...program.statistics.values()].map(({ output }) => output);
  const results = await session.run(feeds, [program.loss, ...program.gradients.values(), ...statistics]);
  const read = (name: string) => {
    const tensor = results.get(name);
    if (!tensor) throw new Error(`the training graph gave no ${name}`);
    return floatsOf(tensor);
  };
  return {
    loss: read(program.loss)[0] ?? Number.NaN,
    gradients: [...program.gradients].map(([weight, output]): [string, Float32Array] => [weight, read(output)]),
    statistics: [...program.statistics].map(
      ([weight, { output, momentum }]) => [weight, { batch: read(output), momentum }] as const,
    ),
  };
}

/** Adds a gradient, times a factor, to what there is of it. The gradient's own memory is used where there is nothing yet. */
function addScaled(sums: Map<string, Float32Array>, name: string, gradient: Float32Array, factor: number): void {
  const sum = sums.get(name);
  if (sum) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + factor * (gradient[i] as number);
  else if (factor === 1) sums.set(name, gradient);
  else
    sums.set(
      name,
      gradient.map((value) => factor * value),
    );
}

/** a ← d·a + (1−d)·w. */
function moveAverage(average: Parameters, weights: Parameters, decay: number): void {
  for (const [name, mean] of average) {
    const w = weights.get(name) as Float32Array;
    for (let i = 0; i < w.length; i++) mean[i] = decay * (mean[i] as number) + (1 - decay) * (w[i] as number);
  }
}

function diverged(state: TrainingState): 'diverged' {
  if (state.best !== null) return 'diverged';
  throw new ServiceError(
    'training_diverged',
    'The loss or a weight became infinite or NaN before the first epoch was over.',
    {
      hint: 'Lower the learning rate of training.optimizer, or set training.clip_norm.',
    },
  );
}
