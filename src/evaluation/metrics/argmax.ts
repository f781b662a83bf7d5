import type { SampleValues } from './metric.js';

/**
 * Index of the highest score at every position, over the last axis; the lowest index of a tie, as in NumPy. A position that holds a
 * NaN has none: -1.
 * @throws RangeError when the last axis holds fewer than two scores.
 */
export function argmaxOverLastAxis({ dims, values }: SampleValues): Int32Array {
  const classes = dims.at(-1) ?? 1;
  if (classes < 2) throw new RangeError('an argmax needs at least two scores on the last axis');
  const positions = values.length / classes;
  const indices = new Int32Array(positions);
  for (let position = 0; position < positions; position++) {
    const start = position * classes;
    let best = start;
    for (let i = start; i < start + classes; i++) {
      if (Number.isNaN(values[i])) {
        best = start - 1;
        break;
      }
      if ((values[i] as number) > (values[best] as number)) best = i;
    }
    indices[position] = best - start;
  }
  return indices;
}
