import type { Tensor } from '../onnx/ir/tensor.js';

/** Samples of a dataset, or synthetic ones, as a model takes them. Memory does not grow with their number. */
export interface Samples {
  readonly count: number;
  /** The model must be fed one sample at a time: each is a whole input, or its batch is fixed to 1. */
  readonly singleOnly: boolean;
  /** The only number of samples that the model takes at a time; null when any number will do. */
  readonly batch: number | null;
  /** One value for every model input, holding these samples in this order. */
  feeds(indices: readonly number[]): Promise<ReadonlyMap<string, Tensor>>;
  /** Their labels, first axis the sample, as the dataset stores them; null when it has none. */
  labels(indices: readonly number[]): Promise<Tensor | null>;
  close(): Promise<void>;
}

/** Refuses, as a mistake of the caller, indices that are not there and a number of samples that the model does not take. */
export function checkIndices(samples: Pick<Samples, 'count' | 'batch'>, indices: readonly number[]): void {
  const { count, batch } = samples;
  if (indices.length === 0 || (batch !== null && indices.length !== batch))
    throw new RangeError(`the model takes ${batch ?? 'one or more'} samples at a time, not ${indices.length}`);
  const outside = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= count);
  if (outside !== undefined) throw new RangeError(`there is no sample ${outside} of ${count}`);
}
