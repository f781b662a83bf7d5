import type { Dimension, ValueSignature } from '../contracts/signature.js';
import { numberToHalf } from '../onnx/ir/numbers.js';
import { elements, type Tensor, tensor } from '../onnx/ir/tensor.js';
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

/**
 * The same feeds for a model made of the one that they are for: float32 is rounded for inputs that have become halves, the rest is
 * handed on as it is.
 */
export function fittingFeeds(
  inputs: readonly ValueSignature[],
  feeds: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const halves = inputs.filter(({ name, dtype }) => dtype === 'float16' && feeds.get(name)?.dtype === 'float32');
  if (halves.length === 0) return feeds;
  const rounded = halves.map(({ name }): [string, Tensor] => {
    const { dims, ...rest } = feeds.get(name) as Tensor;
    const values = elements({ dims, ...rest }, 'float32');
    return [name, tensor('float16', dims, Uint16Array.from(values, numberToHalf))];
  });
  return new Map([...feeds, ...rounded]);
}
