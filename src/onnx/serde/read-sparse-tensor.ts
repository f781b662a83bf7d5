import type { SparseTensorProto } from 'onnx-buf';
import { ServiceError } from '../../platform/errors.js';
import { BITS, byteLength, integers, type Tensor } from '../ir/tensor.js';
import type { ReadExternal } from './external-data.js';
import { readTensor } from './read-tensor.js';

/** What a sparse constant may unfold to, in bytes: the largest tensor that one ONNX file can hold. */
const DENSE_LIMIT = 2 ** 31;

/**
 * The dense constant of a sparse one, as ONNX Runtime too unfolds it when it loads a model. Indices are linear [n] or one
 * coordinate row per value [n, rank] (SparseTensorProto).
 * @throws ServiceError invalid_model, model_limit_exceeded
 */
export function readSparseTensor(proto: SparseTensorProto, external: ReadExternal): { name: string; tensor: Tensor } {
  if (!proto.values || !proto.indices)
    throw new ServiceError('invalid_model', 'a sparse tensor lacks values or indices');
  const name = proto.values.name;
  const values = readTensor(proto.values, external);
  const dims = proto.dims.map(Number);
  const size = byteLength(values.dtype, dims);
  if (BITS[values.dtype] < 8)
    throw new ServiceError('unsupported_dtype', `the sparse tensor ${JSON.stringify(name)} is of type ${values.dtype}`);
  if (!(size <= DENSE_LIMIT)) {
    throw new ServiceError(
      'model_limit_exceeded',
      `the sparse tensor ${JSON.stringify(name)} unfolds to ${size} bytes`,
    );
  }
  const indices = readTensor(proto.indices, external);
  const coordinates = integers(indices);
  const rank = indices.dims[1] ?? 1;
  const strides =
    indices.dims.length === 2 ? dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1)) : [1];
  const width = BITS[values.dtype] / 8;
  const bytes = new Uint8Array(size);
  for (let i = 0; i * rank < coordinates.length; i++) {
    const position = strides.reduce((sum, stride, axis) => sum + stride * (coordinates[i * rank + axis] ?? 0), 0);
    const value = values.bytes.subarray(i * width, (i + 1) * width);
    if (position < 0 || (position + 1) * width > size || value.byteLength !== width || strides.length !== rank) {
      throw new ServiceError(
        'invalid_model',
        `the sparse tensor ${JSON.stringify(name)} has a value outside of its shape`,
      );
    }
    bytes.set(value, position * width);
  }
  return { name, tensor: { dtype: values.dtype, dims, bytes } };
}
