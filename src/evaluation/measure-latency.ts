import type { JobSpec } from '../contracts/job-spec.js';
import type { ValueSignature } from '../contracts/signature.js';
import type { Samples } from '../datasets/samples.js';
import { syntheticSamples } from '../datasets/synthetic.js';
import { fittingFeeds } from '../runtime/feeds.js';
import type { Feeds, Session } from '../runtime/session.js';
import { type EvaluatedModel, withModels } from './evaluated-model.js';
import type { BlockTimes } from './latency/block-times.js';
import { blocksFor, TIMING_BUDGET_MS, type TimedModels, timeModels } from './latency/time-models.js';

/** Inputs for timing: the first evaluation samples, or made-up ones when a spec fixes shapes that no sample need have. */
async function timedFeeds(
  samples: Samples,
  indices: readonly number[],
  inputs: readonly ValueSignature[],
  { shapes, batch: wanted }: JobSpec['evaluate']['latency'],
  seed: number,
): Promise<{ readonly feeds: Feeds; readonly batch: number }> {
  const source = shapes ? syntheticSamples(inputs, wanted, seed, shapes) : samples;
  const available = shapes ? Array.from({ length: wanted }, (_, index) => index) : indices;
  const batch = source.batch ?? wanted;
  const rows = Array.from({ length: batch }, (_, i) => available[i % available.length] as number);
  return { feeds: await source.feeds(rows), batch };
}

interface TimingTask<Name extends string> {
  /** By a name for each, such as the original and the result; all take the same inputs. */
  readonly models: Readonly<Partial<Record<Name, EvaluatedModel>>>;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly latency: JobSpec['evaluate']['latency'];
  readonly seed: number;
  /** Runs `timed` alone on the machine. */
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
  now(): number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}

export interface TimedRound<Name extends string> extends TimedModels<Name> {
  readonly batch: number;
}

/**
 * Times the models on the same inputs, in sessions opened for it.
 * @param task.turn counts rounds: the models are opened in their order, or the other way round in every second.
 * @throws ServiceError as `measureLatency`
 */
export async function timeRound<Name extends string>(
  task: TimingTask<Name> & {
    readonly turn: number;
    readonly blocks: number;
    readonly fewestBlocks?: number;
    readonly budgetMs: number;
  },
): Promise<TimedRound<Name>> {
  const { latency, turn } = task;
  const inOrder = Object.entries(task.models) as [Name, EvaluatedModel][];
  const entries = turn % 2 === 0 ? inOrder : inOrder.toReversed();
  return withModels(
    entries.map(([, model]) => model),
    { threads: latency.threads },
    async (sessions) => {
      const { inputs } = sessions[0] as Session;
      const { feeds, batch } = await timedFeeds(task.samples, task.indices, inputs, latency, task.seed);
      const models = Object.fromEntries(
        entries.map(([name], i) => {
          const session = sessions[i] as Session;
          const fitting = fittingFeeds(session.inputs, feeds);
          return [name, () => session.run(fitting)];
        }),
      ) as Record<Name, () => Promise<unknown>>;
      const { now, signal, progress, blocks, fewestBlocks, budgetMs } = task;
      const limits = { blocks, budgetMs, ...(fewestBlocks !== undefined && { fewestBlocks }) };
      const runs = Math.ceil((latency.runs * blocks) / blocksFor(latency.runs));
      const timed = await task.exclusive(() => timeModels({ models, runs, now, signal, progress, ...limits }));
      return { ...timed, batch };
    },
  );
}

/** Sessions of one file differ by half a percent, by where their memory lies and who was opened first: each round opens its own. */
const ROUNDS = 2;

export interface MeasuredLatency<Name extends string> {
  /** The times of each round. */
  readonly rounds: readonly Readonly<Record<Name, BlockTimes>>[];
  /** Timed runs of each model, over all rounds. */
  readonly runs: number;
  readonly batch: number;
}

/**
 * Times the models on the same inputs, alone on the machine.
 * @throws ServiceError model_load_failed, model_run_failed; invalid_request when the spec's shapes leave a dimension open.
 */
export async function measureLatency<Name extends string>(task: TimingTask<Name>): Promise<MeasuredLatency<Name>> {
  const blocks = Math.ceil(blocksFor(task.latency.runs) / ROUNDS);
  const rounds: TimedRound<Name>[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    const progress = (fraction: number) => task.progress((turn + fraction) / ROUNDS);
    rounds.push(await timeRound({ ...task, turn, blocks, budgetMs: TIMING_BUDGET_MS / ROUNDS, progress }));
  }
  const runs = rounds.reduce((sum, round) => sum + round.runs, 0);
  return { rounds: rounds.map(({ times }) => times), runs, batch: rounds[0]?.batch ?? task.latency.batch };
}
