import type { JobSpec, Requirements } from '../contracts/job-spec.js';
import type { Measured, Report } from '../contracts/report.js';
import type { Samples } from '../datasets/samples.js';
import { environmentOf } from './environment.js';
import { type EvaluatedModel, totalBytes } from './evaluated-model.js';
import { latencyOf, medianOf, speedupOf } from './latency/speedup.js';
import { measureLatency } from './measure-latency.js';
import { type MeasuredMetric, measureMetric } from './measure-metric.js';
import { decideRequirements, overallVerdict } from './requirements.js';
import type { Estimate } from './statistics/confidence.js';

export interface EvaluationOptions {
  readonly original: EvaluatedModel;
  /** The original after the lossless clean-up, to tell what it gave from what the number format gave. */
  readonly cleaned: EvaluatedModel | null;
  readonly result: EvaluatedModel;
  readonly samples: Samples;
  /** The samples to evaluate on, held out from everything before. */
  readonly indices: readonly number[];
  /** True when there is no dataset and the samples are made up. */
  readonly synthetic: boolean;
  readonly evaluate: JobSpec['evaluate'];
  readonly require: Requirements | undefined;
  /** Runs `timed` while nothing else of ours runs on the machine. */
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
  readonly threads: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  progress(phase: 'scoring' | 'timing', fraction: number): void;
  /** A monotonic clock in milliseconds. */
  now?(): number;
}

/** The parts of a report that are measured. */
export type Evaluation = Pick<
  Report,
  | 'verdict'
  | 'requirements'
  | 'original'
  | 'result'
  | 'size_ratio'
  | 'speedup'
  | 'speedup_parts'
  | 'metric_drop'
  | 'notes'
  | 'environment'
>;

const estimate = ({ value, ci95 }: Estimate): Estimate => ({ value, ci95 });

function notesOf(options: EvaluationOptions, { metric, notes }: MeasuredMetric, runs: number, batch: number): string[] {
  const { latency } = options.evaluate;
  const all = [...notes];
  if (options.synthetic) {
    all.push(
      `There is no dataset: the models were compared on ${options.indices.length} seeded synthetic inputs, so requirements on the metric stay undecided.`,
    );
  } else if (metric.comparedWith === 'original') {
    all.push(`${metric.name} compares with the original's own answers, not with labels: ${metric.meaning}.`);
  }
  if (batch !== latency.batch)
    all.push(`The model or the samples allow a batch of ${batch} only, not ${latency.batch}.`);
  if (runs < latency.runs) all.push(`The models are slow: each was timed ${runs} times instead of ${latency.runs}.`);
  return all;
}

/** Fine enough for models that take microseconds. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * Measures what a report claims: the metric of original and result on the same held-out samples, their latency in alternating blocks,
 * their size; and decides the requirements on it.
 * @throws ServiceError dataset_too_small, metric_not_applicable, output_not_finite, model_load_failed, model_run_failed,
 *   memory_limit_exceeded.
 */
export async function evaluateModels(options: EvaluationOptions): Promise<Evaluation> {
  const { original, cleaned, result, samples, indices, synthetic, evaluate, seed, signal } = options;
  const measured = await measureMetric({
    ...{ original, result, samples, indices, synthetic, evaluate, signal, threads: options.threads },
    progress: (fraction) => options.progress('scoring', fraction),
  });
  const { rounds, runs, batch } = await measureLatency({
    models: { original, result, ...(cleaned && { cleaned }) },
    ...{ samples, indices, signal, seed, latency: evaluate.latency },
    exclusive: options.exclusive,
    now: options.now ?? monotonicMs,
    progress: (fraction) => options.progress('timing', fraction),
  });

  const side = (name: 'original' | 'result'): Measured => ({
    bytes: totalBytes(options[name]),
    sha256: options[name].sha256,
    metric: { name: measured.metric.name, samples: indices.length, ...estimate(measured[name]) },
    latency_ms: latencyOf(rounds, name),
  });
  const sizeRatio = totalBytes(result) / totalBytes(original);
  const gain = speedupOf(rounds, 'original', 'result', seed);
  const requirements = decideRequirements(options.require, {
    metricDrop: synthetic ? null : measured.drop,
    metric: synthetic ? null : measured.result,
    higherIsBetter: measured.metric.higherIsBetter,
    speedup: gain,
    latency: medianOf(rounds, 'result', seed),
    bytes: totalBytes(result),
    sizeRatio,
  });
  return {
    verdict: overallVerdict(requirements, options.require?.strict ?? false),
    requirements,
    original: side('original'),
    result: side('result'),
    size_ratio: sizeRatio,
    speedup: gain,
    speedup_parts: cleaned && {
      cleanup: speedupOf(rounds, 'original', 'cleaned', seed),
      quantization: speedupOf(rounds, 'cleaned', 'result', seed),
    },
    metric_drop: estimate(measured.drop),
    notes: notesOf(options, measured, runs, batch),
    environment: environmentOf(evaluate.latency.threads),
  };
}
