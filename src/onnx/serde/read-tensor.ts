import { type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import type { ElementType } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import { BITS, byteLength, elementCount, type Tensor } from '../ir/tensor.js';
import { elementType } from './element-types.js';
import { externalBytes, type ReadExternal } from './external-data.js';

const view = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Types that ONNX lists in a typed field of their own; all others of up to 32 bits stand in `int32_data`. */
const TYPED_FIELDS: Partial<Record<ElementType, (proto: TensorProto) => ArrayBufferView>> = {
  float32: (proto) => Float32Array.from(proto.floatData),
  complex64: (proto) => Float32Array.from(proto.floatData),
  float64: (proto) => Float64Array.from(proto.doubleData),
  complex128: (proto) => Float64Array.from(proto.doubleData),
  int64: (proto) => BigInt64Array.from(proto.int64Data),
  uint64: (proto) => BigUint64Array.from(proto.uint64Data),
  uint32: (proto) => Uint32Array.from(proto.uint64Data, Number),
};

/** Elements of `int32_data` in their own width; one entry holds a byte of two 4-bit values. */
function fromInt32Data(proto: TensorProto, dtype: ElementType): ArrayBufferView {
  if (BITS[dtype] <= 8) return Uint8Array.from(proto.int32Data);
  if (BITS[dtype] === 16) return Uint16Array.from(proto.int32Data);
  return Int32Array.from(proto.int32Data);
}

function dataOf(proto: TensorProto, dtype: ElementType, external: ReadExternal): Uint8Array {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) return externalBytes(proto, external);
  if (proto.rawData.byteLength > 0) return proto.rawData;
  return view(TYPED_FIELDS[dtype]?.(proto) ?? fromInt32Data(proto, dtype));
}

/**
 * A tensor with its bytes as raw little-endian data, whichever of ONNX's fields they came in. `raw_data` is a view, not a copy.
 * @throws ServiceError unsupported_dtype; invalid_model when the data and the shape disagree
 */
export function readTensor(proto: TensorProto, external: ReadExternal): Tensor {
  const dtype = elementType(proto.dataType);
  const label = `tensor ${JSON.stringify(proto.name)}`;
  if (!dtype) throw new ServiceError('unsupported_dtype', `${label} has the element type number ${proto.dataType}`);
  const dims = proto.dims.map(Number);
  if (dims.some((dim) => dim < 0)) throw new ServiceError('invalid_model', `${label} has the shape [${dims}]`);
  if (dtype === 'string') {
    if (proto.stringData.length !== elementCount(dims)) {
      throw new ServiceError('invalid_model', `${label} of shape [${dims}] holds ${proto.stringData.length} strings`);
    }
    return { dtype, dims, bytes: new Uint8Array(0), strings: proto.stringData };
  }
  const bytes = dataOf(proto, dtype, external);
  if (bytes.byteLength !== byteLength(dtype, dims)) {
    throw new ServiceError(
      'invalid_model',
      `${label} of type ${dtype} and shape [${dims}] needs ${byteLength(dtype, dims)} bytes and has ${bytes.byteLength}`,
    );
  }
  return { dtype, dims, bytes };
}
