import type { OriginalMetric, SampleValues } from './metric.js';

/** Mean over the elements of a sample of `cost` of output minus original. */
function meanCost(output: SampleValues, original: SampleValues, cost: (difference: number) => number): number {
  if (output.values.length !== original.values.length) throw new RangeError('the outputs have different sizes');
  let sum = 0;
  for (let i = 0; i < output.values.length; i++) {
    sum += cost((output.values[i] as number) - (original.values[i] as number));
  }
  return output.values.length === 0 ? 0 : sum / output.values.length;
}

const COMMON = { comparedWith: 'original', zeroOrOne: false, higherIsBetter: false, perfect: 0 } as const;

/** Mean squared difference to the original's answer. */
export const mse: OriginalMetric = {
  ...COMMON,
  name: 'mse',
  meaning: "mean squared difference to the original's answer",
  score: (output, original) => meanCost(output, original, (difference) => difference * difference),
};

/** Mean absolute difference to the original's answer. */
export const mae: OriginalMetric = {
  ...COMMON,
  name: 'mae',
  meaning: "mean absolute difference to the original's answer",
  score: (output, original) => meanCost(output, original, Math.abs),
};
