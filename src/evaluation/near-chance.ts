import type { MetricName } from '../contracts/job-spec.js';
import type { SampledEstimate } from './requirements.js';

/** Fewer samples than this say nothing about chance. */
const LEAST_SAMPLES = 20;
/** From this many classes on, twice the rate of guessing is still near it; with two it would be perfect. */
const MANY_CLASSES = 10;

/**
 * A sentence when the original classifies about as well as guessing does: then the preparation of the data is wrong far more often than
 * the model, and every comparison is meaningless.
 * @param classes number of class scores, null when it is not known.
 */
export function nearChance(metric: MetricName, original: SampledEstimate, classes: number | null): string[] {
  if (metric !== 'top1' || classes === null || classes < 2 || original.samples < LEAST_SAMPLES) return [];
  const chance = 1 / classes;
  const near = original.ci95[0] <= chance || (classes >= MANY_CLASSES && original.value < 2 * chance);
  if (!near) return [];
  return [
    `The original itself has a top1 of ${original.value.toPrecision(3)} on ${classes} classes, where guessing has ${chance.toPrecision(3)}: check scale, offset, layout and labels.`,
  ];
}
