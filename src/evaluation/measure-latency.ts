import type { JobSpec } from '../contracts/job-spec.js';
import type { ValueSignature } from '../contracts/signature.js';
import type { Samples } from '../datasets/samples.js';
import { syntheticSamples } from '../datasets/synthetic.js';
import { fittingFeeds } from '../runtime/feeds.js';
import type { Feeds, Session } from '../runtime/session.js';
import { type EvaluatedModel, withModels } from './evaluated-model.js';
import { type TimedModels, timeModels } from './latency/time-models.js';

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

/**
 * Times the models on the same inputs, alone on the machine.
 * @param task.models by a name for each, such as the original and the result; all take the same inputs.
 * @throws ServiceError model_load_failed, model_run_failed; invalid_request when the spec's shapes leave a dimension open.
 */
export async function measureLatency<Name extends string>(task: {
  readonly models: Readonly<Partial<Record<Name, EvaluatedModel>>>;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly latency: JobSpec['evaluate']['latency'];
  /** How many blocks, and milliseconds for all models together; defaults as `timeModels`. */
  readonly blocks?: number;
  readonly budgetMs?: number;
  readonly seed: number;
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
  now(): number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<TimedModels<Name> & { readonly batch: number }> {
  const { latency } = task;
  const entries = Object.entries(task.models) as [Name, EvaluatedModel][];
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
      const { runs } = latency;
      const { now, signal, progress, blocks, budgetMs } = task;
      const limits = { ...(blocks !== undefined && { blocks }), ...(budgetMs !== undefined && { budgetMs }) };
      const timed = await task.exclusive(() => timeModels({ models, runs, now, signal, progress, ...limits }));
      return { ...timed, batch };
    },
  );
}
