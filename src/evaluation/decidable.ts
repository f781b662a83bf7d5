import { pairedProportions } from './statistics/paired-proportions.js';
import { samplesNeeded } from './statistics/samples-needed.js';

/**
 * How few samples can show that a 0/1 metric drops by at most `bound`: as many as it takes when not one of them is lost; null when
 * `samples` are enough.
 */
export function samplesMissing(bound: number, samples: number): number | null {
  const flawless = (n: number) => pairedProportions(0, 0, n).ci95;
  const shown = ([, high]: readonly [number, number]) => high <= bound;
  if (bound === 0 || shown(flawless(samples))) return null;
  return samplesNeeded(samples, flawless, shown) ?? null;
}
