import type { Samples } from '../datasets/samples.js';
import { numbers } from '../onnx/ir/numbers.js';
import { ServiceError } from '../platform/errors.js';

/** Labels read at a time. */
const ROWS = 1024;

/**
 * The class of each sample, checked: one whole number from 0 to classes − 1.
 * @throws ServiceError dataset_mismatch naming the first sample whose label is none
 */
export async function classLabels(
  samples: Samples,
  indices: readonly number[],
  classes: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (let start = 0; start < indices.length; start += ROWS) {
    const rows = indices.slice(start, start + ROWS);
    const labels = await samples.labels(rows);
    if (!labels) throw new ServiceError('dataset_mismatch', 'The loss reads labels, and the dataset has none.');
    const values = numbers(labels);
    rows.forEach((index, row) => {
      const label = values[row] ?? Number.NaN;
      const fits = values.length === rows.length && Number.isInteger(label) && label >= 0 && label < classes;
      if (!fits) {
        throw new ServiceError(
          'dataset_mismatch',
          `The label of sample ${index} is no class: one whole number from 0 to ${classes - 1} is expected.`,
          { hint: 'Labels count the classes of the scored output, from 0.' },
        );
      }
      found.set(index, label);
    });
  }
  return found;
}
