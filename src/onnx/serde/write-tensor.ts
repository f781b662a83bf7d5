import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import type { Tensor } from '../ir/tensor.js';
import { ELEMENT_CODES } from './element-types.js';

/** Where a tensor's bytes lie in an external file. */
export interface Placement {
  readonly location: string;
  readonly offset: number;
}

/** Name, type and shape of a tensor, without its data. */
function header(name: string, tensor: Tensor) {
  return { dims: tensor.dims.map(BigInt), dataType: ELEMENT_CODES[tensor.dtype], ...(name === '' ? {} : { name }) };
}

/** A tensor with its bytes in `raw_data`, whatever its type; strings in `string_data`. */
export function writeTensor(name: string, tensor: Tensor): TensorProto {
  const data = tensor.strings
    ? { stringData: tensor.strings.map((text) => text as Uint8Array<ArrayBuffer>) }
    : { rawData: tensor.bytes as Uint8Array<ArrayBuffer> };
  return create(TensorProtoSchema, { ...header(name, tensor), ...data });
}

/** A tensor without its data, not even an empty `raw_data`: who writes the data after it would have the field twice. */
export const writeTensorHeader = (name: string, tensor: Tensor): TensorProto =>
  create(TensorProtoSchema, header(name, tensor));

/** A tensor whose bytes lie in an external file. */
export function writeExternalTensor(name: string, tensor: Tensor, place: Placement): TensorProto {
  return create(TensorProtoSchema, {
    ...header(name, tensor),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: place.location },
      { key: 'offset', value: String(place.offset) },
      { key: 'length', value: String(tensor.bytes.byteLength) },
    ],
  });
}
