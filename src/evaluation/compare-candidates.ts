import type { JobSpec, MetricName } from '../contracts/job-spec.js';
import type { Samples } from '../datasets/samples.js';
import { pairedGain } from './compare-scores.js';
import { type EvaluatedModel, withModels } from './evaluated-model.js';
import { planMetric } from './plan-metric.js';
import { scoreModels } from './score-models.js';
import type { Estimate } from './statistics/confidence.js';

export interface ComparedCandidates {
  readonly metric: MetricName;
  /** Mean score of each. */
  readonly original: number;
  readonly first: number;
  readonly second: number;
  /** Paired on the same samples; positive: the first is better. */
  readonly gain: Estimate;
}

const meanOf = (scores: Float64Array) => scores.reduce((sum, score) => sum + score, 0) / scores.length;

/**
 * Compares two models that were made of the same original, on the same samples.
 * @throws ServiceError metric_not_applicable, output_not_finite, model_load_failed, model_run_failed
 */
export async function compareCandidates(task: {
  readonly original: EvaluatedModel;
  readonly first: EvaluatedModel;
  readonly second: EvaluatedModel;
  readonly samples: Samples;
  /** At least two. */
  readonly indices: readonly number[];
  readonly evaluate: JobSpec['evaluate'];
  readonly threads: number;
  readonly signal: AbortSignal;
}): Promise<ComparedCandidates> {
  const { samples, indices, evaluate, signal } = task;
  const models = [task.original, task.first, task.second];
  return withModels(models, { threads: task.threads }, async ([original, ...candidates]) => {
    if (!original) throw new Error('a session was opened for every model');
    const labels = await samples.labels(indices.slice(0, 1));
    const { metric, output } = planMetric(evaluate, original.outputs, labels?.dims.slice(1) ?? null, false);
    const scores: Float64Array[] = [];
    let reference = new Float64Array();
    for (const result of candidates) {
      const scored = await scoreModels({
        ...{ original, result, samples, indices, output, metric, signal },
        batch: samples.batch ?? evaluate.latency.batch,
        threshold: evaluate.threshold,
        progress: () => {},
      });
      scores.push(scored.result);
      reference = Float64Array.from(scored.original);
    }
    const [first = new Float64Array(), second = new Float64Array()] = scores;
    return {
      metric: metric.name,
      original: meanOf(reference),
      first: meanOf(first),
      second: meanOf(second),
      gain: pairedGain(metric, first, second),
    };
  });
}
