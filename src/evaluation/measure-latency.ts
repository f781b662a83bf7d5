import type { JobSpec } from '../contracts/job-spec.js';
import type { ValueSignature } from '../contracts/signature.js';
import type { Feeds, Session } from '../runtime/session.js';
import { batchSize } from './batches.js';
import { type EvaluatedModel, withModels } from './evaluated-model.js';
import { type TimedModels, timeModels } from './latency/time-models.js';
import type { EvaluationSamples } from './samples.js';

export type TimedName = 'original' | 'cleaned' | 'result';

/** The inputs with the dimensions that a spec fixes by name. */
const withSizes = (inputs: readonly ValueSignature[], sizes: Readonly<Record<string, number>>): ValueSignature[] =>
  inputs.map((input) => ({
    ...input,
    shape: input.shape?.map((dim) => (typeof dim === 'string' ? (sizes[dim] ?? dim) : dim)) ?? null,
  }));

/**
 * Times the models on the same inputs, alone on the machine.
 * @param task.models the original, the result, and the cleaned model when there is one between them.
 * @param task.synthetic makes inputs of the shapes that a spec fixes.
 * @throws ServiceError model_load_failed, model_run_failed.
 */
export async function measureLatency(task: {
  readonly models: Readonly<Partial<Record<TimedName, EvaluatedModel>>>;
  readonly samples: EvaluationSamples;
  readonly indices: readonly number[];
  readonly latency: JobSpec['evaluate']['latency'];
  synthetic(inputs: readonly ValueSignature[]): EvaluationSamples;
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
  now(): number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<TimedModels<TimedName> & { readonly batch: number }> {
  const { latency } = task;
  const entries = Object.entries(task.models) as [TimedName, EvaluatedModel][];
  const feedsFor = async (inputs: readonly ValueSignature[]): Promise<{ feeds: Feeds; batch: number }> => {
    if (latency.shapes) {
      return { feeds: await task.synthetic(withSizes(inputs, latency.shapes)).feeds([0]), batch: latency.batch };
    }
    const batch = batchSize(task.samples, inputs, latency.batch);
    const rows = Array.from({ length: batch }, (_, i) => task.indices[i % task.indices.length] as number);
    return { feeds: await task.samples.feeds(rows), batch };
  };
  return withModels(
    entries.map(([, model]) => model),
    { threads: latency.threads },
    async (sessions) => {
      const { feeds, batch } = await feedsFor((sessions[0] as Session).inputs);
      const models = Object.fromEntries(
        entries.map(([name], i) => [name, () => (sessions[i] as Session).run(feeds)]),
      ) as Record<TimedName, () => Promise<unknown>>;
      const { runs } = latency;
      const timed = await task.exclusive(() =>
        timeModels({ models, runs, now: task.now, signal: task.signal, progress: task.progress }),
      );
      return { ...timed, batch };
    },
  );
}
