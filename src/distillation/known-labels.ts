import { int64s, type Tensor } from '../onnx/ir/tensor.js';
import { classLabels, requireLabels } from './class-labels.js';
import type { DistillOptions } from './distill-options.js';

/** The labels that play a part in a distillation. */
export interface KnownLabels {
  /** Whether labels play any. */
  readonly needed: boolean;
  /** How many classes the output has. */
  readonly count: number;
  /** The class of each sample that has one. */
  readonly classes: ReadonlyMap<number, number>;
  /** The training samples that have one. */
  readonly labelled: readonly number[];
  /** Classes of samples as the loss reads them. */
  of(rows: readonly number[]): Tensor;
}

/**
 * Reads the labels of the samples to train and to select on, where the loss or the baseline learns from them.
 * @param needed whether one of them does
 * @param count classes of the output
 * @throws ServiceError dataset_mismatch naming the first sample whose label is no class, or that lacks the one it must have
 */
export async function knownLabels(
  { samples, training, selection, step }: DistillOptions,
  needed: boolean,
  count: number,
): Promise<KnownLabels> {
  const classes = needed ? await classLabels(samples, [...training, ...selection], count) : new Map<number, number>();
  if (needed) requireLabels(classes, selection, 'selection');
  if (step.loss.kind === 'dkd') requireLabels(classes, training, 'training with the loss dkd');
  return {
    ...{ needed, count, classes },
    labelled: training.filter((index) => classes.has(index)),
    // A class beyond the last counts for nothing in a cross-entropy.
    of: (rows) => int64s(rows.map((row) => classes.get(row) ?? count)),
  };
}
