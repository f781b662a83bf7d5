import type { JobSpec } from '../contracts/job-spec.js';
import type { Samples } from '../datasets/samples.js';
import { ServiceError } from '../platform/errors.js';
import { metricDrop, metricEstimate } from './compare-scores.js';
import { type EvaluatedModel, withModels } from './evaluated-model.js';
import type { Metric } from './metrics/metric.js';
import { nearChance } from './near-chance.js';
import { OtherOutputs } from './other-outputs.js';
import { planMetric } from './plan-metric.js';
import type { RememberedAnswers } from './remembered-answers.js';
import type { SampledEstimate } from './requirements.js';
import { scoreModels } from './score-models.js';

/** A difference needs a spread, and one sample has none. */
const MIN_SAMPLES = 2;

export interface MeasuredMetric {
  readonly metric: Metric;
  readonly original: SampledEstimate;
  readonly result: SampledEstimate;
  readonly drop: SampledEstimate;
  /** Energy of the difference of the scored outputs against that of the original's. */
  readonly noise: number;
  readonly notes: readonly string[];
}

/** A value known without sampling, such as the original's likeness to itself. */
const certain = (value: number, samples: number): SampledEstimate => ({
  value,
  ci95: [value, value],
  samples,
  intervalAt: () => [value, value],
});

const sameFile = (a: EvaluatedModel, b: EvaluatedModel) =>
  a.sha256 === b.sha256 && a.external.length === 0 && b.external.length === 0;

/**
 * Scores original and result on the same evaluation samples.
 * @throws ServiceError dataset_too_small, metric_not_applicable, output_not_finite, model_load_failed, model_run_failed.
 */
export async function measureMetric(task: {
  readonly original: EvaluatedModel;
  readonly result: EvaluatedModel;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly synthetic: boolean;
  readonly evaluate: JobSpec['evaluate'];
  readonly threads: number;
  /** Of the original, when it is measured again on the same samples. */
  readonly remembered?: RememberedAnswers;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<MeasuredMetric> {
  const { samples, indices, evaluate } = task;
  if (indices.length < MIN_SAMPLES) {
    throw new ServiceError('dataset_too_small', `At least ${MIN_SAMPLES} samples are needed to evaluate.`);
  }
  return withModels([task.original, task.result], { threads: task.threads }, async ([original, result]) => {
    if (!original || !result) throw new Error('two sessions were opened');
    const labels = await samples.labels(indices.slice(0, 1));
    const plan = planMetric(evaluate, original.outputs, labels?.dims.slice(1) ?? null, task.synthetic);
    const others = new OtherOutputs(plan.output, original.outputs, result.outputs);
    const batch = samples.batch ?? evaluate.latency.batch;
    const scores = await scoreModels({
      ...{ original, result, samples, indices, batch, output: plan.output, metric: plan.metric },
      threshold: evaluate.threshold,
      ...(task.remembered ? { remembered: task.remembered } : { others }),
      signal: task.signal,
      progress: task.progress,
    });
    const { metric } = plan;
    const own =
      metric.comparedWith === 'original'
        ? certain(metric.perfect, indices.length)
        : metricEstimate(metric, scores.original);
    return {
      metric,
      original: own,
      result: metricEstimate(metric, scores.result),
      drop: sameFile(task.original, task.result) ? certain(0, indices.length) : metricDrop(metric, scores),
      noise: scores.noise,
      notes: [
        ...plan.notes,
        ...nearChance(metric.name, own, plan.classes),
        ...(task.remembered || sameFile(task.original, task.result) ? [] : others.notes()),
      ],
    };
  });
}
