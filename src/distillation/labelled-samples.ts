import type { Training } from '../contracts/distill-step.js';
import { ServiceError } from '../platform/errors.js';
import { batchesPerEpoch } from './train.js';

/**
 * Training on the samples that have labels: more epochs of fewer batches, so that there are as many steps.
 * @throws ServiceError dataset_mismatch when none has one
 */
export function onLabelledSamples(
  training: Training,
  indices: readonly number[],
  labelled: readonly number[],
  batchSize: number,
): { readonly indices: readonly number[]; readonly training: Training } {
  if (labelled.length === 0)
    throw new ServiceError('dataset_mismatch', 'The loss reads labels, and no training sample has one.');
  const times = batchesPerEpoch(indices.length, batchSize) / batchesPerEpoch(labelled.length, batchSize);
  const epochs = Math.round(training.epochs * times);
  const patience = training.patience && Math.round(training.patience * times);
  return { indices: labelled, training: { ...training, epochs, patience } };
}
