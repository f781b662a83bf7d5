import type { LabelMetric } from './metric.js';

/**
 * Whether the labelled class is among the k highest scores. Ties go to the lower index, as in NumPy's argmax; an output with a NaN
 * is wrong.
 */
function amongHighest(scores: ArrayLike<number>, label: number, k: number): boolean {
  const own = scores[label] as number;
  let above = 0;
  for (let i = 0; i < scores.length; i++) {
    const other = scores[i] as number;
    if (Number.isNaN(other)) return false;
    if (other > own || (other === own && i < label)) above++;
  }
  return above < k;
}

/** 1 when the label of a sample, one class index, is among the k highest of its class scores [classes]. */
const topK = (name: 'top1' | 'top5', k: number): LabelMetric => ({
  name,
  meaning: k === 1 ? 'the highest score is the label' : `the label is among the ${k} highest scores`,
  comparedWith: 'labels',
  zeroOrOne: true,
  higherIsBetter: true,
  score(output, label) {
    const index = label.values[0];
    if (label.values.length !== 1 || index === undefined || !Number.isInteger(index)) {
      throw new RangeError(`${name} takes one whole number per sample as label`);
    }
    if (output.values.length < 2) throw new RangeError(`${name} takes an output with at least two class scores`);
    if (index === -1) {
      throw new RangeError(
        'a sample that it should score has no label (−1); state "splits" in the manifest, so that selection and evaluation samples have one',
      );
    }
    if (index < 0 || index >= output.values.length) {
      throw new RangeError(`the label ${index} lies outside the ${output.values.length} classes of the output`);
    }
    return amongHighest(output.values, index, k) ? 1 : 0;
  },
});

export const top1 = topK('top1', 1);
export const top5 = topK('top5', 5);
