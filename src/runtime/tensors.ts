import { type ElementType, INTEGER_TYPES } from '../contracts/signature.js';
import { elements, type Tensor, type ViewableType } from '../onnx/ir/tensor.js';
import { ort } from './ort.js';

/** The element types that onnxruntime-node passes in and out; float16 travels as its 16-bit patterns. */
const PASSABLE: ReadonlySet<ElementType> = new Set<ElementType>([
  'float32',
  'float64',
  'float16',
  ...INTEGER_TYPES,
  'bool',
]);

export const isPassable = (dtype: ElementType): dtype is ViewableType => PASSABLE.has(dtype);

/** A view of the tensor's own memory for ONNX Runtime; copied only when its bytes are not aligned. */
export function toOrt(tensor: Tensor): ort.Tensor {
  if (!isPassable(tensor.dtype)) throw new TypeError(`tensors of type ${tensor.dtype} cannot be fed`);
  const data = elements(tensor, tensor.dtype) as ort.Tensor.DataType;
  return new ort.Tensor(tensor.dtype as ort.Tensor.Type, data, tensor.dims);
}

/** The result's own memory as a tensor, without a copy. */
export function fromOrt(value: ort.Tensor): Tensor {
  const dtype = value.type as ElementType;
  if (!isPassable(dtype)) throw new TypeError(`tensors of type ${dtype} cannot be read`);
  const { buffer, byteOffset, byteLength } = value.data as Uint8Array;
  return { dtype, dims: value.dims, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}
