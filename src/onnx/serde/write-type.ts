import { create, fromBinary } from '@bufbuild/protobuf';
import { type TypeProto, TypeProtoSchema, type ValueInfoProto, ValueInfoProtoSchema } from 'onnx-buf';
import type { Dimension } from '../../contracts/signature.js';
import type { Value, ValueType } from '../ir/graph.js';
import { ELEMENT_CODES } from './element-types.js';

function writeDimension(dimension: Dimension) {
  if (dimension === null) return {};
  return typeof dimension === 'number'
    ? { value: { case: 'dimValue' as const, value: BigInt(dimension) } }
    : { value: { case: 'dimParam' as const, value: dimension } };
}

function writeType(type: ValueType): TypeProto {
  if (type.kind === 'opaque') return fromBinary(TypeProtoSchema, type.encoded as Uint8Array<ArrayBuffer>);
  const shape = type.shape === null ? {} : { shape: { dim: type.shape.map(writeDimension) } };
  return create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType: ELEMENT_CODES[type.dtype], ...shape } },
  });
}

export const writeValue = ({ name, type }: Value): ValueInfoProto =>
  create(ValueInfoProtoSchema, type ? { name, type: writeType(type) } : { name });
