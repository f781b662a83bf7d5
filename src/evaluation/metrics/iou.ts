import type { OriginalMetric } from './metric.js';

/** Intersection over union of the map above the threshold and the original's; two empty maps are equal. */
export const iou: OriginalMetric = {
  name: 'iou',
  meaning: "overlap with the original's map, where it is above the threshold",
  comparedWith: 'original',
  zeroOrOne: false,
  higherIsBetter: true,
  perfect: 1,
  score(output, original, { threshold }) {
    if (output.values.length !== original.values.length) throw new RangeError('the outputs have different sizes');
    let intersection = 0;
    let union = 0;
    for (let i = 0; i < output.values.length; i++) {
      const own = (output.values[i] as number) > threshold;
      const theirs = (original.values[i] as number) > threshold;
      if (own && theirs) intersection++;
      if (own || theirs) union++;
    }
    return union === 0 ? 1 : intersection / union;
  },
};
