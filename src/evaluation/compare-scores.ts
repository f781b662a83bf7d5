import type { MetricName } from '../contracts/job-spec.js';
import type { Metric } from './metrics/metric.js';
import type { SampledEstimate } from './requirements.js';
import type { Scores } from './score-models.js';
import type { Estimate, Interval } from './statistics/confidence.js';
import { type Moments, meanOf, momentsOf } from './statistics/mean.js';
import { pairedProportions } from './statistics/paired-proportions.js';
import { proportion } from './statistics/wilson.js';

/** Where a score can lie; errors have no upper end. */
const RANGES: Partial<Record<MetricName, Interval>> = { cosine: [-1, 1], iou: [0, 1] };
const ERROR_RANGE: Interval = [0, Number.POSITIVE_INFINITY];

const count = (scores: Float64Array, wanted: (score: number, index: number) => boolean) =>
  scores.reduce((sum, score, index) => sum + (wanted(score, index) ? 1 : 0), 0);

/** An estimate from `samples` samples by a rule that also answers for other numbers of them. */
function sampled(samples: number, at: (n: number) => Estimate): SampledEstimate {
  return { ...at(samples), samples, intervalAt: (n) => at(n).ci95 };
}

const sampledMean = (moments: Moments, range: Interval): SampledEstimate =>
  sampled(moments.n, (n) => meanOf({ ...moments, n }, range));

/** A metric's mean over the samples with its interval: Wilson's for 0/1 scores, Hall's for others. */
export function metricEstimate(metric: Metric, scores: Float64Array): SampledEstimate {
  if (!metric.zeroOrOne) return sampledMean(momentsOf(scores), RANGES[metric.name] ?? ERROR_RANGE);
  const share = count(scores, (score) => score === 1) / scores.length;
  return sampled(scores.length, (n) => proportion(share * n, n));
}

/** By how much each score of `first` is better than that of `second`. */
const advantages = ({ higherIsBetter }: Metric, first: Float64Array, second: Float64Array) =>
  first.map((score, i) => (higherIsBetter ? 1 : -1) * (score - (second[i] as number)));

/** Samples on which `first` scores 1 and `second` 0. */
const rightAlone = (first: Float64Array, second: Float64Array) =>
  count(first, (score, i) => score === 1 && second[i] === 0);

/** How much better `first` is than `second` on the same samples; positive is better whatever the metric. */
export function pairedGain(metric: Metric, first: Float64Array, second: Float64Array): Estimate {
  if (metric.zeroOrOne) return pairedProportions(rightAlone(first, second), rightAlone(second, first), first.length);
  const [low, high] = RANGES[metric.name] ?? ERROR_RANGE;
  return meanOf(momentsOf(advantages(metric, first, second)), [low - high, high - low]);
}

/**
 * How much worse the result is on the same samples; positive is worse whatever the metric. Tango's interval for 0/1 scores, Hall's on
 * the differences of others. No result beats the original at giving the original's own answers, so there the interval starts at 0.
 */
export function metricDrop(metric: Metric, { original, result }: Scores): SampledEstimate {
  const samples = original.length;
  if (!metric.zeroOrOne) {
    const differences = advantages(metric, original, result);
    const range = RANGES[metric.name];
    return sampledMean(momentsOf(differences), range ? [0, range[1] - range[0]] : ERROR_RANGE);
  }
  const lost = rightAlone(original, result) / samples;
  const gained = rightAlone(result, original) / samples;
  return sampled(samples, (n) => {
    const { value, ci95 } = pairedProportions(lost * n, gained * n, n);
    return { value, ci95: metric.comparedWith === 'original' ? [Math.max(0, ci95[0]), ci95[1]] : ci95 };
  });
}
