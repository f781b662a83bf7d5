import type { OriginalMetric } from './metric.js';

/** Cosine of the angle between the output and the original's, both flattened; two zero vectors are equal, one alone is not. */
export const cosine: OriginalMetric = {
  name: 'cosine',
  meaning: "cosine similarity to the original's answer",
  comparedWith: 'original',
  zeroOrOne: false,
  higherIsBetter: true,
  perfect: 1,
  score(output, original) {
    if (output.values.length !== original.values.length) throw new RangeError('the outputs have different sizes');
    let dot = 0;
    let own = 0;
    let theirs = 0;
    for (let i = 0; i < output.values.length; i++) {
      const x = output.values[i] as number;
      const y = original.values[i] as number;
      dot += x * y;
      own += x * x;
      theirs += y * y;
    }
    if (own === 0 || theirs === 0) return own === theirs ? 1 : 0;
    return Math.max(-1, Math.min(1, dot / Math.sqrt(own * theirs)));
  },
};
