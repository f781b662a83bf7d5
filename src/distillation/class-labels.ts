import type { Samples } from '../datasets/samples.js';
import { numbers } from '../onnx/ir/numbers.js';
import { ServiceError } from '../platform/errors.js';

/** Labels read at a time. */
const ROWS = 1024;

/** The label of a sample that has none: it is learned from the teacher alone. */
const UNLABELLED = -1;

/**
 * The class of each sample that has one, checked: one whole number from 0 to classes − 1, or −1 for none.
 * @throws ServiceError dataset_mismatch naming the first sample whose label is neither
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
      if (label === UNLABELLED) return;
      const fits = values.length === rows.length && Number.isInteger(label) && label >= 0 && label < classes;
      if (!fits) {
        throw new ServiceError(
          'dataset_mismatch',
          `The label of sample ${index} is no class: one whole number from 0 to ${classes - 1} is expected, or -1 for a sample without label.`,
          { hint: 'Labels count the classes of the scored output, from 0.' },
        );
      }
      found.set(index, label);
    });
  }
  return found;
}

/**
 * Refuses samples without label where labels are what counts.
 * @param purpose what the samples serve for
 * @throws ServiceError dataset_mismatch naming the first sample without label
 */
export function requireLabels(classes: ReadonlyMap<number, number>, indices: readonly number[], purpose: string): void {
  const missing = indices.find((index) => !classes.has(index));
  if (missing === undefined) return;
  throw new ServiceError('dataset_mismatch', `Sample ${missing}, which serves for ${purpose}, has no label.`, {
    hint: 'State splits in the manifest whose selection and evaluation samples all have labels.',
  });
}
