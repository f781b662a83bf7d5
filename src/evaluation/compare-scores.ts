import type { MetricName } from '../contracts/job-spec.js';
import type { Metric } from './metrics/metric.js';
import type { Scores } from './score-models.js';
import type { Estimate, Interval } from './statistics/confidence.js';
import { meanWithin } from './statistics/mean.js';
import { pairedProportions } from './statistics/paired-proportions.js';
import { proportion } from './statistics/wilson.js';

/** Where a mean score can lie. */
const RANGES: Partial<Record<MetricName, Interval>> = { cosine: [-1, 1], iou: [0, 1] };
const UNBOUNDED: Interval = [0, Number.POSITIVE_INFINITY];

const count = (scores: Float64Array, wanted: (score: number, index: number) => boolean) =>
  scores.reduce((sum, score, index) => sum + (wanted(score, index) ? 1 : 0), 0);

/** A metric's mean over the samples with its interval: Wilson's for 0/1 scores, Hall's for others. */
export function metricEstimate(metric: Metric, scores: Float64Array): Estimate {
  if (metric.zeroOrOne)
    return proportion(
      count(scores, (score) => score === 1),
      scores.length,
    );
  return meanWithin(scores, RANGES[metric.name] ?? UNBOUNDED);
}

/**
 * How much worse the result is on the same samples; positive is worse whatever the metric. Tango's interval for 0/1 scores, Hall's on
 * the sample differences for others. Against the original's own answers the result cannot be better, so the interval starts at 0.
 */
export function metricDrop(metric: Metric, { original, result }: Scores): Estimate {
  if (metric.zeroOrOne) {
    const lost = count(original, (score, i) => score === 1 && result[i] === 0);
    const gained = count(original, (score, i) => score === 0 && result[i] === 1);
    const { value, ci95 } = pairedProportions(lost, gained, original.length);
    return { value, ci95: metric.comparedWith === 'original' ? [Math.max(0, ci95[0]), ci95[1]] : ci95 };
  }
  const sign = metric.higherIsBetter ? 1 : -1;
  const differences = original.map((score, i) => sign * (score - (result[i] as number)));
  const range = RANGES[metric.name];
  return meanWithin(differences, range ? [0, range[1] - range[0]] : UNBOUNDED);
}
