import { toBinary } from '@bufbuild/protobuf';
import { type TypeProto, TypeProtoSchema, type ValueInfoProto } from 'onnx-buf';
import type { Dimension } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import type { Value, ValueType } from '../ir/graph.js';
import { elementType } from './element-types.js';

function readType(proto: TypeProto): ValueType {
  const dtype = proto.value.case === 'tensorType' ? elementType(proto.value.value.elemType) : undefined;
  if (proto.value.case !== 'tensorType' || !dtype) {
    return { kind: 'opaque', encoded: toBinary(TypeProtoSchema, proto) };
  }
  const shape = proto.value.value.shape?.dim.map(({ value }): Dimension => {
    if (value.case === 'dimParam') return value.value === '' ? null : value.value;
    if (value.case !== 'dimValue') return null;
    // Some exporters write -1 for "unknown".
    if (value.value < 0n) return null;
    if (value.value > Number.MAX_SAFE_INTEGER) {
      throw new ServiceError('invalid_model', `a value has a dimension of ${value.value}`);
    }
    return Number(value.value);
  });
  return { kind: 'tensor', dtype, shape: shape ?? null };
}

export const readValue = (proto: ValueInfoProto): Value => ({
  name: proto.name,
  type: proto.type ? readType(proto.type) : null,
});
