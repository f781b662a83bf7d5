import { argmaxOverLastAxis } from './argmax.js';
import type { OriginalMetric } from './metric.js';

/** 1 when the highest score, over the last axis and at every position, is where the original has it. */
export const agreement: OriginalMetric = {
  name: 'agreement',
  meaning: "every highest score is where the original's is",
  comparedWith: 'original',
  zeroOrOne: true,
  higherIsBetter: true,
  perfect: 1,
  score(output, original) {
    const own = argmaxOverLastAxis(output);
    const theirs = argmaxOverLastAxis(original);
    return own.length === theirs.length && own.every((index, i) => index >= 0 && index === theirs[i]) ? 1 : 0;
  },
};
