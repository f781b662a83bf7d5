import { seededRandom } from '../../platform/random.js';
import { CONFIDENCE, type Estimate } from '../statistics/confidence.js';

/** Resamples of a percentile interval; its ends then move by less than a tenth of its width from seed to seed. */
const RESAMPLES = 2000;

/**
 * A statistic of timings with its percentile interval from a bootstrap over whole blocks (Efron and Tibshirani 1993, chapters 8, 13):
 * runs of one block resemble each other, so single runs must not be drawn. All models of the statistic get the same drawn blocks.
 * @param statistic of the times when each block counts as often as its weight says.
 */
export function bootstrapBlocks(blocks: number, statistic: (weights: Int32Array) => number, seed: number): Estimate {
  const random = seededRandom(seed);
  const weights = new Int32Array(blocks);
  const drawn = Float64Array.from({ length: RESAMPLES }, () => {
    weights.fill(0);
    for (let draw = 0; draw < blocks; draw++) {
      const block = Math.floor(random() * blocks);
      weights[block] = (weights[block] as number) + 1;
    }
    return statistic(weights);
  }).sort();
  const tail = Math.round(((1 - CONFIDENCE) / 2) * RESAMPLES);
  return {
    value: statistic(weights.fill(1)),
    ci95: [drawn[tail] as number, drawn[RESAMPLES - 1 - tail] as number],
  };
}
