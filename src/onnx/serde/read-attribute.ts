import { toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  type TensorProto,
} from 'onnx-buf';
import { ServiceError } from '../../platform/errors.js';
import type { Attribute, Graph } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';
import { elementType } from './element-types.js';

/** How the messages inside an attribute are read. */
export interface AttributeReaders {
  tensor(proto: TensorProto): Tensor;
  graph(proto: GraphProto): Graph;
}

/** Models of the first ONNX version (IR 1) name no attribute type: the filled field tells. */
function guessKind(proto: AttributeProto): Kind {
  if (proto.t) return Kind.TENSOR;
  if (proto.g) return Kind.GRAPH;
  if (proto.floats.length > 0) return Kind.FLOATS;
  if (proto.ints.length > 0) return Kind.INTS;
  if (proto.strings.length > 0) return Kind.STRINGS;
  if (Object.hasOwn(proto, 'f')) return Kind.FLOAT;
  if (Object.hasOwn(proto, 'i')) return Kind.INT;
  return Object.hasOwn(proto, 's') ? Kind.STRING : Kind.UNDEFINED;
}

function present<Message>(message: Message | undefined, name: string): Message {
  if (message === undefined)
    throw new ServiceError('invalid_model', `the attribute ${JSON.stringify(name)} has no value`);
  return message;
}

/** An attribute of any kind; what Modelpress never looks into keeps its encoded bytes. */
export function readAttribute(proto: AttributeProto, readers: AttributeReaders): Attribute {
  const encoded = () => toBinary(AttributeProtoSchema, proto);
  if (proto.refAttrName !== '') return { kind: 'reference', value: proto.refAttrName, encoded: encoded() };
  const known = (tensor: TensorProto) => elementType(tensor.dataType) !== undefined;
  switch (proto.type === Kind.UNDEFINED ? guessKind(proto) : proto.type) {
    case Kind.FLOAT:
      return { kind: 'float', value: proto.f };
    case Kind.INT:
      return { kind: 'int', value: proto.i };
    case Kind.STRING:
      return { kind: 'string', value: proto.s };
    case Kind.TENSOR: {
      const tensor = present(proto.t, proto.name);
      return known(tensor) ? { kind: 'tensor', value: readers.tensor(tensor) } : { kind: 'opaque', encoded: encoded() };
    }
    case Kind.GRAPH:
      return { kind: 'graph', value: readers.graph(present(proto.g, proto.name)) };
    case Kind.FLOATS:
      return { kind: 'floats', value: proto.floats };
    case Kind.INTS:
      return { kind: 'ints', value: proto.ints };
    case Kind.STRINGS:
      return { kind: 'strings', value: proto.strings };
    case Kind.TENSORS:
      return proto.tensors.every(known)
        ? { kind: 'tensors', value: proto.tensors.map(readers.tensor) }
        : { kind: 'opaque', encoded: encoded() };
    case Kind.GRAPHS:
      return { kind: 'graphs', value: proto.graphs.map(readers.graph) };
    default:
      return { kind: 'opaque', encoded: encoded() };
  }
}
