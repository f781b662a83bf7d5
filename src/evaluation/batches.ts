import { BITS, type Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';

/** Rows of indices of the given size; the last is filled up with repetitions of its own last index, `used` counts the real ones. */
export function* batches(indices: readonly number[], size: number): Generator<{ indices: number[]; used: number }> {
  for (let start = 0; start < indices.length; start += size) {
    const batch = indices.slice(start, start + size);
    const used = batch.length;
    const last = batch.at(-1);
    while (last !== undefined && batch.length < size) batch.push(last);
    yield { indices: batch, used };
  }
}

/**
 * Sample `index` of a tensor whose first axis is the batch of `size`, without a copy. A batch of one whose tensor has no such axis is
 * one whole sample.
 * @throws ServiceError metric_not_applicable when samples cannot be told apart.
 */
export function sampleOf(tensor: Tensor, index: number, size: number): Tensor {
  if (tensor.dims[0] !== size) {
    if (size === 1) return tensor;
    throw new ServiceError('metric_not_applicable', `The scored output has no axis of ${size} samples in front.`, {
      hint: 'Evaluate with "latency": {"batch": 1}, or choose another output.',
    });
  }
  const dims = tensor.dims.slice(1);
  const length = (dims.reduce((product, dim) => product * dim, 1) * BITS[tensor.dtype]) / 8;
  return { dtype: tensor.dtype, dims, bytes: tensor.bytes.subarray(index * length, (index + 1) * length) };
}
