import type { Dimension, ValueSignature } from '../contracts/signature.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { isPassable } from './tensors.js';

const shapeText = (dims: readonly Dimension[]) => `[${dims.map((dim) => dim ?? '?').join(', ')}]`;

/** Why the input cannot take the tensor, in words about the model's signature; null when it can. */
function mismatch({ name, dtype, shape }: ValueSignature, tensor: Tensor | undefined): string | null {
  if (!tensor) return `The input "${name}" has no value.`;
  if (dtype === null) return `The input "${name}" is not a tensor, and only tensors can be fed.`;
  if (!isPassable(dtype)) return `The input "${name}" is of type ${dtype}, which cannot be fed.`;
  if (tensor.dtype !== dtype) return `The input "${name}" takes ${dtype}, not ${tensor.dtype}.`;
  // A scalar and an unknown rank both come as an empty shape; ONNX Runtime tells them apart itself.
  if (!shape || shape.length === 0) return null;
  const fits =
    shape.length === tensor.dims.length &&
    shape.every((dim, axis) => typeof dim !== 'number' || dim === tensor.dims[axis]);
  return fits ? null : `The input "${name}" takes the shape ${shapeText(shape)}, not ${shapeText(tensor.dims)}.`;
}

/**
 * Refuses feeds that a model cannot take.
 * @throws ServiceError model_run_failed for a missing input, another element type, or a shape that does not fit.
 */
export function checkFeeds(inputs: readonly ValueSignature[], feeds: ReadonlyMap<string, Tensor>): void {
  for (const input of inputs) {
    const reason = mismatch(input, feeds.get(input.name));
    if (reason !== null) throw new ServiceError('model_run_failed', reason);
  }
}
